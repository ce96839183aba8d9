"""Ewald's sum beyond the real-space pairs: which vectors, how wide the Gaussians, and the reciprocal energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.models.get.fast.reciprocal import field, phases, structure_factors
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
    axes = 2 * np.pi * np.linalg.inv(cell).T
    counts = np.floor(limit * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(np.int64)
    a, b, c = (
        np.arange(low, high + 1) for low, high in ((0, counts[0]), (-counts[1], counts[1]), (-counts[2], counts[2]))
    )
    rows = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2)
    k = (rows @ axes[:2])[:, None, :] + c[:, None] * axes[2]
    square = np.einsum("nhd,nhd->nh", k, k)
    x, y = rows[:, :1], rows[:, 1:]
    half = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (c > 0))))
    inside = half & (square < limit * limit) & (square > 0)
    safe = np.where(inside, square, 1.0)
    volume = abs(np.linalg.det(cell))
    coefficients = np.where(inside, 4 * np.pi * COULOMB / volume * np.exp(-safe / (4 * g * g)) / safe, 0.0)
    kept = inside.any(axis=1)
    first, last = np.argmax(inside, axis=1), inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
    found = (rows[kept], first[kept] - counts[2], last[kept] - counts[2], counts, axes, coefficients[kept], k[kept])
    return Columns(*(np.ascontiguousarray(part) for part in found))


def reciprocal(
    x: Floats, q: Floats, found: Columns, g: float, potential: Floats, forces: Floats, virial: Floats
) -> float:
    """Return the reciprocal energy, eV, and add dE/dq (eV/e), forces at fixed charges (eV/Å) and the virial (eV)."""
    n, most = len(x), int(found.counts.max(initial=0)) + 1
    real, imaginary = np.empty((3, most, n)), np.empty((3, most, n))
    phases(x, found.axes, found.counts, real, imaginary)
    s = np.zeros((*found.coefficients.shape, 2))
    structure_factors(found.rows, found.first, found.last, q, real, imaginary, s)
    each = found.coefficients * (s[..., 0] ** 2 + s[..., 1] ** 2)
    weighted = 2 * found.coefficients[..., None] * s
    field(found.rows, found.first, found.last, found.axes, weighted, q, real, imaginary, potential, forces)
    square = np.einsum("nhd,nhd->nh", found.k, found.k)
    weight = each * (2 / np.where(square > 0, square, 1.0) + 1 / (2 * g * g))
    energy = float(each.sum())
    flat: Any = found.k.reshape(-1, 3)
    virial += energy * np.eye(3) - (flat * weight.reshape(-1, 1)).T @ flat
    return energy
