"""How sure a number is: bootstrap over groups of related materials.

Materials of one chemical system (or the polymorphs of one compound) rise and fall together, so whole
groups are resampled (cluster bootstrap; Davison & Hinkley 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def group_totals(terms: Floats, groups: Sequence[Hashable]) -> Floats:
    """Return the sum of `terms` over each group, shape (n_groups, n_terms), groups in sorted order.

    Args:
        terms: Per-material terms, shape (n_materials, n_terms).
        groups: The group of each material, length n_materials.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(groups) != len(terms):
        raise ValueError(f"{len(terms)} rows but {len(groups)} groups")
    order = {group: i for i, group in enumerate(sorted(set(groups), key=str))}
    index = np.fromiter((order[group] for group in groups), dtype=np.intp, count=len(groups))
    totals = np.zeros((len(order), terms.shape[1]))
    np.add.at(totals, index, terms)
    return totals


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
        metrics: Function of summed terms, shape (..., n_terms), to metrics of shape (...).
        replicates: Number of resamples.
        level: Coverage of the interval.
        seed: Seed of the random generator; equal seeds give equal intervals.
    """
    n_groups = len(totals)
    if n_groups < 2:
        return {key: (float("nan"), float("nan")) for key in metrics(totals.sum(axis=0))}
    rng = np.random.default_rng(seed)
    sums = np.empty((replicates, totals.shape[1]))
    even = np.full(n_groups, 1.0 / n_groups)
    chunk = max(1, 4_000_000 // n_groups)  # bounds the memory of the resampling weights to about 32 MB
    for start in range(0, replicates, chunk):
        stop = min(start + chunk, replicates)
        sums[start:stop] = rng.multinomial(n_groups, even, size=stop - start) @ totals
    tails = [50 * (1 - level), 50 * (1 + level)]
    return {key: _interval(values, tails) for key, values in metrics(sums).items()}


def _interval(values: Floats, tails: list[float]) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if len(defined) < 0.95 * len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, tails)
    return float(low), float(high)
