"""Errors of energies, forces and stresses of given structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Bools, Floats, Ints

DIRECTION = 0.05
"""eV/Å; a smaller reference force is about the noise of a calculation and has no direction that could be tested."""


def composition_matrix(symbols: Sequence[Sequence[str]]) -> tuple[list[str], Floats]:
    """Return the elements in alphabetical order, and the atoms of each, shape (n_structures, n_elements)."""
    counted = [Counter(some) for some in symbols]
    elements = sorted({element for some in counted for element in some})
    return elements, np.array([[some[element] for element in elements] for some in counted], float)


def without_offsets(energies: ArrayLike, counts: Floats, fit: Bools) -> Floats:
    """Return energies per atom less one fitted energy for each element, eV/atom, shape (n_structures,).

    The energies of the elements are the least-squares solution per atom over the structures of `fit`; where it does not
    determine them (elements that occur in one ratio only) the shortest solution is taken, which leaves what is returned
    unchanged for compositions within `fit`. Undefined (nan) without an energy, for elements that no structure of `fit`
    has, and if `fit` is empty.

    Args:
        energies: Of the cells, eV, shape (n_structures,); nan where unknown.
        counts: Atoms of each element, shape (n_structures, n_elements).
        fit: Which structures are fitted, shape (n_structures,); those without an energy take no part.
    """
    n_atoms = counts.sum(axis=1)
    per_atom, shares = np.asarray(energies, float) / n_atoms, counts / n_atoms[:, None]
    used = fit & np.isfinite(per_atom)
    if not used.any():
        return np.full(len(per_atom), np.nan)
    offsets = np.linalg.lstsq(shares[used], per_atom[used], rcond=None)[0]
    unknown = (counts[:, ~(counts[used] > 0).any(axis=0)] > 0).any(axis=1)
    return np.where(unknown, np.nan, per_atom - shares @ offsets)


def cosines(true: Floats, pred: Floats) -> Floats:
    """Return the cosine of the angle between two forces of each atom, shape (n_atoms,).

    Undefined (nan) where the reference is below 0.05 eV/Å; 0 where only the other is zero.

    Args:
        true, pred: eV/Å, shape (n_atoms, 3).
    """
    sizes = np.linalg.norm(true, axis=1)
    product = sizes * np.linalg.norm(pred, axis=1)
    found = np.divide((true * pred).sum(axis=1), product, out=np.zeros(len(true)), where=product > 0)
    return np.where(sizes < DIRECTION, np.nan, found)


def sums_of(index: Ints, values: Floats, n: int) -> Floats:
    """Return the sum of the values of each index, shape (n,); nan counts as nothing."""
    return np.asarray(np.bincount(index, np.nan_to_num(values), n), float)
