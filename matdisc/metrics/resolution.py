"""What a table of per-material values can tell: whom it tells apart, how often the lead changes, what it would take.

Rows are materials, columns are models, and each model's score is the mean or the median of its column. All models are
resampled with the same groups of materials, so every comparison is paired. Ranks, ties and p-values are those of
`board_ranking`, which the rankings of a board use too.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats, Ints
from matdisc.metrics.board_ranking import Ranking, rank_board
from matdisc.metrics.bootstrap import MAX_BLOCKS, bootstrap_sums, group_totals, percentile_interval, resampling_weights
from matdisc.metrics.comparison import Difference, difference_of, subtract

Statistic = Literal["mean", "median"]
HOPELESS = 100
"""A pair that would need more than this many times the materials at hand is as good as equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Leverage:
    """How much a single material weighs; arrays of shape (n_models,) unless said otherwise."""

    material: Ints  # row whose absence moves the model's score most
    change: Floats  # the score without it less the score
    first: Ints  # (n_materials,), the model that is first without that material; -1 where no score is defined


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Pairs of models next to each other in the order, best pair first; n_models - 1 of each."""

    better: Ints
    worse: Ints
    difference: tuple[Difference, ...]  # the better model's score less the worse one's; p-value of this pair alone
    p_corrected: Floats  # Holm-corrected over all pairs of the table
    needed: tuple[int | None, ...]  # as `materials_needed`


@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """What a table can tell; arrays in the order of its columns."""

    value: Floats
    low: Floats
    high: Floats
    ranking: Ranking
    neighbours: Neighbours
    leverage: Leverage
    n_groups: int


def resolve(
    values: ArrayLike,
    groups: Sequence[Hashable] | NDArray[np.integer] | None = None,
    *,
    higher_is_better: bool,
    statistic: Statistic = "mean",
    replicates: int = 1000,
    seed: int = 0,
) -> Resolution:
    """Return what a table of per-material values can tell about the order of its models.

    More than 4,096 groups are dealt at random into that many blocks before they are resampled (`pool_groups`).
    Intervals and p-values are nan with fewer than two groups.

    Args:
        values: One number for each material and model, shape (n_materials, n_models), all finite.
        groups: The group of each material, which is drawn as a whole; default: each material by itself.
        higher_is_better: Whether a high score is good.
        statistic: How a column becomes a score.
        replicates: Number of resamples.
        seed: Seed of the random generator; equal seeds give equal results.

    Raises:
        ValueError: If the table has fewer than two models or one material, a number is not finite, or lengths differ.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise ValueError(f"a table of materials and at least two models is needed, not shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("every number has to be finite; say first what a missing one means")
    codes, n_groups = group_codes(np.arange(len(values)) if groups is None else groups, len(values), seed)
    score = values.mean(axis=0) if statistic == "mean" else np.median(values, axis=0)
    draw = _means if statistic == "mean" else _medians
    drawn = draw(values, codes, replicates, seed)
    ranking = rank_board(score, drawn, higher_is_better=higher_is_better, n_groups=n_groups)
    ends = [percentile_interval(column) for column in drawn.T]
    return Resolution(
        value=score,
        low=np.array([low for low, _ in ends]),
        high=np.array([high for _, high in ends]),
        ranking=ranking,
        neighbours=_neighbours(score, drawn, ranking, len(values), n_groups),
        leverage=leverage(values, higher_is_better=higher_is_better, statistic=statistic),
        n_groups=n_groups,
    )


def materials_needed(n: int, detectable: float, difference: float) -> int | None:
    """Return how many materials would show a difference with 80 % power: n (detectable / difference)^2, at least 2.

    Standard errors fall with the square root of the number of materials, if new ones are like those at hand. None if
    that is more than `HOPELESS` times n, if the difference is 0, or if either is undefined.

    Args:
        n: Materials at hand.
        detectable: Smallest difference they show with 80 % power (`minimum_detectable_difference`).
        difference: The difference that is to be shown, in the same unit.
    """
    if not math.isfinite(detectable) or not math.isfinite(difference) or difference == 0:
        return None
    times = (detectable / difference) ** 2
    return None if times > HOPELESS else max(2, math.ceil(n * times - 1e-9))


def leverage(values: ArrayLike, *, higher_is_better: bool, statistic: Statistic = "mean") -> Leverage:
    """Return how far the absence of one material moves each model's score, and who is first without it.

    The change is 0 and the first model -1 for a table of one material, which has no score without it.

    Args:
        values: Shape (n_materials, n_models), finite.
        higher_is_better: Whether a high score is good.
        statistic: How a column becomes a score.
    """
    values = np.asarray(values, float)
    if len(values) < 2:
        return Leverage(np.zeros(values.shape[1], int), np.zeros(values.shape[1]), np.full(len(values), -1))
    score, without = _left_out(values, statistic)
    change = subtract(without, score)
    material = np.abs(change).argmax(axis=0)
    first = (without if higher_is_better else -without).argmax(axis=1)
    return Leverage(material, np.take_along_axis(change, material[None], axis=0)[0], first)


def group_codes(groups: Sequence[Hashable] | NDArray[np.integer], n: int, seed: int = 0) -> tuple[Ints, int]:
    """Return the number of each material's group, shape (n,), and how many groups there are.

    Groups beyond 4,096 are dealt at random into 4,096 blocks, and the numbers are those of the blocks.

    Raises:
        ValueError: If there is not one group for each material.
    """
    if len(groups) != n:
        raise ValueError(f"{n} materials but {len(groups)} groups")
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) > MAX_BLOCKS:
        deal = np.random.default_rng([seed, len(names)]).permutation(len(names))
        codes = deal[codes] % MAX_BLOCKS
    return codes.astype(np.int64), len(names)


