"""Scores beside the best that the inputs allow: as a table, and in sentences where they pass or nearly reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matdisc.scoring.base import number
from matdisc.scoring.figures import Table
from matdisc.scoring.metric import Metric, show

TOLERANCE = 1e-6
"""Share of a bound that rounding may pass."""
NEAR = 0.01
"""Distance from the highest R² within which no prediction comes that did not know the labels."""
NOTE = (
    "Rows of one formula have different labels. The last column is the best that an answer can be which is the same "
    "for all of them, found from the labels; the F1 of classes takes the best of each class apart."
)


def bounds_table(
    metrics: Sequence[Metric], columns: Mapping[str, Mapping[str, float]], best: Mapping[str, float]
) -> Table:
    """Return a table of scores by head of their column, and the best; of metrics that have one."""
    columns = {**columns, "Best from the formula": best}
    rows = [
        (
            f"{metric.label}, {metric.unit}" if metric.unit else metric.label,
            *(show(metric, number(column.get(metric.key, np.nan))) for column in columns.values()),
        )
        for metric in metrics
        if np.isfinite(best.get(metric.key, np.nan))
    ]
    return Table("bounds", "What the data allow", ("Score", *columns), rows, NOTE)


def suspicions(
    metrics: Sequence[Metric], values: Mapping[str, Any], best: Mapping[str, float], where: str, *, shared: bool
) -> list[str]:
    """Return what is too good to have been predicted from the formula, in at most two sentences.

    Args:
        metrics: Those of the task.
        values: Metrics of one protocol as a result has them.
        best: Their bounds.
        where: Name of the protocol in brackets, empty for the headline.
        shared: Whether folds of the protocol share compounds. Then errors alone are looked at: a sibling that is known
            to be stable says that a row is not, which the composition does not.
    """
    beyond, near = [], []
    for metric in metrics:
        value, bound = values.get(metric.key, {}).get("value"), best.get(metric.key, np.nan)
        if value is None or not np.isfinite(bound) or (shared and not metric.key.endswith(("_mae", "_r2"))):
            continue
        gap = (value - bound) if metric.better == "lower" else (bound - value)
        text = f"{metric.label} {value:.3f} where the bound is {bound:.3f}"
        if gap < -TOLERANCE * abs(bound):
            beyond.append(text)
        elif metric.key.endswith("_r2") and gap < NEAR < 1 - bound:
            near.append(text)
    found = []
    if beyond:
        found.append(
            f"too good for its inputs{where}: {', '.join(beyond)}; an answer that is the same for all rows of a "
            "formula cannot be better, so something else than the composition was seen"
        )
    if near:
        found.append(
            f"as if the tested rows had been learnt from{where}: {', '.join(near)}; only who knows the labels comes so "
            "close"
        )
    return found
