"""Structures written in the formats of the field, whole or not at all.

    .extxyz .xyz    extended XYZ: name, values, results; positions and forces to 1e-8, cells exactly
    .json           pymatgen: name -> Structure, Molecule, or ComputedStructureEntry where there is an energy; exact
    .db             database of ASE: name, values, results; exact
    .jsonl          records: name, cell, symbols, fractional positions; exact
    .cif .csv       CIF, one block a structure, or a column of them: structures alone, as lengths and angles
    NAME/           a folder of POSCAR files, NAME/ID.POSCAR: structures alone; 16 decimals

Texts may end with .gz as well. What a format cannot hold is noted where it is a label, and refused where the structure
would be another one.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from matdisc.atomic import naming, writing
from matdisc.errors import DataError
from matdisc.formats.entries import Entry
from matdisc.formats.fields import Note, silent
from matdisc.formats.packed import unpacked_name
from matdisc.formats.pymatgen_write import pymatgen_object

if TYPE_CHECKING:
    from ase import Atoms

FIELDS = ("charge", "multiplicity", "spin")
"""What of `info` belongs to the structure."""
VALUES = (".extxyz", ".xyz", ".json", ".db")
"""Formats that hold values and results."""
ASE_OWN = ("spacegroup_kinds",)
"""Arrays that ASE's readers leave behind."""


def write_entries(path: Path, entries: Iterable[Entry], *, note: Note = silent) -> int:
    """Write structures in the format that the path names, and return how many.

    Args:
        path: File of one of the suffixes above, or a folder, without a suffix, that is not there yet or empty.
        entries: Their names have to be unique; they are taken one by one.
        note: Told what the format does not hold.

    Raises:
        DataError: If the suffix is none of them, a structure or name cannot stand in that format, or there are none.
        OSError: If the file cannot be written; nothing is left behind.
    """
    write = _writer(path)
    seen: set[str] = set()

    def unique() -> Iterator[Entry]:
        for entry in entries:
            if entry.material_id in seen:
                raise DataError(f"{path}: two structures are called {entry.material_id!r}; give each a name of its own")
            seen.add(entry.material_id)
            yield entry
        if not seen:
            raise DataError(f"{path}: there are no structures to write")

    if write is None:
        _folder(path, unique(), note)
    else:
        with writing(path) as temporary:
            write(temporary, path, unique(), note)
    return len(seen)


def holds_values(path: Path) -> bool:
    """Whether the format that a path names holds more of an entry than its structure.

    Raises:
        DataError: If it names no format.
    """
    write = _writer(path)
    return write is not None and unpacked_name(path).endswith(VALUES)


Writer = Callable[[Path, Path, Iterator[Entry], Note], None]


def _writer(path: Path) -> Writer | None:
    """What writes a file of that name; None for a folder."""
    name = unpacked_name(path)
    text = next((write for suffix, write in _TEXTS.items() if name.endswith(suffix)), None)
    if text and path.suffix.lower() in (".gz", *_TEXTS):
        return _packed(text)
    if path.suffix.lower() == ".db":
        return _database
    if not path.suffix:
        return None
    raise DataError(
        f"{path}: structures are not written as {path.suffix!r}; use {', '.join(_TEXTS)}, each also with .gz, .db, or "
        "a folder without a suffix for POSCAR files"
    )


def _packed(write: Callable[[TextIO, Iterator[Entry], Note], None]) -> Writer:
    def packed(temporary: Path, path: Path, entries: Iterator[Entry], note: Note) -> None:
        with temporary.open("wb") as raw, _text(raw, path.suffix.lower() == ".gz") as file:
            write(file, entries, note)

    return packed


@contextmanager
def _text(raw: Any, pack: bool) -> Iterator[TextIO]:
    """A text on top of a binary file; the same text gives the same bytes."""
    binary = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) if pack else raw
    text = io.TextIOWrapper(binary, encoding="utf-8", newline="")
    yield text
    text.flush()
    text.detach()
    if pack:
        binary.close()


def _xyz(file: TextIO, entries: Iterator[Entry], note: Note) -> None:
    from ase.calculators.calculator import all_properties
    from ase.io.extxyz import write_xyz

    from matdisc.formats.xyz import read_comment

    for entry in entries:
        values = _plain_values(entry, note)
        for key in sorted(values.keys() & {*all_properties, "pbc", "Lattice", "Properties"}):
            del values[key]
            if key not in (entry.atoms.calc.results if entry.atoms.calc else {}):
                note(f"value '{key}' is left out: in extended XYZ it would be a result of the calculator")
        atoms = _bare(entry.atoms)
        atoms.calc = entry.atoms.calc
        atoms.info = {"material_id": entry.material_id, **values, **atoms.info}
        frame = io.StringIO()
        write_xyz(frame, [atoms])
        text = frame.getvalue()
        if read_comment(text.split("\n", 2)[1]).get("material_id") != entry.material_id:
            raise DataError(
                f"{entry.where or entry.material_id}: the name {entry.material_id!r} cannot stand in extended XYZ; "
                "leave out quotes, backslashes and brackets, or write .json"
            )
        file.write(text)


