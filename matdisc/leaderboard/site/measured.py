"""Curves and tables that a measuring task gave along, drawn as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.site.curves import on_grid
from matdisc.leaderboard.site.figures import DrawnFigure, ToldSheet
from matdisc.leaderboard.site.parts import Numbers
from matdisc.leaderboard.site.plots import (
    Axis,
    Key,
    Number,
    Plot,
    Series,
    curve,
    defined,
    figure,
    known,
    rule,
    x_axis,
    y_axis,
)
from matdisc.leaderboard.site.plots import sheet as data_of

GRID = 25
"""Places at which curves on different points are told in the table beside a chart."""


@dataclass(frozen=True, slots=True)
class TextSheet:
    """A table as text; the first column names the rows."""

    key: str
    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measured_plots(found: Sequence[DrawnFigure]) -> list[Plot]:
    """Return the drawing of every figure that has a defined point."""
    return [plot for plot in map(_plot, found) if plot is not None]


def text_sheets(found: Sequence[ToldSheet]) -> list[TextSheet]:
    """Return tables with their numbers printed."""
    return [
        TextSheet(
            sheet.key,
            sheet.title,
            sheet.note,
            sheet.head,
            tuple(tuple(cell if isinstance(cell, str) else figure(cell) for cell in row) for row in sheet.rows),
        )
        for sheet in found
    ]


def _plot(found: DrawnFigure) -> Plot | None:
    series = [Series(line.name, f"s{i}", line.x, _logs(line.y, found.y_log)) for i, line in enumerate(found.lines)]
    drawn = defined(series)
    if not drawn:
        return None
    xs = [x for s in drawn for x in known(s.xs)]
    ys = [y for s in drawn for y in known(s.ys)]
    label = f"log₁₀ of {found.y_label}" if found.y_log else found.y_label
    x, y = _x(found, xs), y_axis(label, *_ends(ys, found.base, found.y_log))
    shapes = [curve(s, x, y) for s in drawn]
    if found.base is not None:
        shapes.insert(0, rule(x, y, (x.low, found.base), (x.high, found.base)))
    legend = tuple(Key(f"line {s.css}", s.name) for s in drawn) if len(drawn) > 1 else ()
    told = f"{found.title}: {label} against {found.x_label}. {found.note}".strip()
    same = all(line.x == found.lines[0].x for line in found.lines)
    heads = (found.x_label, *(line.name or found.y_label for line in found.lines))
    numbers = (
        data_of(heads, [found.lines[0].x, *(line.y for line in found.lines)])
        if same
        else on_grid(found.x_label, drawn, [x.low + (x.high - x.low) * i / (GRID - 1) for i in range(GRID)])
    )
    return Plot(found.key, found.title, found.note, x, y, tuple(shapes), legend, told, numbers)


def _x(found: DrawnFigure, xs: Sequence[float]) -> Axis:
    positive = [x for x in xs if x > 0]
    if found.x_log and positive:
        return x_axis(found.x_label, min(positive), max(positive), log=True)
    return x_axis(found.x_label, min(0.0, *xs), max(xs))


def _logs(values: Numbers, log: bool) -> list[Number]:
    if not log:
        return list(values)
    return [math.log10(value) if value is not None and value > 0 else None for value in values]


def _ends(ys: Sequence[float], base: float | None, log: bool) -> tuple[float, float]:
    """Lowest and highest value of an axis: from 0 where nothing is below, with a little room."""
    low, high = min(ys), max(ys)
    if base is not None:
        low, high = min(low, base), max(high, base)
    room = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    if log:
        return low - room, high + room
    return (low - room if low < 0 else 0.0), high + (0.0 if high == 1 else room)
