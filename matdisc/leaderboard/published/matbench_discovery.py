"""Matbench Discovery's model cards, read into published rows: a folder of YAML files, one a model.

Its cards of training sets and of the test set lie beside them as `_datasets.yml`, or as `data/datasets.yml` in a clone
of its repository; without them these stay empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matdisc.cards.base import Approach, HttpsUrl, Key, explain
from matdisc.errors import DataError
from matdisc.leaderboard.published.parts import PARTS
from matdisc.leaderboard.published.yaml_text import read_yaml
from matdisc.leaderboard.schema.published import (
    Count,
    Day,
    Line,
    Openness,
    Population,
    Published,
    PublishedRow,
    Source,
    Target,
    TrainingSet,
)

KEY = "matbench-discovery"
NAME = "Matbench Discovery"
URL = "https://github.com/janosh/matbench-discovery"
TEST_SET = "WBM"
MOST_CARDS = 2000
MOST_NUMBER = 1e12
MOST_PROBLEMS = 20
REMEDY = "mend the file or move it away; nothing was written"
TARGETS: dict[str, Target] = {
    "E": "energy", "F": "forces", "S": "stress", "M": "magnetic moments", "H": "Hessian"
}  # fmt: skip


class _Foreign(BaseModel):
    """A part of a card; fields that are not needed are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())


class _Person(_Foreign):
    name: Line


class _Dates(_Foreign):
    benchmark_added: Day


class _Licence(_Foreign):
    code: Line | None = None
    checkpoint: Line | None = None


class _Card(_Foreign):
    model_name: Line
    model_key: Key
    model_version: Line | None = None
    dates: _Dates
    lifecycle: Literal["active", "superseded", "deprecated", "aborted"]
    superseded_by: Line | None = None
    authors: tuple[_Person, ...] = Field(min_length=1)
    license: _Licence = _Licence()
    openness: Literal["OSOD", "OSCD", "CSOD", "CSCD"]
    targets: Literal["E", "EF_G", "EF_D", "EFS_G", "EFS_D", "EFS_GM", "EFS_DM", "EFSH_G"]
    architecture_types: tuple[Line, ...] = ()
    training_sets: tuple[Line, ...]
    model_params: Count | None = None
    repo: HttpsUrl | None = None
    paper: HttpsUrl | None = None
    doi: HttpsUrl | None = None
    pr_url: HttpsUrl | None = None
    checkpoint_url: HttpsUrl | None = None
    metrics: dict[str, Any] | None = None


class _Params(_Foreign):
    functional: Line | None = None


