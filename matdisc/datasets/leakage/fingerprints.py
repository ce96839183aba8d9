"""Keys by which two crystals are found to be the same: formula, structure hash, and a full comparison.

From coarse to fine: equal reduced formula; equal structure hash, which also holds space group and kinds of sites;
`same_structure`, which compares the atoms. The hash is for files and look-ups, the comparison decides.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from matdisc.elements import SYMBOLS
from matdisc.schema import Crystal

if TYPE_CHECKING:
    from pymatgen.core import Structure

SYMPREC = 0.1
"""Distance in Å within which atoms count as related by symmetry; the value the Materials Project uses.

Wide on purpose: relaxation noise of a few 0.01 Å must not hide a copy. A phase distorted by less falls together
with its parent structure.
"""
HASH_PATTERN = r"s1-[0-9a-f]{16}|formula:[A-Za-z0-9]{1,200}"
"""Structure hashes of this version, and the formula-only keys that stand where no symmetry was found."""
FORMULA_ONLY = "formula:"
LENGTH_TOLERANCE, SITE_TOLERANCE, ANGLE_TOLERANCE = 0.2, 0.3, 5.0
"""pymatgen's own defaults: relative length, site distance over (volume per atom)^(1/3), degrees."""

_TOKEN = re.compile(r"([A-Z][a-z]?)|([(\[])|([)\]])|(\d{1,6}(?:\.\d{1,6})?)|(\s+)")


@lru_cache(maxsize=65536)
def reduced_formula(text: str) -> str:
    """Return the reduced formula, elements in alphabetical order, of a formula in any usual spelling.

    `BaTiO3`, `Ba1 Ti1 O3`, `TiO3Ba` and `Ba2Ti2O6` give `BaO3Ti`; `Ca(OH)2` gives `CaH2O2`; decimals become whole
    numbers (`Ba0.5Sr0.5TiO3` is `BaO6SrTi2`).

    Raises:
        ValueError: If the text is no formula, or names something that is no element.
    """
    if len(text) > 200:
        raise ValueError("is longer than 200 characters")
    groups: list[dict[str, Fraction]] = [{}]
    position, last = 0, {}
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"is not a formula at {text[position : position + 10]!r}; write it like BaTiO3")
        position = match.end()
        element, opened, closed, number, _ = match.groups()
        if element:
            if element not in SYMBOLS:
                raise ValueError(f"names {element!r}, which is no element")
            last = {element: Fraction(1)}
            _add(groups[-1], last, 1)
        elif opened:
            groups.append({})
            last = {}
        elif closed:
            if len(groups) == 1 or not groups[-1]:
                raise ValueError("has a bracket without partner or content")
            last = groups.pop()
            _add(groups[-1], last, 1)
        elif number:
            if not last or Fraction(number) == 0:
                raise ValueError(f"has a number ({number}) that counts nothing")
            _add(groups[-1], last, Fraction(number) - 1)
            last = {}
    if len(groups) != 1 or not groups[0]:
        raise ValueError("is not a formula; write it like BaTiO3")
    scale = lcm(*(n.denominator for n in groups[0].values()))
    return formula_key({el: int(n * scale) for el, n in groups[0].items()})


