"""The frequencies of a crystal as a distribution: its moments, its quantiles, its peaks, and distances between two.

An imaginary frequency is written as a negative number, as everywhere in the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from matdisc.arrays import Floats

IMAGINARY = -0.1
"""THz; a frequency below it is imaginary, one between it and zero is noise of an acoustic mode."""
SLICES = 256
"""Equal parts of the ordered modes, whose mean frequencies stand for a spectrum in files."""
PEAK_WIDTH = 0.15
"""THz; standard deviation of the Gaussians that make a density of states out of single frequencies."""


@dataclass(frozen=True)
class Spectrum:
    """Frequencies on a mesh of wave vectors.

    Attributes:
        frequencies: THz, shape (n_q, n_bands); negative where imaginary.
        weights: How many wave vectors of the full mesh each one stands for, shape (n_q,).
    """

    frequencies: Floats
    weights: Floats

    @cached_property
    def shares(self) -> Floats:
        """Share of all modes that each frequency stands for, shape of the frequencies; they add up to 1."""
        weights = np.asarray(self.weights, float)
        return (
            np.repeat(weights[:, None] / weights.sum(), self.frequencies.shape[1], axis=1) / self.frequencies.shape[1]
        )

    @property
    def mean(self) -> float:
        """Mean frequency, THz, imaginary ones as negative numbers."""
        return float((self.shares * self.frequencies).sum())

    @property
    def imaginary_share(self) -> float:
        """Share of the modes that are imaginary."""
        return float(self.shares[self.frequencies < IMAGINARY].sum())

    @property
    def last_peak(self) -> float:
        """Frequency of the last maximum of the density of states, THz, smeared by Gaussians."""
        values, shares = self.frequencies.ravel(), self.shares.ravel()
        grid = np.arange(values.min() - 4 * PEAK_WIDTH, values.max() + 4 * PEAK_WIDTH, PEAK_WIDTH / 10)
        counts = np.histogram(values, bins=np.append(grid, 2 * grid[-1] - grid[-2]), weights=shares)[0]
        steps = np.arange(-40, 41) / 10
        density = np.convolve(counts, np.exp(-(steps**2) / 2), mode="same")
        inner = density[1:-1]
        peaks = np.flatnonzero((inner > density[:-2]) & (inner >= density[2:]) & (inner > 1e-3 * density.max()))
        return float(grid[peaks[-1] + 1] + PEAK_WIDTH / 20)

    def slice_means(self, n: int) -> Floats:
        """Return the mean frequency of each of `n` equal parts of the ordered modes, THz, shape (n,)."""
        return slice_means(self.frequencies.ravel(), self.shares.ravel(), n)


def slice_means(values: Floats, weights: Floats, n: int) -> Floats:
    """Return the mean of each of `n` equally weighted slices of the ordered values, shape (n,).

    The quantile function, averaged over each slice: it keeps the mean exactly, and its distance to another such array
    is the Wasserstein distance up to what lies within a slice.
    """
    order = np.argsort(values)
    ordered, steps = np.asarray(values, float)[order], np.asarray(weights, float)[order]
    levels = np.concatenate([[0.0], np.cumsum(steps)])
    integral = np.concatenate([[0.0], np.cumsum(steps * ordered)])
    return n * np.diff(np.interp(np.linspace(0, levels[-1], n + 1), levels, integral)) / levels[-1]


def wasserstein(true: Floats, pred: Floats) -> Floats:
    """Return the Wasserstein-1 distance between distributions given as slice means, shape without the last axis.

    It is the mean distance by which modes have to move to turn one spectrum into the other; nan where either has a nan.
    """
    return np.asarray(np.abs(np.asarray(true, float) - np.asarray(pred, float)).mean(axis=-1))
