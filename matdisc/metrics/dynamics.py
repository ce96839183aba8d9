"""How atoms are arranged and how they move: radial distributions, vibrational spectra, drift of the energy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats

DRIFT_BLOCKS = 8
"""Block means that a drift is fitted to: vibrations average out within a block."""
THZ_PER_PER_FS = 1000.0


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope with its 95 % interval, or nan with the reason why there is none."""

    value: float
    low: float
    high: float
    reason: str = ""


def radial_distribution(
    positions: ArrayLike, cell: ArrayLike, r_max: float, bins: int, *, pairs: tuple[ArrayLike, ArrayLike] | None = None
) -> tuple[Floats, Floats]:
    """Return distances r (bin centres, Å) and g(r), each of shape (bins,), averaged over the frames.

    g is the number of atoms in a shell about an atom over that of an even spread at the density N/V of all atoms of
    the second kind. An ideal gas has g = 1 between unlike kinds and 1 - 1/N between like ones. Periodic images are
    counted as far as `r_max` reaches, so small and skewed cells are right.

    Args:
        positions: Wrapped or not, shape (n_frames, n_atoms, 3) or (n_atoms, 3), Å.
        cell: Cell vectors as rows, shape (3, 3) or (n_frames, 3, 3), Å.
        r_max: Largest distance, Å.
        bins: Number of bins of equal width from 0 to `r_max`.
        pairs: Indices of the atoms at the centre and of those that are counted; default: all atoms, twice.

    Raises:
        ValueError: If a cell has no volume, `r_max` or `bins` is not positive, or a kind has no atoms.
    """
    frames = np.atleast_3d(np.asarray(positions, float))
    frames = frames[None, :, :, 0] if np.ndim(positions) == 2 else frames
    cells = np.broadcast_to(np.asarray(cell, float), (len(frames), 3, 3))
    everyone = np.arange(frames.shape[1])
    centres, others = (np.asarray(kind, int) for kind in (pairs or (everyone, everyone)))
    if r_max <= 0 or bins < 1 or not len(centres) or not len(others):
        raise ValueError(f"r_max {r_max}, {bins} bins, {len(centres)} and {len(others)} atoms; all have to be positive")
    edges = np.linspace(0.0, r_max, bins + 1)
    expected = 4 / 3 * np.pi * np.diff(edges**3) * len(centres)
    total = np.zeros(bins)
    for frame, box in zip(frames, cells, strict=True):
        volume = abs(float(np.linalg.det(box)))
        if volume == 0:
            raise ValueError("a radial distribution needs a cell with a volume")
        found = _distances(frame, box, r_max, centres, others)
        total += np.histogram(found, edges)[0] / (expected * len(others) / volume)
    return (edges[:-1] + edges[1:]) / 2, total / len(frames)


def _distances(frame: Floats, box: Floats, r_max: float, centres: NDArray[np.int_], others: NDArray[np.int_]) -> Floats:
    """All distances below `r_max` between two kinds, images included; no atom is its own neighbour."""
    fractional = frame @ np.linalg.inv(box)
    between = fractional[others][None] - fractional[centres][:, None]
    between -= np.round(between)  # to the nearest image along each cell vector
    reach = np.floor(r_max * np.linalg.norm(np.linalg.inv(box), axis=0) + 0.5).astype(int)  # 0 up to half a height
    same = centres[:, None] == others[None]
    found = []
    for shift in np.ndindex(*(2 * reach + 1)):
        distance = np.linalg.norm((between + (np.array(shift) - reach)) @ box, axis=-1)
        if shift == tuple(reach):
            distance = np.where(same, np.inf, distance)
        found.append(distance[distance < r_max])
    return np.concatenate(found)


def rdf_error(reference: ArrayLike, found: ArrayLike) -> float:
    """Return the mean absolute difference of two radial distributions on the same bins; 0 where they are equal.

    Raises:
        ValueError: If they have different shapes.
    """
    return float(np.mean(np.abs(_difference(reference, found))))


