"""Means with honest error bars: correlated series, replicas, and numbers derived from them.

A number that cannot be had is nan with the reason in words; it is never replaced by another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats

T = TypeVar("T")

MIN_BLOCKS = 16
"""Fewer independent blocks give an error that is itself known to worse than 18 %."""
MIN_REPLICAS = 3
TREND_SIGMAS = 3.0
"""Halves of a run that differ by more standard errors than this are not of one equilibrium."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error, or nan with the reason why there is none.

    Attributes:
        value: nan where `reason` is given.
        error: One standard error, in the unit of the value; nan where `reason` is given.
        reason: Empty where the number exists.
    """

    value: float
    error: float
    reason: str = ""

    @property
    def defined(self) -> bool:
        """Whether there is a number."""
        return not self.reason

    def scaled(self, factor: float) -> Estimate:
        """Return the same estimate in another unit."""
        return Estimate(self.value * factor, self.error * abs(factor), self.reason)


def undefined(reason: str) -> Estimate:
    """Return the estimate that is none, for `reason`."""
    return Estimate(math.nan, math.nan, reason)


def blocking(series: ArrayLike) -> list[tuple[int, float, float]]:
    """Return (number of blocks, standard error of the mean, its own error) for block lengths 1, 2, 4, ...

    Neighbours are averaged in pairs again and again; with c0 the mean squared deviation of n blocks, c0/(n-1)
    estimates the variance of the mean, and its root has the relative error 1/sqrt(2(n-1)) (Flyvbjerg and Petersen,
    J. Chem. Phys. 91, 461, 1989). An odd last value is left out. Empty with fewer than two values.

    Args:
        series: Values at equal intervals, shape (n,).
    """
    values = np.asarray(series, float)
    levels = []
    while len(values) >= 2:
        n = len(values)
        error = math.sqrt(float(values.var()) / (n - 1))
        levels.append((n, error, error / math.sqrt(2 * (n - 1))))
        values = values[: n // 2 * 2].reshape(-1, 2).mean(axis=1)
    return levels


def block_average(series: ArrayLike) -> Estimate:
    """Return the mean of a correlated series with its standard error; "too short" where blocks find no plateau.

    The plateau is taken at the shortest block length B with B^3 > 2 n g^2, where g is the squared ratio of the
    errors with and without blocks: there the bias of short blocks and the noise of few blocks are equal (Wolff,
    Comput. Phys. Commun. 156, 143, 2004; Lee et al., Phys. Rev. E 83, 066706, 2011). If fewer than 16 blocks are
    left then, the run is too short for its own correlation time.

    Args:
        series: Values at equal intervals, shape (n,).

    Raises:
        ValueError: If the series is not one-dimensional.
    """
    values = np.asarray(series, float)
    if values.ndim != 1:
        raise ValueError(f"a series has shape (n,), not {values.shape}")
    if not np.isfinite(values).all():
        return undefined("not finite")
    levels = blocking(values)
    if not levels:
        return undefined("too short")
    if levels[0][1] == 0:
        return Estimate(float(values.mean()), 0.0) if len(values) >= MIN_BLOCKS else undefined("too short")
    for level, (blocks, error, _) in enumerate(levels):
        inefficiency = (error / levels[0][1]) ** 2
        if blocks < MIN_BLOCKS:
            break
        if (2.0**level) ** 3 > 2 * len(values) * inefficiency**2:
            return Estimate(float(values.mean()), error)
    return undefined("too short")


def equilibrated(series: ArrayLike, *, dropped: float = 1 / 3) -> tuple[Floats, str]:
    """Return what is left of a run after its first part is dropped, and why it is not to be used ("" if it is).

    The two halves of what is left have to agree within three combined block errors: "still drifting" otherwise, and
    "too short" where a half has no error of its own.

    Args:
        series: Values at equal intervals, shape (n,).
        dropped: Share of the run that counts as equilibration.
    """
    values = np.asarray(series, float)
    kept = values[math.ceil(len(values) * dropped) :]
    first, second = (block_average(half) for half in (kept[: len(kept) // 2], kept[len(kept) // 2 :]))
    if not (first.defined and second.defined):
        return kept, first.reason or second.reason
    if abs(first.value - second.value) > TREND_SIGMAS * math.hypot(first.error, second.error):
        return kept, "still drifting"
    return kept, ""


def over_replicas(values: ArrayLike) -> Estimate:
    """Return the mean over independent replicas with its standard error.

    Undefined with fewer than three replicas, and where one of them has no number: leaving it out would keep the lucky
    ones only.

    Args:
        values: One number a replica, shape (n_replicas,); nan where a replica has none.
    """
    numbers = np.asarray(values, float)
    if len(numbers) < MIN_REPLICAS:
        return undefined(f"fewer than {MIN_REPLICAS} replicas")
    if not np.isfinite(numbers).all():
        return undefined("a replica has no number")
    return Estimate(float(numbers.mean()), float(numbers.std(ddof=1) / math.sqrt(len(numbers))))


def jackknife(parts: Sequence[T], estimator: Callable[[Sequence[T]], float]) -> Estimate:
    """Return an estimator over all parts, with the error that leaving out one part at a time gives.

    The variance is (n-1)/n times the sum of squared deviations of the n estimates (Efron and Stein, Ann. Stat. 9,
    586, 1981). For a plain mean it is the usual standard error.

    Args:
        parts: Independent replicas or blocks, at least three.
        estimator: Parts to a number; nan where it is undefined, and then the whole is.
    """
    n = len(parts)
    if n < MIN_REPLICAS:
        return undefined(f"fewer than {MIN_REPLICAS} replicas")
    left_out = np.array([estimator([*parts[:i], *parts[i + 1 :]]) for i in range(n)])
    value = estimator(parts)
    if not (math.isfinite(value) and np.isfinite(left_out).all()):
        return undefined("undefined without one of the replicas")
    return Estimate(float(value), math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum())))
