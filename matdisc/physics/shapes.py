"""Which shapes a crystal can take without losing its symmetry: strains of its cell and moves of its atoms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.elements import ELEMENTS
from matdisc.schema import Crystal

SYMPREC, AGAIN = 0.1, 1e-4
"""Å: tolerance at which symmetry is looked for, and of the crystal that was made symmetric by it."""
LOOSE = 1e-6
"""Directions that keep less of themselves under the symmetry are not free."""
_STRAINS = np.array([np.outer(a, b) + np.outer(b, a) for a, b in zip(
    np.eye(3)[[0, 1, 2, 1, 0, 0]], np.eye(3)[[0, 1, 2, 2, 2, 1]], strict=True)]) / 2  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes of a crystal under its symmetry, by numbers of which 0 is the crystal itself.

    Attributes:
        symbols: Of the standard primitive cell.
        cell: Å, shape (3, 3).
        positions: Fractional, shape (n, 3).
        strains: Free logarithmic strains, shape (n_strains, 3, 3), the largest component of each 1.
        moves: Free displacements, Å, shape (n_moves, n, 3), the longest of each 1.
    """

    symbols: tuple[str, ...]
    cell: Floats
    positions: Floats
    strains: Floats
    moves: Floats

    @property
    def n_free(self) -> int:
        """Number of free parameters."""
        return len(self.strains) + len(self.moves)

    def within(self, strain: float, move: float) -> Shapes:
        """Return the same shapes with each strain and each move as large as said, Å; those of 0 are not free."""
        strains, moves = (x * limit if limit else x[:0] for x, limit in ((self.strains, strain), (self.moves, move)))
        return replace(self, strains=strains, moves=moves)

    def crystal(self, values: Floats) -> Crystal:
        """Return one shape.

        Args:
            values: Size of each strain and then of each move, shape (n_free,).
        """
        n = len(self.strains)
        sizes, axes = np.linalg.eigh(np.tensordot(values[:n], self.strains, 1))
        cell = self.cell @ (axes * np.exp(sizes)) @ axes.T
        positions = self.positions + np.tensordot(values[n:], self.moves, 1) @ np.linalg.inv(self.cell)
        return Crystal(self.symbols, _rows(positions), _rows(cell))


def shapes(crystal: Crystal) -> Shapes | None:
    """Return the shapes of the standard primitive cell, so that neither frame nor cell nor origin matters.

    A crystal whose symmetry cannot be found is free in everything. The centre of the atoms stays where it is. None
    without atoms of known elements or a volume.
    """
    known = {symbol: number for number, symbol in enumerate(ELEMENTS.split(), 1)}
    cell, positions = np.array(crystal.cell, float), np.array(crystal.positions, float).reshape(-1, 3)
    finite = np.isfinite(cell).all() and np.isfinite(positions).all() and abs(np.linalg.det(cell)) > LOOSE
    if not finite or not crystal.symbols or not known.keys() >= set(crystal.symbols):
        return None
    numbers = np.array([known[symbol] for symbol in crystal.symbols])
    if found := _found(cell, positions, numbers, SYMPREC):
        standard = found.prim_std_cell
        cell, positions, numbers = (np.array(x) for x in (standard.basis, standard.positions, standard.numbers))
        found = _found(cell, positions, numbers, AGAIN)
    rotations, translations = _operations(found)
    turns = cell.T @ rotations @ np.linalg.inv(cell.T)
    moves = _moves(turns, _images(cell, positions, numbers, rotations, translations))
    symbols = tuple(ELEMENTS.split()[number - 1] for number in numbers)
    return Shapes(symbols, cell, positions, _strains(turns), moves)


def _operations(found: Any) -> tuple[Floats, Floats]:
    """Return rotations and translations of fractional coordinates; without symmetry the identity alone."""
    if found is None:
        return np.eye(3)[None], np.zeros((1, 3))
    return np.array(found.operations.rotations, float), np.array(found.operations.translations, float)


def _found(cell: Floats, positions: Floats, numbers: Ints, symprec: float) -> Any:
    """Return what moyo says of the symmetry, None where it finds none."""
    import moyopy

    try:
        return moyopy.MoyoDataset(
            moyopy.Cell(cell.tolist(), positions.tolist(), numbers.tolist()), symprec=symprec, angle_tolerance=None
        )
    except ValueError:
        return None


def _images(cell: Floats, positions: Floats, numbers: Ints, rotations: Floats, translations: Floats) -> Ints:
    """Return which atom each operation puts each atom on, shape (n_operations, n_atoms)."""
    there = positions @ rotations.transpose(0, 2, 1) + translations[:, None]
    away = there[:, :, None] - positions
    apart = np.linalg.norm((away - np.round(away)) @ cell, axis=-1)
    return np.where(numbers[:, None] == numbers, apart, np.inf).argmin(axis=2)


def _strains(turns: Floats) -> Floats:
    """Return independent strains that all rotations leave as they are."""
    kept = [(turns @ strain @ turns.transpose(0, 2, 1)).mean(axis=0).ravel() for strain in _STRAINS]
    return np.array([s / np.abs(s).max() for s in _independent(np.array(kept))]).reshape(-1, 3, 3)


def _moves(turns: Floats, images: Ints) -> Floats:
    """Return independent displacements that all operations leave as they are, without those of the whole crystal."""
    n = images.shape[1]
    kept = np.zeros((n, 3, n, 3))  # what becomes of each atom moved along each axis
    for turn, image in zip(turns, images, strict=True):
        kept[np.arange(n), :, image] += turn.T / len(turns)
    kept -= kept.mean(axis=2, keepdims=True)
    moves = np.array(_independent(kept.reshape(3 * n, 3 * n))).reshape(-1, n, 3)
    return moves / np.linalg.norm(moves, axis=2).max(axis=1, initial=LOOSE)[:, None, None]


def _independent(rows: Floats) -> list[Floats]:
    """Return the rows that the ones before do not span, each without what they have of it."""
    found: list[Floats] = []
    for row in rows:
        rest = row - sum((np.dot(row, one) / np.dot(one, one) * one for one in found), np.zeros_like(row))
        if np.abs(rest).max() > LOOSE:
            found.append(rest)
    return found


def _rows(array: Floats) -> Any:
    return tuple(tuple(row) for row in array.tolist())