def _json(file: TextIO, entries: Iterator[Entry], note: Note) -> None:
    separator = "{\n"
    for entry in entries:
        content = pymatgen_object(entry, _plain_values(entry, note), note)
        file.write(f"{separator}{json.dumps(entry.material_id)}: {json.dumps(content)}")
        separator = ",\n"
    file.write("\n}\n")


def _cif(file: TextIO, entries: Iterator[Entry], note: Note) -> None:
    for entry in entries:
        if not entry.material_id.isascii() or any(sign.isspace() for sign in entry.material_id):
            raise DataError(
                f"the name {entry.material_id!r} cannot be that of a CIF block; leave out blanks and accents"
            )
        file.write(_cif_of(entry, entry.material_id, note))


def _cif_of(entry: Entry, name: str, note: Note) -> str:
    from ase.io.cif import write_cif

    _refuse_no_crystal(entry, "CIF")
    if entry.atoms.cell.handedness < 0:
        raise DataError(
            f"{entry.material_id}: its cell is left-handed, and a CIF, which holds lengths and angles, would mirror "
            "it; write .extxyz, .json, or POSCAR files"
        )
    _note_lost(entry, note)
    buffer = io.BytesIO()
    write_cif(buffer, [_bare(entry.atoms)], wrap=False)
    return f"data_{name}\n" + buffer.getvalue().decode("latin1").split("\n", 1)[1]


def _csv(file: TextIO, entries: Iterator[Entry], note: Note) -> None:
    import csv

    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("material_id", "cif"))
    rows.writerows((entry.material_id, _cif_of(entry, "crystal", note)) for entry in entries)


def _lines(file: TextIO, entries: Iterator[Entry], note: Note) -> None:
    from matdisc.formats.atoms import to_crystal
    from matdisc.formats.crystal_json import to_json

    for entry in entries:
        _refuse_no_crystal(entry, "a record")
        _note_lost(entry, note)
        name = json.dumps(entry.material_id)
        file.write(f'{{"material_id":{name},"structure":{to_json(to_crystal(entry.atoms))}}}\n')


def _database(temporary: Path, path: Path, entries: Iterator[Entry], note: Note) -> None:
    from ase.db import connect

    temporary.unlink()  # ASE makes the file
    with connect(str(temporary), type="db", use_lock_file=False) as base:
        for entry in entries:
            atoms = _bare(entry.atoms)
            atoms.calc = entry.atoms.calc
            data = {**_plain_values(entry, note), **atoms.info, "material_id": entry.material_id}
            try:
                base.write(atoms, data=data, material_id=entry.material_id)
            except ValueError:  # ASE takes no text that looks like a number as a pair
                base.write(atoms, data=data)


def _folder(path: Path, entries: Iterator[Entry], note: Note) -> None:
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise DataError(f"{path}: is there already; give the name of a folder that is not, or is empty")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:40]}."))
        try:
            for entry in entries:
                _poscar(temporary, entry, note)
            temporary.chmod(0o755)
            temporary.replace(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _poscar(folder: Path, entry: Entry, note: Note) -> None:
    from ase.io.vasp import write_vasp

    _refuse_no_crystal(entry, "POSCAR")
    name = entry.material_id
    if name.startswith(".") or any(sign in r'/\:*?"<>|' for sign in name):
        raise DataError(f"the name {name!r} cannot be that of a file; rename it, or write .extxyz")
    _note_lost(entry, note)
    write_vasp(folder / f"{name}.POSCAR", _bare(entry.atoms), direct=True)


_TEXTS = {".extxyz": _xyz, ".xyz": _xyz, ".cif": _cif, ".jsonl": _lines, ".json": _json, ".csv": _csv}


def _bare(atoms: Atoms) -> Atoms:
    """A copy with what belongs to the structure, without results."""
    found = atoms.copy()
    found.info = {key: atoms.info[key] for key in FIELDS if key in atoms.info}
    for name in ASE_OWN:
        found.arrays.pop(name, None)
    return found


def _plain_values(entry: Entry, note: Note) -> dict[str, Any]:
    """Values that can be written as text; others are noted."""
    found = {}
    for key, value in entry.values.items():
        plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        try:
            json.dumps(plain)
        except (TypeError, ValueError):
            note(f"value '{key}' is left out: it is neither text nor numbers")
            continue
        if plain is not None and key != "material_id":
            found[key] = plain
    return found


def _note_lost(entry: Entry, note: Note) -> None:
    if entry.atoms.calc is not None and entry.atoms.calc.results:
        note("energies, forces and stresses are left out: this format holds structures alone")
    for key in entry.atoms.info.keys() & set(FIELDS):
        note(f"'{key}' is left out: this format holds structures alone")
    if entry.atoms.has("masses"):
        note("masses are left out: this format holds structures alone")


def _refuse_no_crystal(entry: Entry, kind: str) -> None:
    if not np.all(entry.atoms.pbc) or entry.atoms.cell.rank < 3:
        raise DataError(
            f"{entry.where or entry.material_id}: {kind} holds crystals alone, and this is not periodic in three "
            "directions; write .extxyz or .json"
        )
