"""Scores of belief: answers that come as a probability between belief and plausibility, and may abstain.

`Answers` hold one fold: which alloys are High, and what a model said. `belief_metrics` scores all of it, abstentions
included: in labels they count as the majority class of the training part, in probabilities as the 0.5 that they state.
The same arithmetic takes weights of alloys, so that a bootstrap replicate and the value itself are the same lines
(`matdisc.metrics.belief_bootstrap`). Undefined is nan, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Bools, Floats, Ints
from matdisc.metrics.calibration import SHARES
from matdisc.metrics.screening import tie_ends

Counts = NDArray[Any]
"""How often each alloy counts, shape (n_rows, n_alloys): int32, or floats."""

TOP_SHARES = (0.01, 0.05, 0.2)
"""Shares of the pool for the discovery acceleration factor at k."""
COVERAGES = (0.25, 0.5, 0.75, 1.0)
"""Shares of most certain alloys at which accuracy is reported."""
N_BINS = 10
"""Bins of p_high, of equal width, for interval hits and calibration."""
MISS_LEVEL = 0.1
"""a of the interval score: a miss costs 2/a = 20 times its distance."""
CONFLICT_LIMIT = 0.5
"""Conflict from which sources are said to disagree."""
UNIGNORANT = 1 - 1e-12
"""An ignorance of at least this is 1: no evidence."""


METRICS = (
    "macro_f1", "f1_high", "mcc", "balanced_accuracy", "accuracy", "brier", "coverage", "accuracy_answered", "daf",
    "daf_max", "roc_auc", "daf_at_1", "daf_at_1_max", "daf_at_5", "daf_at_5_max", "daf_at_20", "daf_at_20_max",
    "accuracy_at_25_by_u", "accuracy_at_50_by_u", "accuracy_at_75_by_u", "accuracy_at_100_by_u", "risk_area_by_u",
    "accuracy_at_25_by_p", "accuracy_at_50_by_p", "accuracy_at_75_by_p", "accuracy_at_100_by_p", "risk_area_by_p",
    "interval_hit_rate", "interval_width", "interval_score", "ece", "conflict_median", "conflict_p90",
    "conflict_share",
)  # fmt: skip
"""Keys of `belief_metrics`, in its order."""


class Orders(NamedTuple):
    """Alloys in ascending order, each of shape (n_alloys,); equal ones stay in their order.

    Attributes:
        p_high: By probability.
        ignorance: By the width of the interval.
        uncertainty: By the nearness of the probability to 0.5.
        conflict: Those with a stated conflict, by it.
    """

    p_high: Ints
    ignorance: Ints
    uncertainty: Ints
    conflict: Ints


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers about the test part of one fold; arrays of shape (n_alloys,). Make them with `answers`.

    Attributes:
        names: Ids.
        high: Whether each alloy is High.
        p_high: Stated probability.
        belief: Lower end of the stated interval.
        plausibility: Upper end.
        abstained: Whether the model gave no answer.
        conflict: Mass on the empty set before it was normalised away; nan where a model has no such thing.
        majority_high: Whether most of the training part is High, which is what an abstention counts as.
    """

    names: tuple[str, ...]
    high: Bools
    p_high: Floats
    belief: Floats
    plausibility: Floats
    abstained: Bools
    conflict: Floats
    majority_high: bool

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ignorance(self) -> Floats:
        """Width of the interval, plausibility minus belief."""
        return self.plausibility - self.belief

    @property
    def uncertainty(self) -> Floats:
        """Nearness of p_high to 0.5, greatest (0) for abstentions."""
        return -np.where(self.abstained, 0.0, np.abs(self.p_high - 0.5))

    @property
    def predicted(self) -> Bools:
        """What is called High: p_high above 0.5. Abstentions and exactly 0.5 are the majority of the training part."""
        undecided = self.abstained | (self.p_high == 0.5)
        return np.where(undecided, self.majority_high, self.p_high > 0.5)


