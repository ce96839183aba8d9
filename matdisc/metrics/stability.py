"""Stability metrics: is a material on (or near) the convex hull, and did the model say so?

Every metric here is a function of sums over materials (true positives, squared errors, ...). `row_terms`
gives each material's share of those sums; adding rows up and calling `metrics_from_totals` gives the metrics.
So the headline value and each bootstrap replicate come from the same few lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Bools, Floats

TOLERANCE = 1e-9
"""eV/atom added to a threshold, so that float noise of about 1e-16 cannot flip a label."""


TERMS = ("tp", "fp", "tn", "fn", "n_error", "abs_error", "sq_error", "true", "sq_true")
"""Columns of `row_terms`; the last five cover the rows that have both energies."""

METRICS = (
    "f1", "daf", "precision", "recall", "accuracy", "fpr", "tnr", "fnr", "prevalence", "mae", "rmse", "r2",
)  # fmt: skip
COUNTS = ("tp", "fp", "tn", "fn")


def is_stable(e_above_hull: ArrayLike, threshold: float = 0.0) -> Bools:
    """Return which hull distances count as stable: `e <= threshold + 1e-9`; nan counts as unstable.

    Args:
        e_above_hull: Hull distances, any shape, eV/atom.
        threshold: Highest hull distance still called stable, eV/atom.

    Raises:
        ValueError: If the threshold is not a finite number.
    """
    if not np.isfinite(threshold):
        raise ValueError(f"the threshold has to be a finite number of eV/atom, not {threshold!r}")
    with np.errstate(invalid="ignore"):
        return np.asarray(np.asarray(e_above_hull, float) <= threshold + TOLERANCE)


def row_terms(
    stable: ArrayLike,
    predicted: ArrayLike,
    e_true: ArrayLike,
    e_pred: ArrayLike,
    *,
    labelled: ArrayLike | None = None,
) -> Floats:
    """Return each material's contribution to the sums behind all metrics, shape (n_materials, 9).

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        called: Whether the model calls it stable; False where there is no answer.
        e_true: Reference energies, eV/atom, nan where none exists.
        e_pred: Predicted energies on the same scale, nan where there is no answer.
        labelled: Whether it is known if each material is stable; the others count in errors only. Default: all are.

    Raises:
        ValueError: If the shapes differ.
    """
    stable, predicted = np.asarray(stable, bool), np.asarray(predicted, bool)
    judged = np.ones(stable.shape, bool) if labelled is None else np.asarray(labelled, bool)
    e_true, e_pred = np.asarray(e_true, float), np.asarray(e_pred, float)
    if not stable.shape == predicted.shape == e_true.shape == e_pred.shape:
        shapes = f"{stable.shape}, {predicted.shape}, {e_true.shape}, {e_pred.shape}"
        raise ValueError(f"shapes of stable, called, e_true, e_pred differ: {shapes}")
    known = np.isfinite(e_true) & np.isfinite(e_pred)
    true = np.where(known, e_true, 0.0)
    error = np.where(known, e_pred, 0.0) - true
    columns = (
        judged & stable & predicted, judged & ~stable & predicted,
        judged & ~stable & ~predicted, judged & stable & ~predicted,
        known, np.abs(error), error**2, true, true**2,
    )  # fmt: skip
    terms = np.empty((*stable.shape, len(TERMS)))
    for i, column in enumerate(columns):
        terms[..., i] = column
    return terms


def metrics_from_totals(totals: ArrayLike) -> dict[str, Floats]:
    """Return every metric from summed `row_terms`; works on any leading shape, e.g. (replicates, 9).

    Undefined is nan: precision (and DAF, F1) if nothing is called stable, recall if nothing is stable, F1 also
    if precision and recall are both 0, MAE and RMSE without a row that has both energies, R2 with fewer
    than two such rows or if all reference energies are equal.
    """
    totals = np.asarray(totals, float)
    tp, fp, tn, fn, n, abs_error, sq_error, true, sq_true = np.moveaxis(totals, -1, 0)
    total = tp + fp + tn + fn
    precision, recall = _ratio(tp, tp + fp), _ratio(tp, tp + fn)
    prevalence = _ratio(tp + fn, total)
    fpr = _ratio(fp, fp + tn)
    mean_sq = _ratio(sq_error, n)
    scatter = np.maximum(sq_true - _ratio(true**2, n), 0.0)
    floor = 1e-14 * np.maximum(sq_true, 1e-280)  # less scatter than this is float noise, and would overflow below
    return {
        "f1": _ratio(2 * precision * recall, precision + recall),
        "daf": _ratio(precision, prevalence),
        "precision": precision,
        "recall": recall,
        "accuracy": _ratio(tp + tn, total),
        "fpr": fpr,
        "tnr": _ratio(tn, fp + tn),
        "fnr": _ratio(fn, tp + fn),
        "prevalence": prevalence,
        "mae": _ratio(abs_error, n),
        "rmse": np.sqrt(mean_sq),
        "r2": 1.0 - _ratio(sq_error, np.where((n >= 2) & (scatter > floor), scatter, 0.0)),
    }


def stability_metrics(e_true: ArrayLike, e_pred: ArrayLike, *, threshold: float = 0.0) -> dict[str, float]:
    """Return all metrics of predicted against true hull distances; undefined ones are nan.

    Args:
        e_true: Reference hull distances, shape (n_materials,), eV/atom.
        e_pred: Predicted hull distances, same shape; nan means no answer and is read as "unstable".
        threshold: Highest hull distance still called stable, eV/atom.
    """
    terms = row_terms(is_stable(e_true, threshold), is_stable(e_pred, threshold), e_true, e_pred)
    return {key: float(value) for key, value in metrics_from_totals(terms.sum(axis=0)).items()}


def f1_score(stable: ArrayLike, predicted: ArrayLike) -> float:
    """Return the harmonic mean of precision and recall; nan where either is undefined or both are 0."""
    nothing = np.full(np.shape(stable), np.nan)
    return float(metrics_from_totals(row_terms(stable, predicted, nothing, nothing).sum(axis=0))["f1"])


def discovery_acceleration_factor(
    e_true: ArrayLike, e_pred: ArrayLike, *, threshold: float = 0.0, prevalence: float | None = None
) -> float:
    """Return precision of the stable class over its prevalence; nan if nothing is called stable, or nothing is.

    The ceiling is 1 / prevalence; picking at random gives 1.

    Args:
        e_true: Reference hull distances, shape (n_materials,), eV/atom.
        e_pred: Predicted hull distances, same shape; nan means no answer, read as "unstable".
        threshold: Highest hull distance still called stable, eV/atom.
        prevalence: Share of stable materials to divide by; default: that of `e_true`.
    """
    metrics = stability_metrics(e_true, e_pred, threshold=threshold)
    if prevalence is None:
        return metrics["daf"]
    return metrics["precision"] / prevalence if prevalence > 0 else float("nan")


def all_stable_baseline(prevalence: float) -> dict[str, float]:
    """Return what calling everything stable scores: precision p, recall 1, F1 2p/(1+p), DAF 1."""
    p = prevalence
    nothing = p == 0
    return {
        "f1": float("nan") if nothing else 2 * p / (1 + p),
        "daf": float("nan") if nothing else 1.0,
        "precision": p,
        "recall": float("nan") if nothing else 1.0,
        "accuracy": p,
        "fpr": 1.0 if p < 1 else float("nan"),
        "tnr": 0.0 if p < 1 else float("nan"),
        "fnr": float("nan") if nothing else 0.0,
    }


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Elementwise quotient; nan where the denominator is 0 or nan."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.divide(numerator, denominator, out=out, where=denominator > 0))
