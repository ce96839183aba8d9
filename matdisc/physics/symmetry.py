"""Space group and symmetry operations of a crystal, by moyo.

moyo and not spglib, because the two disagree on structures with a little noise (on perovskites with atoms displaced by
0.003 Å, at a tolerance of 0.01 Å, three times in four), and Matbench Discovery's published numbers are moyo's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache

from matdisc.elements import ELEMENTS
from matdisc.schema import Crystal

SYMPRECS = (0.1, 1e-2, 1e-5)
"""Tolerances in Å at which symmetry is looked for."""

_NUMBER = {symbol: number for number, symbol in enumerate(ELEMENTS.split(), 1)}


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Number of the space group (1 to 230) and of the operations of the cell as given."""

    number: int
    operations: int


@lru_cache(maxsize=16_384)  # the same references for every row of a board
def symmetry(crystal: Crystal, symprec: float) -> Symmetry | None:
    """Return the symmetry of a crystal, None where the search fails (overlapping atoms, a flat cell).

    Args:
        crystal: A crystal with finite numbers.
        symprec: Tolerance, Å.
    """
    import moyopy

    logging.getLogger("moyo").setLevel(logging.ERROR)  # a note about supercells, once for each of them
    cell = moyopy.Cell(
        basis=[list(row) for row in crystal.cell],
        positions=[list(row) for row in crystal.positions],
        numbers=[_NUMBER[symbol] for symbol in crystal.symbols],
    )
    try:
        found = moyopy.MoyoDataset(cell, symprec=symprec, angle_tolerance=None)
    except ValueError:
        return None
    return Symmetry(int(found.number), len(found.operations))