def answers(
    names: Sequence[str],
    high: ArrayLike,
    p_high: ArrayLike,
    *,
    majority_high: bool,
    belief: ArrayLike | None = None,
    plausibility: ArrayLike | None = None,
    abstained: ArrayLike | None = None,
    conflict: ArrayLike | None = None,
) -> Answers:
    """Return checked answers of one fold.

    Args:
        names: Ids, shape (n_alloys,).
        high: Whether each alloy is High, same shape.
        p_high: Probability of High, same shape.
        majority_high: Whether more than half of the training part is High.
        belief: Lower ends; default: p_high, as a plain probability model has it.
        plausibility: Upper ends; default: p_high.
        abstained: Abstentions; default: where plausibility minus belief is 1.
        conflict: Conflict of the sources; default: nan.

    Raises:
        ValueError: If the shapes differ, no alloy is there, or not 0 <= belief <= p_high <= plausibility <= 1.
    """
    p = np.asarray(p_high, float)
    low = p if belief is None else np.asarray(belief, float)
    up = p if plausibility is None else np.asarray(plausibility, float)
    label = np.asarray(high, bool)
    kappa = np.full(p.shape, np.nan) if conflict is None else np.asarray(conflict, float)
    silent = up - low >= UNIGNORANT if abstained is None else np.asarray(abstained, bool)
    if not (len(names),) == p.shape == low.shape == up.shape == label.shape == kappa.shape == silent.shape:
        raise ValueError(f"one-dimensional arrays of {len(names)} alloys are needed, p_high has the shape {p.shape}")
    if not len(names):
        raise ValueError("there is no alloy to score")
    slack = 1e-9
    if not np.all((low >= -slack) & (low <= p + slack) & (p <= up + slack) & (up <= 1 + slack)):
        raise ValueError("0 <= belief <= p_high <= plausibility <= 1 does not hold for every alloy")
    return Answers(tuple(names), label, p, low, up, silent, kappa, majority_high)


def belief_metrics(found: Answers) -> dict[str, float]:
    """Return every metric of one fold; the keys are `METRICS`.

    - f1_high, macro_f1, mcc, balanced_accuracy, accuracy: of labels, abstentions counted as the training majority.
      F1 is 2 tp / (2 tp + fp + fn), so it is nan only if nothing is High and nothing is called so; macro-F1 is the mean
      over both classes; MCC is nan if one class is empty in truth or calls, balanced accuracy if one is in truth.
    - roc_auc (ties count half; nan with one class), brier: of p_high.
    - coverage, and accuracy_answered on the alloys with an answer; read them together.
    - daf: precision of the High calls over prevalence, daf_max = 1 / prevalence. daf_at_K: the same in the first K % of
      the pool (rounded up) ranked by p_high, daf_at_K_max: that of a perfect ranking. Of equal probabilities it is the
      mean over all their orders, so a row that says the same of every alloy has exactly 1.
    - accuracy_at_C_by_u, accuracy_at_C_by_p: accuracy of the C % most certain, by ignorance or by |p_high - 0.5|;
      risk_area_by_u, risk_area_by_p: mean error rate over coverages of 1, 2, ..., 100 %. Equally certain alloys count
      with their mean.
    - interval_hit_rate, interval_width, interval_score: see `interval_quality`.
    - conflict_median, conflict_p90, conflict_share: share with a conflict above 0.5; nan without stated conflicts.
    - ece: mean distance of p_high and observed rate over 10 bins of equal width, weighted by alloys.
    """
    return {
        key: float(values[0]) for key, values in weighted_metrics(found, np.ones((1, len(found)), np.int32)).items()
    }


def orders(found: Answers) -> Orders:
    """Return the orders that scores of one fold are taken in; they are the same whatever the weights."""
    known = np.flatnonzero(np.isfinite(found.conflict))
    by_p, by_u, by_certainty, by_conflict = (
        np.argsort(values, kind="stable")
        for values in (found.p_high, found.ignorance, found.uncertainty, found.conflict[known])
    )
    return Orders(by_p, by_u, by_certainty, known[by_conflict])


def weighted_metrics(found: Answers, weights: Counts, sorted_by: Orders | None = None) -> dict[str, Floats]:
    """Return every metric of `belief_metrics` for each row of weights, shape (n_rows,).

    Args:
        found: Answers of one fold.
        weights: How often each alloy counts, not negative, shape (n_rows, n_alloys). A row of zeros is undefined.
            Whole numbers as int32 are summed exactly and ten times as fast as floats.
        sorted_by: The orders of these answers, where they are known.
    """
    correct = found.predicted == found.high
    by = sorted_by or orders(found)
    ranked = weights.take(by.p_high, axis=1)
    return {
        **_labels(found, correct, weights),
        **_ranking(found, by.p_high, ranked),
        **_selective(correct, found.ignorance, by.ignorance, weights, "u"),
        **_selective(correct, found.uncertainty, by.uncertainty, weights, "p"),
        **_intervals(found, by.p_high, ranked, N_BINS, MISS_LEVEL),
        **_conflict(found.conflict, by.conflict, weights),
    }


