"""Is one model better than another on the same materials?

Both models answer the same materials, so they are compared in pairs: each bootstrap replicate draws groups of related
materials once and scores both. `mcnemar` asks about single materials and takes them as independent; where they come in
clusters it is too sure, and the cluster-aware test of the same question is the difference of "accuracy" from
`paired_differences`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats
from matdisc.metrics.bootstrap import MAX_UNDEFINED, bootstrap_sums, percentile_interval

NOISE = 1e-12
"""Differences up to this share of the larger value (or of 1) are float noise and count as 0."""

COUNTED_TAIL = 10
"""With fewer replicates than this on one side of 0, the tail is read from the normal curve."""

MCNEMAR_EXACT = 1000
"""Up to this many discordant materials McNemar's test is the exact binomial one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """First model minus second in one metric, in the metric's own unit; nan where undefined."""

    value: float
    low: float
    high: float
    standard_error: float
    p_value: float
    detectable: float  # smallest true difference found with 80 % power at the two-sided 5 % level


class McNemar(NamedTuple):
    """Materials that only one of two models labels correctly, and how surprising that split is."""

    only_first: int
    only_second: int
    p_value: float


def paired_differences(
    first: ArrayLike,
    second: ArrayLike,
    metrics: Callable[[Floats], Mapping[str, Floats]],
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Difference]:
    """Return the difference first - second of every metric, with paired bootstrap interval and p-value.

    Value: on all groups. Interval: percentiles of the replicates' differences. Standard error: their standard
    deviation. p-value: `bootstrap_p_value` for that many groups. Everything but the value is nan if the difference is
    undefined in more than 5 % of the replicates or there are fewer than two groups; everything is nan if the value is
    undefined.

    Few groups make the interval too narrow, as with every bootstrap, while the p-value allows for their number: the
    95 % interval of an MAE difference covered 89 % at 10 groups, 91 to 93 % at 20 to 50 and 94 % at 150 (1,000 or 2,000
    simulated boards).

    Args:
        first: Summed terms of each group for the first model, shape (n_groups, n_terms).
        second: The same for the second model: same groups, same order.
        metrics: Function of summed terms, shape (..., n_terms), to metrics of shape (...).
        replicates: Number of resamples.
        level: Coverage of the intervals.
        seed: Seed of the random generator; equal seeds give equal results.

    Raises:
        ValueError: If the shapes differ.
    """
    tables = [np.asarray(first, float), np.asarray(second, float)]
    if tables[0].shape != tables[1].shape:
        raise ValueError(f"two models on the same groups have equal shapes, not {tables[0].shape}, {tables[1].shape}")
    found = metrics(np.stack([table.sum(axis=0) for table in tables]))
    drawn = metrics(bootstrap_sums(tables, replicates=replicates, seed=seed))
    return {
        key: difference_of(
            float(subtract(*values)), subtract(drawn[key][:, 0], drawn[key][:, 1]), level, n_groups=len(tables[0])
        )
        for key, values in found.items()
    }


def subtract(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return first - second, exactly 0 where they differ by float noise only; nan where either is not finite."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    defined = np.isfinite(first) & np.isfinite(second)
    first, second = np.where(defined, first, np.nan), np.where(defined, second, np.nan)
    scale = np.maximum(1.0, np.maximum(np.abs(first), np.abs(second)))
    return np.where(np.abs(first - second) <= NOISE * scale, 0.0, first - second)


def bootstrap_p_value(differences: ArrayLike, n_groups: int | None = None) -> Floats:
    """Return the two-sided p-value of "no difference" from replicates of a difference, shape (...).

    p = min(1, 2 (1 + k) / (1 + n)), k = the smaller of the numbers of replicates <= 0 and >= 0 among n defined ones.
    This is the level at which a percentile interval would just touch 0 (Efron & Tibshirani 1993, chapters 13 and 16);
    the + 1 keeps it valid for finite n (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9, 39). Replicates of
    exactly 0 count on both sides, so equal models have p = 1.

    Counting cannot go below 2 / (1 + n), too coarse for a correction over many pairs (190 for 20 models).
    With k < 10 the tail is therefore that of a normal curve of the replicates' mean and standard deviation, at most
    the value counted at k = 10. If the replicates do not vary, the counted value stays.

    With few groups n_g the replicates spread too little, by sqrt((n_g - 1) / n_g), and the normal curve has too short
    tails. The p-value is therefore widened to 2 T(z sqrt((n_g - 1) / n_g)), where z is the normal quantile of p / 2 and
    T Student's distribution function with n_g - 1 degrees of freedom: the level at which the expanded percentile
    interval would just touch 0 (Hesterberg 2015, Am. Stat. 69, 371). For the mean of normal differences that is the
    paired t test. Simulated, it calls 5 to 6 % of equal models different by their MAE at 20, 40 and 80 groups and 5 to
    7 % by F1; as counted it would be 5 to 9 %. Replicates that do not vary leave nothing to widen.

    Undefined (nan) if more than 5 % of the replicates are.

    Args:
        differences: Replicates of the difference along the first axis, shape (replicates, ...), nan where undefined.
        n_groups: Number of groups that were drawn, 2 or more; default: so many that nothing needs widening.

    Raises:
        ValueError: If there is no replicate.
    """
    from scipy.special import ndtr, ndtri, stdtr

    differences = np.asarray(differences, float)
    if differences.ndim == 0 or len(differences) == 0:
        raise ValueError("a p-value needs at least one replicate")
    defined = np.isfinite(differences)
    n = defined.sum(axis=0)
    tail = np.minimum((defined & (differences <= 0)).sum(axis=0), (defined & (differences >= 0)).sum(axis=0))
    counted = np.minimum(1.0, 2 * (1 + tail) / (1 + n))
    mean = np.where(defined, differences, 0.0).sum(axis=0) / np.maximum(n, 1)
    spread = np.sqrt((np.where(defined, differences - mean, 0.0) ** 2).sum(axis=0) / np.maximum(n - 1, 1))
    varies = spread > NOISE * np.maximum(1.0, np.abs(mean))
    normal = 2 * ndtr(-np.abs(mean) / np.where(varies, spread, 1.0))
    normal = np.minimum(normal, np.minimum(1.0, 2 * (1 + COUNTED_TAIL) / (1 + n)))
    p_value = np.where((tail < COUNTED_TAIL) & varies, normal, counted)
    if n_groups is not None and n_groups > 1:
        widened = 2 * stdtr(n_groups - 1, ndtri(p_value / 2) * np.sqrt((n_groups - 1) / n_groups))
        p_value = np.where(varies, widened, p_value)
    return np.where(n >= (1 - MAX_UNDEFINED) * len(differences), p_value, np.nan)


def mcnemar(stable: ArrayLike, predicted_first: ArrayLike, predicted_second: ArrayLike) -> McNemar:
    """Return McNemar's test: do two models label equally many materials correctly?

    With b materials that only the first model labels correctly and c that only the second does: the exact two-sided
    binomial test of b against b + c at one half for b + c <= 1000, else chi-square with continuity correction,
    (|b - c| - 1)^2 / (b + c) at one degree of freedom (McNemar 1947, Psychometrika 12, 153; Edwards 1948,
    Psychometrika 13, 185). If the models never disagree p = 1. Materials count as independent (see the module).

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        called_first: Whether the first model calls it stable; False where there is no answer.
        called_second: The same for the second model.

    Raises:
        ValueError: If the shapes differ.
    """
    from scipy.special import bdtr, chdtrc

    labels = [np.asarray(values, bool) for values in (stable, predicted_first, predicted_second)]
    if len({values.shape for values in labels}) > 1:
        raise ValueError(f"shapes of truth and two models differ: {', '.join(str(v.shape) for v in labels)}")
    right_first, right_second = labels[1] == labels[0], labels[2] == labels[0]
    b, c = int((right_first & ~right_second).sum()), int((right_second & ~right_first).sum())
    if b == c:
        return McNemar(b, c, 1.0)
    if b + c <= MCNEMAR_EXACT:
        return McNemar(b, c, float(min(1.0, 2 * bdtr(min(b, c), b + c, 0.5))))
    return McNemar(b, c, float(chdtrc(1, (abs(b - c) - 1) ** 2 / (b + c))))


def minimum_detectable_difference(standard_error: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true difference that a two-sided test would find with the given power.

    (z(1 - alpha / 2) + z(power)) x standard error, 2.80 standard errors by default; normal approximation (Bloom 1995,
    Evaluation Review 19, 547). nan if the standard error is.

    Args:
        standard_error: Paired standard error of the difference, in the unit of the metric.
        alpha: Two-sided level of the test.
        power: Chance of finding the difference.

    Raises:
        ValueError: If `alpha` or `power` does not lie between 0 and 1.
    """
    from scipy.special import ndtri

    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError(f"alpha and power have to lie between 0 and 1, not {alpha!r} and {power!r}")
    return float((ndtri(1 - alpha / 2) + ndtri(power)) * standard_error)


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values corrected for their number (Holm 1979, Scand. J. Stat. 6, 65), shape (n_tests,).

    The k-th smallest of m is multiplied by m - k + 1, cut at 1 and never lower than the one before it. Rejecting
    where the result is at most alpha keeps the chance of any false rejection at alpha, however the tests depend on each
    other. nan is no test: it stays nan and does not count in m.

    Raises:
        ValueError: If a p-value lies outside [0, 1] or the array is not one-dimensional.
    """
    p_values = np.asarray(p_values, float)
    if p_values.ndim != 1:
        raise ValueError(f"p-values need shape (n_tests,), not {p_values.shape}")
    tested = np.flatnonzero(~np.isnan(p_values))
    if ((p_values[tested] < 0) | (p_values[tested] > 1)).any():
        raise ValueError("p-values have to lie between 0 and 1")
    order = tested[np.argsort(p_values[tested], kind="stable")]
    corrected = np.full(len(p_values), np.nan)
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def difference_of(value: float, drawn: Floats, level: float = 0.95, *, n_groups: int | None = None) -> Difference:
    """Return a difference with its paired bootstrap statistics; `paired_differences` says which.

    Args:
        value: First minus second, on everything.
        drawn: The same in each replicate, shape (replicates,), nan where undefined.
        level: Coverage of the interval.
        n_groups: Number of groups that were drawn, for the p-value.
    """
    nothing = float("nan")
    low, high = percentile_interval(drawn, level=level)
    if np.isnan(value) or np.isnan(low):
        return Difference(value, nothing, nothing, nothing, nothing, nothing)
    defined = drawn[np.isfinite(drawn)]
    error = float(np.std(defined, ddof=1)) if len(defined) > 1 else nothing
    p_value = float(bootstrap_p_value(drawn, n_groups))
    return Difference(value, low, high, error, p_value, minimum_detectable_difference(error))
