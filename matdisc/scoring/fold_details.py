"""What the pages of the alloys task draw: protocols, elements left out, risk-coverage, intervals, conflict, sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.metrics import belief
from matdisc.metrics.calibration import SHARES
from matdisc.scoring.folds import Folds, Protocol, against, class_rate, intervals

TITLES = {
    "interpolation-10": "Learning from a tenth",
    "kfold-5x3": "Five folds, three times",
    "kfold-5x1": "Five folds",
    "loeo": "One element left out",
    "loeo-8": "One of eight elements left out",
    "pair-out": "Two elements left out",
    "pair-out-6": "Two elements left out, six pairs",
    "experimental": "Computed labels to learn from, experiments to test",
}
CONFLICT_EDGES = np.linspace(0.0, 1.0, 21)
LEFT_OUT = "loeo"
"""How the names of protocols begin whose folds are single elements."""
BY_ELEMENT = ("coverage", "macro_f1", "f1_high", "roc_auc", "brier")
BY_SIZE = ("coverage", "accuracy", "brier", "f1_high")


def belief_details(
    found: dict[str, Protocol], null: tuple[str, dict[str, Protocol]] | None, replicates: int, seed: int
) -> dict[str, Any]:
    """Return what pages draw; undefined is nan.

    Args:
        found: The model's answers by protocol, the headline first.
        null: Name and answers of the row to compare with; None if there is none, or it is this row.
        replicates: Resamples for intervals; 0 for none.
        seed: Of the resamples.
    """
    answered = {name: p for name, p in found.items() if p.answered}
    elements = next((p for name, p in answered.items() if name.startswith(LEFT_OUT)), None)
    others = null[1] if null else {}
    return {
        "headline": next(iter(found)),
        "null": null[0] if null else None,
        "protocols": [_protocol(p, others.get(name), replicates, seed) for name, p in found.items()],
        "loeo": by_element(elements) if elements else {},
        "risk_coverage": {name: risk_coverage(p.folds) for name, p in answered.items()},
        "intervals": {name: interval_bins(p.folds) for name, p in answered.items()},
        "reliability": {name: reliability(p.folds) for name, p in answered.items()},
        "conflict": {name: conflict_histogram(p.folds) for name, p in answered.items()},
        "sizes": {name: by_size(p.folds) for name, p in answered.items()},
    }


def by_element(protocol: Protocol) -> dict[str, Any]:
    """Return base rates and metrics of each fold, which is one element left out."""
    table = [belief.belief_metrics(fold) for fold in protocol.folds]
    n_high = [int(fold.high.sum()) for fold in protocol.folds]
    return {
        "element": [fold.name for fold in protocol.tested],
        "n": [len(fold) for fold in protocol.folds],
        "n_high": n_high,
        "prevalence": [count / len(fold) for count, fold in zip(n_high, protocol.folds, strict=True)],
        "prior": [fold.prior for fold in protocol.tested],
        "majority_high": [fold.majority_high for fold in protocol.folds],
        **{key: [row[key] for row in table] for key in BY_ELEMENT},
    }


def risk_coverage(folds: Folds) -> dict[str, Floats]:
    """Return the mean over folds of the error rate among the most certain, by ignorance and by probability.

    `least` is what the same calls could reach if all errors came last.
    """
    curves: dict[str, list[Floats]] = {"by_u": [], "by_p": [], "least": []}
    for fold in folds:
        correct, one = fold.predicted == fold.high, np.ones((1, len(fold)))
        curves["by_u"].append(belief.risks(correct, fold.ignorance, one)[0])
        curves["by_p"].append(belief.risks(correct, fold.uncertainty, one)[0])
        curves["least"].append(np.maximum(0.0, 1.0 - correct.mean() / SHARES))
    return {"coverage": SHARES, **{key: np.mean(rows, axis=0) for key, rows in curves.items()}}


def interval_bins(folds: Folds) -> dict[str, Any]:
    """Return mean belief and plausibility beside the observed share of High in bins of p_high; empty bins fall out."""
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
    edges = np.arange(belief.N_BINS + 1) / belief.N_BINS
    hit = (means["belief"] - 1e-12 <= means["rate"]) & (means["rate"] <= means["plausibility"] + 1e-12)
    return {"from": edges[some], "to": edges[some + 1], "n": count[some], **means, "hit": hit.tolist()}


def reliability(folds: Folds) -> dict[str, Any]:
    """Return stated probability and observed share by bin, and the calibration error over all folds together."""
    bins = interval_bins(folds)
    n = bins["n"]
    ece = float((n * np.abs(bins["p_high"] - bins["rate"])).sum() / n.sum())
    return {"p_high": bins["p_high"], "rate": bins["rate"], "n": n, "ece": ece}


def conflict_histogram(folds: Folds) -> dict[str, Any]:
    """Return how many alloys have which conflict."""
    conflict = np.concatenate([fold.conflict for fold in folds])
    known = conflict[np.isfinite(conflict)]
    return {
        "edges": CONFLICT_EDGES,
        "count": np.histogram(known, CONFLICT_EDGES)[0],
        "n_unknown": len(conflict) - len(known),
    }


def by_size(folds: Folds) -> dict[str, Any]:
    """Return metrics by number of elements, over the alloys of all folds together."""
    lengths = [np.array([name.count("|") + 1 for name in fold.names]) for fold in folds]
    found: dict[str, list[Any]] = {key: [] for key in ("length", "n", "n_high", *BY_SIZE)}
    for length in sorted({int(n) for part in lengths for n in np.unique(part)}):
        some = [_selected(fold, part == length) for fold, part in zip(folds, lengths, strict=True)]
        high, predicted, p_high, abstained = (np.concatenate(columns) for columns in zip(*some, strict=True))
        hits = int((high & predicted).sum())
        marked = int(high.sum() + predicted.sum())
        found["length"].append(length)
        found["n"].append(len(high))
        found["n_high"].append(int(high.sum()))
        found["coverage"].append(float(1 - abstained.mean()))
        found["accuracy"].append(float((high == predicted).mean()))
        found["brier"].append(float(((p_high - high) ** 2).mean()))
        found["f1_high"].append(2 * hits / marked if marked else float("nan"))
    return found


def _selected(fold: belief.Answers, rows: Bools) -> tuple[Bools, Bools, Floats, Bools]:
    return fold.high[rows], fold.predicted[rows], fold.p_high[rows], fold.abstained[rows]


def _protocol(protocol: Protocol, null: Protocol | None, replicates: int, seed: int) -> dict[str, Any]:
    return {
        "name": protocol.name,
        "title": TITLES.get(protocol.name, protocol.name),
        "n_folds": len(protocol.folds),
        "n": protocol.n,
        "n_alloys": protocol.n_alloys,
        "n_high": protocol.n_high,
        "prevalence": protocol.n_high / protocol.n,
        "n_missing": protocol.n - protocol.answered,
        "n_abstained": protocol.n_abstained,
        "metrics": intervals(protocol, replicates, seed),
        "dummy": class_rate(protocol),
        "against_null": against(protocol, null, replicates, seed) if null else {},
    }
