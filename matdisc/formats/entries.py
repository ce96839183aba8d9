"""Structures with their names and whatever else their file says of them, from any format of the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matdisc.errors import DataError
from matdisc.formats.fields import Note, checked, silent
from matdisc.formats.files import read_structures

if TYPE_CHECKING:
    from ase import Atoms

ID_KEYS = ("material_id", "id", "mat_id", "structure_id", "entry_id", "name")
"""Fields of a frame that name it, the first that is there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One structure of a file.

    Attributes:
        material_id: Its name: what the file calls it, else the file's stem, and its number where there are several.
        atoms: The structure, as `matdisc.formats.checked` leaves it; results that the file holds (energy eV, forces
            eV/Å, stress eV/Å^3 in ASE's sign and Voigt order) are those of its calculator.
        values: Everything else that the file says of it, by the file's own names: columns of a table, `info`, `data`
            and `correction` of a computed entry, key-value pairs of a database.
        where: File and frame (from 0) or row, for messages.
    """

    material_id: str
    atoms: Atoms
    values: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


def read_entries(paths: Sequence[Path], *, note: Note = silent) -> list[Entry]:
    """Return the structures of files and folders, in the order of the paths and within each in the file's.

    Args:
        paths: Files of any format that ASE or pymatgen reads, tables with a column of CIF texts, or folders of them.
        note: Called with what is left out or has no effect, in a sentence.

    Raises:
        DataError: If a file cannot be read, a structure is disordered, empty or of no element, or two have one name.
            The message names file, frame, field and remedy.
    """
    found = [entry for path in paths for entry in _of_file(path, note)]
    seen: dict[str, str] = {}
    for entry in found:
        if entry.material_id in seen:
            raise DataError(
                f"{entry.where}: {entry.material_id!r} is also the name of {seen[entry.material_id]}; give each "
                "structure a name of its own ('material_id')"
            )
        seen[entry.material_id] = entry.where
    return found


def _of_file(path: Path, note: Note) -> list[Entry]:
    structures = read_structures(path, note=note)
    stem = path.name.split(".")[0]
    entries = []
    for i, atoms in enumerate(structures):
        where = f"{path}, frame {i}"
        name = next((str(atoms.info[key]) for key in ID_KEYS if atoms.info.get(key) not in (None, "")), "")
        name = name or (stem if len(structures) == 1 else f"{stem}-{i}")
        entries.append(Entry(name, checked(atoms, where, note=note), dict(atoms.info), where))
    return entries
