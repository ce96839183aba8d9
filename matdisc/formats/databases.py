"""Structures of ASE's databases, SQLite and JSON, with their key-value pairs and data."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from matdisc.errors import DataError
from matdisc.formats.fields import CHARGE, SPIN, plain, silent
from matdisc.formats.reasons import each

if TYPE_CHECKING:
    from ase import Atoms


class DatabaseRow(NamedTuple):
    """One row: its number, structure with results, and whatever else it says."""

    number: int
    atoms: Atoms
    values: dict[str, Any]


def read_database(path: Path, kind: str) -> Iterator[DatabaseRow]:
    """Return an iterator over the rows of a database in the order of their numbers.

    Args:
        path: File of the database; it is not written to.
        kind: 'db' or 'json', as ASE calls them.

    Raises:
        DataError: If it is no such database, or damaged.
    """
    if kind == "db":
        _refuse_other(path)
    return each(_rows(path, kind), str(path), silent)


def _rows(path: Path, kind: str) -> Iterator[DatabaseRow]:
    from ase.db import connect

    for row in connect(str(path), type=kind, use_lock_file=False).select():
        values = {**row.data, **row.key_value_pairs}
        atoms = row.toatoms()
        atoms.info |= {key: value for key, value in values.items() if plain(key) in CHARGE + SPIN}
        yield DatabaseRow(row.id, atoms, {"unique_id": row.unique_id, **values})


def _refuse_other(path: Path) -> None:
    """Raise DataError unless a file is a database of ASE; ASE would write its tables into any other."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        finally:
            connection.close()
    except sqlite3.Error as err:
        raise DataError(f"{path}: is no database of ASE ({err})") from None
    if "systems" not in tables:
        raise DataError(f"{path}: is no database of ASE: it has no table 'systems'")
