"""How an Ewald sum is cut in two: widths, radii and wave vectors, from numbers alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAMPED_TO = 6.0
"""Distance (Å) from which the damped Coulomb interaction is the plain one (5e-11 eV/Å in a pair of unit charges)."""
_BALANCE = 8.0
"""Cost of a pair over that of an atom and wave, which puts the optimum at shorter radii."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """Where an Ewald sum is cut.

    Attributes:
        width: `g` of erfc(g r), 1/Å.
        radius: Where the sum in real space ends, Å.
        wave_number: Where the sum over waves ends, 1/Å.
    """

    width: float
    radius: float
    wave_number: float


def splitting_of(n_atoms: int, volume: float, accuracy: float) -> Splitting:
    """Return the cut that costs least at a given accuracy.

    Both sums end where their Gaussian, exp(-(g r)^2) or exp(-k^2/(4 g^2)), has fallen to `accuracy`; the work of
    both grows as n_atoms^1.5.

    Args:
        n_atoms: Atoms in the cell.
        volume: Of the cell, Å^3.
        accuracy: Relative size of what is left out.
    """
    reach = math.sqrt(-math.log(accuracy))
    width = (_BALANCE * n_atoms * math.pi**3 / volume**2) ** (1 / 6)
    width = min(width, reach / DAMPED_TO)
    return Splitting(width, reach / width, 2 * width * reach)


def waves(cell: NDArray[np.float64], wave_number: float) -> NDArray[np.int64]:
    """Return the wave vectors up to a wave number, one of each pair k and -k and without 0, as integers.

    Args:
        cell: Lattice vectors as rows, Å, shape (3, 3).
        wave_number: Longest vector, 1/Å.

    Returns:
        Shape (n, 3); the vector of (a, b, c) is 2 pi (a, b, c) times the transposed inverse of the cell.
    """
    reach = np.floor(wave_number * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(np.int64)
    axes = [np.arange(-n, n + 1) for n in reach]
    axes[0] = axes[0][reach[0] :]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    first, second, third = grid.T
    half = (first > 0) | ((first == 0) & ((second > 0) | ((second == 0) & (third > 0))))
    vectors = 2 * np.pi * grid @ np.linalg.inv(cell).T
    return grid[half & ((vectors**2).sum(axis=1) <= wave_number**2)]
