"""Neighbours of atoms, in molecules and in boxes of any shape and size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats

Whole = NDArray[np.int64]


def neighbours(positions: Floats, cutoff: float, cell: Floats | None = None) -> tuple[Whole, Whole, Whole]:
    """Return all directed pairs closer than a cutoff, sorted by the first atom.

    In a box every image counts, so that a pair may stand there several times, and an atom may be its own neighbour.

    Args:
        positions: Å, shape (n, 3); they may lie outside the box.
        cutoff: Å.
        cell: Lattice vectors as rows, Å, of a box that is periodic in all directions; None without one.

    Returns:
        First atoms i, shape (e,), second atoms j, shape (e,), and shifts, shape (e, 3), with the vector of a pair
        positions[i] - positions[j] - shift @ cell.
    """
    from scipy.spatial import cKDTree

    if cell is None:
        found = cKDTree(positions).sparse_distance_matrix(cKDTree(positions), cutoff, output_type="ndarray")
        i, j = found["i"].astype(np.int64), found["j"].astype(np.int64)
        apart = i != j
        order = np.lexsort((j[apart], i[apart]))
        return i[apart][order], j[apart][order], np.zeros((len(order), 3), np.int64)
    inverse = np.linalg.inv(cell)
    away = np.floor(positions @ inverse).astype(np.int64)
    inside = positions - away @ cell
    images, owners, steps = _images(inside, cell, cutoff)
    found = cKDTree(inside).sparse_distance_matrix(cKDTree(images), cutoff, output_type="ndarray")
    i, j = found["i"].astype(np.int64), owners[found["j"]]
    step = steps[found["j"]]
    other = (i != j) | step.any(axis=1)
    i, j, step = i[other], j[other], step[other]
    order = np.lexsort((step[:, 2], step[:, 1], step[:, 0], j, i))
    i, j = i[order], j[order]
    return i, j, step[order] + away[i] - away[j]


def one_of_each(i: Whole, j: Whole, shift: Whole) -> NDArray[np.bool_]:
    """Return which of directed pairs to keep so that each pair stays once; shape (e,)."""
    first, second, third = shift.T
    ahead = (first > 0) | ((first == 0) & ((second > 0) | ((second == 0) & (third > 0))))
    return (i < j) | ((i == j) & ahead)


def _images(inside: Floats, cell: Floats, cutoff: float) -> tuple[Floats, Whole, Whole]:
    """Return the images within a cutoff of the box: positions, whose they are, and the lattice steps to them."""
    inverse = np.linalg.inv(cell)
    reach = cutoff * np.linalg.norm(inverse, axis=0) + 1e-9  # the cutoff over the distance of opposite faces
    axes = [np.arange(-np.ceil(r), np.ceil(r) + 1).astype(np.int64) for r in reach]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    scaled = inside @ inverse
    kept, steps = [], []
    for step in grid:
        there = scaled + step
        near = np.flatnonzero(((there >= -reach) & (there <= 1 + reach)).all(axis=1))
        kept.append(near)
        steps.append(np.broadcast_to(step, (len(near), 3)))
    owners, moves = np.concatenate(kept), np.concatenate(steps)
    return inside[owners] + moves @ cell, owners, moves
