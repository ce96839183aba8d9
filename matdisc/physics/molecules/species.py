"""Molecules and ions of liquid electrolytes: geometry, formal charge and mass; built in, or a user's own.

The built-in geometries lie in molecules.json, made by `matdisc.generate.molecules`: embedded from SMILES by
rdkit, then relaxed with GFN2-xTB.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.errors import DataError, ExtraError
from matdisc.formats import checked, read_structures

if TYPE_CHECKING:
    from ase import Atoms

DATA = Path(__file__).with_name("molecules.json")


@dataclass(frozen=True, slots=True, eq=False)
class Species:
    """A molecule or an ion.

    Attributes:
        name: As in "EC" or "PF6-".
        charge: Formal charge, e.
        symbols: Elements of its atoms.
        positions: Å, about its centre of mass, shape (n_atoms, 3).
    """

    name: str
    charge: int
    symbols: tuple[str, ...]
    positions: Floats

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Atomic numbers, shape (n_atoms,)."""
        from ase.data import atomic_numbers

        return np.array([atomic_numbers[symbol] for symbol in self.symbols])

    @property
    def mass(self) -> float:
        """Molar mass, g/mol."""
        from ase.data import atomic_masses

        return float(atomic_masses[self.numbers].sum())

    @property
    def formula(self) -> str:
        """Composition in Hill order, as in C3H4O3."""
        counts = Counter(self.symbols)
        first = [el for el in ("C", "H") if el in counts] if "C" in counts else []
        order = first + sorted(set(counts) - set(first))
        return "".join(el + (str(counts[el]) if counts[el] > 1 else "") for el in order)


@lru_cache(maxsize=1)
def built_in() -> dict[str, Species]:
    """Return the built-in species by name."""
    listed = json.loads(DATA.read_text(encoding="utf-8"))["species"]
    return {
        name: Species(name, one["charge"], tuple(one["symbols"]), _frozen(one["positions"]))
        for name, one in listed.items()
    }


def species(name: str, own: Mapping[str, Species] | None = None) -> Species:
    """Return a species by name, a user's own before a built-in one.

    Raises:
        DataError: If neither is known by that name.
    """
    known = {**built_in(), **(own or {})}
    if name not in known:
        raise DataError(
            f"species {name!r} is unknown; known are {', '.join(sorted(known))}; add yours under [species], "
            'as in GBL = { smiles = "O=C1CCCO1" }'
        )
    return known[name]


def own_species(table: Mapping[str, Any], folder: Path, source: str = "[species]") -> dict[str, Species]:
    """Return the species of a user's table: `{smiles = "..."}` or `{file = "name.xyz"}` each.

    Args:
        table: Name to entry.
        folder: Where relative file names start.
        source: What an error names.

    Raises:
        DataError: If an entry has neither or both, or what it names is no molecule.
        ExtraError: If a SMILES is given and rdkit is not installed.
    """
    found = {}
    for name, entry in table.items():
        keys = sorted(entry) if isinstance(entry, Mapping) else []
        if keys == ["smiles"]:
            found[name] = from_smiles(name, str(entry["smiles"]))
        elif keys == ["file"]:
            found[name] = from_file(name, folder / str(entry["file"]))
        else:
            raise DataError(f"{source}: species {name!r} needs either 'smiles' or 'file', and nothing else")
    return found


def from_smiles(name: str, smiles: str, *, seed: int = 7) -> Species:
    """Return a species embedded in three dimensions by rdkit and relaxed with its force field: a rough geometry.

    Raises:
        DataError: If rdkit cannot read the SMILES or finds no geometry.
        ExtraError: If rdkit is not installed.
    """
    try:
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
    except ImportError:
        raise ExtraError(
            f"species {name!r} is given as SMILES, which needs the package 'rdkit'; "
            "run: pip install 'matdisc[labels]', or give an .xyz file with charge= instead"
        ) from None
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            raise DataError(f"species {name!r}: {smiles!r} is no SMILES that rdkit can read")
        molecule = Chem.AddHs(molecule)
        if rdDistGeom.EmbedMolecule(molecule, randomSeed=seed) != 0:
            raise DataError(f"species {name!r}: rdkit finds no geometry for {smiles!r}; give an .xyz file instead")
        if rdForceFieldHelpers.UFFHasAllMoleculeParams(molecule):
            rdForceFieldHelpers.UFFOptimizeMolecule(molecule, maxIters=2000)
    symbols = tuple(atom.GetSymbol() for atom in molecule.GetAtoms())
    return _centred(name, Chem.GetFormalCharge(molecule), symbols, molecule.GetConformer().GetPositions())


def from_file(name: str, path: Path) -> Species:
    """Return the species in an .xyz file whose second line says `charge=...`.

    Raises:
        DataError: If the file cannot be read, or its charge is missing or no integer.
    """
    if not path.is_file():
        raise DataError(f"species {name!r}: {path} does not exist; correct 'file'")
    atoms = checked(read_structures(path)[0], str(path))
    charge = atoms.info.get("charge")
    if charge is None or charge != round(charge):
        raise DataError(f"{path}: its charge is {charge}; write a whole number on the second line, as in charge=-1")
    return _centred(name, round(float(charge)), tuple(atoms.get_chemical_symbols()), atoms.positions)


def to_atoms(one: Species) -> Atoms:
    """Return a species as ASE's Atoms, without a cell; `info["charge"]` holds its formal charge."""
    from ase import Atoms

    return Atoms(one.symbols, one.positions, info={"charge": float(one.charge)})


def _centred(name: str, charge: int, symbols: tuple[str, ...], positions: Any) -> Species:
    rough = Species(name, charge, symbols, np.asarray(positions, float))
    from ase.data import atomic_masses

    masses = atomic_masses[rough.numbers]
    return Species(name, charge, symbols, _frozen(rough.positions - masses @ rough.positions / masses.sum()))


def _frozen(positions: Any) -> Floats:
    array = np.array(positions, float)
    array.flags.writeable = False  # the built-in ones are shared
    return array
