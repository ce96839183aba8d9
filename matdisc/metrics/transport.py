"""Transport in liquids from trajectories: diffusion, viscosity, conductivity and transference numbers.

Lengths in Å, times in fs, energies in eV, charges in e; the constants below convert results to the units of the field.
Every estimate is made over independent replicas, which are its unit of error, and is nan with a reason where a
trajectory cannot tell. The formulas and where they come from stand in docs/explanation/electrolytes.md.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats
from matdisc.metrics.block_averaging import MIN_REPLICAS, Estimate, jackknife, over_replicas, undefined
from matdisc.units import BOLTZMANN

SQUARE_METRES_PER_SECOND = 1e-5
"""1 Å^2/fs in m^2/s."""
MILLIPASCAL_SECONDS = 0.1602176634
"""1 eV fs/Å^3 in mPa s."""
MILLISIEMENS_PER_CM = 1.602176634e7
"""1 e^2/(eV fs Å) in mS/cm."""
CUBIC_EWALD = 2.837297
"""Potential of a unit charge in its own cubic lattice on a neutral background, times -L (Yeh and Hummer,
J. Phys. Chem. B 108, 15873, 2004; the tests compute it)."""

WINDOWS = ((0.1, 0.5), (0.05, 0.25), (0.02, 0.1), (0.01, 0.05))
"""Where a displacement may be fitted, as shares of the run; the first window that is diffusive counts."""
SLOPE_TOLERANCE = 0.1
"""A double-logarithmic slope this near to 1 is 1, however small its error."""
SLOPE_UNKNOWN = 0.3
"""A slope whose 95 % interval reaches farther than this to each side cannot tell diffusion from anything else."""
SPREAD_CUTOFF = 0.4
"""Share of the running integral that the spread of its replicas may reach (Zhang, Otani and Maginn, J. Chem. Theory
Comput. 11, 3537, 2015)."""
MEAN_CUTOFF = 0.1
"""Share that the standard error of the mean may reach: with fewer than 16 replicas it is the stricter of the two."""


class Window(NamedTuple):
    """First and last lag of a fit, in frames; with the reason where no stretch is diffusive."""

    first: int
    last: int
    reason: str


def without_drift(positions: ArrayLike, masses: ArrayLike) -> Floats:
    """Return unwrapped positions, shape (n_frames, n_atoms, 3), with the centre of mass held at its first place."""
    moving, weights = np.asarray(positions, float), np.asarray(masses, float)
    centre = np.einsum("tax,a->tx", moving, weights) / weights.sum()
    shifted: Floats = moving - (centre - centre[0])[:, None]
    return shifted


def displacement_products(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the mean of dr_1(t) . dr_2(t) over all time origins for each lag t, shape (n_frames,).

    By Fourier transforms, in n log n steps: with C(t) the correlation of positions, the mean of
    (r(s+t) - r(s)) (q(s+t) - q(s)) is a sum of squares at both ends less C_rq(t) and C_qr(t).

    Args:
        first: One coordinate vector over time, shape (n_frames, ..., 3); further axes are averaged over.
        second: The same shape.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    n = len(a)
    a, b = ((x - x.mean(axis=0)).reshape(n, -1) for x in (a, b))
    size = 1 << (2 * n - 1).bit_length()
    cross = np.zeros(n)
    for columns in np.array_split(np.arange(a.shape[1]), max(1, a.shape[1] // 64)):  # bounds the memory
        forward, backward = np.fft.rfft(a[:, columns], size, axis=0), np.fft.rfft(b[:, columns], size, axis=0)
        both = 2 * np.real(np.conj(forward) * backward).sum(axis=1)  # C_rq + C_qr
        cross += np.fft.irfft(both, size)[:n]
    ends = np.concatenate([[0.0], np.cumsum((a * b).sum(axis=1))])
    lags = np.arange(n)
    squares = ends[n - lags] + ends[n] - ends[lags]
    vectors = a.shape[1] // 3
    products: Floats = (squares - cross) / (n - lags) / vectors
    products[0] = 0.0
    return products


def mean_square_displacement(positions: ArrayLike) -> Floats:
    """Return the mean-square displacement for each lag, Å^2, shape (n_frames,); all time origins, all atoms.

    Args:
        positions: Unwrapped, drift removed, shape (n_frames, n_atoms, 3), Å.
    """
    return displacement_products(positions, positions)


def diffusive_window(displacements: Sequence[Floats]) -> Window:
    """Return where the displacement grows in proportion to time: the double-logarithmic slope is 1 within its error.

    The slope is fitted to each replica at lags spread evenly in the logarithm, and has Student's 95 % interval over
    replicas. Slope 2 is ballistic, slope 0 is caged; both are "not diffusive". Where the interval is wider than 0.3 to
    each side in every window, the run is "too short" to tell.

    Args:
        displacements: Mean-square displacement of each replica, each of shape (n_frames,).
    """
    from scipy.stats import t

    if len(displacements) < MIN_REPLICAS:
        return Window(0, 0, f"fewer than {MIN_REPLICAS} replicas")
    n = min(len(displacement) for displacement in displacements)
    reason, student = "too short", float(t.ppf(0.975, len(displacements) - 1))
    for start, end in WINDOWS:
        first, last = max(1, round(start * n)), round(end * n)
        if last - first < 4:
            continue
        lags = np.unique(np.geomspace(first, last, 20).round().astype(int))
        if any((displacement[lags] <= 0).any() for displacement in displacements):
            continue
        slope = over_replicas([np.polyfit(np.log(lags), np.log(found[lags]), 1)[0] for found in displacements])
        if student * slope.error > SLOPE_UNKNOWN:
            continue
        if abs(slope.value - 1) <= max(student * slope.error, SLOPE_TOLERANCE):
            return Window(first, last, "")
        reason = "not diffusive"
    return Window(0, 0, reason)


def growth(displacement: Floats, window: Window, dt_fs: float) -> float:
    """Return the slope of a displacement in a window, Å^2/fs, by least squares."""
    lags = np.arange(window.first, window.last + 1)
    return float(np.polyfit(lags * dt_fs, displacement[lags], 1)[0])


def diffusion(replicas: Sequence[ArrayLike], dt_fs: float) -> Estimate:
    """Return the self-diffusion coefficient in the periodic box, Å^2/fs: the slope of the displacement over 6.

    Args:
        replicas: Unwrapped positions of one species, drift removed, each of shape (n_frames, n_atoms, 3), Å.
        dt_fs: Time between frames, fs.
    """
    displacements = [mean_square_displacement(positions) for positions in replicas]
    window = diffusive_window(displacements)
    if window.reason:
        return undefined(window.reason)
    return over_replicas([growth(displacement, window, dt_fs) / 6 for displacement in displacements])


def yeh_hummer(temperature: float, viscosity: float, length: float) -> float:
    """Return what a cubic box takes off a diffusion coefficient, Å^2/fs: 2.837297 kT/(6 pi eta L).

    Args:
        temperature: K.
        viscosity: Of the same force field, eV fs/Å^3.
        length: Edge of the box, Å.

    Raises:
        ValueError: If viscosity or length is not positive.
    """
    if viscosity <= 0 or length <= 0:
        raise ValueError(f"viscosity {viscosity} and length {length} have to be positive")
    return CUBIC_EWALD * BOLTZMANN * temperature / (6 * math.pi * viscosity * length)


def running_viscosity(pressure: ArrayLike, dt_fs: float, volume: float, temperature: float) -> Floats:
    """Return the Green-Kubo integral up to each time, eV fs/Å^3, shape (n_frames,).

    V/(10 kT) times the integral of <P(0):P(t)> of the traceless symmetric pressure tensor, which averages over all
    five independent components.

    Args:
        pressure: Full pressure tensor with its kinetic part, shape (n_frames, 3, 3), eV/Å^3.
        dt_fs: Time between frames, fs.
        volume: Å^3.
        temperature: K.
    """
    from scipy.integrate import cumulative_trapezoid

    tensor = np.asarray(pressure, float)
    n = len(tensor)
    tensor = (tensor + tensor.transpose(0, 2, 1)) / 2
    tensor = tensor - np.trace(tensor, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    size = 1 << (2 * n - 1).bit_length()
    transformed = np.fft.rfft(tensor.reshape(n, 9), size, axis=0)
    correlation = np.fft.irfft((np.abs(transformed) ** 2).sum(axis=1), size)[:n] / (n - np.arange(n))
    integral: Floats = cumulative_trapezoid(correlation, dx=dt_fs, initial=0.0)
    return integral * volume / (10 * BOLTZMANN * temperature)


def viscosity(
    replicas: Sequence[ArrayLike], dt_fs: float, volume: float, temperature: float, *, segments: int = 4
) -> Estimate:
    """Return the Green-Kubo shear viscosity, eV fs/Å^3, by time decomposition; its error is the jackknife's.

    The running integrals are averaged, cut where their spread reaches 40 % of the mean (or, with few replicas, where
    the error of the mean reaches 10 %), and fitted with a double exponential, weighted by the inverse of a power law
    through the spread (Zhang, Otani and Maginn 2015). So that few replicas do for a spread, each is cut into
    segments; the spread is that of a whole replica, and the jackknife leaves out whole replicas. Undefined, "too
    short", where no plateau shows before the cut: the fit's limit lies more than a fifth above what is reached there.

    Args:
        replicas: Pressure tensors, each of shape (n_frames, 3, 3), eV/Å^3; the shortest sets the length.
        dt_fs: Time between frames, fs.
        volume: Å^3.
        temperature: K.
        segments: Parts of a replica whose integrals are taken apart, each up to half its length.
    """
    tensors = [np.asarray(replica, float) for replica in replicas]
    n = min((len(tensor) for tensor in tensors), default=0) // segments
    if n < 32:
        return undefined("too short")
    running = [
        np.array([
            running_viscosity(tensor[i * n : (i + 1) * n], dt_fs, volume, temperature)[: n // 2]
            for i in range(segments)
        ])
        for tensor in tensors
    ]  # fmt: skip
    found = jackknife(running, lambda chosen: decomposed(chosen, dt_fs))
    return undefined("too short") if found.reason.startswith("undefined") else found


def decomposed(running: Sequence[Floats], dt_fs: float) -> float:
    """Return the limit of running integrals by time decomposition; nan without a plateau.

    Args:
        running: Of each replica, the running integrals of its segments, shape (n_segments, n_times).
        dt_fs: Time between frames, fs.
    """
    from scipy.optimize import OptimizeWarning, curve_fit

    table = np.concatenate(running)
    mean, spread = table.mean(axis=0), table.std(axis=0, ddof=1) / math.sqrt(len(running[0]))
    times = np.arange(len(mean)) * dt_fs
    cut = _cut(mean, spread, min(SPREAD_CUTOFF, MEAN_CUTOFF * math.sqrt(len(running))))
    if cut < 8:
        return math.nan
    chosen = np.unique(np.geomspace(1, cut, 400).round().astype(int))
    power = max(0.0, np.polyfit(np.log(times[chosen]), np.log(np.maximum(spread[chosen], 1e-300)), 1)[0])
    reached = float(mean[cut // 2 : cut + 1].mean())
    start = (reached, 0.5, times[cut] / 20, times[cut] / 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # the fit's own covariance is not used
        try:
            (limit, share, fast, slow), _ = curve_fit(
                _rise, times[chosen], mean[chosen], start, sigma=times[chosen] ** power,
                bounds=([0, 0, dt_fs / 100, dt_fs / 100], [np.inf, 1, times[cut], times[cut]]), max_nfev=500,
            )  # fmt: skip
        except RuntimeError:  # no convergence
            return math.nan
    at_cut = float(_rise(times[cut], limit, share, fast, slow))
    return float(limit) if limit <= 1.2 * at_cut else math.nan


def _cut(mean: Floats, spread: Floats, share: float) -> int:
    """Last time before the spread reaches a share of the mean; 0 if it never is below.

    At the shortest times mean and spread are both small and their ratio is no measure, so the cut is looked for after
    the ratio has been lowest.
    """
    ratio = np.full(len(mean), np.inf)
    np.divide(spread, mean, out=ratio, where=mean > 0)
    lowest = int(np.argmin(ratio))
    if ratio[lowest] >= share:
        return 0
    above = np.flatnonzero(ratio[lowest:] >= share)
    return lowest + int(above[0]) - 1 if len(above) else len(mean) - 1


def _rise(t: ArrayLike, limit: float, share: float, fast: float, slow: float) -> Floats:
    """Double exponential that rises from 0 to `limit`; `share` of it with time constant `fast`."""
    time = np.asarray(t, float)
    rise: Floats = limit * (share * -np.expm1(-time / fast) + (1 - share) * -np.expm1(-time / slow))
    return rise


def nernst_einstein(
    counts: Mapping[str, int],
    charges: Mapping[str, float],
    coefficients: Mapping[str, Estimate],
    *,
    volume: float,
    temperature: float,
) -> Estimate:
    """Return the conductivity of ions that move independently, e^2/(eV fs Å): sum of N z^2 D over V kT.

    Args:
        counts: Ions of each species in the box.
        charges: Formal charge of each, e.
        coefficients: Diffusion coefficient of each, Å^2/fs; errors are added in squares.
        volume: Å^3.
        temperature: K.
    """
    reasons = [coefficients[ion].reason for ion in counts if coefficients[ion].reason]
    if reasons or not counts:
        return undefined(reasons[0] if reasons else "no ions")
    weights = {ion: n * charges[ion] ** 2 / (volume * BOLTZMANN * temperature) for ion, n in counts.items()}
    value = sum(weights[ion] * coefficients[ion].value for ion in counts)
    return Estimate(value, math.hypot(*(weights[ion] * coefficients[ion].error for ion in counts)))


def einstein_conductivity(
    replicas: Sequence[Mapping[str, Floats]],
    charges: Mapping[str, float],
    *,
    dt_fs: float,
    volume: float,
    temperature: float,
) -> Estimate:
    """Return the conductivity with all correlations between ions, e^2/(eV fs Å).

    The slope of <|sum_i z_i dr_i|^2> over 6 V kT.

    Args:
        replicas: Of each, the unwrapped positions of each ion species, shape (n_frames, n_ions, 3), Å.
        charges: Formal charge of each species, e.
        dt_fs: Time between frames, fs.
        volume: Å^3.
        temperature: K.
    """
    dipoles = [sum(charges[ion] * moving.sum(axis=1) for ion, moving in replica.items()) for replica in replicas]
    found = [mean_square_displacement(np.asarray(dipole)[:, None]) for dipole in dipoles]
    window = diffusive_window(found)
    if window.reason:
        return undefined(window.reason)
    slopes = [growth(displacement, window, dt_fs) for displacement in found]
    return over_replicas(slopes).scaled(1 / (6 * volume * BOLTZMANN * temperature))


def ideal_transference(cation: Estimate, anion: Estimate) -> Estimate:
    """Return D+/(D+ + D-) of a 1:1 salt, with errors carried through as independent."""
    if cation.reason or anion.reason:
        return undefined(cation.reason or anion.reason)
    total = cation.value + anion.value
    error = math.hypot(anion.value * cation.error, cation.value * anion.error) / total**2
    return Estimate(cation.value / total, error)


def onsager_transference(
    replicas: Sequence[Mapping[str, Floats]], charges: Mapping[str, float], ion: str, *, dt_fs: float
) -> Estimate:
    """Return the share of the current that one ion carries, in the frame of the centre of mass, correlations included.

    t_a = sum_b z_a z_b L_ab / sum_ab z_a z_b L_ab with L_ab the slope of <sum dr_i . sum dr_j>, i of a, j of b. It may
    be negative or above 1. The window is that in which the whole charge moves diffusively.

    Args:
        replicas: Of each, the unwrapped positions of each ion species, shape (n_frames, n_ions, 3), Å.
        charges: Formal charge of each species, e.
        ion: The species asked about.
        dt_fs: Time between frames, fs.
    """
    currents = [{name: charges[name] * moving.sum(axis=1) for name, moving in replica.items()} for replica in replicas]
    totals = [np.sum(list(parts.values()), axis=0) for parts in currents]
    window = diffusive_window([displacement_products(total[:, None], total[:, None]) for total in totals])
    if window.reason:
        return undefined(window.reason)
    slopes = []
    for parts, total in zip(currents, totals, strict=True):
        own, whole = (displacement_products(part[:, None], total[:, None]) for part in (parts[ion], total))
        slopes.append((growth(own, window, dt_fs), growth(whole, window, dt_fs)))
    return jackknife(slopes, lambda chosen: float(np.divide(*np.sum(chosen, axis=0))))
