"""Structures as pymatgen writes them in JSON, read field by field: no class that a file names is imported.

pymatgen's own `from_dict` imports whatever class the file names, for each field of a site or an entry, so a file could
run code. Here the name is looked at, and only the fields are taken that a structure is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matdisc.elements import SYMBOLS
from matdisc.errors import DataError
from matdisc.formats.fields import FULL, number, numbers
from matdisc.formats.xyz import ISOTOPES

if TYPE_CHECKING:
    from ase import Atoms

STRUCTURES = ("Structure", "IStructure", "Molecule", "IMolecule")
WITHOUT = ("ComputedEntry", "PDEntry", "ExpEntry", "GrandPotPDEntry", "Composition", "Lattice")
_KNOWN = frozenset(SYMBOLS)


class Read(NamedTuple):
    """A structure, and what else its object says."""

    atoms: Atoms
    values: Mapping[str, Any]


def is_structure(value: object) -> bool:
    """Whether a value is a structure or an entry with one, or says that it is an entry, with or without."""
    if not isinstance(value, Mapping):
        return False
    return isinstance(value.get("sites"), list) or is_entry(value) or value.get("@class") in (*STRUCTURES, *WITHOUT)


def is_entry(value: Mapping[str, Any]) -> bool:
    """Whether an object is a computed entry with a structure."""
    return isinstance(value.get("structure"), Mapping) and (
        str(value.get("@class", "")).endswith("StructureEntry") or {"energy", "correction"} <= value.keys()
    )


def read(value: Mapping[str, Any], where: str) -> Read:
    """Return the structure that an object of pymatgen holds.

    The energy of a computed entry, without its correction, is that of the structure's calculator, eV; `energy`,
    `correction` (eV per cell), `parameters`, `entry_id` and what stands in `data` are values.

    Raises:
        DataError: If it holds none, or a disordered one, or a field is none of its kind.
    """
    kind = value.get("@class")
    if is_entry(value):
        return _entry(value, where)
    if not isinstance(value.get("sites"), list):
        raise DataError(f"{where}: a {kind} holds no structure; give ComputedStructureEntry or Structure")
    properties = value.get("properties")
    return Read(_structure(value, where), dict(properties) if isinstance(properties, Mapping) else {})


def _entry(value: Mapping[str, Any], where: str) -> Read:
    from ase.calculators.singlepoint import SinglePointCalculator

    inner = read(value["structure"], where)
    energy = number(value.get("energy"), where, "energy")
    atoms = inner.atoms
    forces = atoms.calc.results if atoms.calc else {}
    atoms.calc = SinglePointCalculator(atoms, energy=energy, **forces)
    data = value.get("data")
    values = {**inner.values, **(data if isinstance(data, Mapping) else {}), "energy": energy}
    values |= {key: value[key] for key in ("correction", "parameters", "entry_id") if value.get(key) is not None}
    return Read(atoms, values)


def _structure(value: Mapping[str, Any], where: str) -> Atoms:
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    sites = value["sites"]
    if not sites:
        raise DataError(f"{where}: holds no atoms")
    symbols, masses = zip(*(_species(site, i, where) for i, site in enumerate(sites)), strict=True)
    lattice = value.get("lattice")
    if lattice is None:
        atoms = Atoms(list(symbols), positions=_vectors(sites, "xyz", where))
    else:
        if not isinstance(lattice, Mapping) or "matrix" not in lattice:
            raise DataError(f"{where}: field 'lattice' has no matrix; write the structure with pymatgen's as_dict()")
        cell = numbers(lattice["matrix"], where, "lattice", (3, 3))
        pbc = _truths(lattice.get("pbc", (True, True, True)), where)
        atoms = Atoms(list(symbols), positions=_vectors(sites, "abc", where) @ cell, cell=cell, pbc=pbc)
    if any(masses):
        atoms.set_masses([mass or own for mass, own in zip(masses, atoms.get_masses(), strict=True)])
    for key, name in (("charge", "charge"), ("spin_multiplicity", "multiplicity")):
        if value.get(key) is not None and (value[key] or name != "charge"):
            atoms.info[name] = value[key]
    columns = [site["properties"] if isinstance(site.get("properties"), Mapping) else {} for site in sites]
    if _is_column(columns, "magmom", ()):
        atoms.set_initial_magnetic_moments([one["magmom"] for one in columns])
    if _is_column(columns, "forces", (3,)):
        atoms.calc = SinglePointCalculator(atoms, forces=np.array([one["forces"] for one in columns], float))
    return atoms


def _species(site: Any, i: int, where: str) -> tuple[str, float | None]:
    """Symbol of a site, and the mass of an isotope."""
    species = site.get("species") if isinstance(site, Mapping) else None
    if not isinstance(species, list) or not all(isinstance(one, Mapping) for one in species):
        raise DataError(f"{where}: site {i} has no list 'species'; write the structure with pymatgen's as_dict()")
    shares = [(str(one.get("element")), number(one.get("occu", 1), where, "occu")) for one in species]
    if len(shares) != 1 or abs(shares[0][1] - 1) > FULL:
        said = " and ".join(f"{name} {amount:g}" for name, amount in shares) or "0"
        raise DataError(
            f"{where}: site {i} has the occupancy {said}, so the structure is disordered; make an ordered one first, "
            "such as a supercell with whole atoms"
        )
    symbol = shares[0][0]
    if symbol in ISOTOPES:
        return "H", ISOTOPES[symbol]
    if symbol not in _KNOWN:
        raise DataError(f"{where}: site {i} is {symbol[:20]!r}, which is no element; take it out, or name the element")
    return symbol, None


def _vectors(sites: Sequence[Mapping[str, Any]], key: str, where: str) -> np.ndarray:
    for i, site in enumerate(sites):
        if key not in site:
            raise DataError(f"{where}: site {i} has no field '{key}'; write the structure with pymatgen's as_dict()")
    return numbers([site[key] for site in sites], where, key, (len(sites), 3))


def _truths(value: Any, where: str) -> list[bool]:
    if not isinstance(value, list | tuple) or len(value) != 3 or not all(isinstance(one, bool) for one in value):
        raise DataError(f"{where}: field 'pbc' is {str(value)[:60]}; it has to be three of true and false")
    return list(value)


def _is_column(columns: Sequence[Mapping[str, Any]], key: str, shape: tuple[int, ...]) -> bool:
    """Whether every site has a number, or numbers of that shape, under a key."""
    try:
        values = [np.asarray(one.get(key), float) for one in columns]
    except (TypeError, ValueError):
        return False
    return all(value.shape == shape and np.isfinite(value).all() for value in values)