def _left_out(values: Floats, statistic: Statistic) -> tuple[Floats, Floats]:
    """Scores of all materials, shape (n_models,), and without each one, shape of the table."""
    n = len(values)
    if statistic == "mean":
        return values.mean(axis=0), (values.sum(axis=0) - values) / (n - 1)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(n)[:, None], axis=0)
    low, high = (n - 2) // 2, (n - 1) // 2  # the middle ones of n - 1; those at or above the gap move up by one
    middle = [np.where(place <= k, ordered[k + 1], ordered[k]) for k in (low, high)]
    return np.median(values, axis=0), (middle[0] + middle[1]) / 2


def _neighbours(score: Floats, drawn: Floats, ranking: Ranking, n: int, n_groups: int) -> Neighbours:
    order = np.argsort(ranking.rank, kind="stable")
    better, worse = order[:-1], order[1:]
    found = tuple(
        difference_of(float(subtract(score[i], score[j])), subtract(drawn[:, i], drawn[:, j]), n_groups=n_groups)
        for i, j in zip(better, worse, strict=True)
    )
    needed = tuple(materials_needed(n, d.detectable, d.value) for d in found)
    return Neighbours(better, worse, found, ranking.p_values[better, worse], needed)


def _means(values: Floats, codes: Ints, replicates: int, seed: int) -> Floats:
    """Means of resampled tables, shape (replicates, n_models)."""
    terms = np.column_stack([values, np.ones(len(values))])
    sums = bootstrap_sums(group_totals(terms, codes)[:, :, None], replicates=replicates, seed=seed)[:, :, 0]
    means: Floats = sums[:, :-1] / sums[:, -1:]
    return means


def _medians(values: Floats, codes: Ints, replicates: int, seed: int) -> Floats:
    """Medians of resampled tables, shape (replicates, n_models); nan with one group, as `bootstrap_sums` has it."""
    n_groups = int(codes.max()) + 1
    medians = np.full((replicates, values.shape[1]), np.nan)
    if n_groups < 2:
        return medians
    weights = resampling_weights(n_groups, replicates, seed)
    order = np.argsort(values, axis=0, kind="stable")
    size = max(1, 2_000_000 // len(values))  # bounds the memory
    for start in range(0, replicates, size):
        drawn = weights[start : start + size][:, codes].astype(np.int64)
        total = drawn.sum(axis=1, keepdims=True)
        for model in range(values.shape[1]):
            below = np.cumsum(drawn[:, order[:, model]], axis=1)
            ordered = values[order[:, model], model]
            low, high = ((below < k).sum(axis=1) for k in ((total + 1) // 2, total // 2 + 1))
            medians[start : start + size, model] = (ordered[low] + ordered[high]) / 2
    return medians