def formula_key(counts: Mapping[str, int]) -> str:
    """Reduced formula, elements in alphabetical order, of atom counts; equals `Crystal.formula`.

    Raises:
        ValueError: If there are no atoms, or a count is not positive.
    """
    if not counts or min(counts.values()) < 1:
        raise ValueError("a formula needs at least one atom of each of its elements")
    divisor = gcd(*counts.values())
    return "".join(el + (str(n // divisor) if n > divisor else "") for el, n in sorted(counts.items()))


def anonymous_formula(text: str) -> str:
    """Formula with letters for elements, rarest first: `BaTiO3` and `LaAlO3` are both `ABC3`.

    Raises:
        ValueError: If the text is no formula, or has more than 26 elements.
    """
    parts = re.findall(r"[A-Z][a-z]?(\d*)", reduced_formula(text))
    if len(parts) > len(ascii_uppercase):
        raise ValueError(f"{text!r} has more than 26 elements")
    counts = sorted(int(n or 1) for n in parts)
    return "".join(letter + (str(n) if n > 1 else "") for letter, n in zip(ascii_uppercase, counts, strict=False))


def chemical_system(formula: str) -> str:
    """Elements of a formula, sorted alphabetically and joined: `Ba-O-Ti`."""
    return "-".join(sorted(set(re.findall(r"[A-Z][a-z]?", formula))))


def structure_hash(crystal: Crystal) -> str:
    """Hash of formula, space group and kinds of sites, e.g. `s1-` and 16 hexadecimal digits.

    sha256 over the reduced formula, the number of the space group (spglib at `SYMPREC`) and, for each orbit of
    atoms, its element, its number of atoms in a primitive cell and its site symmetry. It depends neither on the
    order of the atoms nor on origin, orientation, supercell or choice of the cell. Undefined symmetry (like atoms on
    top of each other, or a search that fails) gives `formula:` and the formula; see `is_formula_only`.

    Limits: Wyckoff letters, which change with the origin, are left out, so that positions of equal site symmetry
    are not told apart: a cubic perovskite and the one with A and B exchanged share a hash. Free coordinates and
    lattice constants are no part of it. A strain or rattle beyond `SYMPREC` changes it (1 % of a long cell is
    enough), and a structure at that edge may fall to either side: an equal hash says something, another one little.
    """
    import spglib

    numbers = {el: i for i, el in enumerate(sorted(set(crystal.symbols)), start=1)}
    cell = (crystal.cell, crystal.positions, [numbers[el] for el in crystal.symbols])
    try:
        found: Any = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    except _spglib_errors():
        found = None
    if found is None:
        return FORMULA_ONLY + crystal.formula
    orbits = Counter(found.crystallographic_orbits.tolist())
    in_primitive = len(set(found.mapping_to_primitive.tolist()))
    sites = sorted(
        (
            crystal.symbols[atom],
            n * in_primitive // len(crystal.symbols),
            _site_class(found.site_symmetry_symbols[atom]),
        )
        for atom, n in orbits.items()
    )
    content = f"{crystal.formula}|{found.number}|" + "|".join(f"{el} {n} {symbol}" for el, n, symbol in sites)
    return "s1-" + hashlib.sha256(content.encode("ascii")).hexdigest()[:16]


def is_formula_only(key: str) -> bool:
    """Whether a structure hash stands for a formula alone, because no symmetry was found."""
    return key.startswith(FORMULA_ONLY)


def reduced_cell(crystal: Crystal) -> Structure:
    """Return the Niggli-reduced primitive cell as a pymatgen Structure, ready for `same_structure`.

    spglib shrinks supercells first, which is quick; pymatgen's own wider search (0.25 Å) follows.
    """
    import spglib
    from pymatgen.core import Lattice, Structure

    kinds = sorted(set(crystal.symbols))
    cell: Any = (crystal.cell, crystal.positions, [kinds.index(el) for el in crystal.symbols])
    with suppress(_spglib_errors()):  # comparing the cell as given may still succeed
        cell = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=SYMPREC) or cell
    vectors, positions, numbers = cell
    structure = Structure(Lattice(vectors), [kinds[n] for n in numbers], positions)
    with suppress(ValueError):  # no reduction is found for some very flat cells
        structure = structure.get_reduced_structure(reduction_algo="niggli")
    return structure.get_primitive_structure()


def same_structure(first: Structure, second: Structure) -> bool:
    """Whether pymatgen's StructureMatcher, with its default tolerances, maps one reduced cell onto the other.

    Volumes are scaled to each other first, so a strained copy is the same structure, as is a slightly distorted
    one. Elements have to agree: exchanging two of them makes another structure unless symmetry allows it.

    Args:
        first: A result of `reduced_cell`.
        second: Another one.
    """
    return len(first) == len(second) and bool(_matcher().fit(first, second, skip_structure_reduction=True))


@lru_cache(maxsize=1)
def _matcher() -> Any:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher(LENGTH_TOLERANCE, SITE_TOLERANCE, ANGLE_TOLERANCE, primitive_cell=True, scale=True)


def _spglib_errors() -> type[Exception]:
    """What spglib raises where a symmetry search fails; older versions return None instead."""
    import spglib

    error: type[Exception] = getattr(spglib, "SpglibError", RuntimeError)
    return error


def _site_class(symbol: str) -> str:
    """Site symmetry without its orientation: `m.m2`, `2.mm` and `mm2` depend on how the axes were named."""
    return "".join(sorted(symbol.replace(".", "")))


def _add(total: dict[str, Fraction], part: Mapping[str, Fraction], times: Fraction | int) -> None:
    for element, n in part.items():
        total[element] = total.get(element, Fraction(0)) + n * times
