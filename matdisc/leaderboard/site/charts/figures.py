"""From a figure to its drawing, and from one figure of several models to a figure of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from matdisc.leaderboard.site.charts.svg import (
    HEIGHT,
    MARKERS,
    WIDTH,
    Axis,
    LegendEntry,
    Plot,
    Shape,
    box,
    curve,
    reference_line,
    shade,
    x_axis,
    y_axis,
)
from matdisc.leaderboard.site.charts.ticks import log_values, round_up
from matdisc.leaderboard.site.tables.format import Number, cell_text, format_number
from matdisc.scoring.figures import Bars, Density, Figure, Line, Table

SERIES = 8
"""Colours with their dashes in the style sheet: s0 to s7."""
MOST_CURVES = 6
MOST_ROWS = 25
"""Rows of the table beside a chart; the whole data lie in the file it links to."""
TALL = 370
"""Height of a drawing with points, which need room."""
APART = 0.09
"""How far series at the same named place stand from each other, in places; all of them span 0.6 at most."""
WRONG = ("fp", "fn")
"""Roles of bars that are hatched."""
Cell = str | float | None
Ends = tuple[float, float]


def draw(figures: Iterable[Figure]) -> list[Plot]:
    """Return the drawing of every figure that has something to draw."""
    return [plot for plot in map(_plot, figures) if plot is not None]


def overlay(named: Sequence[tuple[str, Sequence[Figure]]]) -> list[Figure]:
    """Return one figure for each key and section: the first line of the best models', each under its model's name.

    Args:
        named: Names of models with their figures, best first.
    """
    found: dict[tuple[str, str], list[tuple[str, Figure]]] = {}
    for name, figures in named:
        for figure in figures:
            if figure.overlay and figure.lines:
                found.setdefault((figure.section, figure.key), []).append((name, figure))
    return [_laid_over(some[:MOST_CURVES]) for some in found.values()]


def _laid_over(named: Sequence[tuple[str, Figure]]) -> Figure:
    first = named[0][1]
    several = any(len(figure.lines) > 1 for _, figure in named)
    lines = [replace(figure.lines[0], name=_named(name, figure, several)) for name, figure in named]
    shared = [part for part in first.note.split("; ") if all(part in figure.note.split("; ") for _, figure in named)]
    note = "; ".join(filter(None, [f"drawn: {first.lines[0].name}" if several else "", *shared]))
    return replace(first, key=f"{first.key}-all", lines=lines, note=note)


def _named(name: str, figure: Figure, several: bool) -> str:
    own = "" if several else figure.lines[0].name
    return f"{name} ({own})" if own else name


def _plot(figure: Figure) -> Plot | None:
    if figure.density:
        return _heat_map(figure, figure.density)
    if figure.bars:
        return _stack(figure, figure.bars)
    return _curves(figure)


@dataclass(frozen=True, slots=True)
class _Series:
    """A line as it is drawn: logarithms taken, beside the others where they share named places."""

    line: Line
    css: str
    x: Sequence[Number]
    y: Sequence[Number]
    x_ends: tuple[Sequence[Number], Sequence[Number]] | None
    y_ends: tuple[Sequence[Number], Sequence[Number]] | None
    marker: str


def _curves(figure: Figure) -> Plot | None:
    every = [_series(figure, i) for i in range(len(figure.lines))]
    drawn = [s for s in every if any(a is not None and b is not None for a, b in zip(s.x, s.y, strict=True))]
    if not drawn:
        return None
    height = TALL if any(series.marker for series in drawn) else HEIGHT
    label = f"log₁₀ of {figure.y_label}" if figure.y_log else figure.y_label
    x, y = _axes(figure, drawn, label, height)
    reference, base = _reference(figure), _base(figure)
    shapes = []
    if reference:
        shapes.append(reference_line(x, y, reference))
    if base is not None:
        shapes.append(reference_line(x, y, (x.low, base, x.high, base)))
    shapes += [bar for series in drawn for bar in _error_bars(series, x, y)]
    shapes += [curve(series.css, series.x, series.y, x, y) for series in drawn if not series.line.labels]
    shapes += [shape for series in drawn for shape in _markers(figure, series, x, y)]
    legend = tuple(map(_legend_entry, drawn)) if len(drawn) > 1 else ()
    data, n_rows = _numbers(figure, drawn, x)
    names = [series.line.name for series in drawn]
    return _finished(figure, x, y, shapes, legend, names, data, n_rows, height)


def _series(figure: Figure, i: int) -> _Series:
    line, n = figure.lines[i], len(figure.lines)
    shift = (i - (n - 1) / 2) * min(APART, 0.6 / n) if figure.x_names and not line.labels else 0.0
    x_ends = (line.x_low, line.x_high) if line.x_low and line.x_high else None
    y_ends = (_logs(figure, line.y_low), _logs(figure, line.y_high)) if line.y_low and line.y_high else None
    marker = MARKERS[i % len(MARKERS)] if line.labels or x_ends or y_ends or figure.x_names else ""
    xs = [x if x is None else x + shift for x in line.x]
    return _Series(line, f"s{i % SERIES}", xs, _logs(figure, line.y), x_ends, y_ends, marker)


def _logs(figure: Figure, values: Sequence[Number]) -> list[Number]:
    if not figure.y_log:
        return list(values)
    return [math.log10(value) if value is not None and value > 0 else None for value in values]


def _reference(figure: Figure) -> tuple[float, float, float, float] | None:
    """Return the ends of the reference line as they are drawn; None where an end has no logarithm."""
    if figure.reference is None:
        return None
    x0, y0, x1, y1 = figure.reference
    low, high = _logs(figure, (y0, y1))
    return None if low is None or high is None else (x0, low, x1, high)


def _base(figure: Figure) -> Number:
    """Return the height of the level line as it is drawn; None where there is none or it has no logarithm."""
    return _logs(figure, [figure.base])[0]


def _axes(figure: Figure, drawn: Sequence[_Series], label: str, height: int) -> tuple[Axis, Axis]:
    """Return axes that hold every point with its interval and the reference; around points alone they are tight."""
    ends = _reference(figure) or ()
    xs = [*_known(v for s in drawn for column in (s.x, *(s.x_ends or ())) for v in column), *ends[::2]]
    ys = [*_known(v for s in drawn for column in (s.y, *(s.y_ends or ())) for v in column), *ends[1::2]]
    tight = all(line.labels for line in figure.lines)
    y = y_axis(label, *_ends([*ys, *_known([_base(figure)])], figure.y_log, tight), height=height)
    if figure.x_names:
        return x_axis(figure.x_label, 0.5, len(figure.x_names) + 0.5, names=figure.x_names), y
    positive = [x for x in xs if x > 0]
    if figure.x_log and positive:
        return x_axis(figure.x_label, min(positive), max(positive), log=True), y
    return x_axis(figure.x_label, *(_ends(xs, False, tight) if tight else (min(0.0, *xs), max(xs)))), y


def _ends(values: Sequence[float], log: bool, tight: bool) -> Ends:
    """Lowest and highest value of an axis with a little room: from 0 where nothing is below, unless it is tight."""
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    if log:
        return low - room, high + room
    start = low - room if low < 0 else max(0.0, low - room) if tight else 0.0
    return start, high + (0.0 if high == 1 else room)


def _error_bars(series: _Series, x: Axis, y: Axis) -> list[Shape]:
    """Return one path with the bars of all points that have both ends of an interval; nothing if none has."""
    parts: list[str] = []
    for i, (at, value) in enumerate(zip(series.x, series.y, strict=True)):
        if at is None or value is None:
            continue
        if ends := _interval(series.x_ends, i):
            parts.append(f"M{x(ends[0]):g} {y(value):g}H{x(ends[1]):g}")
        if ends := _interval(series.y_ends, i):
            parts.append(f"M{x(at):g} {y(ends[0]):g}V{y(ends[1]):g}")
    return [Shape(f"error-bar {series.css}", "".join(parts))] if parts else []


def _interval(ends: tuple[Sequence[Number], Sequence[Number]] | None, i: int) -> Ends | None:
    low, high = (None, None) if ends is None else (ends[0][i], ends[1][i])
    return None if low is None or high is None else (low, high)


def _markers(figure: Figure, series: _Series, x: Axis, y: Axis) -> list[Shape]:
    """Return the marker of each defined point, with the title that says what it is."""
    if not series.marker:
        return []
    names = series.line.labels or [series.line.name] * len(series.x)
    points = zip(names, series.x, series.y, _places(figure, series.line), series.line.y, strict=True)
    return [
        Shape(f"point {series.css}", f"M{x(at):g} {y(value):g}{series.marker}",
              title=f"{name}: {place}, {format_number(given)}")
        for name, at, value, place, given in points
        if at is not None and value is not None
    ]  # fmt: skip


def _legend_entry(series: _Series) -> LegendEntry:
    """Return a piece of the curve, if there is one, under the marker, if there is one."""
    marker = Shape(f"point {series.css}", f"M14 6{series.marker}") if series.marker else None
    return LegendEntry("" if series.line.labels else f"line {series.css}", series.line.name, marker=marker)


def _stack(figure: Figure, bars: Sequence[Bars]) -> Plot | None:
    """Return bars over one set of bins, the first at the bottom."""
    tops = np.cumsum([[height or 0.0 for height in one.heights] for one in bars], axis=0)
    if not tops.size or not tops[-1].any():
        return None
    edges = bars[0].edges
    x = x_axis(figure.x_label, edges[0], edges[-1])
    y = y_axis(figure.y_label, 0.0, round_up(float(tops[-1].max())))
    shapes, legend = [], []
    for i, (one, low, high) in enumerate(zip(bars, [np.zeros(len(edges) - 1), *tops[:-1]], tops, strict=True)):
        css = f"k-{one.role}" if one.role else "k-tn" if len(bars) == 1 else f"area s{i % SERIES}"
        boxes = [box(x, y, *at, a, b) for at, a, b in zip(pairwise(edges), low, high, strict=True) if b > a]
        shapes.append(Shape(css, "".join(boxes), hatched=one.role in WRONG))
        legend.append(LegendEntry(css, one.name, area=True, hatched=one.role in WRONG))
    if figure.reference:
        shapes.append(reference_line(x, y, figure.reference))
    heads = (f"{figure.x_label}, from", *(one.name or figure.y_label for one in bars))
    data = _table(figure, heads, list(zip(edges[:-1], *(one.heights for one in bars), strict=True)))
    names = [f"{format_number(sum(_known(one.heights)))} {one.name}" for one in bars if one.name]
    return _finished(
        figure, x, y, shapes, tuple(legend) if len(bars) > 1 else (), names, data, len(edges) - 1, HEIGHT
    )  # fmt: skip


def _heat_map(figure: Figure, found: Density) -> Plot | None:
    """Return a shade for each cell of the grid that counts anything; one shade doubles the count at least."""
    cells = [
        (count, at, beside)
        for row, beside in zip(found.count, pairwise(found.y_edges), strict=True)
        for count, at in zip(row, pairwise(found.x_edges), strict=True)
        if count
    ]
    if not cells:
        return None
    height = WIDTH - 20
    x = x_axis(figure.x_label, found.x_edges[0], found.x_edges[-1])
    y = y_axis(figure.y_label, found.y_edges[0], found.y_edges[-1], height=height)
    most = max(count for count, _, _ in cells)
    levels: dict[int, list[str]] = {}
    for count, at, beside in cells:
        levels.setdefault(shade(count, most), []).append(box(x, y, *at, *beside))
    shapes = [Shape(f"d{level}", "".join(parts)) for level, parts in sorted(levels.items())]
    if figure.reference:
        shapes.append(reference_line(x, y, figure.reference))
    rows = [(at[0], beside[0], count) for count, at, beside in sorted(cells, key=lambda cell: -cell[0])[:MOST_ROWS]]
    data = _table(figure, (f"{figure.x_label}, from", f"{figure.y_label}, from", "count"), rows)
    return _finished(figure, x, y, shapes, (), [], data, len(cells), height)


def _finished(
    figure: Figure, x: Axis, y: Axis, shapes: Sequence[Shape], legend: tuple[LegendEntry, ...],
    names: Sequence[str], data: Table, n_rows: int, height: int,
) -> Plot:  # fmt: skip
    told = ", ".join(filter(None, names))
    about = f"{figure.title}: {y.label} against {x.label}" + (f" for {told}" if told else "")
    label = f"{about}. {figure.note}".strip()
    return Plot(
        figure.key, figure.title, figure.note, x, y, tuple(shapes), legend, label, data, n_rows, height=height
    )  # fmt: skip


def _numbers(figure: Figure, drawn: Sequence[_Series], x: Axis) -> tuple[Table, int]:
    """Return the table beside curves: a row for each named point, else for each place on the x axis."""
    if any(line.labels for line in figure.lines):
        points = [
            (name, line.name, at, value)
            for line in figure.lines
            for name, at, value in zip(line.labels or [""] * len(line.x), *_with_intervals(line), strict=True)
        ]
        return _table(figure, ("name", "series", figure.x_label, figure.y_label), points), len(points)
    first = figure.lines[0]
    names = tuple(series.line.name or figure.y_label for series in drawn)
    if all(line.x == first.x for line in figure.lines):
        heads = (figure.x_label, *(line.name or figure.y_label for line in figure.lines))
        columns = [_places(figure, first), *(_with_intervals(line)[1] for line in figure.lines)]
        return _table(figure, heads, list(zip(*columns, strict=True))), len(first.x)
    even = [float(value) for value in np.linspace(x.low, x.high, MOST_ROWS)]
    grid = [value for value, _ in log_values(x.low, x.high)] if x.log else even
    return _table(figure, (figure.x_label, *names), _at(drawn, grid)), len(grid)


def _at(drawn: Sequence[_Series], grid: Sequence[float]) -> list[tuple[Cell, ...]]:
    """Return every curve at the same places, interpolated; undefined beyond a curve's ends."""
    columns: list[Sequence[Cell]] = [grid]
    for series in drawn:
        xs, ys = zip(*((a, b) for a, b in zip(series.x, series.y, strict=True)
                       if a is not None and b is not None), strict=True)  # fmt: skip
        columns.append([float(value) for value in np.interp(grid, xs, ys, left=np.nan, right=np.nan)])
    return list(zip(*columns, strict=True))


