"""The numbers Matbench Discovery publishes, in its own order of operations and with its own roundings.

Riebesell et al. 2025, Nat. Mach. Intell. 7, 836 (https://matbench-discovery.materialsproject.org). Use `stability` for
anything else: rounding turns barely unstable materials into stable ones, there is no tolerance against float noise,
and one DAF divides by a fixed prevalence taken from other labels than its precision. Here all that is deliberate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Bools, Floats

OUTLIER = 5.0
"""eV/atom; a prediction farther than this from the true formation energy counts as missing."""

UNIQUE_PREVALENCE = 32942 / 215488
"""Share of WBM's unique prototypes with an unrounded hull distance <= 0."""

MOST_STABLE = 10_000
DIGITS = 3

SUBSETS = ("full_test_set", "unique_prototypes", "most_stable_10k")
METRICS = (
    "F1", "DAF", "Precision", "Recall", "Accuracy", "TPR", "FPR", "TNR", "FNR", "TP", "FP", "TN", "FN",
    "MAE", "RMSE", "R2", "missing_preds",
)  # fmt: skip


def matbench_discovery(
    e_form_true: ArrayLike,
    e_hull_true: ArrayLike,
    e_form_pred: ArrayLike,
    unique: ArrayLike | None,
    *,
    unique_prevalence: float = UNIQUE_PREVALENCE,
) -> dict[str, dict[str, float]]:
    """Return Matbench Discovery's metrics of its three subsets, as stored: 3 decimals, counts as integers.

    Of a table that does not say which prototypes are unique, such as a sample of it, the full set alone.

    In this order: (1) a prediction with |p - F| > 5 eV/atom, F unrounded, or one that is not finite becomes nan;
    (2) E, F and p are rounded to 3 decimals by NumPy; (3) q = (E + p) - F from left to right, no tolerance;
    (4) labels E <= 0 and q <= 0, nan is called unstable, a row without true hull distance counts in no cell;
    (5) `most_stable_10k` holds the 10,000 unique rows of lowest q, nan last, ties in the order of the rows;
    (6) MAE, RMSE and R2 of q against E where both exist; (7) DAF = precision over the rounded prevalence of the full
    set, but over `unique_prevalence` in the other two; (8) Python's `round(x, 3)`.

    Undefined is nan: Precision and DAF if nothing is called stable, Recall, TPR and FNR if nothing is stable, F1 if
    either is undefined or both are 0, FPR and TNR if everything is stable, MAE and RMSE without a row, R2 with
    fewer than two. R2 of equal true values is 1 if they are met exactly, else 0 (as in scikit-learn). The DAF of the
    full set is nan too if nothing is stable.

    Args:
        e_form_true: F, formation energies in the row order of the truth file, shape (n_materials,), eV/atom.
        e_hull_true: E, hull distances, same shape, eV/atom.
        e_form_pred: p, predicted formation energies, same shape, eV/atom; nan where there is no answer.
        unique: Whether each row is a unique prototype, same shape; None where nobody knows.
        unique_prevalence: Share of stable materials that the DAF of the two unique subsets divides by.

    Raises:
        ValueError: If the shapes differ, are not one-dimensional, or the prevalence is not in (0, 1].
    """
    formation, hull, predicted = (np.asarray(x, float) for x in (e_form_true, e_hull_true, e_form_pred))
    known = unique is not None
    unique = np.asarray(unique, bool) if known else np.ones(formation.shape, bool)
    if formation.ndim != 1 or not formation.shape == hull.shape == predicted.shape == unique.shape:
        shapes = f"{formation.shape}, {hull.shape}, {predicted.shape}, {unique.shape}"
        raise ValueError(f"shapes of e_form_true, e_hull_true, e_form_pred, unique have to be equal, 1-d: {shapes}")
    if not 0 < unique_prevalence <= 1:
        raise ValueError(f"a prevalence lies above 0 and up to 1, not {unique_prevalence!r}")
    predicted = drop_outliers(formation, predicted)
    true = np.round(hull, DIGITS)
    answer = np.round(predicted, DIGITS)
    guess = (true + answer) - np.round(formation, DIGITS)
    full = np.ones(len(true), bool)
    rows = dict(zip(SUBSETS, (full, unique, most_stable(guess, unique)), strict=True)) if known else {SUBSETS[0]: full}
    missing = np.isnan(predicted)
    return {
        name: _stored(true[keep], guess[keep], missing[keep], None if name == SUBSETS[0] else unique_prevalence)
        for name, keep in rows.items()
    }


