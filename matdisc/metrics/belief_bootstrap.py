"""How sure are scores of belief? Alloys and folds are resampled together, for all models alike.

A score is the unweighted mean over folds (over elements, in leave-one-element-out). Two things are chance: which alloys
were there, and which elements (or seeds) were held out. Each replicate draws both with replacement, the alloys once for
all folds, because one alloy is tested in several of them. This two-way bootstrap (Owen 2007, Ann. Appl. Stat. 1, 386)
leaves the mean in place and errs on the wide side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.metrics.belief import Answers, Orders, orders, weighted_metrics
from matdisc.metrics.bootstrap import percentile_interval
from matdisc.metrics.comparison import Difference, difference_of, subtract

CELLS = 500_000
"""Weights handled at a time; more are slower, because they no longer fit into the processor's cache."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean of a metric over the folds where it is defined, its interval, and how many folds those are."""

    value: float
    low: float
    high: float
    n_defined: int
    n_folds: int


@dataclass(frozen=True, slots=True)
class Resampled:
    """Metrics of one model in every fold, as they are and in every replicate; compare those of equal folds only.

    Attributes:
        tested: The ids of each fold, and whether each is High.
        values: By metric, shape (n_folds,); nan where undefined.
        drawn: By metric, shape (n_folds, replicates).
        fold_draws: How often each fold is drawn in each replicate, same shape.
    """

    tested: tuple[tuple[tuple[str, ...], bytes], ...]
    values: Mapping[str, Floats]
    drawn: Mapping[str, Floats]
    fold_draws: Floats


def resample(folds: Sequence[Answers], *, replicates: int = 500, seed: int = 0) -> Resampled:
    """Return the metrics of every fold, as they are and resampled.

    Models with equal folds get equal draws, so their differences are paired.

    Args:
        folds: Answers of one model, fold by fold.
        replicates: Number of resamples.
        seed: Seed of the random generator; equal seeds give equal results.

    Raises:
        ValueError: If there is no fold, or no replicate.
    """
    if not folds or replicates < 1:
        raise ValueError(f"at least one fold and one replicate are needed, not {len(folds)} and {replicates}")
    names = sorted({name for fold in folds for name in fold.names})
    place = dict(zip(names, range(len(names)), strict=True))
    counts, fold_draws = _draws(len(names), len(folds), replicates, seed)
    sorted_by = [orders(fold) for fold in folds]
    found = [
        weighted_metrics(fold, np.ones((1, len(fold)), np.int32), by) for fold, by in zip(folds, sorted_by, strict=True)
    ]
    drawn = [
        _replicates(fold, by, counts.take([place[name] for name in fold.names], axis=1))
        for fold, by in zip(folds, sorted_by, strict=True)
    ]
    return Resampled(
        tested=tuple((fold.names, fold.high.tobytes()) for fold in folds),
        values={key: np.concatenate([metrics[key] for metrics in found]) for key in found[0]},
        drawn={key: np.stack([metrics[key] for metrics in drawn]) for key in drawn[0]},
        fold_draws=fold_draws,
    )


def scores(resampled: Resampled, *, level: float = 0.95) -> dict[str, Score]:
    """Return each metric's mean over folds with its percentile interval.

    A fold where a metric is undefined (no High alloy holds the element, say) is left out of its mean and counted;
    everything is nan where no fold has it, and the interval where over 5 % of the replicates are undefined.
    """
    found = {}
    for key, values in resampled.values.items():
        interval = percentile_interval(mean_draws(resampled, key), level=level)
        defined = np.isfinite(values)
        value = float(values[defined].mean()) if defined.any() else float("nan")
        found[key] = Score(value, *interval, int(defined.sum()), len(values))
    return found


def mean_draws(resampled: Resampled, key: str) -> Floats:
    """Return a metric's mean over the drawn folds in each replicate, shape (replicates,); nan where undefined."""
    return _means(resampled.drawn[key], resampled.fold_draws)


def fold_differences(first: Resampled, second: Resampled, *, level: float = 0.95) -> dict[str, Difference]:
    """Return first minus second in every metric, over the folds where both are defined, with paired statistics.

    Raises:
        ValueError: If the two were not tested on the same alloys in the same folds, or not resampled alike.
    """
    if first.tested != second.tested or not np.array_equal(first.fold_draws, second.fold_draws):
        raise ValueError("two models can be compared on the same folds with the same resamples only")
    found = {}
    for key, values in first.values.items():
        apart = subtract(values, second.values[key])
        value = float(np.nanmean(apart)) if np.isfinite(apart).any() else float("nan")
        drawn = _means(subtract(first.drawn[key], second.drawn[key]), first.fold_draws)
        found[key] = difference_of(value, drawn, level)
    return found


@lru_cache(maxsize=4)  # the protocols of one dataset: every row asks for the same
def _draws(n_alloys: int, n_folds: int, replicates: int, seed: int) -> tuple[NDArray[np.int32], Floats]:
    """How often each alloy is drawn, shape (replicates, n_alloys), and each fold, shape (n_folds, replicates)."""
    rng = np.random.default_rng(seed)
    drawn = [np.bincount(rng.integers(0, n_alloys, n_alloys), minlength=n_alloys) for _ in range(replicates)]
    even = np.full(n_folds, 1 / n_folds)
    return np.array(drawn, np.int32), rng.multinomial(n_folds, even, size=replicates).T.astype(float)


def _replicates(fold: Answers, by: Orders, counts: NDArray[np.int32]) -> dict[str, Floats]:
    size = max(1, CELLS // len(fold))
    parts = [weighted_metrics(fold, counts[i : i + size], by) for i in range(0, len(counts), size)]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _means(drawn: Floats, fold_draws: Floats) -> Floats:
    """Mean over the drawn folds in each replicate, shape (replicates,); nan where no fold is defined."""
    weights = np.where(np.isfinite(drawn), fold_draws, 0.0)
    total = weights.sum(axis=0)
    sums = (weights * np.nan_to_num(drawn)).sum(axis=0)
    return np.asarray(np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0))
