"""Ewald's sum beyond the real-space pairs: which vectors, how wide the Gaussians, and the reciprocal energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.models.get.fast.reciprocal import (
    field,
    phases,
    reciprocal_energy,
    reciprocal_vectors,
    structure_factors,
)
from matdisc.units import COULOMB

DENSITY = 0.1
"""Atoms per Å^3 assumed when work is shared between both sums; a wrong guess costs time, not accuracy."""
PAIR_COST = 13.0
"""Cost of a pair in real space over that of an atom and a reciprocal vector; measured."""
SHORTEST = 7.0
"""The real-space sum must reach to where the Coulomb damping has ended, Å."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Reciprocal vectors of one half space, shorter than the cutoff, in columns along the third axis.

    Attributes:
        rows, first, last: As `structure_factors` wants them.
        counts: Highest number along each axis, shape (3,).
        axes: Reciprocal axes with 2 pi, 1/Å, shape (3, 3).
        coefficients: 4 pi ke exp(-k^2/4 g^2)/(V k^2), zero for what is not summed, shape (n_columns, 2 counts[2] + 1).
        k: The vectors themselves, 1/Å, shape (n_columns, 2 counts[2] + 1, 3).
    """

    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    counts: NDArray[np.int64]
    axes: Floats
    coefficients: Floats
    k: Floats


def split(n: int, accuracy: float) -> tuple[float, float]:
    """Return the real-space cutoff (Å) and g (1/Å) that cost least for `n` atoms of a liquid.

    Both sums are cut where their terms have fallen to `accuracy`: erfc(g r) and exp(-k^2/4 g^2) about exp(-p^2).
    """
    p2 = -np.log(accuracy)
    volume = n / DENSITY
    best = (volume * (4 * np.pi / 3) * 8 * p2**3 / (16 * np.pi**3) / (PAIR_COST * DENSITY * 2 * np.pi / 3)) ** (1 / 6)
    cutoff = max(SHORTEST, float(best))
    return cutoff, float(np.sqrt(p2)) / cutoff


def columns(cell: Floats, g: float, accuracy: float) -> Columns:
    """Return the reciprocal vectors of a cell (Å, shape (3, 3))."""
    limit = 2 * g * np.sqrt(-np.log(accuracy))
    axes: Any = 2 * np.pi * np.linalg.inv(cell).T
    counts = np.floor(limit * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(np.int64)
    size = (counts[0] + 1) * (2 * counts[1] + 1)
    rows, first, last = np.empty((size, 2), np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    coefficients, k = np.zeros((size, 2 * counts[2] + 1)), np.zeros((size, 2 * counts[2] + 1, 3))
    scale = 4 * np.pi * COULOMB / abs(np.linalg.det(cell))
    n = reciprocal_vectors(axes, counts, limit, g, scale, rows, first, last, coefficients, k)
    return Columns(rows[:n], first[:n], last[:n], counts, axes, coefficients[:n], k[:n])


def reciprocal(
    x: Floats, q: Floats, found: Columns, g: float, potential: Floats, forces: Floats, virial: Floats
) -> float:
    """Return the reciprocal energy, eV, and add dE/dq (eV/e), forces at fixed charges (eV/Å) and the virial (eV)."""
    n, most = len(x), int(found.counts.max(initial=0)) + 1
    real, imaginary = np.empty((3, most, n)), np.empty((3, most, n))
    phases(x, found.axes, found.counts, real, imaginary)
    s = np.zeros((*found.coefficients.shape, 2))
    structure_factors(found.rows, found.first, found.last, q, real, imaginary, s)
    weighted, w = np.empty_like(s), np.zeros((3, 3))
    energy: float = reciprocal_energy(found.first, found.last, found.coefficients, found.k, g, s, weighted, w)
    field(found.rows, found.first, found.last, found.axes, weighted, q, real, imaginary, potential, forces)
    virial += w
    return energy
