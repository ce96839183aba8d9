"""Rows of tables and objects of JSON: which of their fields is the structure, and what it is.

A structure may stand there as pymatgen's object, as a CIF text, as either in a JSON text, or in the form of a record:
`cell` (rows in Å), `symbols` and fractional `positions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.columns import decode
from matdisc.errors import DataError
from matdisc.formats import cif, crystal_json, pymatgen_json
from matdisc.formats.fields import Note, plain
from matdisc.formats.pymatgen_json import Read
from matdisc.formats.reasons import told

if TYPE_CHECKING:
    from ase import Atoms

STRUCTURE = ("structure", "cif")
"""Names that decide where several fields hold a structure."""


def is_structure(value: object) -> bool:
    """Whether a value is a structure in one of the forms above."""
    if isinstance(value, str):
        return cif.MARK in value or (value.lstrip().startswith("{") and ('"sites"' in value or '"symbols"' in value))
    return pymatgen_json.is_structure(value) or _is_own(value)


def is_record(value: object) -> bool:
    """Whether a value is a structure, or an object with one."""
    return is_structure(value) or (isinstance(value, Mapping) and any(is_structure(one) for one in value.values()))


def _is_own(value: object) -> bool:
    return isinstance(value, Mapping) and set(crystal_json.KEYS) <= value.keys()


def read(value: Any, where: str, note: Note) -> Read:
    """Return the structure of a row, and its other fields as values.

    Raises:
        DataError: If it has none, or several and none of them is called 'structure' or 'cif'.
    """
    if isinstance(value, Mapping) and not is_structure(value):
        return _of_row(value, where, note)
    if _is_own(value):
        rest = {key: one for key, one in value.items() if key not in crystal_json.KEYS}
        return Read(_own(value, where), rest)
    if isinstance(value, Mapping):
        return pymatgen_json.read(value, where)
    if isinstance(value, str):
        return _of_text(value, where, note)
    raise DataError(f"{where}: is {str(value)[:40]!r}; give an object with a structure")


def _of_row(row: Mapping[str, Any], where: str, note: Note) -> Read:
    keys = [key for key, value in row.items() if is_structure(value)]
    if not keys:
        raise DataError(
            f"{where}: none of the fields {', '.join(map(repr, row))[:150]} is a structure; give one as 'structure' "
            "(pymatgen's as_dict()) or 'cif'"
        )
    chosen = [key for key in keys if plain(key) in STRUCTURE]
    if len(keys) > 1 and len(chosen) != 1:
        raise DataError(
            f"{where}: the fields {' and '.join(map(repr, keys))} are structures; leave one, or call it 'structure'"
        )
    key = chosen[0] if chosen else keys[0]
    for other in keys:
        if other != key:
            note(f"the structures of {other!r} are left out; those of {key!r} are read")
    found = read(row[key], where, note)
    return found._replace(values={**found.values, **{name: row[name] for name in row if name not in keys}})


def _own(value: Mapping[str, Any], where: str) -> Atoms:
    from ase import Atoms

    try:
        crystal = crystal_json.of_object({key: value[key] for key in crystal_json.KEYS})
    except ValueError as err:
        raise DataError(f"{where}: {err}; mend it") from None
    cell = np.array(crystal.cell)
    return Atoms(list(crystal.symbols), positions=np.array(crystal.positions) @ cell, cell=cell, pbc=True)


def _of_text(text: str, where: str, note: Note) -> Read:
    if cif.MARK not in text:
        try:
            value = decode(text)
        except ValueError as err:
            raise DataError(f"{where}: the structure {err}; write it with json.dumps") from None
        if not isinstance(value, Mapping):
            raise DataError(f"{where}: the structure is {text[:40]!r}; give an object of pymatgen, or a CIF")
        return read(value, where, note)
    with told(where, note, lambda: cif.why_none(text)):
        found = list(cif.blocks(text, where))
        if len(found) != 1:
            why = f": {cif.why_none(text)}" if not found else ""
            raise DataError(f"{where}: its CIF holds {len(found)} structures{why}; give one")
    return Read(found[0][1], {})
