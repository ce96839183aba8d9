"""How sure a number is: bootstrap over groups of related materials.

Materials of one chemical system (or the polymorphs of one compound) rise and fall together, so whole
groups are resampled (cluster bootstrap; Davison & Hinkley 1997, section 3.8). Every metric is a function of sums
over materials, so a replicate is one row of weights times the table of group sums.

The steps, each usable alone: `group_totals` (rows to groups), `pool_groups` (many groups to 4,096 blocks),
`resampling_weights`, `bootstrap_sums` (several models on the same resamples), `percentile_interval`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats

MAX_BLOCKS = 4096
"""More groups than this are pooled before they are resampled."""

MAX_UNDEFINED = 0.05
"""A metric undefined in a larger share of the replicates has no interval and no p-value."""


def group_totals(terms: ArrayLike, groups: Sequence[Hashable] | NDArray[Any]) -> Floats:
    """Return the sum of `terms` over each group, shape (n_groups, ...), groups in sorted order.

    Integer arrays are the fast path and are sorted as numbers; everything else is sorted as text. A number that no
    row carries is no group, so each group has at least one row.

    Args:
        terms: Per-material terms, shape (n_materials, n_terms) or (n_materials, n_models, n_terms).
        groups: The group of each material, length n_materials.

    Raises:
        ValueError: If the lengths differ.
    """
    terms = np.asarray(terms, float)
    if len(groups) != len(terms):
        raise ValueError(f"{len(terms)} rows but {len(groups)} groups")
    if isinstance(groups, np.ndarray) and np.issubdtype(groups.dtype, np.integer):
        return _add_up(terms, *_codes(groups))
    order = {group: i for i, group in enumerate(sorted(set(groups), key=str))}
    index = np.fromiter((order[group] for group in groups), dtype=np.intp, count=len(groups))
    return _add_up(terms, index, len(order))


def pool_groups(totals: ArrayLike, seed: int = 0) -> Floats:
    """Return group totals added up in at most 4,096 blocks, shape (min(n_groups, 4096), ...).

    Up to 4,096 groups come back as they are. More are dealt out at random to blocks whose numbers of groups differ
    by at most one; who lands where depends on `seed` and the number of groups only, so models pooled one by one
    stay paired. Sums of independent groups are independent again, so the variance of a ratio of sums is kept (the
    random group method; Wolter 2007, "Introduction to Variance Estimation", chapter 2): its bias is about -1/4096,
    and the standard error strays from the one of single groups by 1/sqrt(2 x 4096) = 1.1 % at most (one standard
    deviation), whatever the distribution. That is half the Monte-Carlo error of 1,000 replicates, 2.2 %.

    Args:
        totals: Summed terms of each group in sorted order, shape (n_groups, ...).
        seed: Seed of the random deal, not negative.
    """
    totals = np.asarray(totals, float)
    if len(totals) <= MAX_BLOCKS:
        return totals
    deal = np.random.default_rng([seed, len(totals)]).permutation(len(totals))
    return _add_up(totals, deal % MAX_BLOCKS, MAX_BLOCKS)


@lru_cache(maxsize=1)  # all subsets and models of a big board ask for the same 4,096 columns
def resampling_weights(n_groups: int, replicates: int = 1000, seed: int = 0) -> NDArray[np.unsignedinteger]:
    """Return how often each group is drawn in each replicate, shape (replicates, n_groups), read-only.

    Every row adds up to `n_groups`: n_groups draws with replacement. The type is the smallest unsigned integer that
    holds `n_groups`, two bytes for 4,096 blocks.

    Raises:
        ValueError: If `n_groups` or `replicates` is less than 1.
    """
    if n_groups < 1 or replicates < 1:
        raise ValueError(f"at least 1 group and 1 replicate are needed, not {n_groups} and {replicates}")
    rng = np.random.default_rng(seed)
    even = np.full(n_groups, 1.0 / n_groups)
    weights = np.empty((replicates, n_groups), dtype=np.min_scalar_type(n_groups))
    for rows in _chunks(replicates, n_groups):
        weights[rows] = rng.multinomial(n_groups, even, size=rows.stop - rows.start)
    weights.flags.writeable = False
    return weights


def bootstrap_sums(totals: ArrayLike | Sequence[Floats], *, replicates: int = 1000, seed: int = 0) -> Floats:
    """Return resampled sums: shape (replicates, n_terms), or (replicates, n_models, n_terms) for several models.

    All models of one call are resampled with the same weights, so a difference between two of them at one replicate
    is paired. So are calls with equal `n_groups`, `replicates` and `seed`: a model's numbers do not depend on
    who else is on the board. More than 4,096 groups are pooled (`pool_groups`; pooling beforehand changes nothing and
    saves memory). Undefined (nan throughout) with fewer than two groups.

    Args:
        totals: Summed terms of each group, shape (n_groups, n_terms) or (n_groups, n_models, n_terms), or a list
            with one (n_groups, n_terms) table for each model, groups in the same order.
        replicates: Number of resamples.
        seed: Seed of the random generator; equal seeds give equal sums.

    Raises:
        ValueError: If the tables of a list differ in shape, or `totals` is neither 2- nor 3-dimensional.
    """
    stacked = np.stack([np.asarray(t, float) for t in totals], axis=1) if isinstance(totals, list | tuple) else totals
    stacked = np.asarray(stacked, float)
    if stacked.ndim not in (2, 3):
        raise ValueError(f"totals need shape (n_groups, n_terms) or (n_groups, n_models, n_terms), not {stacked.shape}")
    if len(stacked) < 2:
        return np.full((replicates, *stacked.shape[1:]), np.nan)
    pooled = pool_groups(stacked, seed)
    tables = pooled.reshape(len(pooled), -1, pooled.shape[-1])
    weights = resampling_weights(len(pooled), replicates, seed)
    sums = np.empty((replicates, *tables.shape[1:]))
    models = [np.ascontiguousarray(tables[:, i]) for i in range(tables.shape[1])]
    for rows in _chunks(replicates, len(pooled)):
        drawn = weights[rows].astype(float)
        for i, table in enumerate(models):  # one product each: equal models get equal sums to the last bit
            sums[rows, i] = drawn @ table
    return sums.reshape(replicates, *stacked.shape[1:])


def percentile_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of one metric; (nan, nan) if over 5 % of the replicates are undefined.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.

    Args:
        values: Replicates of the metric, shape (replicates,); those that are not finite are left out.
        level: Coverage of the interval.

    Raises:
        ValueError: If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level has to lie between 0 and 1, not {level!r}")
    values = np.asarray(values, float)
    defined = values[np.isfinite(values)]
    if len(defined) == 0 or len(defined) < (1 - MAX_UNDEFINED) * len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def bootstrap_intervals(
    totals: Floats,
    metrics: Callable[[Floats], Mapping[str, Floats]],
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return a percentile interval for each metric by resampling groups with replacement.

    A metric that is undefined in more than 5 % of the replicates has the interval (nan, nan), and so has
    every metric if there are fewer than two groups.

    Args:
        totals: Summed terms of each group, shape (n_groups, n_terms).
        metrics: Function of summed terms, shape (..., n_terms), to metrics of shape (...), each a ratio of sums
            (equal if all terms double).
        replicates: Number of resamples.
        level: Coverage of the interval.
        seed: Seed of the random generator; equal seeds give equal intervals.
    """
    sums = bootstrap_sums(totals, replicates=replicates, seed=seed)
    return {key: percentile_interval(values, level=level) for key, values in metrics(sums).items()}


def _codes(groups: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Renumber integer groups as 0..n-1 in ascending order, without sorting where the numbers are small."""
    if len(groups) == 0:
        return groups.astype(np.intp), 0
    if groups.min() < 0 or groups.max() >= 4 * len(groups):
        unique, index = np.unique(groups, return_inverse=True)
        return index.astype(np.intp), len(unique)
    used = np.bincount(groups) > 0
    return (np.cumsum(used) - 1)[groups], int(used.sum())


def _add_up(terms: Floats, index: NDArray[np.intp], n: int) -> Floats:
    """Sum rows of equal index, in row order; shape (n, ...)."""
    columns = terms.reshape(len(terms), math.prod(terms.shape[1:]))
    totals = np.empty((n, columns.shape[1]))
    for i in range(columns.shape[1]):
        totals[:, i] = np.bincount(index, weights=columns[:, i], minlength=n)
    return totals.reshape(n, *terms.shape[1:])


def _chunks(replicates: int, n_groups: int) -> list[slice]:
    """Cut the replicates so that a chunk of weights takes about 32 MB."""
    size = max(1, 4_000_000 // n_groups)
    return [slice(start, min(start + size, replicates)) for start in range(0, replicates, size)]
