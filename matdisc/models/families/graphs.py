"""Neighbour graphs of many crystals, kept in flat arrays, and batches of them for networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from matdisc.arrays import Floats, Ints
from matdisc.physics.neighbours import neighbours
from matdisc.schema import Crystal

NEAREST, CUTOFF = 12, 8.0
"""Neighbours of each atom, and how far they may be, Å (Xie and Grossman, 2018)."""
SHELL = 0.01
"""Å; neighbours that are as far as the last one to within this belong to its shell and are taken too."""
EXPECTED = 40
"""Neighbours of an atom at the first radius that is searched, in a crystal of even density."""
LEAST_VOLUME = 0.5
"""Å^3/atom; a cell with less is flat or damaged, and its images have no end."""
LEAST_SPACING = 0.3
"""Å between lattice planes; a cell with less is a needle or a sheet, and its images have no end either."""


@dataclass(frozen=True, slots=True)
class Graphs:
    """Graphs of n crystals: all atoms and all edges one after another.

    Attributes:
        numbers: Atomic numbers, shape (n_atoms,).
        atoms: Where the atoms of each crystal begin, and the end, shape (n + 1,).
        source, target: Atoms of each edge, counted within its crystal, shape (n_edges,); the target hears the source.
        shifts: Lattice steps to the image of the source, shape (n_edges, 3).
        lengths: Å, shape (n_edges,).
        edges: Where the edges of each crystal begin, and the end, shape (n + 1,).
    """

    numbers: Ints
    atoms: Ints
    source: Ints
    target: Ints
    shifts: Ints
    lengths: Floats
    edges: Ints

    def __len__(self) -> int:
        return len(self.atoms) - 1

    def batch(self, places: Ints) -> Batch:
        """Return some crystals as one graph of parts that do not touch; a place may be asked for twice."""
        atoms, edges = _spans(self.atoms, places), _spans(self.edges, places)
        n_atoms, n_edges = np.diff(self.atoms)[places], np.diff(self.edges)[places]
        first = np.repeat(np.cumsum(n_atoms) - n_atoms, n_edges)
        return Batch(
            torch.from_numpy(self.numbers[atoms]),
            torch.from_numpy(np.stack([self.source[edges] + first, self.target[edges] + first])),
            torch.from_numpy(self.lengths[edges].astype(np.float32)),
            torch.from_numpy(np.repeat(np.arange(len(places)), n_atoms)),
            len(places),
        )


class Batch(NamedTuple):
    """What a network reads: atomic numbers (n_atoms,), edges (2, n_edges), lengths in Å, the crystal of each atom."""

    numbers: torch.Tensor
    edges: torch.Tensor
    lengths: torch.Tensor
    crystal: torch.Tensor
    n: int


def graphs(crystals: Sequence[Crystal], nearest: int = NEAREST, cutoff: float = CUTOFF) -> Graphs:
    """Return the graphs of crystals: each atom hears its nearest neighbours, whole shells of them.

    The published design takes 12 and leaves out some of the atoms that are just as far, whichever come last. Here the
    shell of the twelfth is taken whole, so that neither the order of atoms nor the choice of the cell matters. An atom
    without neighbours up to the cutoff has no edge.

    Args:
        crystals: Each with an atom and a volume, see `drawable`.
        nearest: Neighbours of each atom, if there are as many.
        cutoff: Å.
    """
    found = [_edges(crystal, nearest, cutoff) for crystal in crystals]
    source, target, shifts, lengths = (np.concatenate(parts) for parts in zip(_NO_EDGE, *found, strict=True))
    numbers = np.array([atomic_number(symbol) for crystal in crystals for symbol in crystal.symbols], np.int64)
    ends = [_ends(len(c.symbols) for c in crystals), _ends(len(edges[0]) for edges in found)]
    return Graphs(numbers, ends[0], source, target, shifts, lengths, ends[1])


def drawable(crystal: Crystal) -> bool:
    """Whether a crystal has a graph: atoms of known elements, numbers that are finite, and a cell with a volume."""
    numbers = np.array([*crystal.cell, *crystal.positions], float)
    known = all(atomic_number(symbol) for symbol in crystal.symbols)
    if not (crystal.symbols and known and np.isfinite(numbers).all()):
        return False
    if abs(np.linalg.det(crystal.cell)) < LEAST_VOLUME * len(crystal.symbols):
        return False
    widest = np.linalg.norm(np.linalg.inv(crystal.cell), axis=0).max()
    return bool(widest * LEAST_SPACING <= 1)


@lru_cache(maxsize=256)
def atomic_number(symbol: str) -> int:
    """Return the atomic number of an element, 0 for what is none."""
    from ase.data import atomic_numbers

    return int(atomic_numbers.get(symbol, 0))


def gaussians(lengths: torch.Tensor, cutoff: float = CUTOFF, step: float = 0.2) -> torch.Tensor:
    """Return lengths (Å) as overlaps with Gaussians, one each `step` from 0 to the cutoff and as wide as it.

    Shape (n_edges, cutoff / step + 1): 41 numbers by default. No overlap is below 1e-11: smaller numbers leave the
    processor's fast path, and products with them take many times as long.
    """
    centres = torch.linspace(0.0, cutoff, round(cutoff / step) + 1)
    return torch.exp(-(((lengths[:, None] - centres) / step) ** 2).clamp(max=25.0))


_Edges = tuple[Ints, Ints, Ints, Floats]
_NO_EDGE: _Edges = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3), np.int64), np.empty(0))


def _edges(crystal: Crystal, nearest: int, cutoff: float) -> _Edges:
    """Search no farther than needed: a crystal as dense as most has twelve neighbours within 4 Å, not 8."""
    cell = np.array(crystal.cell)
    positions = np.array(crystal.positions) @ cell
    volume = abs(np.linalg.det(cell)) / len(positions)
    radius = (EXPECTED * volume * 3 / (4 * np.pi)) ** (1 / 3)
    while True:
        radius = min(radius, cutoff)
        target, source, shifts, lengths = neighbours(positions, radius, cell)
        last = _lengths_of_last(target, lengths, len(positions), nearest)
        if radius == cutoff or (last + SHELL <= radius).all():
            keep = lengths <= last[target] + SHELL
            return source[keep], target[keep], shifts[keep], lengths[keep]
        radius *= 1.4


def _lengths_of_last(target: Ints, lengths: Floats, n: int, nearest: int) -> Floats:
    """Return how far the twelfth neighbour of each atom is, Å, shape (n,); infinity where there are fewer."""
    order = np.lexsort((lengths, target))
    counts = np.bincount(target, minlength=n)
    place = np.cumsum(counts) - counts + nearest - 1
    last = np.full(n, np.inf)
    enough = counts >= nearest
    last[enough] = lengths[order[place[enough]]]
    return last


def _ends(counts: Iterable[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(np.fromiter(counts, np.int64))])


def _spans(ends: Ints, places: Ints) -> Ints:
    """Return the places between the ends of each chosen crystal, one crystal after another."""
    begins, counts = ends[places], np.diff(ends)[places]
    return np.arange(counts.sum()) + np.repeat(begins - (np.cumsum(counts) - counts), counts)
