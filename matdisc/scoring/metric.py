"""How the metrics of each kind of task are named, printed and explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]
Form = Literal["number", "percent", "count"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is named, printed, explained and shaded.

    Attributes:
        key: Name in the result file.
        label: Column header.
        unit: Printed under the header; None for pure numbers.
        better: Which direction is good; None where neither is (counts, cost): no shading.
        decimals: Digits after the point, the same in the whole column.
        form: `percent` prints a share times 100.
        help: One sentence for the tooltip and the methods page.
        formula: Plain-text definition.
        undefined: When there is no value.
        chart: Whether a dataset's page draws it with its intervals.
        main: Whether a table shows it at first, where the settings do not choose.
    """

    key: str
    label: str
    unit: str | None
    better: Better | None
    decimals: int
    form: Form
    help: str
    formula: str
    undefined: str
    chart: bool = False
    main: bool = False

    @property
    def first_direction(self) -> str:
        """Sort direction of the first click: best first."""
        return "ascending" if self.better == "lower" else "descending"


_NEVER = "Always defined."
SECONDS = Metric(
    "seconds", "Time", "s/material", None, 2, "number",
    "Mean wall-clock time of one material, where the prediction came from a run of this package. Machines "
    "differ: compare with care.",
    "seconds of all materials / number of materials", "Unknown for submitted files.",
)  # fmt: skip
"""Of every task."""
_SPEED = Metric(
    "crystals_per_cpu_hour", "Speed", "crystals/CPU hour", None, 0, "count",
    "Materials that a run of this package finished in an hour of one processor core, loading of the model included. "
    "Processors differ: compare with care; with a GPU this is not the cost that counts.",
    "materials / CPU time", "Unknown for submitted files.",
)  # fmt: skip


def _coverage(said: str) -> Metric:
    return Metric("coverage", "Coverage", "%", None, 1, "percent", said, "usable answers / expected answers", _NEVER,
                  main=True)  # fmt: skip


def show(metric: Metric, value: float | None, *, decimals: int | None = None) -> str:
    """Return the value as text with the metric's fixed decimals; an en dash where it is undefined."""
    if value is None:
        return "–"
    if metric.form == "count":
        return f"{value:,.0f}"
    places = metric.decimals if decimals is None else decimals
    text = f"{100 * value if metric.form == 'percent' else value:,.{places}f}"
    if text[0] == "-" and not text.strip("-0.,"):  # no minus before a zero
        text = text[1:]
    return text.replace("-", "−")


def show_interval(metric: Metric, low: float | None, high: float | None, *, decimals: int | None = None) -> str:
    """Return `low–high`, or an empty text where the interval is undefined."""
    if low is None or high is None:
        return ""
    return f"{show(metric, low, decimals=decimals)}–{show(metric, high, decimals=decimals)}"
