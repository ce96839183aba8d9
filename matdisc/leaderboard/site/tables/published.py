"""Rows that others have published as tables of their own: numbers as printed, no ranks, no intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

from matdisc.leaderboard.published.parts import DIATOMICS, DISCOVERY, GEOMETRY, KAPPA, MD, OLD_RMSD, SUBSETS
from matdisc.leaderboard.schema.published import Published, PublishedRow
from matdisc.leaderboard.site.tables.board import Table
from matdisc.leaderboard.site.tables.ranks import heat_levels
from matdisc.scoring.metric import Metric, show

LAST_DIGIT = 0.001
"""Of F1 as it is printed."""
_LEFT_OUT = frozenset(("accuracy", "fpr", "tnr", "fnr", "tp", "fp", "tn", "fn"))
"""Of discovery: they follow from the others, and stand in the file."""
_EXTRA = frozenset(("rmse", "n_missing"))
_SHOWN = {"diatomics": 8, "md": 7}
"""Columns of a part that are shown before all are asked for."""


@dataclass(frozen=True, slots=True)
class Column:
    """A metric of a part; an `extra` one is shown when it is asked for."""

    part: str
    metric: Metric
    extra: bool = False

    def value(self, row: PublishedRow) -> float | None:
        return row.metrics.get(self.part, {}).get(self.metric.key)


@dataclass(frozen=True, slots=True)
class Line:
    """A row with its cells, each a text and a shade from 0 to 10."""

    row: PublishedRow
    cells: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """Lines with any number, best of the first column first; those `apart` cannot be compared with them."""

    id: str
    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    apart: tuple[Line, ...] = ()

    @property
    def n(self) -> int:
        return len(self.lines) + len(self.apart)


def discovery_tables(published: Published) -> list[PublishedTable]:
    """Return a table for each subset of the test set, by F1."""
    tables = []
    for subset, title in SUBSETS.items():
        left_out = {*_LEFT_OUT, "recall"} if subset == "most_stable_10k" else _LEFT_OUT  # it is 1 there
        metrics = [metric for metric in DISCOVERY.values() if metric.key not in left_out]
        columns = [Column(f"discovery/{subset}", metric, metric.key in _EXTRA) for metric in metrics]
        tables.append(_table(subset, title, columns, published.rows))
    return tables


def other_tables(published: Published) -> list[PublishedTable]:
    """Return the tables of conductivity, geometry, pairs of atoms and molecular dynamics, those that have rows."""
    strict = Column("geometry/1e-5", replace(GEOMETRY["symmetry_match"], unit="% at 1e-5 Å"))
    geometry = [
        Column(
            "geometry/1e-2",
            replace(metric, unit="% at 0.01 Å") if metric.unit == "%" else metric,
            metric.key == "n_sym_ops_mae",
        )
        for metric in GEOMETRY.values()
    ]
    tables = [
        _table("kappa-103", "Conductivity", _columns("kappa-103", KAPPA), published.rows),
        _table("geometry", "Geometry", [*geometry, strict], published.rows, OLD_RMSD),
        _table("diatomics", "Pairs", _columns("diatomics", DIATOMICS), published.rows),
        _table("md", "Dynamics", _columns("md", MD), published.rows),
    ]
    return [table for table in tables if table.n]


def _columns(part: str, metrics: Mapping[str, Metric]) -> list[Column]:
    most = _SHOWN.get(part, len(metrics))
    return [Column(part, metric, i >= most) for i, metric in enumerate(metrics.values())]


def _table(
    key: str, title: str, columns: Iterable[Column], rows: Iterable[PublishedRow], apart: Set[str] = frozenset()
) -> PublishedTable:
    rows = [row for row in rows if any(column.value(row) is not None for column in columns)]
    columns = [column for column in columns if any(column.value(row) is not None for row in rows)]
    if not columns:
        return PublishedTable(key, title, (), ())
    first = columns[0]

    def place(row: PublishedRow) -> tuple[bool, float, str]:
        value, sign = first.value(row), -1 if first.metric.better == "higher" else 1
        return value is None, sign * (value or 0.0), row.key

    compared = sorted((row for row in rows if row.key not in apart), key=place)
    shades = [heat_levels([column.value(row) for row in compared], column.metric.better) for column in columns]
    heats = dict(zip((row.key for row in compared), zip(*shades, strict=True), strict=True))

    def line(row: PublishedRow) -> Line:
        texts = [show(column.metric, column.value(row)) for column in columns]
        return Line(row, tuple(zip(texts, heats.get(row.key, [None] * len(columns)), strict=True)))

    others = sorted((row for row in rows if row.key in apart), key=place)
    return PublishedTable(key, title, tuple(columns), tuple(map(line, compared)), tuple(map(line, others)))


@dataclass(frozen=True, slots=True)
class Closeness:
    """How near neighbours in F1 are: pairs of the last digit and less, and below what a sample can show.

    `detectable` is the smallest difference that 1,000 materials or so of a random sample show between neighbours, and
    `in_all` what the whole test set would; None where the board has no such sample.
    """

    pairs: int
    last_digit: int
    detectable: float | None = None
    in_all: float | None = None
    n: int | None = None
    undetectable: int | None = None


def closeness(published: Published, tables: Sequence[Table]) -> Closeness | None:
    """Return how near neighbours in the full test set are, by counts, which are exact; None with less than two rows."""
    values = sorted(f1 for row in published.rows if (f1 := _exact_f1(row)) is not None)
    if len(values) < 2:
        return None
    steps = [high - low for low, high in pairwise(values)]
    same = sum(step < LAST_DIGIT for step in steps)
    size = published.population.n if published.population else None
    sample = next(
        (
            table
            for table in tables
            if table.task == "discovery" and table.headline.key == "f1" and table.detectable_in_all is not None
            if table.dataset.population and table.dataset.population.size == size
        ),
        None,
    )
    if sample is None or sample.detectable_in_all is None:
        return Closeness(len(steps), same)
    below = sum(step < sample.detectable_in_all for step in steps)
    return Closeness(len(steps), same, sample.detectable, sample.detectable_in_all, sample.n_judged, below)


def _exact_f1(row: PublishedRow) -> float | None:
    counts = row.metrics.get("discovery/full_test_set", {})
    wrong = counts.get("fp", 0) + counts.get("fn", 0)
    return 2 * counts["tp"] / (2 * counts["tp"] + wrong) if counts.get("tp") else None