def _table(figure: Figure, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """Return at most `MOST_ROWS` of the rows, evenly spread, first and last among them."""
    n = len(rows)
    places = range(n) if n <= MOST_ROWS else [round(i * (n - 1) / (MOST_ROWS - 1)) for i in range(MOST_ROWS)]
    return Table(figure.key, figure.title, head, tuple(rows[i] for i in places))


def _with_intervals(line: Line) -> tuple[list[Cell], list[Cell]]:
    """Return x and y of each point, as text with the interval in brackets where there is one."""
    none = [None] * len(line.x)
    return (
        list(map(_cell, line.x, line.x_low or none, line.x_high or none)),
        list(map(_cell, line.y, line.y_low or none, line.y_high or none)),
    )


def _cell(value: Number, low: Number, high: Number) -> Cell:
    if value is None or low is None or high is None:
        return value
    return f"{format_number(value)} ({format_number(low)}–{format_number(high)})"


def _places(figure: Figure, line: Line) -> list[str]:
    """Where the points of a line stand on the x axis, in words."""
    names = {float(place): name for place, name in enumerate(figure.x_names, start=1)}
    return [cell_text(at) if at is None else names.get(at, cell_text(at)) for at in line.x]


def _known(values: Iterable[Number]) -> list[float]:
    return [value for value in values if value is not None]
