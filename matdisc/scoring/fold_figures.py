"""Figures of stated probabilities, of one protocol: risk against coverage, intervals, reliability, conflict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.metrics import belief
from matdisc.metrics.calibration import SHARES
from matdisc.scoring.figures import Bars, Figure, Line
from matdisc.scoring.folds import Folds

CONFLICT_EDGES = np.linspace(0.0, 1.0, 21)
DIAGONAL = (0.0, 0.0, 1.0, 1.0)
NARROW = 0.002
"""Mean intervals up to this width are none."""
STATED = "stated probability of High (mean of the bin)"
OBSERVED = "share that is High"


def fold_figures(folds: Folds, section: str) -> list[Figure]:
    """Return every figure of one protocol under the heading `section`."""
    bins = interval_bins(folds)
    return [
        *_risks(risk_coverage(folds), section),
        _intervals(bins, section),
        _reliability(bins, section),
        *_conflict(np.concatenate([fold.conflict for fold in folds]), section),
    ]


def risk_coverage(folds: Folds) -> dict[str, Floats]:
    """Return the mean over folds of the error rate among the most certain, by ignorance and by probability.

    `least` is what the same calls could reach if all errors came last. The shares are `SHARES`.
    """
    curves: dict[str, list[Floats]] = {"by_u": [], "by_p": [], "least": []}
    for fold in folds:
        correct, one = fold.predicted == fold.high, np.ones((1, len(fold)))
        curves["by_u"].append(belief.risks(correct, fold.ignorance, one)[0])
        curves["by_p"].append(belief.risks(correct, fold.uncertainty, one)[0])
        curves["least"].append(np.maximum(0.0, 1.0 - correct.mean() / SHARES))
    return {key: np.mean(rows, axis=0) for key, rows in curves.items()}


def interval_bins(folds: Folds) -> dict[str, Any]:
    """Return mean belief and plausibility beside the observed share of High in bins of p_high; empty bins fall out.

    Keys: `n`, `p_high`, `belief`, `plausibility`, `rate`, and `hit`: whether the rate lies within the interval.
    """
    p, low, up, high = (
        np.concatenate([np.asarray(column, float) for column in columns])
        for columns in zip(*((f.p_high, f.belief, f.plausibility, f.high) for f in folds), strict=True)
    )
    place = np.minimum((p * belief.N_BINS).astype(np.int64), belief.N_BINS - 1)
    count = np.bincount(place, minlength=belief.N_BINS)
    some = np.flatnonzero(count)
    means = {
        name: np.bincount(place, column, belief.N_BINS)[some] / count[some]
        for name, column in (("p_high", p), ("belief", low), ("plausibility", up), ("rate", high))
    }
    hit = (means["belief"] - 1e-12 <= means["rate"]) & (means["rate"] <= means["plausibility"] + 1e-12)
    return {"n": count[some], **means, "hit": hit}


def _risks(found: dict[str, Floats], section: str) -> Iterator[Figure]:
    """Yield one figure for each order, so that several models can be drawn over each other in each."""
    for key, order, name in (("by_u", "ignorance", "by ignorance"), ("by_p", "probability", "by |p − 0.5|")):
        yield Figure(
            f"risk-{order}", f"Errors among the most certain by {order}", "share answered, most certain first",
            "share wrong", [Line(name, SHARES, found[key]), Line("perfect order", SHARES, found["least"])],
            note="flat: its certainty tells nothing", section=section, overlay=True,
        )  # fmt: skip


def _intervals(bins: dict[str, Any], section: str) -> Figure:
    """Return mean belief to plausibility as bars around the mean stated probability, and the observed share."""
    p, hit = bins["p_high"], bins["hit"]
    lines = []
    stated = bool((bins["plausibility"] - bins["belief"] > NARROW).any())
    if stated:
        lines.append(
            Line("stated, belief to plausibility", p, p, _answers(bins), y_low=bins["belief"],
                 y_high=bins["plausibility"])
        )  # fmt: skip
    for name, some in (("observed, inside", hit), ("observed, outside", ~hit)):
        if some.any():
            lines.append(Line(name, p[some], bins["rate"][some], _answers(bins, some)))
    inside = int(bins["n"][hit].sum())
    note = f"{inside:,} of {int(bins['n'].sum()):,} answers lie in bins that hit" if stated else "no interval is stated"
    return Figure(
        "intervals", "Stated interval and observed share", STATED, OBSERVED, lines, note=note, reference=DIAGONAL,
        section=section,
    )  # fmt: skip


def _answers(bins: dict[str, Any], some: Bools | slice = slice(None)) -> list[str]:
    """Name the bins by their number of answers."""
    return [f"{n:,} answer{'s' if n != 1 else ''}" for n in bins["n"][some].tolist()]


def _reliability(bins: dict[str, Any], section: str) -> Figure:
    n = bins["n"]
    error = float((n * np.abs(bins["p_high"] - bins["rate"])).sum() / n.sum())
    return Figure(
        "reliability", "Reliability", STATED, OBSERVED, [Line("", bins["p_high"], bins["rate"])], reference=DIAGONAL,
        note=f"calibration error over all folds together {error:.3f}; dashed: calibrated", section=section,
    )  # fmt: skip


def _conflict(conflict: Floats, section: str) -> Iterator[Figure]:
    """Yield the histogram of the conflict, shape (n_answers,), nan where none is stated; nothing if that is all."""
    known = conflict[np.isfinite(conflict)]
    counts = np.histogram(known, CONFLICT_EDGES)[0]
    if counts.any():
        unknown = len(conflict) - len(known)
        yield Figure(
            "conflict", "Conflict", "conflict of the sources", "answers", bars=[Bars("", CONFLICT_EDGES, counts)],
            note=f"{unknown:,} answers without" if unknown else "0: no source contradicts another", section=section,
        )  # fmt: skip
