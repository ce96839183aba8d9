"""Does a model know what it does not know? Scores of stated uncertainties and probabilities.

Uncertainties are standard deviations sigma, eV/atom, of Gaussian errors of the hull distance. Rows where truth,
prediction or uncertainty is nan (energies: or infinite) are left out and counted; read the count with the score.
A sigma that is zero, negative or infinite is refused: it claims certainty or says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats, Ints
from matdisc.metrics.screening import same_length, tie_ends

INTERVALS = (0.5, 0.68, 0.9, 0.95)
"""Central intervals whose coverage is reported by name."""
LEVELS = np.arange(1, 100) / 100
"""Central intervals of the calibration curve."""
SHARES = np.arange(1, 101) / 100
"""Shares of most certain rows of the risk-coverage curve."""
PROBABILITY_FLOOR = float(np.finfo(float).eps)
"""Log loss reads probabilities below this (2.2e-16) as this, those above 1 minus this as that: 36 nats at most."""


@dataclass(frozen=True, slots=True)
class GaussianCalibration:
    """Scores of Gaussian uncertainties; see `gaussian_calibration`."""

    n: int
    n_left_out: int
    nll: float
    crps: float
    sharpness: float
    coverage: dict[float, float]
    """Share of rows within each of the central `INTERVALS`."""
    observed: Floats
    """Share of rows within each of the 99 central intervals `LEVELS`."""
    miscalibration_area: float
    spearman: float
    risk: Floats
    """Mean absolute error, eV/atom, of the most certain share of rows, for each of `SHARES`."""
    risk_area: float


@dataclass(frozen=True, slots=True)
class ProbabilityCalibration:
    """Scores of probabilities of being stable; see `probability_calibration`."""

    n: int
    n_left_out: int
    brier: float
    log_loss: float
    expected_calibration_error: float
    mean_probability: Floats
    """Mean probability in each bin, ascending, shape (n_bins,)."""
    stable_share: Floats
    """Share of stable rows in each bin, same shape."""


def gaussian_nll(error: ArrayLike, sigma: ArrayLike) -> Floats:
    """Return the negative log likelihood of each error, log(2 pi sigma^2) / 2 + (error / sigma)^2 / 2, nats.

    It depends on the unit: in meV/atom each value is larger by log(1000).

    Args:
        error: Predicted minus reference energies, shape (n_materials,), eV/atom.
        sigma: Stated standard deviations, same shape, above 0, eV/atom.
    """
    error, sigma = np.asarray(error, float), np.asarray(sigma, float)
    with np.errstate(over="ignore"):
        return np.asarray(0.5 * np.log(2 * np.pi) + np.log(sigma) + 0.5 * (error / sigma) ** 2)


def gaussian_crps(error: ArrayLike, sigma: ArrayLike) -> Floats:
    """Return the continuous ranked probability score of each error, eV/atom; lower is better.

    With z = error / sigma: sigma * (z * (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), Gneiting & Raftery (2007),
    J. Am. Stat. Assoc. 102, 359, section 4.2, with the sign turned. At sigma -> 0 it is the absolute error.

    Args:
        error: Predicted minus reference energies, shape (n_materials,), eV/atom.
        sigma: Stated standard deviations, same shape, above 0, eV/atom.
    """
    error, sigma = np.asarray(error, float), np.asarray(sigma, float)
    with np.errstate(over="ignore"):
        density = np.exp(-0.5 * (error / sigma) ** 2) / np.sqrt(2 * np.pi)
    return np.abs(error) * central_level(error, sigma) + sigma * (2 * density - 1 / np.sqrt(np.pi))


def central_level(error: ArrayLike, sigma: ArrayLike) -> Floats:
    """Return the level of the smallest central interval that holds each error, 2 Phi(|error| / sigma) - 1."""
    from scipy.special import erf

    with np.errstate(over="ignore"):
        return np.asarray(erf(np.abs(error) / (np.sqrt(2) * np.asarray(sigma, float))))


def gaussian_calibration(e_true: ArrayLike, e_pred: ArrayLike, sigma: ArrayLike) -> GaussianCalibration:
    """Return the scores of predicted energies with Gaussian uncertainties.

    - nll, crps: means of `gaussian_nll` (nats, energies in eV/atom) and `gaussian_crps` (eV/atom).
    - sharpness: root mean square sigma, eV/atom; how small the uncertainties are, right or wrong.
    - miscalibration_area: area between observed and expected coverage over all central intervals, trapezoid rule
      on 99 levels and the fixed end points (0, 0) and (1, 1); 0 is calibrated, 0.495 the worst. Kuleshov et al.
      (2018), arXiv:1807.00263; Tran et al. (2020), Mach. Learn.: Sci. Technol. 1, 025006.
    - risk, risk_area: mean absolute error of the most certain share of rows, and its mean over every number of rows
      kept, eV/atom (Geifman et al. (2019), arXiv:1805.08206). Rows of equal sigma count with their mean error, so
      a constant sigma has the area MAE; lower means that certain rows are the better ones.
    - spearman: rank correlation of absolute error and sigma; nan if either is constant.

    All are nan if no row is complete.

    Args:
        e_true: Reference hull distances (or energies), shape (n_materials,), eV/atom, nan where none exists.
        e_pred: Predicted ones, same shape; nan means no answer.
        sigma: Stated standard deviations, same shape, eV/atom; nan means none stated.

    Raises:
        ValueError: If the shapes differ or a sigma is zero, negative or infinite.
    """
    true, pred, stated = (np.asarray(values, float) for values in (e_true, e_pred, sigma))
    n_all = same_length(e_true=true, e_pred=pred, sigma=stated)
    bad = int(np.count_nonzero((stated <= 0) | np.isinf(stated)))
    if bad:
        raise ValueError(f"{bad} values of sigma are zero, negative or infinite; use nan where none is stated")
    known = np.isfinite(true) & np.isfinite(pred) & ~np.isnan(stated)
    error, spread = pred[known] - true[known], stated[known]
    n = len(error)
    level = np.sort(central_level(error, spread))
    observed = _share_within(level, LEVELS)
    risk, risk_area, spread_ranks = _risk_coverage(np.abs(error), spread)
    return GaussianCalibration(
        n=n,
        n_left_out=n_all - n,
        nll=_mean(gaussian_nll(error, spread)),
        crps=_mean(gaussian_crps(error, spread)),
        sharpness=float(np.sqrt(_mean(spread**2))),
        coverage=dict(zip(INTERVALS, _share_within(level, np.array(INTERVALS)).tolist(), strict=True)),
        observed=observed,
        miscalibration_area=float(np.sum(np.abs(observed - LEVELS)) / 100),  # gap 0 at both end points
        spearman=_correlation(_average_ranks(np.abs(error)), spread_ranks),
        risk=risk,
        risk_area=risk_area,
    )


def probability_calibration(stable: ArrayLike, probability: ArrayLike, *, n_bins: int = 15) -> ProbabilityCalibration:
    """Return the scores of stated probabilities of being stable.

    - brier: mean of (probability - stable)^2.
    - log_loss: mean negative log probability of what is true, nats; probabilities are first clipped to
      `PROBABILITY_FLOOR` and 1 minus that, else one wrong certainty would make it infinite.
    - expected_calibration_error: mean over bins of |mean probability - share of stable rows|. Bins hold equal
      numbers of rows by rising probability; rows of equal probability are shared out evenly where a bin ends, so
      the order of rows cannot matter. It shrinks with fewer bins; compare at equal `n_bins`. (Nixon et al. (2019),
      arXiv:1904.01685, on bins of equal numbers.)

    Rows with probability nan are left out and counted. All are nan if no row is left; then the curve is empty.

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        probability: Stated probability of that, same shape; nan means none stated.
        n_bins: Number of bins, reduced to the number of rows if that is smaller.

    Raises:
        ValueError: If the shapes differ, a probability is outside 0 to 1, or `n_bins` is below 1.
    """
    stable, probability = np.asarray(stable, bool), np.asarray(probability, float)
    n_all = same_length(stable=stable, probability=probability)
    if n_bins < 1:
        raise ValueError(f"the number of bins has to be at least 1, not {n_bins}")
    bad = int(np.count_nonzero((probability < 0) | (probability > 1)))
    if bad:
        raise ValueError(f"{bad} probabilities are outside 0 to 1; use nan where none is stated")
    known = ~np.isnan(probability)
    y, p = stable[known].astype(float), probability[known]
    right = np.clip(np.where(y > 0, p, 1 - p), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    order = np.argsort(p)
    ends = tie_ends(p[order])
    marks = np.linspace(0, len(p), min(n_bins, len(p)) + 1)
    mean_probability, share = (np.diff(_cumulative(values[order], ends, marks)) / np.diff(marks) for values in (p, y))
    return ProbabilityCalibration(
        n=len(p),
        n_left_out=n_all - len(p),
        brier=_mean((p - y) ** 2),
        log_loss=_mean(-np.log(right)),
        expected_calibration_error=_mean(np.abs(mean_probability - share)),
        mean_probability=mean_probability,
        stable_share=share,
    )


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _share_within(ascending: Floats, levels: Floats) -> Floats:
    return np.searchsorted(ascending, levels, side="right") / (len(ascending) or np.nan)


def _cumulative(values: Floats, ends: Ints, at: Floats) -> Floats:
    """Sum of the first `at` values (not always whole numbers), each replaced by the mean of its tie group."""
    sums = np.cumsum(values)[ends - 1]
    return np.interp(at, np.concatenate([[0], ends]), np.concatenate([[0.0], sums]))


def _risk_coverage(absolute: Floats, sigma: Floats) -> tuple[Floats, float, Floats]:
    """Risk at each of SHARES, its mean over all numbers of rows kept, and the average ranks of sigma."""
    n = len(sigma)
    if n == 0:
        return np.full(len(SHARES), np.nan), float("nan"), np.zeros(0)
    order = np.argsort(sigma)
    ends = tie_ends(sigma[order])
    kept = np.concatenate([np.arange(1, n + 1), SHARES * n])
    risk = _cumulative(absolute[order], ends, kept) / kept
    return risk[n:], _mean(risk[:n]), _mean_ranks(order, ends)


def _average_ranks(values: Floats) -> Floats:
    order = np.argsort(values)
    return _mean_ranks(order, tie_ends(values[order]))


def _mean_ranks(order: Ints, ends: Ints) -> Floats:
    """Rank of each row, from 1, ties sharing their mean rank."""
    sizes = np.diff(ends, prepend=0)
    ranks = np.empty(len(order))
    ranks[order] = np.repeat(ends - (sizes - 1) / 2, sizes)
    return ranks


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson correlation of ranks; nan if one is constant or there are none."""
    x, y = x - (len(x) + 1) / 2, y - (len(y) + 1) / 2  # ranks have this mean
    scale = np.sqrt(np.sum(x**2) * np.sum(y**2))
    return float(np.sum(x * y) / scale) if scale > 0 else float("nan")
