"""Curves, points and tables of a file of details or of a ranking, drawn as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.site.charts.curves import SERIES, on_grid
from matdisc.leaderboard.site.charts.points import MARKERS, error_bars, key_of, markers, with_interval
from matdisc.leaderboard.site.charts.svg import (
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Axis,
    Plot,
    Series,
    Shape,
    Sheet,
    cell_text,
    curve,
    defined,
    known,
    numeric_columns,
    rule,
    x_axis,
    y_axis,
)
from matdisc.leaderboard.site.charts.svg import sheet as data_of
from matdisc.leaderboard.site.tables.format import Number
from matdisc.scoring.figures import Figure, Line, Table
from matdisc.scoring.record import Numbers

GRID = 25
"""Places at which curves on different points are told in the table beside a chart."""
TALL = 370
"""Height of a drawing with points, which need room."""
APART = 0.09
"""How far series at the same named place stand from each other, in places; all of them span 0.6 at most."""


@dataclass(frozen=True, slots=True)
class TextSheet:
    """A table as text; the first column names the rows."""

    key: str
    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def numeric(self) -> tuple[bool, ...]:
        return numeric_columns(self.rows)

    @property
    def has_dash(self) -> bool:
        """Whether a number is undefined."""
        return any(cell == "–" for row in self.rows for cell in row)


def measured_plots(found: Sequence[Figure]) -> list[Plot]:
    """Return the drawing of every figure that has a defined point."""
    return [plot for plot in map(_plot, found) if plot is not None]


def text_sheets(found: Sequence[Table]) -> list[TextSheet]:
    """Return tables with their numbers printed."""
    return [
        TextSheet(one.key, one.title, one.note, tuple(one.head), tuple(tuple(map(cell_text, row)) for row in one.rows))
        for one in found
    ]


def _plot(found: Figure) -> Plot | None:
    every = [(line, _series(found, i)) for i, line in enumerate(found.lines)]
    pairs = [(line, series) for line, series in every if defined([series])]
    if not pairs:
        return None
    drawn = [series for _, series in pairs]
    marked = any(series.marker for series in drawn)
    label = f"log₁₀ of {found.y_label}" if found.y_log else found.y_label
    x, y = _axes(found, drawn, label, TALL if marked else HEIGHT)
    shapes = [bar for series in drawn for bar in error_bars(series, x, y)]
    shapes += [curve(series, x, y) for line, series in pairs if not line.labels]
    shapes += [shape for line, series in pairs for shape in _markers(found, line, series, x, y)]
    if found.base is not None:
        shapes.insert(0, rule(x, y, (x.low, found.base), (x.high, found.base)))
    legend = tuple(key_of(series, line=not line.labels) for line, series in pairs) if len(drawn) > 1 else ()
    names = ", ".join(series.name for series in drawn if series.name and marked)
    words = f"{found.title}: {label} against {found.x_label}{' for ' if names else ''}{names}. {found.note}".strip()
    return Plot(
        found.key, found.title, found.note, x, y, tuple(shapes), legend, words, _numbers(found, drawn, x),
        height=TALL if marked else HEIGHT,
    )  # fmt: skip


def _series(found: Figure, i: int) -> Series:
    """Return one line as it is drawn: logarithms taken, beside the others where they share named places."""
    line, n = found.lines[i], len(found.lines)
    shift = (i - (n - 1) / 2) * min(APART, 0.6 / n) if found.x_names and not line.labels else 0.0
    x_ends = (line.x_low, line.x_high) if line.x_low and line.x_high else None
    y_ends = (_logs(line.y_low, found.y_log), _logs(line.y_high, found.y_log)) if line.y_low and line.y_high else None
    marked = line.labels or x_ends or y_ends or found.x_names
    marker = list(MARKERS)[i % len(MARKERS)] if marked else ""
    xs = [x if x is None else x + shift for x in line.x]
    return Series(line.name, f"s{i % SERIES}", xs, _logs(line.y, found.y_log), marker, x_ends, y_ends)


def _markers(found: Figure, line: Line, series: Series, x: Axis, y: Axis) -> list[Shape]:
    if not series.marker:
        return []
    names = line.labels or [line.name] * len(line.x)
    rows = zip(names, _places(found, line), line.y, strict=True)
    return markers(series, x, y, [f"{name}: {place}, {cell_text(value)}" for name, place, value in rows])


def _places(found: Figure, line: Line) -> list[str]:
    """Where the points of a line stand on the x axis, in words."""
    names = {float(place): name for place, name in enumerate(found.x_names, start=1)}
    return [cell_text(at) if at is None else names.get(at, cell_text(at)) for at in line.x]


def _numbers(found: Figure, drawn: Sequence[Series], x: Axis) -> Sheet:
    """Return the table beside a chart: a row for each named point, else for each place on the x axis."""
    if any(line.labels for line in found.lines):
        points = [
            (name, line.name, at, value)
            for line in found.lines
            for name, at, value in zip(line.labels or [""] * len(line.x), *_with_intervals(line), strict=True)
        ]
        return data_of(("name", "series", found.x_label, found.y_label), list(zip(*points, strict=True)))
    if all(line.x == found.lines[0].x for line in found.lines):
        heads = (found.x_label, *(line.name or found.y_label for line in found.lines))
        return data_of(heads, [_places(found, found.lines[0]), *(_with_intervals(line)[1] for line in found.lines)])
    return on_grid(found.x_label, drawn, [x.low + (x.high - x.low) * i / (GRID - 1) for i in range(GRID)])


def _with_intervals(line: Line) -> tuple[list[str], list[str]]:
    none = [None] * len(line.x)
    return (
        [with_interval(*cells) for cells in zip(line.x, line.x_low or none, line.x_high or none, strict=True)],
        [with_interval(*cells) for cells in zip(line.y, line.y_low or none, line.y_high or none, strict=True)],
    )


def _axes(found: Figure, drawn: Sequence[Series], label: str, height: int) -> tuple[Axis, Axis]:
    """Return axes that hold every point with its interval; around points alone they are tight."""
    xs = [x for s in drawn for numbers in (s.xs, *(s.x_ends or ())) for x in known(numbers)]
    ys = [y for s in drawn for numbers in (s.ys, *(s.y_ends or ())) for y in known(numbers)]
    tight = all(line.labels for line in found.lines)
    y = y_axis(label, *_ends(ys, found.base, found.y_log, tight), height=height)
    if found.x_names:
        return Axis(found.x_label, 0.5, len(found.x_names) + 0.5, LEFT, WIDTH - RIGHT, names=tuple(found.x_names)), y
    positive = [x for x in xs if x > 0]
    if found.x_log and positive:
        return x_axis(found.x_label, min(positive), max(positive), log=True), y
    return x_axis(found.x_label, *(_ends(xs, None, False, tight) if tight else (min(0.0, *xs), max(xs)))), y


def _logs(values: Numbers, log: bool) -> list[Number]:
    if not log:
        return list(values)
    return [math.log10(value) if value is not None and value > 0 else None for value in values]


def _ends(values: Sequence[float], base: float | None, log: bool, tight: bool) -> tuple[float, float]:
    """Lowest and highest value of an axis with a little room: from 0 where nothing is below, unless it is tight."""
    low, high = min(values), max(values)
    if base is not None:
        low, high = min(low, base), max(high, base)
    room = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    if log:
        return low - room, high + room
    start = low - room if low < 0 else max(0.0, low - room) if tight else 0.0
    return start, high + (0.0 if high == 1 else room)
