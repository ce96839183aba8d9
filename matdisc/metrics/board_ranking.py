"""Who leads, and who only seems to: ranks, rank intervals and tie groups from shared bootstrap resamples.

All functions take one metric of m models; replicates of different models at the same index come from the same resample
(`bootstrap_sums` with all models), or comparisons would not be paired. Rank 1 is best.

Two readings, both stated on the board: a rank interval says where a model may stand, a tie group says whom the data
cannot tell from the group's leader. Bootstrap ranks of nearly equal models are biased towards the middle (Hall & Miller
2009, Ann. Stat. 37, 3929), so the interval always includes the rank found on all materials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats, Ints
from matdisc.metrics.comparison import bootstrap_p_value, holm, subtract


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The order of m models in one metric and how sure it is; arrays in the order the models were given."""

    rank: Ints  # (m,), on all materials; equal models share a rank
    low: Ints  # (m,), best rank of the interval
    high: Ints  # (m,), worst rank of the interval
    first: Floats  # (m,), share of the replicates in which the model leads; a shared lead is divided
    p_values: Floats  # (m, m), two-sided, Holm-corrected over all pairs; 1 on the diagonal
    tie_group: Ints  # (m,), 1 for the models that cannot be told from the best, 2 for the next, ...


def rank_models(values: ArrayLike, *, higher_is_better: bool) -> Ints:
    """Return 1 + the number of strictly better models; equal models share a rank, undefined ones share the last.

    Values that differ by float noise only are equal (`comparison.subtract`).

    Args:
        values: One metric of each model, shape (..., n_models); not finite means undefined.
        higher_is_better: True for F1, False for an error.
    """
    scores = _scores(values, higher_is_better)
    rank = np.ones(scores.shape, dtype=np.int64)
    for i in range(scores.shape[-1]):
        other = scores[..., i : i + 1]
        better = subtract(other, scores) > 0  # False where either is undefined
        rank += better | (np.isfinite(other) & ~np.isfinite(scores))
    return rank


def rank_intervals(
    values: ArrayLike, replicates: ArrayLike, *, higher_is_better: bool, level: float = 0.95
) -> tuple[Ints, Ints]:
    """Return best and worst rank of each model's interval, each of shape (n_models,).

    Percentiles of the rank over the replicates, rounded outwards to ranks that occur, widened where needed to include
    the rank on all materials. A replicate in which the metric is undefined ranks the model last.

    Args:
        values: The metric on all materials, shape (n_models,).
        replicates: The metric on shared resamples, shape (replicates, n_models).
        higher_is_better: True for F1, False for an error.
        level: Coverage of the interval, for each model by itself.

    Raises:
        ValueError: If the shapes do not fit or the level is not between 0 and 1.
    """
    values, replicates = _checked(values, replicates)
    if not 0 < level < 1:
        raise ValueError(f"the level has to lie between 0 and 1, not {level!r}")
    rank = rank_models(values, higher_is_better=higher_is_better)
    drawn = rank_models(replicates, higher_is_better=higher_is_better)
    low = np.percentile(drawn, 50 * (1 - level), axis=0, method="lower")
    high = np.percentile(drawn, 50 * (1 + level), axis=0, method="higher")
    return np.minimum(low, rank), np.maximum(high, rank)


def probability_first(replicates: ArrayLike, *, higher_is_better: bool) -> Floats:
    """Return the share of replicates in which each model leads, shape (n_models,).

    k models that share the lead get 1/k each; an undefined metric never leads. The shares add up to 1 unless all
    models are undefined in some replicates.

    Args:
        replicates: The metric on shared resamples, shape (replicates, n_models).
        higher_is_better: True for F1, False for an error.
    """
    replicates = np.asarray(replicates, float)
    leads = rank_models(replicates, higher_is_better=higher_is_better) == 1
    leads &= np.isfinite(replicates)
    return np.asarray((leads / np.maximum(leads.sum(axis=1, keepdims=True), 1)).mean(axis=0))


