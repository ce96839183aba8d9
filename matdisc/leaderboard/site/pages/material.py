"""A page a material of the small sets, and the list of each set's materials with how hard they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from matdisc.leaderboard.schema.materials import RIGHT, UNJUDGED, WRONG, Materials
from matdisc.leaderboard.site.charts.crystal import crystal_svg
from matdisc.leaderboard.site.material_paths import material_paths
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Row, Table, full_name
from matdisc.leaderboard.site.tables.format import format_number, printed

SHADES = 10
"""Classes of amber, a0 to a10."""
MARKS = {RIGHT: "right", WRONG: "wrong", UNJUDGED: ""}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model says of a material; `mark` is right, wrong, or empty."""

    row: Row
    name: str
    value: str
    error: str
    mark: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One task's question about a material, with its answers, the best first."""

    table: Table
    found: Materials
    truth: str
    answers: tuple[Answer, ...]

    @property
    def has_marks(self) -> bool:
        return any(answer.mark for answer in self.answers)

    @property
    def has_values(self) -> bool:
        return any(answer.value != "–" for answer in self.answers)

    @property
    def has_errors(self) -> bool:
        return any(answer.error != "–" for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Hard:
    """How hard a material is: the median size of its errors, its place among the others from 0 to 1, and its shade."""

    text: str
    place: float
    shade: int


def pages(site: Site) -> dict[str, str]:
    """Return the pages of all materials of small sets, and a list for each set."""
    found: dict[str, str] = {}
    paths = material_paths(site.content.materials)
    for key in dict.fromkeys(dataset for dataset, _ in paths):
        card = site.content.datasets[key]
        about = tables_of(site, key)
        ids = {name: path for (dataset, name), path in paths.items() if dataset == key}
        formulas = {i: f for _, m in about for i, f in zip(m.ids, m.formulas or (), strict=False) if f and f != i}
        pictures = {name: one for _, m in about for name, one in m.structures.items()}
        names = list(ids)
        for place, (name, path) in enumerate(ids.items()):
            structure = pictures.get(name)
            found |= site.page(
                path,
                "material.html",
                card=card,
                material=name,
                formula=formulas.get(name),
                picture=structure and crystal_svg(structure.cell, structure.symbols, structure.positions),
                asked=[one for table, m in about if (one := asked(table, m, name))],
                before=_step(names, ids, place - 1),
                after=_step(names, ids, place + 1),
            )
        columns = [(table, m, hardness(m)) for table, m in about]
        columns = [column for column in columns if column[2].keys() & ids.keys()]
        found |= site.page(
            f"materials/{key}/index.html",
            "materials.html",
            card=card,
            columns=columns,
            formulas=formulas,
            materials=hardest_first(ids, columns),
        )
    return found


def tables_of(site: Site, dataset: str) -> list[tuple[Table, Materials]]:
    """Return the tables of a dataset of which something is known of each material."""
    found = [(table, site.content.materials.get((table.task, dataset))) for table in site.tables]
    return [(table, m) for table, m in found if m and m.entries and table.dataset.key == dataset]


def asked(table: Table, found: Materials, name: str) -> Asked | None:
    """Return what one table's models say of a material; None where it is not asked about."""
    if name not in found.ids:
        return None
    at = found.ids.index(name)
    rows = [(row, found.entries[row.result.entry]) for row in table.rows if row.result.entry in found.entries]
    rows.sort(key=lambda item: _size(item[1].error[at]))
    numbers = printed([(said.value[at] if said.value else None, said.error[at]) for _, said in rows])
    answers = tuple(
        Answer(row, full_name(row), value, error, MARKS[said.right[at] if said.right else UNJUDGED])
        for (row, said), (value, error) in zip(rows, numbers, strict=True)
    )
    return Asked(table, found, format_number(found.truth[at] if found.truth else None), answers)


def hardness(found: Materials) -> dict[str, Hard]:
    """Return how hard each material is for the models of a table; nothing of those that no model answers."""
    rows = found.entries.values()
    errors = {name: [abs(e) for row in rows if (e := row.error[i]) is not None] for i, name in enumerate(found.ids)}
    sizes = {name: median(values) for name, values in errors.items() if values}
    order = sorted(set(sizes.values()))
    places = {size: i / (len(order) - 1) if len(order) > 1 else 0.0 for i, size in enumerate(order)}
    texts = printed([(size,) for size in sizes.values()])
    return {
        name: Hard(text, places[size], round(SHADES * places[size]))
        for (name, size), (text,) in zip(sizes.items(), texts, strict=True)
    }


def hardest_first(
    ids: Mapping[str, str], columns: Sequence[tuple[Table, Materials, Mapping[str, Hard]]]
) -> list[tuple[str, str]]:
    """Return names and paths, ordered by the mean place over the tables; materials that nobody answers come last."""

    def mean_place(name: str) -> float:
        places = [hard.place for *_, found in columns if (hard := found.get(name))]
        return sum(places) / len(places) if places else -1.0

    return sorted(ids.items(), key=lambda item: -mean_place(item[0]))


def _size(error: float | None) -> float:
    """For an order with the undefined last."""
    return math.inf if error is None else abs(error)


def _step(names: Sequence[str], ids: Mapping[str, str], place: int) -> tuple[str, str] | None:
    """Name and path of a neighbour in the list."""
    return (names[place], ids[names[place]]) if 0 <= place < len(names) else None