class _Dataset(_Foreign):
    name: Line
    n_structures: Count | None = None
    n_materials: Count | None = None
    n_stable_materials: Count | None = None
    n_uniq_stable_materials: Count | None = None
    contains: tuple[Line, ...] | None = None
    open: bool | None = None
    license: Line | None = None
    url: HttpsUrl | None = None
    params: _Params | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read, the cards that give no row with the reason, and the fields that were passed over."""

    published: Published
    skipped: Mapping[str, str]
    passed_over: tuple[str, ...]

    def count(self, part: str) -> int:
        """Return how many rows have numbers in a part."""
        return sum(part in row.metrics for row in self.published.rows)


def read_folder(folder: Path, *, url: str = URL, licence: str = "MIT", commit: str | None = None,
                date: str | None = None) -> Imported:  # fmt: skip
    """Return what a folder of model cards publishes.

    Args:
        folder: Holds the cards, itself or in folders of its own.
        url: Where the cards were taken from; https only.
        licence: Of the cards.
        commit: Which version of them it is.
        date: Day of that version, as in 2026-07-16.

    Raises:
        DataError: If there is no card, or one is damaged or breaks a rule: file, field, value and remedy, a line each.
        OSError: If a file cannot be read, with its name.
    """
    rows: list[PublishedRow] = []
    skipped: dict[str, str] = {}
    passed_over: set[str] = set()
    problems: list[str] = []
    for path in _card_paths(folder):
        try:
            content = read_yaml(path)
            metrics, wrong = _metrics(path, content.get("metrics"))
            problems += wrong
            card = _checked(path, content, _Card)
        except DataError as err:
            problems.append(str(err))
            continue
        passed_over |= _not_read(content)
        if metrics:
            rows.append(_row(card, metrics))
        else:
            skipped[path.name] = f"no numbers ({card.lifecycle})"
    if problems:
        lines = "\n".join(problems).splitlines()
        more = [f"and {len(lines) - MOST_PROBLEMS} more"] if len(lines) > MOST_PROBLEMS else []
        raise DataError("\n".join([*lines[:MOST_PROBLEMS], *more, REMEDY]))
    training_sets, population = _datasets(folder, {name for row in rows for name in row.training_sets})
    try:
        source = Source(name=NAME, url=url, licence=licence, commit=commit, date=date)
        found = Published(key=KEY, source=source, rows=tuple(rows), population=population, training_sets=training_sets)
    except ValidationError as err:
        raise DataError(explain(folder, {}, err, Published, "it is needed")) from err
    return Imported(found, skipped, tuple(sorted(ascii(name)[1:61].rstrip("'") for name in passed_over)))


def _card_paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the one that holds the model cards of {NAME}")
    found = sorted(
        (path for path in folder.rglob("*.y*ml") if path.name[0] not in "._" and path.is_file()), key=lambda p: p.name
    )
    if not found:
        raise DataError(f"{folder}: holds no model card (*.yml); name the folder models/ of {URL}")
    if len(found) > MOST_CARDS:
        raise DataError(f"{folder}: holds {len(found):,} cards, more than {MOST_CARDS:,}; is it the right folder?")
    return found


Form = TypeVar("Form", bound=_Foreign)


def _checked(path: Path, content: Any, kind: type[Form]) -> Form:
    try:
        return kind.model_validate(content)
    except ValidationError as err:
        raise DataError(explain(path, content, err, kind, f"every card of {NAME} has it")) from err


def _metrics(path: Path, content: Any) -> tuple[dict[str, dict[str, int | float]], list[str]]:
    """Return the numbers of a card by part, and what is wrong with the others.

    A part that is missing, or is a word such as `not available`, has none.
    """
    found: dict[str, dict[str, int | float]] = {}
    wrong: list[str] = []
    for part in PARTS:
        here: Any = content
        for name in part.place:
            here = here.get(name) if isinstance(here, Mapping) else None
        if not isinstance(here, Mapping):
            continue
        for field, metric in part.metrics.items():
            if (value := here.get(field)) is None:
                continue
            number = _number(value)
            if number is None:
                where = ".".join(("metrics", *part.place, field))
                wrong.append(f"{path}: field '{where}' is {str(value)[:60]!r}; a finite number is needed")
            else:
                found.setdefault(part.key, {})[metric.key] = number
    return found, wrong


def _number(value: Any) -> int | float | None:
    for kind in (int, float):
        try:
            number = kind(value)
        except (ValueError, TypeError, OverflowError):
            continue
        if abs(number) < MOST_NUMBER:  # neither nan nor infinity is
            return number
    return None


def _not_read(content: Mapping[str, Any]) -> set[str]:
    """Return the fields of a card that nothing is made of, and the groups of numbers that are not known."""
    groups = content.get("metrics") or {}
    return (content.keys() - _Card.model_fields.keys()) | {
        f"metrics.{name}" for name in groups if name not in {part.place[0] for part in PARTS}
    }


def _row(card: _Card, metrics: dict[str, dict[str, int | float]]) -> PublishedRow:
    letters, _, how = card.targets.partition("_")
    links = {"paper": card.paper or card.doi, "repository": card.repo, "source": card.pr_url}
    return PublishedRow(
        key=card.model_key,
        name=card.model_name,
        version=card.model_version,
        added=card.dates.benchmark_added,
        status=card.lifecycle,
        superseded_by=card.superseded_by,
        authors=tuple(person.name for person in card.authors),
        openness=_openness(card),
        open_data=card.openness.endswith("OD"),
        targets=tuple(TARGETS[letter] for letter in (*letters, *how[1:])),
        approach=_approach(card),
        direct=how.startswith("D"),
        training_sets=card.training_sets,
        n_params=card.model_params or None,
        licence_code=card.license.code,
        licence_weights=card.license.checkpoint,
        links={name: url for name, url in links.items() if url},
        metrics=metrics,
    )


def _approach(card: _Card) -> Approach:
    if "bayesian_optimization" in card.architecture_types:
        return "Bayesian optimiser"
    if "fingerprint" in card.architecture_types:
        return "fingerprint forest"
    return "universal potential" if "F" in card.targets else "one-shot predictor"


def _openness(card: _Card) -> Openness:
    """The first half of theirs is about the code, the second about the data; weights are open if they can be had."""
    weights = card.checkpoint_url is not None and (card.license.checkpoint or "").lower() != "unreleased"
    if card.openness.startswith("OS"):
        return "code and weights" if weights else "code"
    return "weights" if weights else "closed"


def _datasets(folder: Path, used: set[str]) -> tuple[tuple[TrainingSet, ...], Population | None]:
    """Return the training sets that rows name, with those that these contain, and the sizes of the test set."""
    path = next((p for p in (folder / "_datasets.yml", folder.parent / "data" / "datasets.yml") if p.is_file()), None)
    if path is None:
        return (), None
    content = read_yaml(path)
    wanted = set(_within(used, content))
    cards = {name: _checked(path, content[name], _Dataset) for name in content if name in wanted | {TEST_SET}}
    sets = tuple(_training_set(path, name, card) for name, card in cards.items() if name in wanted)
    wbm = cards.get(TEST_SET)
    if wbm is None or wbm.n_structures is None:
        return sets, None
    population = Population(
        n=wbm.n_structures, n_stable=wbm.n_stable_materials, n_unique=wbm.n_materials,
        n_unique_stable=wbm.n_uniq_stable_materials,
    )  # fmt: skip
    return sets, population


def _training_set(path: Path, name: str, card: _Dataset) -> TrainingSet:
    try:
        return TrainingSet(
            key=name, name=card.name, n_structures=card.n_structures, n_materials=card.n_materials,
            contains=card.contains or (), open=card.open, licence=card.license, url=card.url,
            theory=card.params.functional if card.params else None,
        )  # fmt: skip
    except ValidationError as err:  # the name is the only thing that was not checked yet
        raise DataError(f"{path}: the training set {ascii(name)[:60]} has an impossible name; rename it") from err


def _within(names: Iterable[str], content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that have a card, and those of the sets that these consist of."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        card = content.get(name)
        if name in seen or not isinstance(card, Mapping):
            continue
        seen.add(name)
        yield name
        waiting += [inner for inner in card.get("contains") or () if isinstance(inner, str)]
