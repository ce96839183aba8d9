"""What the tables that lie beside a dataset's card hold: columns and their types, read off the files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from matdisc.cards import DatasetCard
from matdisc.columns import is_number

Kind = Literal["Boolean", "Integer", "Float", "Text"]
LARGEST = 16 * 2**20
"""Bytes; a larger table is not looked into, since sites are built often."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a table in their order, each with its type, and the one that names the rows, if there is one."""

    columns: Mapping[str, Kind]
    key: str | None = None


def tables_beside(folder: Path, card: DatasetCard) -> dict[str, Table]:
    """Return the CSV tables that lie beside a card, by file name; a file that is not there, or no table, has none.

    Args:
        folder: The card's folder.
        card: The card.
    """
    ids = [name for name, column in card.columns.items() if column.role == "id"]
    found: dict[str, Table] = {}
    for file in card.files:
        path = folder / file.name
        if file.embedded and file.name.endswith(".csv") and path.is_file() and path.stat().st_size <= LARGEST:
            table = _table(path, ids)
            found |= {file.name: table} if table else {}
    return found


def _table(path: Path, ids: Sequence[str]) -> Table | None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [*csv.reader(file)] or [[]]
    except (UnicodeDecodeError, csv.Error):  # whoever loads the dataset says what is wrong
        return None
    if not header or not rows or len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        return None
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    unique = [name for name, cells in columns.items() if name in ids and len(set(cells)) == len(cells)]
    return Table({name: kind_of(cells) for name, cells in columns.items()}, unique[0] if unique else None)


def kind_of(cells: Sequence[str]) -> Kind:
    """Return the type that all cells of a column have; numbers with gaps are floats, and truths with gaps are texts.

    >>> kind_of(["1", "2"]), kind_of(["1", ""]), kind_of(["true", "false"]), kind_of(["1", "one"])
    ('Integer', 'Float', 'Boolean', 'Text')
    """
    filled = [cell for cell in cells if cell]
    if not filled:
        return "Text"
    if all(cell in ("true", "false") for cell in filled):
        return "Boolean" if len(filled) == len(cells) else "Text"
    if all(cell.removeprefix("-").isdecimal() for cell in filled):
        return "Integer" if len(filled) == len(cells) else "Float"
    return "Float" if all(map(is_number, filled)) else "Text"
