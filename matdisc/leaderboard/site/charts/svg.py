"""Axes, paths and legends in user units; the template turns them into SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.site.charts.ticks import Tick, linear_values, log_values, round_step
from matdisc.leaderboard.site.tables.format import Number
from matdisc.scoring.figures import Table

WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT = 460, 300, 52, 14, 28, 44
SHADES = 8
"""Classes of a heat map: d1 to d8."""
MARKERS = (
    "m-4.3 0a4.3 4.3 0 1 0 8.6 0a4.3 4.3 0 1 0 -8.6 0z",
    "m-3.9 -3.9h7.8v7.8h-7.8z",
    "m0 -5.6l5.6 5.6l-5.6 5.6l-5.6 -5.6z",
    "m0 -5.4l5.2 9h-10.4z",
    "m0 5.4l-5.2 -9h10.4z",
    "m-1.7 -5.2h3.4v3.5h3.5v3.4h-3.5v3.5h-3.4v-3.5h-3.5v-3.4h3.5z",
    "m0 -2.4l2.6 -2.6l2.4 2.4l-2.6 2.6l2.6 2.6l-2.4 2.4l-2.6 -2.6l-2.6 2.6l-2.4 -2.4l2.6 -2.6l-2.6 -2.6l2.4 -2.4z",
    "m0 -6.4l1.9 4.5l4.5 1.9l-4.5 1.9l-1.9 4.5l-1.9 -4.5l-4.5 -1.9l4.5 -1.9z",
)
"""Circle, square, diamond, triangles, crosses and star around a point, in the order of the series: readable without
colours."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From a value to a coordinate; beyond the ends it stays at the edge of the drawing.

    With `names` the places 1, 2, ... bear them instead of numbers and lines.
    """

    label: str
    low: float
    high: float
    start: float
    stop: float
    log: bool = False
    names: tuple[str, ...] = ()

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, 1e-12))
        share = min(max((at - low) / (high - low), 0.0), 1.0)
        return round(self.start + share * (self.stop - self.start), 1)

    @property
    def lines(self) -> bool:
        """Whether a line is drawn at each tick."""
        return not self.names

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Round values within the axis, at most ten, or the names."""
        if self.names:
            return tuple(Tick(self(place), name) for place, name in enumerate(self.names, start=1))
        if self.log:
            wide = math.ceil(math.log10(self.high)) - math.floor(math.log10(self.low)) > 3
            values = log_values(self.low, self.high, (1,) if wide else (1, 2, 5))
        else:
            values = linear_values(self.low, self.high, round_step(0.8 * (self.high - self.low)))
        return tuple(Tick(self(value), text) for value, text in values)


@dataclass(frozen=True, slots=True)
class Names:
    """An axis of names at places of their own; without lines, which would show through blank cells."""

    label: str
    ticks: tuple[Tick, ...]
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A path with its class; a hatched one is drawn again with stripes, a `title` is shown under the pointer."""

    css: str
    d: str
    hatched: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A line of the legend; without a class it has a marker only."""

    css: str
    text: str
    area: bool = False
    hatched: bool = False
    marker: Shape | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """Text in a drawing; `x` is where it begins, `y` its base line."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished drawing; `label` says in words what it shows, `data` holds at most some of its `n_rows` numbers."""

    key: str
    title: str
    note: str
    x: Axis | Names
    y: Axis | Names
    shapes: tuple[Shape, ...]
    legend: tuple[LegendEntry, ...]
    label: str
    data: Table
    n_rows: int
    width: int = WIDTH
    height: int = HEIGHT
    labels: tuple[Label, ...] = ()

    @property
    def left(self) -> int:
        return LEFT

    @property
    def right(self) -> int:
        return self.width - RIGHT

    @property
    def top(self) -> int:
        return TOP

    @property
    def base(self) -> int:
        return self.height - FOOT


def x_axis(label: str, low: float, high: float, *, log: bool = False, names: Sequence[str] = ()) -> Axis:
    """Return a horizontal axis; ends that meet are moved apart."""
    if high <= low:
        low, high = (low / 2, low * 2) if log else (low - 0.5, low + 0.5)
    return Axis(label, low, high, LEFT, WIDTH - RIGHT, log, tuple(names))


def y_axis(label: str, low: float, high: float, *, height: int = HEIGHT) -> Axis:
    """Return a vertical axis; ends that meet are moved apart."""
    return Axis(label, low, high if high > low else low + 1, height - FOOT, TOP)


def curve(css: str, xs: Sequence[Number], ys: Sequence[Number], x: Axis, y: Axis) -> Shape:
    """Return a curve that breaks where a number is missing; a lone point becomes a dot."""
    parts: list[str] = []
    pen = False
    for at, value in zip(xs, ys, strict=True):
        if at is None or value is None:
            pen = False
            continue
        parts.append(f"{'L' if pen else 'M'}{x(at):g} {y(value):g}" + ("" if pen else "h0"))
        pen = True
    return Shape(f"line {css}", "".join(parts))


def reference_line(x: Axis, y: Axis, ends: tuple[float, float, float, float]) -> Shape:
    """Return a thin dashed line for comparison, from (x, y) to (x, y)."""
    return Shape("floor", f"M{x(ends[0]):g} {y(ends[1]):g}L{x(ends[2]):g} {y(ends[3]):g}")


def box(x: Axis, y: Axis, left: float, right: float, low: float, high: float) -> str:
    """Return the path of a filled rectangle."""
    return f"M{x(left):g} {y(low):g}H{x(right):g}V{y(high):g}H{x(left):g}z"


def shade(n: int, most: int) -> int:
    """Return 1 to `SHADES` on a logarithmic scale; the fullest cell is darkest."""
    return SHADES if most <= 1 else 1 + round((SHADES - 1) * math.log(max(n, 1)) / math.log(most))
