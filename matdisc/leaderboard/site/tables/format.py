"""The metrics that tables can show, and how their values are printed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matdisc.scoring.metric import Metric
from matdisc.tasks import TASKS

METRICS: dict[str, Metric] = {}
for _metric in (metric for task in TASKS.values() for metric in task.metrics):
    METRICS.setdefault(_metric.key, _metric)
"""All metrics in the order of the columns; of one that several tasks have, the first task's."""

COVERAGE: dict[str, str] = {
    "expected": "materials in the set",
    "answered": "usable answers: ok and unconverged",
    "ok": "answered as asked",
    "unconverged": "answered, but a relaxation did not converge or a run was ended early; the value still counts",
    "abstained": "answered, but without an opinion: the interval is 0 to 1",
    "unsupported": "refused by the model, e.g. an unknown element",
    "timed_out": "given up after the time limit",
    "failed": "ended with an error",
    "absent": "not in the predictions file",
    "non_finite": "answered with NaN or an infinity",
    "absurd": "dropped: more than 5 eV/atom from the reference, or no possible value",
    "surplus": "in the predictions file, but not in the set; passed over and not counted above",
}
"""What each count of the coverage block means, in reading order."""


def metric_anchor(metric: Metric) -> str:
    """Return the id of a metric's definition: its key, with the task's before it where another task came first."""
    if METRICS.get(metric.key) == metric:
        return metric.key
    task = next((task.key for task in TASKS.values() if metric in task.metrics), "other")
    return f"{task}-{metric.key}"


Number = float | None
NUMERIC = re.compile(r"[<>+−–-]? ?\d")
"""How the text of a number begins."""


def format_number(value: Number) -> str:
    """Return a number with four digits and a real minus; an en dash where it is undefined."""
    if value is None:
        return "–"
    value += 0.0  # no minus before a zero
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    return text.replace("-", "−")


def cell_text(cell: Number | str) -> str:
    """Return text as it is, and a number as `format_number` prints it."""
    return cell if isinstance(cell, str) else format_number(cell)


def printed(rows: Sequence[Sequence[Number | str]]) -> list[tuple[str, ...]]:
    """Return the cells of a table as text; numbers of one column have the same decimals if each keeps two digits."""
    columns = [_column(column) for column in zip(*rows, strict=True)]
    return list(zip(*columns, strict=True))


def _column(cells: Sequence[Number | str]) -> list[str]:
    sizes = [abs(cell) for cell in cells if isinstance(cell, float | int) and cell]
    whole = all(size == int(size) for size in sizes)
    places = 0 if whole else max(0, 4 - len(str(int(max(sizes)))))
    if not sizes or any(isinstance(cell, str) for cell in cells) or (not whole and min(sizes) < 10 ** (1 - places)):
        return list(map(cell_text, cells))
    return ["–" if cell is None else f"{float(cell) + 0.0:,.{places}f}".replace("-", "−") for cell in cells]


def numeric_columns(rows: Sequence[Sequence[Number | str]]) -> tuple[bool, ...]:
    """Return for each column whether it is set as numbers: some cell begins with one, or none holds a word."""
    return tuple(
        any(NUMERIC.match(cell) for cell in column) or all(cell in ("", "–") for cell in column)
        for column in zip(*(map(cell_text, row) for row in rows), strict=True)
    )


def percent(share: Number) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
