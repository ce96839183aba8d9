"""Curves and histograms behind the plots, small enough for a page: a few hundred numbers from any number of rows.

Bins are open on the left and closed on the right, (a, b], up to 1e-9 eV/atom, so that a threshold on a bin edge
splits the bins just as `e <= threshold` splits the rows. Nan or infinite energies mean "no answer".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats, Ints
from matdisc.metrics.screening import Ranking, ranking_of, same_length
from matdisc.metrics.stability import COUNTS, TERMS, TOLERANCE, is_stable, metrics_from_totals

SWEEP = np.arange(-20, 41) / 200
"""Thresholds of `threshold_sweep`: -0.1 to 0.2 in steps of 0.005 eV/atom."""

ROLLING_LOW, ROLLING_STEP, ROLLING_POINTS, ROLLING_BINS = -0.4, 0.01, 101, 4
HISTOGRAM_LOW, HISTOGRAM_STEP, HISTOGRAM_BINS = -0.4, 0.01, 100
PARITY_LOW, PARITY_STEP, PARITY_BINS = -0.4, 0.02, 60


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Receiver operating characteristic; `e_pred` is the highest energy called stable at a point, eV/atom."""

    fpr: Floats
    tpr: Floats
    e_pred: Floats
    auc: float


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Precision over recall; `e_pred` is the highest energy called stable at a point, eV/atom."""

    recall: Floats
    precision: Floats
    e_pred: Floats
    average_precision: float


@dataclass(frozen=True, slots=True)
class RollingMae:
    """Mean absolute error, eV/atom, of the `count` rows whose true hull distance is near `e_hull`, eV/atom."""

    e_hull: Floats
    mae: Floats
    count: Ints


@dataclass(frozen=True, slots=True)
class HullHistogram:
    """Rows over hull distance, one histogram for each of tp, fn, fp, tn."""

    edges: Floats
    """Shape (n_bins + 1,), eV/atom."""
    counts: dict[str, Ints]
    """Shape (n_bins + 2,) each; the first and last number are the rows below and above all edges."""
    missing: dict[str, int]
    """Rows that have no such energy."""


@dataclass(frozen=True, slots=True)
class ParityDensity:
    """Predicted against true hull distance: only the cells that hold rows, sorted by true, then predicted bin."""

    edges: Floats
    """Shape (n_bins + 1,), eV/atom, of both axes."""
    true_bin: Ints
    pred_bin: Ints
    count: Ints
    outside: int
    """Rows beyond the edges."""
    missing: int
    """Rows without one of the energies."""


def roc_curve(stable: ArrayLike, e_pred: ArrayLike, *, n_points: int = 200, ranking: Ranking | None = None) -> RocCurve:
    """Return false and true positive rate for every cut of the predicted hull distance, and the area below.

    Ties share one step, as in scikit-learn with the score -e_pred; rows without an answer are the last step, at
    `e_pred` inf. The first point (0, 0) has `e_pred` -inf. The area is exact (all steps, trapezoid rule). Of
    more than `n_points` steps some are dropped: each of those lies within 2 / (n_points - 1) of a kept one
    (change of fpr plus change of tpr); on smooth curves the area below the kept ones is off by about 1e-5.
    Without stable rows tpr and area are nan, without unstable ones fpr and area. Fawcett (2006), Pattern
    Recognit. Lett. 27, 861.

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        e_pred: Predicted hull distances, same shape, eV/atom; nan means no answer, ranked last.
        n_points: Most points to return.
        ranking: The same rows after `rank_materials`, to sort once for several metrics.

    Raises:
        ValueError: If the shapes differ or `n_points` is below 2.
    """
    ranking = ranking_of(stable, e_pred, ranking)
    tp, fp = _from_zero(ranking.hits), _from_zero(ranking.screened - ranking.hits)
    positive, negative = tp[-1] or np.nan, fp[-1] or np.nan
    auc = float(np.sum(np.diff(fp) * (tp[1:] + tp[:-1])) / 2 / (positive * negative))
    tpr, fpr = tp / positive, fp / negative
    kept = _thin(np.nan_to_num(tpr) + np.nan_to_num(fpr), n_points)
    return RocCurve(fpr[kept], tpr[kept], _cuts(ranking)[kept], auc)


def precision_recall_curve(
    stable: ArrayLike, e_pred: ArrayLike, *, n_points: int = 200, ranking: Ranking | None = None
) -> PrecisionRecallCurve:
    """Return precision and recall for every cut of the predicted hull distance, and the average precision.

    Average precision is the sum over steps of (gain in recall) * precision, exact, without interpolation. Ties
    share one step, as in scikit-learn with the score -e_pred; rows without an answer are the last step, at
    `e_pred` inf. Recall rises; the first point (recall 0, precision 1, `e_pred` -inf) is a convention. Of more
    than `n_points` steps some are dropped: from each of those to a kept one recall changes by at most
    2 / (n_points - 1) and the number of rows called stable by a factor of at most
    (n_materials + 1)^(2 / (n_points - 1)), 1.13 at the full WBM set. Without stable rows recall and average
    precision are nan.

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        e_pred: Predicted hull distances, same shape, eV/atom; nan means no answer, ranked last.
        n_points: Most points to return.
        ranking: The same rows after `rank_materials`, to sort once for several metrics.

    Raises:
        ValueError: If the shapes differ or `n_points` is below 2.
    """
    ranking = ranking_of(stable, e_pred, ranking)
    tp, screened = _from_zero(ranking.hits), _from_zero(ranking.screened)
    positive = tp[-1] or np.nan
    precision, recall = np.ones(len(tp)), tp / positive
    np.divide(tp, screened, out=precision, where=screened > 0)
    average = float(np.sum(np.diff(tp) * precision[1:]) / positive)
    kept = _thin(np.nan_to_num(recall) + np.log1p(screened) / np.log1p(max(ranking.n, 1)), n_points)
    return PrecisionRecallCurve(recall[kept], precision[kept], _cuts(ranking)[kept], average)


def rolling_mae(e_true: ArrayLike, e_pred: ArrayLike, *, min_count: int = 10) -> RollingMae:
    """Return the mean absolute error within 0.02 eV/atom of each true hull distance from -0.4 to 0.6 eV/atom.

    Windows are (e - 0.02, e + 0.02], one every 0.01 eV/atom, so neighbours share rows. Nan where a window holds
    fewer than `min_count` rows that have both energies.

    Args:
        e_true: Reference hull distances, shape (n_materials,), eV/atom, nan where none exists.
        e_pred: Predicted hull distances, same shape; nan means no answer.
        min_count: Fewest rows that make a mean.

    Raises:
        ValueError: If the shapes differ.
    """
    true, pred = _both_known(*_energies(e_true, e_pred))
    n_bins = ROLLING_POINTS + ROLLING_BINS - 1
    index = _bin(true, ROLLING_LOW - ROLLING_BINS / 2 * ROLLING_STEP, ROLLING_STEP, n_bins)
    count, total = (
        np.convolve(np.bincount(index, weights, n_bins + 2)[1:-1], np.ones(ROLLING_BINS), "valid")
        for weights in (None, np.abs(pred - true))
    )
    mae = np.full(ROLLING_POINTS, np.nan)
    np.divide(total, count, out=mae, where=count >= max(min_count, 1))
    return RollingMae(_edges(ROLLING_LOW, ROLLING_STEP, ROLLING_POINTS - 1), mae, count.astype(np.int64))


def threshold_sweep(
    e_true: ArrayLike, e_pred: ArrayLike, *, thresholds: Sequence[float] | Floats = SWEEP
) -> dict[str, Floats]:
    """Return threshold, f1, precision, recall, daf and prevalence for thresholds that move truth and prediction.

    Each array has shape (n_thresholds,) and equals `stability_metrics` at that threshold; undefined is nan, as there.

    Args:
        e_true: Reference hull distances, shape (n_materials,), eV/atom; nan counts as unstable.
        e_pred: Predicted hull distances, same shape; nan means no answer, read as "unstable".
        thresholds: Highest hull distances still called stable, eV/atom, ascending.

    Raises:
        ValueError: If the shapes differ or the thresholds do not ascend.
    """
    true, pred = _energies(e_true, e_pred)
    grid = np.asarray(thresholds, float)
    if grid.ndim != 1 or not np.all(np.isfinite(grid)) or np.any(np.diff(grid) <= 0):
        raise ValueError(f"thresholds have to be finite and ascending, not {list(grid)}")
    n_stable, n_called, tp = (_at_or_below(values, grid) for values in (true, pred, np.maximum(true, pred)))
    totals = np.zeros((len(grid), len(TERMS)))
    columns = {"tp": tp, "fp": n_called - tp, "tn": len(true) - n_stable - n_called + tp, "fn": n_stable - tp}
    for name in COUNTS:
        totals[:, TERMS.index(name)] = columns[name]
    metrics = metrics_from_totals(totals)
    return {"threshold": grid} | {key: metrics[key] for key in ("f1", "precision", "recall", "daf", "prevalence")}


def hull_distance_histogram(
    e_true: ArrayLike, e_pred: ArrayLike, *, threshold: float = 0.0, axis: Literal["pred", "true"] = "pred"
) -> HullHistogram:
    """Return how true and false positives and negatives spread over the hull distance, -0.4 to 0.6 eV/atom.

    Bins are 0.01 eV/atom wide; with a threshold on a bin edge each bin holds either positives or negatives only
    (on the predicted axis). No row is lost: the counts and `missing` add up to n_materials.

    Args:
        e_true: Reference hull distances, shape (n_materials,), eV/atom; nan counts as unstable.
        e_pred: Predicted hull distances, same shape; nan means no answer, read as "unstable".
        threshold: Highest hull distance still called stable, eV/atom.
        axis: Whether rows are placed by predicted or by true hull distance.

    Raises:
        ValueError: If the shapes differ or the axis is another word.
    """
    if axis not in ("pred", "true"):
        raise ValueError(f"the axis is 'pred' or 'true', not {axis!r}")
    true, pred = _energies(e_true, e_pred)
    kind = 2 * ~is_stable(true, threshold) + (is_stable(pred, threshold) == is_stable(true, threshold))
    values = pred if axis == "pred" else true
    known, width = ~np.isnan(values), HISTOGRAM_BINS + 2
    index = _bin(values[known], HISTOGRAM_LOW, HISTOGRAM_STEP, HISTOGRAM_BINS)
    counts = np.bincount(kind[known] * width + index, minlength=4 * width).reshape(4, width)
    missing = np.bincount(kind[~known], minlength=4)
    names = ("fn", "tp", "fp", "tn")
    return HullHistogram(
        _edges(HISTOGRAM_LOW, HISTOGRAM_STEP, HISTOGRAM_BINS),
        dict(zip(names, counts, strict=True)),
        dict(zip(names, missing.tolist(), strict=True)),
    )


def parity_density(e_true: ArrayLike, e_pred: ArrayLike) -> ParityDensity:
    """Return the counts of a 60 x 60 histogram of predicted against true hull distance, -0.4 to 0.8 eV/atom.

    Counts, `outside` and `missing` add up to n_materials.

    Args:
        e_true: Reference hull distances, shape (n_materials,), eV/atom, nan where none exists.
        e_pred: Predicted hull distances, same shape; nan means no answer.

    Raises:
        ValueError: If the shapes differ.
    """
    both = _energies(e_true, e_pred)
    row, column = (_bin(values, PARITY_LOW, PARITY_STEP, PARITY_BINS) for values in _both_known(*both))
    width = PARITY_BINS + 2
    cells = np.bincount(row * width + column, minlength=width**2).reshape(width, width)[1:-1, 1:-1]
    true_bin, pred_bin = np.nonzero(cells)
    edges, outside = _edges(PARITY_LOW, PARITY_STEP, PARITY_BINS), len(row) - int(cells.sum())
    return ParityDensity(edges, true_bin, pred_bin, cells[true_bin, pred_bin], outside, len(both[0]) - len(row))


def _from_zero(cumulative: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), cumulative])


def _cuts(ranking: Ranking) -> Floats:
    return np.concatenate([[-np.inf], np.where(np.isnan(ranking.e_pred), np.inf, ranking.e_pred)])


def _thin(position: Floats, n_points: int) -> Ints:
    """Indices of at most n_points points: the first at or after each step of an even grid over ascending `position`."""
    if n_points < 2:
        raise ValueError(f"a curve needs at least 2 points, not {n_points}")
    if len(position) <= n_points:
        return np.arange(len(position))
    return np.unique(np.searchsorted(position, np.linspace(position[0], position[-1], n_points)))


def _energies(e_true: ArrayLike, e_pred: ArrayLike) -> tuple[Floats, Floats]:
    true, pred = np.asarray(e_true, float), np.asarray(e_pred, float)
    same_length(e_true=true, e_pred=pred)
    return np.where(np.isfinite(true), true, np.nan), np.where(np.isfinite(pred), pred, np.nan)


def _both_known(true: Floats, pred: Floats) -> tuple[Floats, Floats]:
    known = ~(np.isnan(true) | np.isnan(pred))
    return true[known], pred[known]


def _at_or_below(values: Floats, thresholds: Floats) -> Ints:
    """Number of values called stable at each threshold, by the rule of `is_stable`."""
    first = np.searchsorted(thresholds + TOLERANCE, values)  # nan comes after the last
    return np.cumsum(np.bincount(first, minlength=len(thresholds) + 1))[: len(thresholds)]


def _bin(values: Floats, low: float, width: float, n: int) -> Ints:
    """Bin of each value: 1 to n within the range, 0 below, n + 1 above."""
    return np.clip(np.ceil((values - (low + TOLERANCE)) / width), 0, n + 1).astype(np.int64)


def _edges(low: float, width: float, n: int) -> Floats:
    return np.round(low + width * np.arange(n + 1), 9)
