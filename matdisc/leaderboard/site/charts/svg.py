"""Line plots, stacked bars and heat maps as paths in user units; the template turns them into SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matdisc.leaderboard.site.charts.ticks import Tick, round_step
from matdisc.leaderboard.site.tables.format import Number, figure

WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT = 460, 300, 52, 14, 28, 44
MOST_ROWS = 25
"""Rows of the table beside a chart; the whole data lie in the file it links to."""

NUMERIC = re.compile(r"[<>+−–-]? ?\d")
"""How the text of a number begins."""


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
        values = _log_values(self.low, self.high) if self.log else _linear_values(self.low, self.high)
        return tuple(Tick(self(value), text) for value, text in values)


@dataclass(frozen=True, slots=True)
class Names:
    """An axis of names at places of their own; without lines, which would show through blank cells."""

    label: str
    ticks: tuple[Tick, ...]
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A named curve or set of points; `css` is its class, which carries colour and dashes.

    With a `marker` its points are drawn; `x_ends` and `y_ends` are the lower and upper ends of intervals around them.
    """

    name: str
    css: str
    xs: Sequence[Number]
    ys: Sequence[Number]
    marker: str = ""
    x_ends: tuple[Sequence[Number], Sequence[Number]] | None = None
    y_ends: tuple[Sequence[Number], Sequence[Number]] | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A path with its class; a hatched one is drawn again with stripes, a `title` is shown under the pointer."""

    css: str
    d: str
    hatched: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A line of the legend; without a class it has a marker only."""

    css: str
    text: str
    area: bool = False
    hatched: bool = False
    marker: Shape | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The numbers of a chart as text, and whether some were left out."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int

    @property
    def numeric(self) -> tuple[bool, ...]:
        return numeric_columns(self.rows)


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished drawing; `label` says in words what it shows."""

    key: str
    title: str
    note: str
    x: Axis | Names
    y: Axis | Names
    shapes: tuple[Shape, ...]
    legend: tuple[Key, ...]
    label: str
    sheet: Sheet
    width: int = WIDTH
    height: int = HEIGHT

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


def x_axis(label: str, low: float, high: float, *, log: bool = False) -> Axis:
    """Return a horizontal axis; ends that meet are moved apart."""
    if high <= low:
        low, high = (low / 2, low * 2) if log else (low - 0.5, low + 0.5)
    return Axis(label, low, high, LEFT, WIDTH - RIGHT, log)


def y_axis(label: str, low: float, high: float, *, height: int = HEIGHT) -> Axis:
    """Return a vertical axis; ends that meet are moved apart."""
    return Axis(label, low, high if high > low else low + 1, height - FOOT, TOP)


def curve(series: Series, x: Axis, y: Axis) -> Shape:
    """Return a curve that breaks where a number is missing; a lone point becomes a dot."""
    parts: list[str] = []
    pen = False
    for at, value in zip(series.xs, series.ys, strict=True):
        if at is None or value is None:
            pen = False
            continue
        parts.append(f"{'L' if pen else 'M'}{x(at):g} {y(value):g}" + ("" if pen else "h0"))
        pen = True
    return Shape(f"line {series.css}", "".join(parts))


def rule(x: Axis, y: Axis, start: tuple[float, float], stop: tuple[float, float]) -> Shape:
    """Return a thin dashed line for comparison."""
    return Shape("floor", f"M{x(start[0]):g} {y(start[1]):g}L{x(stop[0]):g} {y(stop[1]):g}")


def box(x: Axis, y: Axis, left: float, right: float, low: float, high: float) -> str:
    """Return the path of a filled rectangle."""
    return f"M{x(left):g} {y(low):g}H{x(right):g}V{y(high):g}H{x(left):g}z"


def defined(series: Iterable[Series]) -> list[Series]:
    """Return the series that have at least one point."""
    return [s for s in series if any(a is not None and b is not None for a, b in zip(s.xs, s.ys, strict=True))]


def known(numbers: Iterable[Number]) -> list[float]:
    """Return the numbers that are defined."""
    return [number for number in numbers if number is not None]


def round_up(value: float) -> float:
    """Return a round number that is at least `value`, 1 for nothing above zero."""
    if value <= 0:
        return 1.0
    step = round_step(value)
    return math.ceil(value / step - 1e-9) * step


def sheet(head: Sequence[str], columns: Sequence[Sequence[Number | str]]) -> Sheet:
    """Return at most `MOST_ROWS` rows of the columns, evenly spread, first and last among them."""
    n = len(columns[0])
    last = min(n, MOST_ROWS) - 1
    places = range(n) if n <= MOST_ROWS else [round(i * (n - 1) / last) for i in range(MOST_ROWS)]
    rows = tuple(tuple(cell_text(column[i]) for column in columns) for i in places)
    return Sheet(tuple(head), rows, n)


def cell_text(cell: Number | str) -> str:
    """Return text as it is, and a number as `figure` prints it."""
    return cell if isinstance(cell, str) else figure(cell)


def numeric_columns(rows: Sequence[Sequence[str]]) -> tuple[bool, ...]:
    """Return for each column whether it is set as numbers: some cell begins with one, or none holds a word."""
    return tuple(
        any(NUMERIC.match(cell) for cell in column) or all(cell in ("", "–") for cell in column)
        for column in zip(*rows, strict=True)
    )


def _linear_values(low: float, high: float) -> list[tuple[float, str]]:
    step = round_step(0.8 * (high - low))
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(i * step, f"{i * step:,.{places}f}".replace("-", "−")) for i in range(first, last + 1)]


def _log_values(low: float, high: float) -> list[tuple[float, str]]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    values = [factor * 10.0**power for power in powers for factor in factors]
    return [(v, f"{v:,.0f}") for v in values if low <= v * (1 + 1e-9) and v <= high * (1 + 1e-9)]
