"""CHGNet's graphs for many crystals at once, from arrays and without one Python object for each bond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats, Ints

if TYPE_CHECKING:
    from ase import Atoms
    from torch import Tensor


SHORTEST = 1e-3
"""Two atoms closer than this, Å, are the same atom twice: a bond without a direction."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Bonds and angles of several crystals; atoms and bonds are numbered through all of them.

    Each bond is listed once and stands for both directions. An angle has two arms: directed short bonds that start
    at the atom in its corner.

    Attributes:
        numbers: Atomic numbers, shape (n_atoms,).
        owners: The crystal of each atom, shape (n_atoms,).
        vectors: From the first to the second atom of a bond, Å, single precision, asks for its gradient,
            shape (n_bonds, 3).
        starts, ends: The atoms of each directed bond: all bonds forwards, then all backwards, shape (2 * n_bonds,).
        short: The bonds that make angles, shape (n_short,).
        bent: 1 for the bonds of a crystal that has angles, else 0, shape (n_bonds,).
        arm_bonds: The bond of each possible arm, as a position in `short`, shape (2 * n_short,).
        corners: The atom where each possible arm starts, shape (2 * n_short,).
        arms: The first arm of each angle, as a position in `corners`, shape (n_angles,).
        arms_first, arms_second: The bonds of both arms of each angle, as positions in `short`, shape (n_angles,).
        signs: Product of the directions of the two arms: 1 or -1, shape (n_angles,).
        n_crystals: Number of crystals.
    """

    numbers: Tensor
    owners: Tensor
    vectors: Tensor
    starts: Tensor
    ends: Tensor
    short: Tensor
    bent: Tensor
    arm_bonds: Tensor
    corners: Tensor
    arms: Tensor
    arms_first: Tensor
    arms_second: Tensor
    signs: Tensor
    n_crystals: int


def graph_of(structures: Sequence[Atoms], cutoff: float, angle_cutoff: float, device: str = "cpu") -> Graph:
    """Return the graph of all bonds up to `cutoff` and all angles between bonds shorter than `angle_cutoff`, Å.

    Raises:
        ValueError: If an atom has no neighbour within the cutoff, or two atoms coincide.
    """
    import torch

    sizes = [len(atoms) for atoms in structures]
    starts = np.cumsum(sizes) - sizes
    found = [_bonds(atoms, cutoff) for atoms in structures]
    first = np.concatenate([f + s for (f, _, _), s in zip(found, starts, strict=True)])
    second = np.concatenate([t + s for (_, t, _), s in zip(found, starts, strict=True)])
    vectors = np.concatenate([v for _, _, v in found])
    owners = np.repeat(np.arange(len(sizes)), sizes)
    short = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) < angle_cutoff**2)
    corners, arm_bonds, direction = _arms(first[short], second[short])
    one, other = _pairs(corners, sum(sizes))
    bent = np.zeros(len(sizes))
    bent[owners[corners[one]]] = 1

    def index(array: Ints) -> Tensor:
        return torch.from_numpy(array).to(device, torch.int64)

    def number(array: Floats) -> Tensor:
        return torch.from_numpy(array).to(device, torch.float32)

    return Graph(
        numbers=index(np.concatenate([atoms.numbers for atoms in structures])),
        owners=index(owners),
        vectors=number(vectors).requires_grad_(),
        starts=index(np.concatenate([first, second])),
        ends=index(np.concatenate([second, first])),
        short=index(short),
        bent=number(bent[owners[first]]),
        arm_bonds=index(arm_bonds),
        corners=index(corners),
        arms=index(one),
        arms_first=index(arm_bonds[one]),
        arms_second=index(arm_bonds[other]),
        signs=number(direction[one] * direction[other]),
        n_crystals=len(sizes),
    )


def _bonds(atoms: Atoms, cutoff: float) -> tuple[Ints, Ints, Floats]:
    """Return first atom, second atom and vector of each bond of one crystal, each bond once."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    cell = np.ascontiguousarray(atoms.cell[:], dtype=float)
    positions = np.ascontiguousarray(atoms.positions, dtype=float)
    periodic = np.ascontiguousarray(atoms.pbc, dtype=np.int64)
    first, second, images, lengths = find_points_in_spheres(positions, positions, cutoff, periodic, cell, 1e-8)
    apart = lengths > SHORTEST
    if np.count_nonzero(apart) != len(lengths) - len(atoms):
        raise ValueError(f"{atoms.symbols}: two atoms lie less than {SHORTEST:g} Å apart")
    lonely = len(atoms) - np.count_nonzero(np.bincount(first[apart], minlength=len(atoms)))
    if lonely:
        raise ValueError(f"{atoms.symbols}: {lonely} atoms have no neighbour within {cutoff:g} Å, CHGNet's cutoff")
    x, y, z = images.T
    up = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    once = (first < second) | ((first == second) & up)
    first, second = first[once], second[once]
    return first, second, positions[second] - positions[first] + images[once] @ cell


def _arms(first: Ints, second: Ints) -> tuple[Ints, Ints, Floats]:
    """Return start, bond and direction (1 or -1) of each directed bond, ordered by start."""
    starts = np.concatenate([first, second])
    order = np.argsort(starts, kind="stable")
    bonds = np.tile(np.arange(len(first)), 2)
    directions = np.repeat([1.0, -1.0], len(first))
    return starts[order], bonds[order], directions[order]


def _pairs(corners: Ints, n_atoms: int) -> tuple[Ints, Ints]:
    """Return all ordered pairs of different arms that start at one atom, as positions in the ordered `corners`."""
    count = np.bincount(corners, minlength=n_atoms)
    start = np.cumsum(count) - count
    one = np.repeat(np.arange(len(corners)), count[corners])
    run = np.cumsum(count[corners]) - count[corners]
    other = np.arange(len(one)) - run[one] + start[corners[one]]
    unlike = one != other
    return one[unlike], other[unlike]
