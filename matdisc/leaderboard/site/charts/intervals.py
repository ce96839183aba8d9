"""Dot-and-whisker charts as coordinates; the template turns them into SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.site.charts.svg import Axis
from matdisc.leaderboard.site.charts.ticks import Tick, linear_values, log_values, round_step
from matdisc.leaderboard.site.tables.board import Row, Table, full_name
from matdisc.scoring.metric import Metric, show, show_interval

WIDTH, LEFT, RIGHT, TOP, STEP, FOOT = 460, 196, 18, 14, 26, 42
LABEL_LENGTH = 22
LOG_RATIOS = (8, 1000)
"""Errors that span a factor between these are drawn on a logarithmic axis; beyond, the smallest is just "zero"."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One model: its label, and the x of value, low and high."""

    label: str
    title: str
    y: float
    x: float
    low: float | None
    high: float | None
    reference: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A finished drawing in user units; `floor` is the x of the trivial answer."""

    metric: Metric
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    floor: float | None
    log: bool
    height: int
    left_out: int
    label: str
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP

    @property
    def has_intervals(self) -> bool:
        return _any_interval(self.marks)

    @property
    def has_references(self) -> bool:
        return any(mark.reference for mark in self.marks)

    @property
    def base(self) -> int:
        """Where the axis lies."""
        return self.height - FOOT


def make_charts(table: Table, most: int) -> list[Chart]:
    """Return a chart for each drawn metric that at least one row has."""
    charts = [make_chart(table, metric, most) for metric in table.columns if metric.chart]
    return [chart for chart in charts if chart is not None]


def make_chart(table: Table, metric: Metric, most: int) -> Chart | None:
    """Return the chart of one metric, best first and at most `most` rows; None without a defined value."""
    sign = 1 if metric.better == "lower" else -1
    found = [(row, _triple(row, metric)) for row in table.rows]
    known = sorted(((row, t) for row, t in found if t), key=lambda item: sign * item[1][0])
    shown = known[:most]
    if not shown:
        return None
    floor = table.first.baseline.get(metric.key)
    numbers = [x for _, triple in shown for x in triple if x is not None] + ([] if floor is None else [floor])
    scale, ticks = make_scale(numbers, bounded=metric.better == "higher")
    marks = tuple(_mark(row, triple, metric, scale, i) for i, (row, triple) in enumerate(shown))
    return Chart(
        metric=metric,
        marks=marks,
        ticks=tuple(Tick(scale(value), _tick(metric, value, text)) for value, text in ticks),
        floor=None if floor is None else scale(floor),
        log=scale.log,
        height=TOP + STEP * len(marks) + FOOT,
        left_out=len(known) - len(shown),
        label=_label(table, metric, marks),
    )


def make_scale(numbers: Sequence[float], *, bounded: bool) -> tuple[Axis, list[tuple[float, str]]]:
    """Return a scale with round ends and its ticks; `bounded` values stay within 0 and 1."""
    low, high = min(numbers), max(numbers)
    if not bounded and low > 0 and LOG_RATIOS[0] < high / low < LOG_RATIOS[1]:
        values = [value for value, _ in log_values(low / 10, high * 10)]
        low, high = max(v for v in values if v <= low), min(v for v in values if v >= high)
        ticks = log_values(low, high)
        return _axis(low, high, log=True), ticks[:: 1 + (len(ticks) > 8)]
    if not bounded:
        low = min(low, 0.0)
    step = round_step((high - low) or abs(high) or 1.0)
    start, stop = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if stop == start:
        start, stop = start - 1, stop + 1
    if bounded:
        start, stop = max(start, 0), min(stop, round(1 / step))
    return _axis(start * step, stop * step), linear_values(start * step, stop * step, step)


def _axis(low: float, high: float, *, log: bool = False) -> Axis:
    return Axis("", low, high, LEFT, WIDTH - RIGHT, log)


def _tick(metric: Metric, value: float, text: str) -> str:
    return f"{100 * value:.0f}" if metric.form == "percent" else text


def _triple(row: Row, metric: Metric) -> tuple[float, float | None, float | None] | None:
    value = row.result.value(metric.key)
    return None if value is None or value.value is None else (value.value, value.low, value.high)


def _mark(row: Row, triple: tuple[float, float | None, float | None], metric: Metric, scale: Axis, index: int) -> Mark:
    value, low, high = triple
    name = full_name(row)
    short = name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1].rstrip() + "…"
    interval = show_interval(metric, low, high)
    title = f"{name}: {show(metric, value)}" + (f" ({interval})" if interval else "")
    return Mark(
        label=short,
        title=title,
        y=TOP + STEP * (index + 0.5),
        x=scale(value),
        low=None if low is None or high is None else scale(low),
        high=None if low is None or high is None else scale(high),
        reference=row.reference,
    )


def _label(table: Table, metric: Metric, marks: Sequence[Mark]) -> str:
    unit = f" in {metric.unit}" if metric.unit else ""
    told = "; ".join(mark.title for mark in marks[:12])
    intervals = " with 95 % intervals" if _any_interval(marks) else ""
    return f"{metric.label}{unit}{intervals} on {table.dataset.title}. {told}."


def _any_interval(marks: Sequence[Mark]) -> bool:
    return any(mark.low is not None for mark in marks)
