"""Which element sits on which Wyckoff positions: a crystal without coordinates.

One crystal has many such descriptions, for another origin or other axes give other letters: rock salt has its cation on
`a` and its anion on `b`, or the other way round. All descriptions are returned that follow from each other by the
Euclidean normaliser of the space group (International Tables A, chapter 3.5), as moyo finds it.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from matdisc.elements import ELEMENTS
from matdisc.schema import Crystal

SYMPREC = 0.1
"""Å; loose, so that structures that are not quite relaxed keep their symmetry."""
_SYMBOLS = ELEMENTS.split()
_NUMBER = {symbol: number for number, symbol in enumerate(_SYMBOLS, 1)}


class Orbit(NamedTuple):
    """Atoms of an element that symmetry makes equivalent.

    Attributes:
        element: Symbol.
        letter: Of the Wyckoff position.
        multiplicity: Atoms in the standard cell.
        site: Site symmetry without the dots that say along which axes: `m-3m`.
        free: Coordinates that symmetry leaves free, 0 to 3.
    """

    element: str
    letter: str
    multiplicity: int
    site: str
    free: int


class Protostructure(NamedTuple):
    """The symmetry of a crystal and what sits where; equal for crystals that are equal but for free numbers.

    Attributes:
        group: Number of the space group.
        lattice: Bravais lattice in Pearson's letters: `cF`.
        descriptions: Every distinct one, sorted, each a sorted tuple of orbits.
    """

    group: int
    lattice: str
    descriptions: tuple[tuple[Orbit, ...], ...]


@lru_cache(maxsize=16_384)  # the same crystals in every fold
def protostructure(crystal: Crystal, symprec: float = SYMPREC) -> Protostructure | None:
    """Return what sits where in a crystal; None where no symmetry is found.

    That is so without atoms, with overlapping ones, with symbols of no element, in a flat cell, and where a number is
    not finite. Neither the choice of the cell, of its origin and of the order of atoms nor a rotation matters. A strain
    that keeps the space group can matter where the axes are chosen by their lengths (orthorhombic, monoclinic).

    Args:
        crystal: Any.
        symprec: Tolerance, Å.
    """
    import moyopy

    numbers = [_NUMBER.get(symbol, 0) for symbol in crystal.symbols]
    if not (numbers and all(numbers) and np.isfinite([*crystal.cell, *crystal.positions]).all()):
        return None
    logging.getLogger("moyo").setLevel(logging.ERROR)  # a note about supercells, once for each of them
    cell = moyopy.Cell([list(row) for row in crystal.cell], [list(row) for row in crystal.positions], numbers)
    try:
        found = moyopy.MoyoDataset(cell, symprec=symprec)
        named = found.normalizer_wyckoff_positions()
    except ValueError:
        return None
    symbols = [_SYMBOLS[number - 1] for number in found.std_cell.numbers]
    descriptions = {_orbits(symbols, positions) for _, positions in named.coset_representatives}
    return Protostructure(int(found.number), found.pearson_symbol[:2], tuple(sorted(descriptions)))


def _orbits(symbols: list[str], positions: list[Any]) -> tuple[Orbit, ...]:
    """Return the orbits of the atoms of a standard cell; one position may have several of the same element."""
    atoms = Counter(
        Orbit(symbol, at.letter, int(at.multiplicity), at.site_symmetry.replace(".", ""), _free(at.coordinates))
        for symbol, at in zip(symbols, positions, strict=True)
    )
    return tuple(sorted(orbit for orbit, n in atoms.items() for _ in range(n // orbit.multiplicity)))


def _free(coordinates: str) -> int:
    return len(set("xyz") & set(coordinates))
