"""The metrics a table can show: label, unit, direction, format, definition, undefined case."""

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

    @property
    def first_direction(self) -> str:
        """Sort direction of the first click: best first."""
        return "ascending" if self.better == "lower" else "descending"


_NEVER = "Always defined."
_NO_ROWS = "Undefined without a row that has both energies."


def _table() -> dict[str, Metric]:
    share: Form = "number"
    ev = "eV/atom"
    rows: list[Metric] = [
        Metric("f1", "F1", None, "higher", 3, share,
               "Harmonic mean of precision and recall of the stable class; the board is sorted by it.",
               "2 · precision · recall / (precision + recall)",
               "Undefined if precision or recall is, or if both are 0.", chart=True),
        Metric("daf", "DAF", None, "higher", 2, share,
               "Discovery acceleration factor: how many times more often a material that the model calls stable "
               "is stable than one picked at random. Its ceiling is 1 / prevalence.",
               "precision / prevalence", "Undefined if nothing is called stable, or nothing is."),
        Metric("precision", "Precision", None, "higher", 3, share,
               "Share of the materials called stable that are stable.",
               "TP / (TP + FP)", "Undefined if nothing is called stable."),
        Metric("recall", "Recall", None, "higher", 3, share,
               "Share of the stable materials that are called stable.",
               "TP / (TP + FN)", "Undefined if nothing is stable."),
        Metric("accuracy", "Accuracy", None, "higher", 3, share,
               "Share of all materials that are called rightly.",
               "(TP + TN) / (TP + FP + TN + FN)", "Undefined on an empty set."),
        Metric("fpr", "FPR", None, "lower", 3, share,
               "False positive rate: share of the unstable materials that are called stable.",
               "FP / (FP + TN)", "Undefined if everything is stable."),
        Metric("tnr", "TNR", None, "higher", 3, share,
               "True negative rate: share of the unstable materials that are called unstable.",
               "TN / (FP + TN)", "Undefined if everything is stable."),
        Metric("fnr", "FNR", None, "lower", 3, share,
               "False negative rate: share of the stable materials that are missed.",
               "FN / (TP + FN)", "Undefined if nothing is stable."),
        Metric("mae", "MAE", ev, "lower", 3, share,
               "Mean absolute error of the energy, over the rows that have both energies.",
               "mean |q − E|", _NO_ROWS, chart=True),
        Metric("rmse", "RMSE", ev, "lower", 3, share,
               "Root mean square error of the energy; it weighs large errors more than MAE does.",
               "√ mean (q − E)²", _NO_ROWS),
        Metric("r2", "R²", None, "higher", 3, share,
               "Share of the variance of the reference energies that the model explains; negative if it does worse "
               "than their mean.",
               "1 − Σ (q − E)² / Σ (E − mean E)²",
               "Undefined with fewer than two rows, or if all reference energies are equal."),
        Metric("tp", "TP", None, None, 0, "count", "True positives: stable, and called stable.",
               "count", _NEVER),
        Metric("fp", "FP", None, None, 0, "count", "False positives: unstable, but called stable.",
               "count", _NEVER),
        Metric("tn", "TN", None, None, 0, "count", "True negatives: unstable, and called unstable.",
               "count", _NEVER),
        Metric("fn", "FN", None, None, 0, "count", "False negatives: stable, but called unstable.",
               "count", _NEVER),
        Metric("coverage", "Coverage", "%", None, 1, "percent",
               "Share of the materials that have a usable answer. Every other one counts as called unstable.",
               "usable answers / expected answers", _NEVER),
        Metric("seconds", "Time", "s/material", None, 2, share,
               "Mean wall-clock time of one material, where the prediction came from a run of this package. Machines "
               "differ: compare with care.",
               "seconds of all materials / number of materials", "Unknown for submitted files."),
    ]  # fmt: skip
    return {metric.key: metric for metric in rows}


METRICS: dict[str, Metric] = _table()
"""All metrics in the order of the columns."""

COVERAGE: dict[str, str] = {
    "expected": "materials in the set",
    "answered": "usable answers: ok and unconverged",
    "ok": "answered as asked",
    "unconverged": "answered, but the relaxation did not converge; the value still counts",
    "unsupported": "refused by the model, e.g. an unknown element",
    "timed_out": "given up after the time limit",
    "failed": "ended with an error",
    "absent": "not in the predictions file",
    "non_finite": "answered with NaN or an infinity",
    "absurd": "dropped: more than 5 eV/atom from the reference, or no possible value",
    "surplus": "in the predictions file, but not in the set; passed over and not counted above",
}
"""What each count of the coverage block means, in reading order."""


def show(metric: Metric, value: float | None, *, decimals: int | None = None) -> str:
    """Return the value as text with the metric's fixed decimals; an en dash where it is undefined."""
    if value is None:
        return "–"
    if metric.form == "count":
        return f"{value:,.0f}"
    places = metric.decimals if decimals is None else decimals
    text = f"{100 * value if metric.form == 'percent' else value:,.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def show_interval(metric: Metric, low: float | None, high: float | None, *, decimals: int | None = None) -> str:
    """Return `low–high`, or an empty text where the interval is undefined."""
    if low is None or high is None:
        return ""
    return f"{show(metric, low, decimals=decimals)}–{show(metric, high, decimals=decimals)}"