def pairwise_p_values(replicates: ArrayLike, n_groups: int | None = None) -> Floats:
    """Return two-sided p-values of every pair, Holm-corrected over all pairs; symmetric, shape (n_models, n_models).

    `bootstrap_p_value` of the paired difference; 1 on the diagonal. nan for a pair whose difference is undefined in
    more than 5 % of the replicates; such a pair is no test and does not count in the correction.

    Args:
        replicates: The metric on shared resamples, shape (replicates, n_models).
        n_groups: Number of groups that were drawn; default: so many that nothing needs widening.
    """
    replicates = np.asarray(replicates, float)
    n_models = replicates.shape[1]
    first, second = np.triu_indices(n_models, k=1)
    table = np.ones((n_models, n_models))
    single = np.empty(len(first))
    for i in range(n_models):  # one model against all after it: memory of (replicates, n_models)
        if i + 1 < n_models:
            apart = subtract(replicates[:, i : i + 1], replicates[:, i + 1 :])
            single[first == i] = bootstrap_p_value(apart, n_groups)
    table[first, second] = table[second, first] = holm(single)
    return table


def tie_groups(values: ArrayLike, p_values: ArrayLike, *, higher_is_better: bool, alpha: float = 0.05) -> Ints:
    """Return the tie group of each model, 1 for the best, shape (n_models,).

    Walk down the ranking. The first model leads group 1. Each further model joins the present group unless its
    corrected p-value against that group's leader is at most `alpha`; then it leads the next group. A p-value of nan
    tells nothing apart, so the model joins. Models whose metric is undefined on all materials form a last group of
    their own. Groups are consecutive in rank; two members other than the leader may still differ from each other.

    Args:
        values: The metric on all materials, shape (n_models,).
        p_values: Corrected p-values of all pairs, shape (n_models, n_models).
        higher_is_better: True for F1, False for an error.
        alpha: Level at which two models count as different.

    Raises:
        ValueError: If `p_values` is not a square table over the models.
    """
    scores, p_values = _scores(values, higher_is_better), np.asarray(p_values, float)
    if scores.ndim != 1 or p_values.shape != (len(scores), len(scores)):
        raise ValueError(f"{scores.shape} models need a square table of p-values, not {p_values.shape}")
    groups = np.zeros(len(scores), dtype=np.int64)
    defined = np.isfinite(scores)
    group, leader = 0, -1
    for model in np.argsort(np.where(defined, -scores, np.inf), kind="stable")[: defined.sum()]:
        if leader < 0 or p_values[leader, model] <= alpha:
            group, leader = group + 1, model
        groups[model] = group
    groups[~defined] = group + 1
    return groups


def rank_board(
    values: ArrayLike,
    replicates: ArrayLike,
    *,
    higher_is_better: bool,
    n_groups: int | None = None,
    level: float = 0.95,
    alpha: float = 0.05,
) -> Ranking:
    """Return ranks, rank intervals, chances of being first, corrected p-values and tie groups of one board.

    Args:
        values: The metric on all materials, shape (n_models,).
        replicates: The metric on shared resamples, shape (replicates, n_models).
        higher_is_better: True for F1, False for an error.
        n_groups: Number of groups that were drawn, for p-values; default: so many that nothing needs widening.
        level: Coverage of each rank interval.
        alpha: Family-wise level at which two models count as different.

    Raises:
        ValueError: If the shapes do not fit or the level is not between 0 and 1.
    """
    values, replicates = _checked(values, replicates)
    low, high = rank_intervals(values, replicates, higher_is_better=higher_is_better, level=level)
    p_values = pairwise_p_values(replicates, n_groups)
    return Ranking(
        rank=rank_models(values, higher_is_better=higher_is_better),
        low=low,
        high=high,
        first=probability_first(replicates, higher_is_better=higher_is_better),
        p_values=p_values,
        tie_group=tie_groups(values, p_values, higher_is_better=higher_is_better, alpha=alpha),
    )


def _scores(values: ArrayLike, higher_is_better: bool) -> Floats:
    """Values with the best highest, nan where they are not finite."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), values if higher_is_better else -values, np.nan)


def _checked(values: ArrayLike, replicates: ArrayLike) -> tuple[Floats, Floats]:
    values, replicates = np.asarray(values, float), np.asarray(replicates, float)
    if values.ndim != 1 or replicates.ndim != 2 or replicates.shape[1:] != values.shape or len(replicates) == 0:
        raise ValueError(f"shapes (m,) and (replicates, m) are needed, not {values.shape} and {replicates.shape}")
    return values, replicates