def interval_quality(
    found: Answers, weights: Counts, *, n_bins: int = N_BINS, miss_level: float = MISS_LEVEL
) -> dict[str, Floats]:
    """Return hit rate, width and score of the stated intervals, and the calibration error, shape (n_rows,) each.

    Alloys are put into bins of p_high of equal width. A bin is hit if its share of High alloys lies within its mean
    [belief, plausibility]. Bins count by their alloys. A width of 1 always hits, so read hit rate and width together;
    interval score = width + (2 / a) x distance of the share outside the interval (Winkler 1972; Gneiting & Raftery
    2007, section 6.2), lower is better.

    Args:
        found: Answers of one fold.
        weights: How often each alloy counts, shape (n_rows, n_alloys).
        n_bins: Number of bins.
        miss_level: a of the score.
    """
    order = np.argsort(found.p_high, kind="stable")
    return _intervals(found, order, weights[:, order], n_bins, miss_level)


def _intervals(found: Answers, order: Ints, weights: Counts, n_bins: int, miss_level: float) -> dict[str, Floats]:
    """Return what `interval_quality` does; the weights are in the order by p_high."""
    columns = np.stack([found.high, found.belief, found.plausibility, found.p_high, np.ones(len(found))], axis=1)[order]
    bins = np.minimum((columns[:, 3] * n_bins).astype(np.intp), n_bins - 1)
    parts = [slice(*np.searchsorted(bins, [i, i + 1])) for i in range(n_bins)]
    ranked = weights.astype(float)
    *sums, size = np.stack([ranked[:, part] @ columns[part] for part in parts]).T
    rate, low, up, p = (_ratio(column, size) for column in sums)
    outside = np.maximum(np.maximum(low - rate, rate - up), 0.0)

    def mean(values: Floats) -> Floats:
        return _ratio(np.where(size > 0, size * values, 0.0).sum(axis=1), size.sum(axis=1))

    return {
        "interval_hit_rate": mean((outside <= 1e-12).astype(float)),
        "interval_width": mean(up - low),
        "interval_score": mean(up - low + 2 / miss_level * outside),
        "ece": mean(np.abs(p - rate)),
    }


