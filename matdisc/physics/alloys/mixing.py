"""Enthalpies of mixing from small ordered cells of two metals, and how alike two metals mix with all others.

A random solution of equal parts A and B is a mean over the tetrahedra of neighbours in it (Connolly & Williams, Phys.
Rev. B 27, 5169 (1983)): with chance 1/16 each a tetrahedron is all A or all B, with 4/16 each A3B or AB3, with 6/16
A2B2. Each kind fills space as an ordered cell. On FCC these are A, B, L1_2 (twice) and L1_0, on HCP A, B, D0_19 (twice)
and B19. On BCC they are A, B, D0_3 (twice), B2 (2/16) and B32 (4/16). So with dH of each ordered cell against its
elements on the same lattice,

    dH(FCC) = 1/4 L1_2(A3B) + 3/8 L1_0 + 1/4 L1_2(AB3)
    dH(HCP) = 1/4 D0_19(A3B) + 3/8 B19 + 1/4 D0_19(AB3)
    dH(BCC) = 1/4 D0_3(A3B) + 1/8 B2 + 1/4 B32 + 1/4 D0_3(AB3)

in eV/atom. With energies of bonds alone the mean of A3B and AB3 is the same, since half of the bonds are A-B in each,
as in the solution; it serves where a cell of equal parts has no energy or has left its lattice. The regular solution
Omega x (1 - x) has Omega / 4 in equal parts. Not in it: atoms that move off their places in a random alloy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats
from matdisc.schema import Crystal

LATTICES = ("BCC", "FCC", "HCP")
OFF_LATTICE = 2**0.25
"""Ratio of the largest to the smallest stretch at which a cell is no longer on its lattice. The way from FCC to BCC
(Bain's) ends at 2^(1/2); this is half of it. That from HCP to BCC (Burgers') ends at (3/2)^(1/2), a little beyond."""
LEAST_SHARE = 0.5
"""Share of the components that two elements have to have in common for their distance to mean something."""


class Arrangement(NamedTuple):
    """An ordered cell: lattice, prototype, parts of the first and second metal, weight in the random solution."""

    lattice: str
    prototype: str
    parts: tuple[int, int]
    weight: float


ARRANGEMENTS = (
    Arrangement("BCC", "D0_3", (3, 1), 1 / 4),
    Arrangement("BCC", "cscl", (1, 1), 1 / 8),
    Arrangement("BCC", "B32", (1, 1), 1 / 4),
    Arrangement("BCC", "D0_3", (1, 3), 1 / 4),
    Arrangement("FCC", "L1_2", (3, 1), 1 / 4),
    Arrangement("FCC", "L1_0", (1, 1), 3 / 8),
    Arrangement("FCC", "L1_2", (1, 3), 1 / 4),
    Arrangement("HCP", "D0_19", (3, 1), 1 / 4),
    Arrangement("HCP", "B19", (1, 1), 3 / 8),
    Arrangement("HCP", "D0_19", (1, 3), 1 / 4),
)
Cell = tuple[str, str, Arrangement]
"""First and second metal, in alphabetical order, and how they are arranged."""


def stretch_ratio(start: Crystal, end: Crystal) -> float:
    """Return the largest over the smallest principal stretch between two cells of one crystal; 1 for a change of size.

    Rotations do not count. nan if the start has no volume.
    """
    with np.errstate(all="ignore"):
        try:
            deformation = np.linalg.solve(np.array(start.cell), np.array(end.cell))
        except np.linalg.LinAlgError:
            return float("nan")
        stretches = np.linalg.svd(deformation, compute_uv=False)
        return float(stretches[0] / stretches[-1])


def mixing_enthalpies(
    elements: Sequence[str],
    pure: Mapping[tuple[str, str], float],
    mixed: Mapping[Cell, float],
    lattices: Sequence[str] = LATTICES,
) -> Floats:
    """Return dH of equal parts of each pair on each lattice, eV/atom, symmetric, shape (n_lattices, n, n).

    Zero on the diagonal. nan where an element or a cell of three parts and one has no energy; without one of the cells
    of equal parts it is the mean of the other two.

    Args:
        elements: Symbols, alphabetical.
        pure: Energy of an element on a lattice, eV/atom.
        mixed: Energy of a cell, eV/atom; cells that have left their lattice are left out.
        lattices: Some of LATTICES.
    """
    out = np.zeros((len(lattices), len(elements), len(elements)))
    for place, lattice in enumerate(lattices):
        for (i, a), (j, b) in combinations(enumerate(elements), 2):
            ends = pure.get((a, lattice), np.nan), pure.get((b, lattice), np.nan)
            out[place, i, j] = out[place, j, i] = _solution(a, b, lattice, ends, mixed)
    return out


def _solution(a: str, b: str, lattice: str, ends: tuple[float, float], mixed: Mapping[Cell, float]) -> float:
    whole, unequal = 0.0, 0.0
    for kind in (kind for kind in ARRANGEMENTS if kind.lattice == lattice):
        first, second = kind.parts
        formation = mixed.get((a, b, kind), np.nan) - (first * ends[0] + second * ends[1]) / (first + second)
        whole += kind.weight * formation
        unequal += 0.5 * formation if first != second else 0.0
    return whole if np.isfinite(whole) else unequal


def mixing_distances(enthalpies: ArrayLike) -> Floats:
    """Return how unlike two elements mix with all others and with each other, eV/atom, symmetric, shape (n, n).

    D(A, B)^2 = mean over lattices and elements C of (dH(A, C) - dH(B, C))^2, with dH(A, A) = 0, so that C = A and C = B
    count what mixing A with B costs. Components with nan are left out; nan with less than half of them.

    Args:
        enthalpies: As `mixing_enthalpies` returns them, shape (n_lattices, n, n).
    """
    h = np.asarray(enthalpies, float)
    rows = np.moveaxis(h, 0, 1).reshape(h.shape[1], -1)
    squares = (rows[:, None, :] - rows[None, :, :]) ** 2
    known = np.isfinite(squares)
    n = known.sum(axis=-1)
    mean = np.where(known, squares, 0.0).sum(axis=-1) / np.maximum(n, 1)
    return np.where(n >= LEAST_SHARE * rows.shape[1], np.sqrt(mean), np.nan)


def similar_share(distances: ArrayLike) -> Floats:
    """Return s = 2^-(D / D_half)^2 of each pair, shape (n, n), with the median distance of all pairs as D_half.

    1 for elements that mix alike, 1/2 for the median pair, towards 0 far off. There is no constant to tune: a potential
    that gives all enthalpies too small by one factor gives the same shares. nan stays nan; all 1 if no pair differs.
    """
    d = np.asarray(distances, float)
    pairs = d[np.triu_indices(len(d), 1)]
    half = float(np.median(pairs[np.isfinite(pairs)])) if np.isfinite(pairs).any() else float("nan")
    return np.where(np.isfinite(d), 1.0, np.nan) if half == 0 else np.exp2(-((d / half) ** 2))
