"""Structures with their names and whatever else their file says of them, from any format of the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from matdisc.errors import DataError
from matdisc.formats import cif, databases, documents, records, tables
from matdisc.formats.documents import Item
from matdisc.formats.fields import ID_KEYS, Note, checked, plain, silent
from matdisc.formats.files import read_structures
from matdisc.formats.packed import open_text, unpacked_name
from matdisc.formats.reasons import each, told
from matdisc.formats.xyz import frames, read_frame

if TYPE_CHECKING:
    from ase import Atoms

VASP = ("poscar", "contcar", "outcar", "xdatcar", "vasprun.xml")
"""Names that every calculation of VASP has; a structure of theirs is called after its folder."""
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz")
NO_STRUCTURES = (".md", ".txt", ".toml", ".yaml", ".yml", ".pdf", ".png", ".py", ".ipynb", ".license")
"""Endings of files of a folder that are left out."""
MAX_NAME = 200
SHORTEST, FLAT = 1e-3, 1e-6
"""Å and Å^3; shorter lattice vectors and smaller cells are none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One structure of a file.

    Attributes:
        material_id: Its name: what the file calls it, else the file's stem, and its number where there are several.
        atoms: The structure, as `matdisc.formats.checked` leaves it; results that the file holds (energy eV, forces
            eV/Å, stress eV/Å^3 in ASE's sign and Voigt order) are those of its calculator.
        values: Everything else that the file says of it, by the file's own names: columns of a table, `info`, `data`
            and `correction` of a computed entry, key-value pairs of a database.
        where: File and frame (from 0), entry (from 0), line or row (from 1), for messages.
    """

    material_id: str
    atoms: Atoms
    values: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


def read_entries(paths: Sequence[Path], *, note: Note = silent) -> list[Entry]:
    """Return the structures of files and folders, in the order of the paths and within each in the file's.

    Args:
        paths: Files of any format that ASE or pymatgen writes, tables with a column of CIF texts, or folders of them.
        note: Called with what is left out or has no effect, in a sentence.

    Raises:
        DataError: If a file cannot be read, a structure is disordered, empty or of no element, or two have one name.
            The message names file, frame, field and remedy.
    """
    return list(iter_entries(paths, note=note))


def iter_entries(paths: Iterable[Path], *, note: Note = silent) -> Iterator[Entry]:
    """Yield what `read_entries` returns, one by one: extended XYZ, tables, JSON lines and databases are read in parts.

    Raises:
        DataError: As `read_entries`, when the entry that is wrong is reached.
    """
    seen: dict[str, str] = {}
    files: set[Path] = set()
    for path in paths:
        for file in _files(path, note):
            if file.resolve() in files:
                raise DataError(f"{file}: is given twice; give it once")
            files.add(file.resolve())
            for entry in _of_file(file, note):
                if entry.material_id in seen:
                    raise DataError(
                        f"{entry.where}: {entry.material_id!r} is also the name of {seen[entry.material_id]}; give "
                        "each structure a name of its own ('material_id')"
                    )
                seen[entry.material_id] = entry.where
                yield entry


class Found(NamedTuple):
    """A structure as read; its place in the file may give it a name, which counts, or one for want of a better."""

    atoms: Atoms
    values: Mapping[str, Any]
    where: str
    name: str = ""
    spare_name: str = ""


def _of_file(path: Path, note: Note) -> Iterator[Entry]:
    found = _found(path, note)
    first = list(islice(found, 2))
    stem = _stem(path)
    for i, one in enumerate(chain(first, found)):
        name = _name(one) or (stem if len(first) == 1 else f"{stem}-{i}")
        atoms = checked(one.atoms, one.where, note=note)
        _refuse_flat(atoms, one.where)
        yield Entry(name, atoms, dict(one.values), one.where)
    if not first:
        raise DataError(f"{path}: holds no structures")


def _refuse_flat(atoms: Atoms, where: str) -> None:
    """Raise DataError if a structure is periodic along a lattice vector that is none."""
    if atoms.pbc.any() and (atoms.cell.lengths()[atoms.pbc].min() < SHORTEST or atoms.cell.complete().volume < FLAT):
        raise DataError(f"{where}: is periodic, but its cell has no volume; give it a cell, or pbc='F F F'")


def _found(path: Path, note: Note) -> Iterator[Found]:
    """Structures of a file, by its name, or else by what ASE makes of it."""
    name = unpacked_name(path)
    if name.endswith(PICKLES):
        raise DataError(f"{path}: is no text; a pickle can run code when it is opened; write extended XYZ or JSON")
    if name.endswith((".jsonl", ".ndjson")):
        return (_of_item(item, note) for item in documents.read_lines(path))
    if name.endswith(".json"):
        return _of_document(path, note)
    if name.endswith((".csv", ".tsv")):
        return (_of_item(item, note) for item in tables.read_table(path))
    if name.endswith(".db"):
        return _of_database(path, "db")
    if name.endswith((".cif", ".mcif")):
        return _of_cif(path, note)
    if name.endswith((".xyz", ".extxyz")):
        return _of_xyz(path, note)
    return _of_ase(path, note)


def _of_item(item: Item, note: Note) -> Found:
    atoms, values = records.read(item.value, item.where, note)
    if records.is_structure(item.value):
        return Found(atoms, values, item.where, name=item.name)
    return Found(atoms, values, item.where, spare_name=item.name)  # of the index of a table


def _of_document(path: Path, note: Note) -> Iterator[Found]:
    content = documents.read_document(path)
    if documents.is_ase(content):
        yield from _of_database(path, "json")
    else:
        yield from (_of_item(item, note) for item in documents.items(content, path))


def _of_database(path: Path, kind: str) -> Iterator[Found]:
    for number, atoms, values in databases.read_database(path, kind):
        yield Found(atoms, values, f"{path}, row {number}", spare_name=f"{_stem(path)}-{number}")


def _of_cif(path: Path, note: Note) -> Iterator[Found]:
    with open_text(path, "latin1") as file:
        text = file.read()
    blocks = each(cif.blocks(text, str(path), note=note), str(path), note, lambda: cif.why_none(text))
    first = list(islice(blocks, 2))
    for name, atoms in chain(first, blocks):  # programs call a single block after its formula, or nothing
        yield Found(atoms, {}, f"{path}, block {name!r}", name=name if len(first) > 1 else "")
    if not first:
        raise DataError(f"{path}: holds no atoms: {cif.why_none(text)}")


def _of_xyz(path: Path, note: Note) -> Iterator[Found]:
    for i, frame in enumerate(frames(path)):
        where = f"{path}, frame {i}"
        with told(where, note):
            atoms = read_frame(frame)
        yield Found(atoms, atoms.info, where)


def _of_ase(path: Path, note: Note) -> Iterator[Found]:
    for i, atoms in enumerate(read_structures(path, note=note)):
        yield Found(atoms, atoms.info, f"{path}, frame {i}")


def _name(found: Found) -> str:
    """The name that a structure is given: by its place where that counts, by a field, or for want of a better."""
    if found.name:
        return _text(found.name, "name", found.where)
    named: dict[str, str] = {}
    for name in found.values:
        named.setdefault(plain(name), name)
    for key in map(plain, ID_KEYS):
        if key in named and (value := found.values[named[key]]) is not None:
            return _text(value, named[key], found.where)
    return _text(found.spare_name, "name", found.where) if found.spare_name else ""


def _text(value: Any, key: str, where: str) -> str:
    text = str(value) if isinstance(value, str) or (_is_whole(value)) else ""
    if not text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise DataError(
            f"{where}: field '{key}' is {str(value)[:40]!r}, which is no name; write up to {MAX_NAME} printable "
            "characters, as text"
        )
    return text


def _is_whole(value: Any) -> bool:
    import numpy as np

    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _stem(path: Path) -> str:
    name = path.name.removesuffix(path.suffix) if unpacked_name(path) != path.name.lower() else path.name
    if name.lower() in VASP:
        return path.absolute().parent.name or name
    return re.sub(r"\.[A-Za-z]+$", "", name) or name


def _files(path: Path, note: Note) -> list[Path]:
    if not path.is_dir():
        return [path]
    there = sorted(one for one in path.iterdir() if not one.name.startswith("."))
    out = [one for one in there if one.is_dir() or unpacked_name(one).endswith(NO_STRUCTURES) or _is_labels(one)]
    if out:
        note(f"left out of {path}: {', '.join(one.name for one in out)[:200]}")
    if len(out) == len(there):
        raise DataError(f"{path}: this folder holds no structures; its sub-folders are not looked into")
    return [one for one in there if one not in out]


def _is_labels(path: Path) -> bool:
    return unpacked_name(path).endswith((".csv", ".tsv")) and not tables.holds_structures(path)
