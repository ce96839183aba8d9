"""What a materials file says of one row: the mean error of each outcome, and the materials that it is farthest off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from matdisc.leaderboard.schema.materials import RIGHT, UNJUDGED, Answered, Materials, Structure
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.charts.crystal import crystal_svg
from matdisc.leaderboard.site.tables.format import printed

MOST = 20
OUTCOMES = {
    ("tp", True, True): "{positive}, called so",
    ("fn", True, False): "{positive}, not called so",
    ("fp", False, False): "not {positive}, but called so",
    ("tn", False, True): "not {positive}, not called so",
}
"""Metric with the count, whether it is positive, whether the call is right; and in words."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kind of call: its short name, its words, how many there are, and mean errors of `n` of them as printed."""

    key: str
    words: str
    count: str
    n: int
    mean: str
    size: str


@dataclass(frozen=True, slots=True)
class BadOne:
    """A material with its numbers as printed; `picture` and `page` where there are some."""

    id: str
    formula: str
    truth: str
    answer: str
    error: str
    picture: Markup | None
    page: str | None


@dataclass(frozen=True, slots=True)
class Worst:
    """The materials with the largest errors, the largest first; columns without any number are left out."""

    rows: tuple[BadOne, ...]
    materials: Materials

    @property
    def has_pictures(self) -> bool:
        return any(row.picture for row in self.rows)

    @property
    def has_truth(self) -> bool:
        return any(row.truth != "–" for row in self.rows)

    @property
    def has_answers(self) -> bool:
        return any(row.answer != "–" for row in self.rows)


def outcomes_of(result: Result, materials: Materials, positive: str) -> tuple[Outcome, ...]:
    """Return the mean errors of the four kinds of calls at the result's threshold.

    Counts are of all materials, errors of those in the file's sample. Nothing where the task does not call, or no error
    is known.

    Args:
        result: The row, with the counts of the calls.
        materials: What its table says of each material.
        positive: What the positive class is called.
    """
    row = materials.entries.get(result.entry)
    if row is None or row.right is None or materials.truth is None or result.threshold is None:
        return ()
    known = [
        (truth <= result.threshold, right == RIGHT, error)
        for error, truth, right in list(zip(row.error, materials.truth, row.right, strict=True))[: materials.fair]
        if error is not None and truth is not None and right != UNJUDGED
    ]
    found = []
    for (key, is_positive, is_right), words in OUTCOMES.items():
        value = result.value(key)
        if value is None or value.value is None:
            return ()
        errors = [error for positive_one, right, error in known if (positive_one, right) == (is_positive, is_right)]
        mean = _mean(errors) if materials.signed else ""
        size = _mean([abs(error) for error in errors])
        found.append(
            Outcome(key.upper(), words.format(positive=positive), f"{value.value:,.0f}", len(errors), mean, size)
        )
    return tuple(found) if any(one.n for one in found) else ()


def worst_of(
    materials: Materials, entry: str, picture: Callable[[str], Markup | None], pages: Mapping[str, str]
) -> Worst | None:
    """Return the worst materials of a row; None where the file has no errors of it, or all are 0.

    Args:
        materials: What the table says of each material.
        entry: The row.
        picture: From an id to its drawing, None where there is none.
        pages: From an id to the path of its page on the site, where it has one.
    """
    row = materials.entries.get(entry)
    if row is None:
        return None
    order = sorted((-abs(error), i) for i, error in enumerate(row.error) if error)[:MOST]
    at = [i for _, i in order]
    if not at:
        return None
    numbers = printed([_numbers(materials, row, i) for i in at])
    rows = tuple(
        BadOne(name, formula, truth, answer, error, picture(name), pages.get(name))
        for i, (truth, answer, error) in zip(at, numbers, strict=True)
        for name, formula in [(materials.ids[i], (materials.formulas[i] if materials.formulas else None) or "")]
    )
    return Worst(rows, materials)


def _numbers(materials: Materials, row: Answered, i: int) -> tuple[float | None, float | None, float | None]:
    return materials.truth[i] if materials.truth else None, row.value[i] if row.value else None, row.error[i]


class Pictures:
    """Drawings of the structures of one materials file, each drawn when it is first asked for."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self._drawn: dict[str, Markup | None] = {}

    def __call__(self, name: str) -> Markup | None:
        if name not in self._drawn:
            structure = self._materials.structures.get(name)
            self._drawn[name] = _draw(structure) if structure and structure.symbols else None
        return self._drawn[name]


def _draw(structure: Structure) -> Markup:
    return crystal_svg(structure.cell, structure.symbols, structure.positions)


def _mean(values: list[float]) -> str:
    """Mean with three decimals, as metrics of energies are printed."""
    return "–" if not values else f"{sum(values) / len(values) + 0.0:.3f}".replace("-0.000", "0.000").replace("-", "−")
