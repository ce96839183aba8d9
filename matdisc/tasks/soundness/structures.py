"""The structures that a probe is turned into: moved, strained, turned, reordered, doubled, with others far away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats, Ints

if TYPE_CHECKING:
    from ase import Atoms

FAR = 12.0
"""Å of vacuum that hardly any potential sees across."""
ASIDE = (0.3, 0.2, 0.0)
"""Å by which things above a slab stand beside its topmost atom, so that no force is zero by symmetry."""


def moved(atoms: Atoms, displacement: Floats) -> Atoms:
    """Return atoms displaced, Å, not wrapped."""
    other = atoms.copy()
    other.positions += displacement
    return other


def strained(atoms: Atoms, strain: Floats) -> Atoms:
    """Return atoms and cell deformed by a strain, shape (3, 3)."""
    other = atoms.copy()
    other.set_cell(np.array(atoms.cell) @ (np.eye(3) + strain), scale_atoms=True)
    return other


def turned(atoms: Atoms, rotation: Floats, mirror: int = 1) -> Atoms:
    """Return atoms and cell turned: each vector v becomes v R, with a rotation R, and atoms inverted if `mirror` is -1.

    The cell is not inverted: its lattice would be the same, and some codes want it right-handed.
    """
    other = atoms.copy()
    other.set_cell(np.array(atoms.cell) @ rotation)
    other.positions = mirror * atoms.positions @ rotation
    return other


def reordered(atoms: Atoms, order: Ints) -> Atoms:
    """Return the same atoms in another order."""
    return atoms[order.tolist()]


def doubled(atoms: Atoms) -> Atoms:
    """Return the same crystal by another cell, twice as large and skewed: a + b, b, 2 c. Copies follow each other."""
    other = atoms.repeat((1, 1, 2))
    other.cell[0] += other.cell[1]
    return other


def normal(atoms: Atoms) -> Floats:
    """Return the unit vector at right angles to the first two lattice vectors, on the third one's side."""
    found = np.cross(atoms.cell[0], atoms.cell[1])
    found /= np.linalg.norm(found)
    return np.asarray(found if found @ atoms.cell[2] > 0 else -found)


def slab(atoms: Atoms) -> Atoms:
    """Return the atoms of one cell as a slab: still periodic in two directions, with room for much above it."""
    other = atoms.copy()
    other.cell[2] = (np.ptp(atoms.positions @ normal(atoms)) + 3.5 * FAR) * normal(atoms)
    return other


def with_pair(layer: Atoms, height: float) -> Atoms:
    """Return a slab with two more atoms at its end: an upright pair, the lower atom `height` Å above the topmost one.

    The pair is that of the slab's nearest neighbours, at their distance.
    """
    from ase import Atoms

    distances = layer.get_all_distances(mic=True) if len(layer) > 1 else np.array([[np.inf]])
    np.fill_diagonal(distances, np.inf)
    first, second = np.unravel_index(int(distances.argmin()), distances.shape)
    up = normal(layer)
    top = layer.positions[int((layer.positions @ up).argmax())] + np.array(ASIDE)
    foot = top + (height - np.array(ASIDE) @ up) * up
    length = float(distances.min()) if len(layer) > 1 else float(layer.cell.lengths()[:2].min())
    symbols = [layer.symbols[int(first)], layer.symbols[int(second)]]
    return layer + Atoms(symbols, [foot, foot + length * up])


def with_copy(layer: Atoms) -> Atoms:
    """Return a slab and a copy of it FAR above, a little aside; the copy's atoms come last."""
    up = normal(layer)
    thick = float(np.ptp(layer.positions @ up))
    both = layer + moved(layer, (thick + FAR) * up + np.array(ASIDE))
    both.cell[2] = (2 * thick + 2.5 * FAR) * up
    return both