def _labels(found: Answers, correct: Bools, weights: Counts) -> dict[str, Floats]:
    predicted, high = found.predicted, found.high
    counted = (predicted & high, predicted & ~high, ~predicted & ~high, ~predicted & high, ~found.abstained)
    columns = (*counted, correct & ~found.abstained, (found.p_high - high) ** 2)
    sums = weights @ np.stack([np.asarray(column, float) for column in columns], axis=1)
    tp, fp, tn, fn, answered, right, squares = sums.T
    n = tp + fp + tn + fn
    f1_high, f1_low = _ratio(2 * tp, 2 * tp + fp + fn), _ratio(2 * tn, 2 * tn + fp + fn)
    return {
        "macro_f1": (f1_high + f1_low) / 2,
        "f1_high": f1_high,
        "mcc": _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
        "balanced_accuracy": (_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2,
        "accuracy": _ratio(tp + tn, n),
        "brier": _ratio(squares, n),
        "coverage": _ratio(answered, n),
        "accuracy_answered": _ratio(right, answered),
        "daf": _ratio(_ratio(tp, tp + fp), _ratio(tp + fn, n)),
        "daf_max": _ratio(n, tp + fn),
    }


def _ranking(found: Answers, order: Ints, ranked: Counts) -> dict[str, Floats]:
    """What the order by p_high tells: the chance that a High alloy is ranked above a Low one, ties half
    (Mann-Whitney), and the share of High alloys in the first part of the pool."""
    every, some = _by_ties(found.p_high[order], ranked, found.high[order])
    n, n_high = every[:, -1], some[:, -1].astype(float)
    low = (every - some).astype(float)
    above = np.einsum("ij,ij->i", np.diff(some, axis=1).astype(float), low[:, 1:] + low[:, :-1]) / 2
    metrics = {"roc_auc": _ratio(above, n_high * low[:, -1])}
    k = np.ceil(np.multiply.outer(TOP_SHARES, n) - 1e-9)
    expected = n_high - np.transpose([np.interp(*row) for row in zip((n - k).T, every, some, strict=True)])
    for share, tried, met in zip(TOP_SHARES, k, expected, strict=True):
        key = f"daf_at_{100 * share:.0f}"
        metrics[key] = _ratio(_ratio(met, tried), _ratio(n_high, n))
        metrics[f"{key}_max"] = _ratio(np.minimum(1.0, _ratio(n_high, tried)), _ratio(n_high, n))
    return metrics


def _by_ties(ascending: Floats, weights: Counts, counted: Bools) -> tuple[Counts, Counts]:
    """Cumulated weight of all alloys and of those that count, at the end of each group of ties, from 0 on.

    Linear between those ends is the mean over all orders of equal values. Shapes (n_rows, 1 + n_groups).
    """
    ends = tie_ends(ascending)
    every, some = (np.zeros((len(weights), 1 + len(ends)), weights.dtype) for _ in range(2))
    parts = [weights, weights * counted]
    if len(ends) < len(ascending):  # to add up the ties first is cheaper
        starts = np.concatenate([[0], ends[:-1]])
        parts = [np.add.reduceat(part, starts, axis=1, dtype=weights.dtype) for part in parts]
    for part, out in zip(parts, (every, some), strict=True):
        np.cumsum(part, axis=1, out=out[:, 1:])
    return every, some


def risks(correct: Bools, uncertainty: Floats, weights: Counts) -> Floats:
    """Return the error rate of the most certain alloys at each of `SHARES`, shape (n_rows, 100); ties with their mean.

    Args:
        correct: Whether each alloy is called rightly, shape (n_alloys,).
        uncertainty: The most uncertain are left out first, same shape.
        weights: How often each alloy counts, shape (n_rows, n_alloys).
    """
    return _risks(correct, uncertainty, np.argsort(uncertainty, kind="stable"), weights)


def _risks(correct: Bools, uncertainty: Floats, order: Ints, weights: Counts) -> Floats:
    kept, wrong = _by_ties(uncertainty[order], weights.take(order, axis=1), ~correct[order])
    wanted = SHARES * kept[:, -1:]
    return _ratio([np.interp(*row) for row in zip(wanted, kept, wrong, strict=True)], wanted)


def _selective(correct: Bools, uncertainty: Floats, order: Ints, weights: Counts, by: str) -> dict[str, Floats]:
    risk = _risks(correct, uncertainty, order, weights)
    places = {share: int(np.argmin(np.abs(SHARES - share))) for share in COVERAGES}
    return {
        **{f"accuracy_at_{100 * share:.0f}_by_{by}": 1 - risk[:, place] for share, place in places.items()},
        f"risk_area_by_{by}": risk.mean(axis=1),
    }


def _conflict(conflict: Floats, order: Ints, weights: Counts) -> dict[str, Floats]:
    nothing = np.full(len(weights), np.nan)
    if not len(order):
        return {"conflict_median": nothing, "conflict_p90": nothing, "conflict_share": nothing}
    values, ranked = conflict[order], weights.take(order, axis=1)
    ends = tie_ends(values)
    starts = np.concatenate([[0], ends[:-1]])
    if len(ends) < len(values):
        values, ranked = values[starts], np.add.reduceat(ranked, starts, axis=1, dtype=weights.dtype)
    below = np.cumsum(ranked, axis=1, dtype=weights.dtype)
    n = below[:, -1]

    def quantile(level: float) -> Floats:
        """Smallest conflict that a share of `level` does not exceed."""
        places = [np.searchsorted(row, level * row[-1] - 1e-9) for row in below]
        return np.where(n > 0, values[np.minimum(places, len(values) - 1)], np.nan)

    share = _ratio(ranked[:, values > CONFLICT_LIMIT].sum(axis=1), n)
    return {"conflict_median": quantile(0.5), "conflict_p90": quantile(0.9), "conflict_share": share}


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Elementwise quotient; nan where the denominator is 0 or nan."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    out = np.full(top.shape, np.nan)
    return np.asarray(np.divide(top, bottom, out=out, where=bottom > 0))