def drop_outliers(e_form_true: ArrayLike, e_form_pred: ArrayLike) -> Floats:
    """Return the predictions with nan in place of outliers and infinities; exactly 5 eV/atom off is kept.

    Args:
        e_form_true: Formation energies as stored (unrounded), eV/atom.
        e_form_pred: Predicted formation energies, same shape, eV/atom.
    """
    true, predicted = np.asarray(e_form_true, float), np.asarray(e_form_pred, float)
    predicted = np.where(np.isfinite(predicted), predicted, np.nan)
    return np.where(np.abs(predicted - true) > OUTLIER, np.nan, predicted)


def most_stable(e_hull_pred: ArrayLike, unique: ArrayLike, *, count: int = MOST_STABLE) -> Bools:
    """Return which unique rows are the `count` of lowest predicted hull distance, nan last, ties in row order.

    Args:
        e_hull_pred: Predicted hull distances, shape (n_materials,), eV/atom.
        unique: Whether each row is a unique prototype, same shape.
        count: Number of rows to keep; all unique rows if there are fewer.
    """
    predicted, candidates = np.asarray(e_hull_pred, float), np.flatnonzero(np.asarray(unique, bool))
    keep = np.zeros(predicted.shape, bool)
    keep[candidates[np.argsort(predicted[candidates], kind="stable")[:count]]] = True
    return keep


def _stored(true: Floats, guess: Floats, missing: Bools, prevalence: float | None) -> dict[str, float]:
    """Metrics of one subset as Matbench Discovery stores them; `prevalence` None means the subset's own."""
    stable, unstable, predicted = true <= 0, true > 0, guess <= 0  # comparisons with nan are False
    tp, fn = int((stable & predicted).sum()), int((stable & ~predicted).sum())
    fp, tn = int((unstable & predicted).sum()), int((unstable & ~predicted).sum())
    precision, recall = _share(tp, tp + fp), _share(tp, tp + fn)
    if prevalence is None:
        prevalence = _share(tp + fn, tp + fn + fp + tn)
    values = {
        "F1": _share(2 * precision * recall, precision + recall),
        "DAF": _share(precision, prevalence),
        "Precision": precision,
        "Recall": recall,
        "Accuracy": _share(tp + tn, tp + fn + fp + tn),
        "TPR": recall,
        "FPR": _share(fp, tn + fp),
        "TNR": _share(tn, tn + fp),
        "FNR": _share(fn, tp + fn),
        **_regression(true, guess),
    }
    stored = {key: round(value, DIGITS) for key, value in values.items()}
    counts = {"TP": tp, "FP": fp, "TN": tn, "FN": fn, "missing_preds": int(missing.sum())}
    return {key: counts[key] if key in counts else stored[key] for key in METRICS}


def _regression(true: Floats, guess: Floats) -> dict[str, float]:
    """MAE, RMSE and R2 over the rows that have both values."""
    known = np.isfinite(true) & np.isfinite(guess)
    true, guess = true[known], guess[known]
    if len(true) == 0:
        return {"MAE": float("nan"), "RMSE": float("nan"), "R2": float("nan")}
    square = (true - guess) ** 2
    scatter, error = float(((true - true.mean()) ** 2).sum()), float(square.sum())
    r2 = 1 - error / scatter if scatter > 0 else float(error == 0)
    return {
        "MAE": float(np.abs(true - guess).mean()),
        "RMSE": float(square.mean() ** 0.5),
        "R2": r2 if len(true) > 1 else float("nan"),
    }


def _share(part: float, whole: float) -> float:
    """Quotient; nan if the denominator is 0 or nan."""
    return part / whole if whole > 0 else float("nan")
