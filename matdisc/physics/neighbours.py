"""Pairs of atoms that are close to each other, in molecules and in cells of any shape and size."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats, Ints


def neighbours(
    positions: Floats, cutoff: float, cell: Floats | None = None, pbc: ArrayLike = True, *, half: bool = False
) -> tuple[Ints, Ints, Ints, Floats]:
    """Return all pairs of atoms up to a cutoff apart, sorted by first atom, second atom and shift.

    Every image counts, so that a pair may stand there several times, and an atom may be its own neighbour. The search
    is SciPy's; ASE's `primitive_neighbor_list` finds the same pairs and takes 3 to 15 times as long.

    Args:
        positions: Å, shape (n, 3); they may lie outside the cell.
        cutoff: Å.
        cell: Lattice vectors as rows, Å, shape (3, 3); those that are not periodic may be zero. None without a cell.
        pbc: Along which lattice vectors the cell is periodic.
        half: Return each pair in one direction, i < j or a positive shift, instead of both.

    Returns:
        First atoms i, shape (e,), second atoms j, shape (e,), shifts S, shape (e, 3), and lengths, Å, shape (e,), of
        the vectors positions[j] + S @ cell - positions[i].
    """
    from ase.cell import Cell
    from scipy.spatial import cKDTree

    periodic = np.broadcast_to(np.asarray(pbc, bool) & (cell is not None), 3)
    full = np.asarray(Cell(cell if cell is not None else np.zeros((3, 3))).complete())
    scaled = positions @ np.linalg.inv(full)
    away = np.where(periodic, np.floor(scaled), 0).astype(np.int64)
    inside = positions - away @ full
    owner, step = _images(scaled - away, full, periodic, cutoff)
    found = cKDTree(inside).sparse_distance_matrix(cKDTree(inside[owner] + step @ full), cutoff, output_type="ndarray")
    i, j, step, lengths = found["i"].astype(np.int64), owner[found["j"]], step[found["j"]], found["v"]
    a, b, c = step.T
    forward = (a > 0) | ((a == 0) & ((b > 0) | ((b == 0) & (c > 0))))
    keep = (i < j) | ((i == j) & forward) if half else (i != j) | step.any(axis=1)
    i, j, step, lengths = i[keep], j[keep], step[keep], lengths[keep]
    order = np.lexsort((step[:, 2], step[:, 1], step[:, 0], j, i))
    i, j = i[order], j[order]
    return i, j, step[order] + away[i] - away[j], lengths[order]


def _images(scaled: Floats, cell: Floats, periodic: np.ndarray, cutoff: float) -> tuple[Ints, Ints]:
    """Return whose images lie within a cutoff of the cell, and the lattice steps to them; atoms themselves included.

    Args:
        scaled: Fractional coordinates, shape (n, 3), from 0 to 1 where periodic.
    """
    reach = cutoff * np.linalg.norm(np.linalg.inv(cell), axis=0) + 1e-9  # the cutoff over the distance of faces
    owner, step = np.arange(len(scaled)), np.zeros((len(scaled), 3), np.int64)
    for axis in np.flatnonzero(periodic):
        most = int(np.ceil(reach[axis]))
        moves = np.arange(-most, most + 1)
        there = scaled[owner, axis] + moves[:, None]
        move, at = np.nonzero((there >= -reach[axis]) & (there <= 1 + reach[axis]))
        owner, step = owner[at], step[at]
        step[:, axis] = moves[move]
    return owner, step
