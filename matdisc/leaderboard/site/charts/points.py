"""Points with a marker for each series, and bars for the intervals around them."""

from __future__ import annotations

from collections.abc import Sequence

from matdisc.leaderboard.site.charts.svg import Axis, Key, Series, Shape
from matdisc.leaderboard.site.tables.format import Number, figure

MARKERS = {
    "circle": "m-4.3 0a4.3 4.3 0 1 0 8.6 0a4.3 4.3 0 1 0 -8.6 0z",
    "square": "m-3.9 -3.9h7.8v7.8h-7.8z",
    "diamond": "m0 -5.6l5.6 5.6l-5.6 5.6l-5.6 -5.6z",
    "triangle": "m0 -5.4l5.2 9h-10.4z",
}
"""Outlines around a point, in the order of the series: with them a chart reads without its colours."""


def markers(series: Series, x: Axis, y: Axis, titles: Sequence[str]) -> list[Shape]:
    """Return the marker of each defined point, with the title that says what it is."""
    return [
        Shape(f"point {series.css}", f"M{x(at):g} {y(value):g}{MARKERS[series.marker]}", title=title)
        for at, value, title in zip(series.xs, series.ys, titles, strict=True)
        if at is not None and value is not None
    ]


def error_bars(series: Series, x: Axis, y: Axis) -> list[Shape]:
    """Return one path with the bars of all points that have both ends of an interval; nothing if none has."""
    parts: list[str] = []
    for i, (at, value) in enumerate(zip(series.xs, series.ys, strict=True)):
        if at is None or value is None:
            continue
        if series.x_ends and (ends := _both(series.x_ends, i)):
            parts.append(f"M{x(ends[0]):g} {y(value):g}H{x(ends[1]):g}")
        if series.y_ends and (ends := _both(series.y_ends, i)):
            parts.append(f"M{x(at):g} {y(ends[0]):g}V{y(ends[1]):g}")
    return [Shape(f"error-bar {series.css}", "".join(parts))] if parts else []


def key_of(series: Series, *, line: bool) -> Key:
    """Return the line of the legend: a piece of the curve, if there is one, under the marker, if there is one."""
    mark = Shape(f"point {series.css}", f"M14 6{MARKERS[series.marker]}") if series.marker else None
    return Key(f"line {series.css}" if line else "", series.name, marker=mark)


def with_interval(value: Number, low: Number = None, high: Number = None) -> str:
    """Return a number with its interval in brackets, if it has both ends."""
    return figure(value) if value is None or low is None or high is None else (
        f"{figure(value)} ({figure(low)}–{figure(high)})"
    )  # fmt: skip


def _both(ends: tuple[Sequence[Number], Sequence[Number]], i: int) -> tuple[float, float] | None:
    low, high = ends[0][i], ends[1][i]
    return None if low is None or high is None else (low, high)
