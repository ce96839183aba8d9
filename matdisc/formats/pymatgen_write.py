"""Structures as the objects that pymatgen writes in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.errors import DataError
from matdisc.formats.entries import Entry
from matdisc.formats.fields import Note
from matdisc.formats.xyz import ISOTOPES

if TYPE_CHECKING:
    from ase import Atoms


def pymatgen_object(entry: Entry, values: dict[str, Any], note: Note) -> dict[str, Any]:
    """Return the object of a structure: an entry where there is an energy, else Structure, or Molecule without a cell.

    Args:
        entry: The structure.
        values: What else is written; JSON can hold it.
        note: Told what is lost.

    Raises:
        DataError: If its cell has one or two lattice vectors.
    """
    from pymatgen.core import Lattice, Molecule, Structure

    atoms, info = entry.atoms, entry.atoms.info
    results = atoms.calc.results if atoms.calc else {}
    columns: dict[str, Any] = {"forces": results["forces"].tolist()} if "forces" in results else {}
    if atoms.has("initial_magmoms"):
        columns["magmom"] = atoms.get_initial_magnetic_moments().tolist()
    heavy = _isotopes(atoms, note)
    species = atoms.get_chemical_symbols()
    charge = info.get("charge", 0)
    if atoms.cell.rank == 0:
        made: Any = Molecule(
            species, atoms.positions, charge, info.get("multiplicity"), site_properties=columns or None,
            charge_spin_check=False,
        )  # fmt: skip
    else:
        _refuse_flat(entry)
        lattice = Lattice(atoms.cell[:], pbc=tuple(bool(one) for one in atoms.pbc))
        places = atoms.get_scaled_positions(wrap=False)
        made = Structure(lattice, species, places, charge=charge or None, site_properties=columns or None)
        if "multiplicity" in info:
            values["multiplicity"] = info["multiplicity"]
    content = made.as_dict()
    for i, name in heavy.items():  # pymatgen reads D and T, but writes them as H
        content["sites"][i]["species"] = [{"element": name, "occu": 1}]
    if "stress" in results:
        values["stress"] = np.asarray(results["stress"]).tolist()
    if "energy" not in results:
        return {**content, "properties": values}
    return {
        "@module": "pymatgen.entries.computed_entries",
        "@class": "ComputedStructureEntry",
        "energy": float(results["energy"]),
        "correction": float(values.pop("correction", 0.0)),
        "composition": {key: float(n) for key, n in atoms.symbols.formula.count().items()},
        "entry_id": entry.material_id,
        "parameters": values.pop("parameters", {}),
        "data": {key: value for key, value in values.items() if key != "energy"},
        "structure": content,
    }


def _isotopes(atoms: Atoms, note: Note) -> dict[int, str]:
    """Atoms that pymatgen calls D and T."""
    from ase.data import atomic_masses

    if not atoms.has("masses"):
        return {}
    masses = atoms.get_masses()
    found: dict[int, str] = {}
    for name, mass in ISOTOPES.items():
        there = np.flatnonzero((atoms.numbers == 1) & (np.abs(masses - mass) < 0.01))
        found |= dict.fromkeys(map(int, there), name)
    others = [i for i in range(len(atoms)) if i not in found]
    if not np.allclose(masses[others], atomic_masses[atoms.numbers[others]]):
        note("masses are left out, but for deuterium and tritium: this format holds none")
    return found


def _refuse_flat(entry: Entry) -> None:
    if entry.atoms.cell.rank < 3:
        raise DataError(
            f"{entry.where or entry.material_id}: its cell has {entry.atoms.cell.rank} lattice vectors, and pymatgen "
            "needs three or none; write .extxyz"
        )
