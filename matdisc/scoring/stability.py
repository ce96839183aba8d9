"""Bounds and baselines of stability labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from matdisc.arrays import Bools
from matdisc.datasets.truth import Truth
from matdisc.metrics.stability import TERMS, all_stable_baseline, metrics_from_totals
from matdisc.scoring.answers import ABSURD
from matdisc.scoring.verdicts import (
    FN,
    FP,
    TN,
    TP,
    Judged,
    masked_sum,
    number,
)
from matdisc.tasks.task import Task

BOUNDED = ("f1", "daf", "precision", "recall", "accuracy")


def bounds(judged: Judged, keep: Bools) -> dict[str, dict[str, float | None]]:
    """Return the classification metrics if missing answers were all wrong, left out, or all right; and MAE at worst.

    `pessimistic`: a missing row gets the wrong label, and 5 eV/atom of error. `headline`: missing means unstable.
    `complete_case`: missing rows are removed, and the prevalence is taken anew. `optimistic`: the right label.
    F1 grows in this order.
    """
    assert judged.verdicts is not None
    totals = masked_sum(judged.terms, keep)
    missing = keep & ~judged.answered
    stable = int((missing & judged.verdicts.stable).sum())
    unstable = int((missing & judged.verdicts.labelled).sum()) - stable
    variants = {name: totals.copy() for name in ("pessimistic", "headline", "complete_case", "optimistic")}
    variants["pessimistic"][[TN, FP]] += [-unstable, unstable]
    variants["complete_case"][[FN, TN]] -= [stable, unstable]
    variants["optimistic"][[FN, TP]] += [-stable, stable]
    found: dict[str, dict[str, float | None]] = {}
    for name, sums in variants.items():
        metrics = metrics_from_totals(sums)
        found[name] = {key: number(metrics[key]) for key in BOUNDED}
    n, error = totals[TERMS.index("n_error")], totals[TERMS.index("abs_error")]
    lost = int(missing.sum())
    found["pessimistic"]["mae"] = number((error + ABSURD * lost) / (n + lost)) if n else None
    found["complete_case"]["mae"] = number(error / n) if n else None
    return found


def _dummy(task: Task, truth: Truth, keep: Bools, result: dict[str, Any]) -> dict[str, float | None]:
    """All-stable values of the classification metrics; MAE and RMSE of predicting the mean of the labels."""
    values = {key: number(value) for key, value in all_stable_baseline(result["prevalence"] or 0.0).items()}
    if task.needs_references:
        e_form = truth.target("e_form_per_atom")[keep]
        values["mae"] = number(np.abs(e_form - e_form.mean()).mean())
        values["rmse"] = number(e_form.std())
        values["r2"] = None
    return values