def vibrational_spectrum(
    velocities: ArrayLike, dt_fs: float, bins: int, max_thz: float, *, masses: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return frequencies (bin centres, THz) and the share of kinetic energy in each bin over its width (1/THz).

    The power spectrum of the velocities under a Hann window, weighted by mass, summed over atoms and components and
    normalised to an area of 1 over the range. It is nan throughout where nothing moves. Frequencies finer than
    1/(run time) are not resolved: choose bins no narrower than twice that.

    Args:
        velocities: Shape (n_frames, n_atoms, 3), any unit of velocity.
        dt_fs: Time between frames, fs.
        bins: Number of bins from 0 to `max_thz`.
        max_thz: Largest frequency; not above the Nyquist frequency of the frames.
        masses: Shape (n_atoms,); default: equal.

    Raises:
        ValueError: If the frames are too few or too far apart for the bins that are asked for.
    """
    moving = np.asarray(velocities, float)
    n = len(moving)
    frequencies = np.fft.rfftfreq(n, dt_fs) * THZ_PER_PER_FS
    if max_thz > frequencies[-1] * (1 + 1e-9):
        raise ValueError(f"frames {dt_fs} fs apart show no more than {frequencies[-1]:.3g} THz, not {max_thz}")
    if frequencies[1] > max_thz / bins:
        raise ValueError(f"{n} frames resolve {frequencies[1]:.3g} THz, which is wider than a bin; use fewer bins")
    weights = np.ones(moving.shape[1]) if masses is None else np.asarray(masses, float)
    power = np.zeros(len(frequencies))
    for axis in range(3):
        transformed = np.fft.rfft(moving[:, :, axis] * np.hanning(n)[:, None], axis=0)
        power += np.abs(transformed) ** 2 @ weights
    edges = np.linspace(0.0, max_thz, bins + 1)
    summed, _ = np.histogram(frequencies, edges, weights=power)
    counted, _ = np.histogram(frequencies, edges)
    mean = summed / counted  # bins hold unequal numbers of frequencies
    area = mean.sum() * edges[1]
    return (edges[:-1] + edges[1:]) / 2, mean / area if area > 0 else np.full(bins, np.nan)


def spectrum_error(reference: ArrayLike, found: ArrayLike) -> float:
    """Return the share of one spectrum that lies elsewhere in the other: 0 where equal, 1 where disjoint.

    Half the area between the two after each is normalised; nan where one of them is nan or empty.

    Raises:
        ValueError: If they have different shapes.
    """
    _difference(reference, found)
    shares = [np.asarray(spectrum, float) / np.sum(spectrum) if np.sum(spectrum) else np.nan for spectrum in
              (reference, found)]  # fmt: skip
    return float(np.sum(np.abs(shares[0] - shares[1])) / 2)


def _difference(reference: ArrayLike, found: ArrayLike) -> Floats:
    first, second = np.asarray(reference, float), np.asarray(found, float)
    if first.shape != second.shape:
        raise ValueError(f"shapes differ: {first.shape} reference, {second.shape} found")
    return second - first


def energy_drift(time_fs: ArrayLike, energy: ArrayLike, n_atoms: int) -> Slope:
    """Return the drift of a conserved energy, meV/atom/ps, with its 95 % interval.

    A straight line through the means of eight blocks of the run: vibrations average out within a block, and what is
    left is nearly independent, so Student's interval with six degrees of freedom holds. Undefined, "too short", with
    fewer than 16 values.

    Args:
        time_fs: Shape (n,), fs.
        energy: The conserved quantity, shape (n,), eV.
        n_atoms: Number of atoms.
    """
    times, energies = np.asarray(time_fs, float), np.asarray(energy, float)
    if len(times) < 2 * DRIFT_BLOCKS:
        return Slope(math.nan, math.nan, math.nan, "too short")
    if not np.isfinite(energies).all():
        return Slope(math.nan, math.nan, math.nan, "not finite")
    blocks = np.array_split(np.arange(len(times)), DRIFT_BLOCKS)
    x = np.array([times[block].mean() for block in blocks]) / 1000
    y = np.array([energies[block].mean() for block in blocks]) * 1000 / n_atoms
    return _line(x, y)


def timestep_exponent(timesteps_fs: ArrayLike, fluctuations: ArrayLike) -> Slope:
    """Return the power of the time step that the energy's fluctuation follows, with its 95 % interval.

    The slope in double logarithms: 2 for velocity Verlet with forces that are the gradient of the energy. Undefined
    with fewer than three time steps, or where a fluctuation is not positive.

    Args:
        timesteps_fs: Shape (n,), fs.
        fluctuations: Standard deviation of the total energy at each, shape (n,), any unit.
    """
    steps, sizes = np.asarray(timesteps_fs, float), np.asarray(fluctuations, float)
    if len(steps) < 3:
        return Slope(math.nan, math.nan, math.nan, "fewer than 3 time steps")
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        return Slope(math.nan, math.nan, math.nan, "a fluctuation is not positive")
    return _line(np.log(steps), np.log(sizes))


def _line(x: Floats, y: Floats) -> Slope:
    """Least-squares slope with Student's 95 % interval; n - 2 degrees of freedom."""
    from scipy.stats import t

    spread = x - x.mean()
    slope = float(spread @ y / (spread @ spread))
    left = y - y.mean() - slope * spread
    error = math.sqrt(float(left @ left) / (len(x) - 2) / float(spread @ spread))
    half = float(t.ppf(0.975, len(x) - 2)) * error
    return Slope(slope, slope - half, slope + half)
