"""Structures in JSON: one document of pymatgen, pandas or a data base of the field, or one object in each line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matdisc.columns import decode
from matdisc.errors import DataError
from matdisc.formats import crystal_json
from matdisc.formats.fields import plain
from matdisc.formats.packed import open_text
from matdisc.formats.records import is_record, is_structure

MAX_DOCUMENT = 4 * 2**30
"""Characters of a document, which is read as a whole; longer ones have to be JSON lines."""
MAX_LINE = 50_000_000


class Item(NamedTuple):
    """Something that ought to hold a structure: the key it stands under, if any; where; and what it is."""

    name: str
    where: str
    value: Any


def read_lines(path: Path) -> Iterator[Item]:
    """Yield the objects of a file of JSON lines.

    Raises:
        DataError: If a line is too long or no object.
    """
    with open_text(path) as file:
        for n, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), 1):
            where = f"{path}, line {n}"
            if len(line) > MAX_LINE:
                raise DataError(f"{where}: has more than {MAX_LINE:,} characters; write one structure a line")
            if line.strip():
                yield Item("", where, _decoded(line, where))


def is_ase(content: object) -> bool:
    """Whether a document is a database as ASE writes it."""
    return isinstance(content, Mapping) and {"ids", "nextid"} <= content.keys()


def read_document(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DataError: If it is too long or no JSON.
    """
    with open_text(path) as file:
        text = file.read(MAX_DOCUMENT + 1)
    if len(text) > MAX_DOCUMENT:
        raise DataError(f"{path}: has more than {MAX_DOCUMENT:,} characters; write it as JSON lines or extended XYZ")
    if not text.strip():
        raise DataError(f"{path}: cannot be read: it is empty")
    return _decoded(text, str(path))


def items(content: Any, path: Path) -> Iterator[Item]:
    """Yield what a document holds: an object, a list of them, objects by name, or a table as pandas writes it.

    Raises:
        DataError: If it holds no structures, or in a form that can be read in two ways.
    """
    found = _rows(content)
    if found is None:
        raise DataError(
            f"{path}: holds no structures; give a Structure or ComputedStructureEntry of pymatgen, a list of them, "
            "objects by name, or a table with a column of them"
        )
    for i, (name, value) in enumerate(found):
        where = f"{path}, entry {i}" + (f" ({name[:60]!r})" if name else "")
        inner = value.get("structure", value) if isinstance(value, Mapping) else value
        if isinstance(inner, Mapping) and set(crystal_json.KEYS) <= inner.keys():
            raise DataError(
                f"{where}: 'positions' beside 'cell' may be in Å or fractional; write JSON lines (.jsonl), where they "
                "are fractional, or extended XYZ"
            )
        yield Item(name, where, value)


def _decoded(text: str, where: str) -> Any:
    try:
        return decode(text)
    except ValueError as err:
        raise DataError(f"{where}: {err}; mend the file") from None


def _rows(content: Any) -> list[tuple[str, Any]] | None:
    """Names (empty where there are none) and values of what stands in a document; None if it is nothing known."""
    if isinstance(content, list):
        return [("", one) for one in content] if any(map(is_record, content)) else None
    if not isinstance(content, Mapping):
        return None
    if is_structure(content):
        return [("", content)]
    if {"columns", "data"} <= content.keys():
        return _split(content)
    if isinstance(content.get("data"), list):  # pandas' table, and answers of web services
        return _rows(content["data"])
    if any(map(is_record, content.values())) and not _are_columns(content):
        return list(content.items())
    if _are_columns(content):
        names = list(next(iter(content.values())))
        return [(str(key), {column: rows.get(key) for column, rows in content.items()}) for key in names]
    return [("", content)] if is_record(content) else None


def _are_columns(content: Mapping[str, Any]) -> bool:
    """Whether each value is a column with the same keys, and one of them holds structures.

    Where all values hold nothing but structures, names tell: `{"structure": {"a": ..}}` is a column.
    """
    columns = list(content.values())
    if not columns or not all(isinstance(column, Mapping) and not is_structure(column) for column in columns):
        return False
    if not columns[0] or any(column.keys() != columns[0].keys() for column in columns):
        return False
    of_structures = [name for name, column in content.items() if all(map(is_structure, column.values()))]
    if len(of_structures) < len(columns):
        return bool(of_structures)
    return any(word in plain(name) for name in of_structures for word in ("struct", "cif"))


def _split(content: Mapping[str, Any]) -> list[tuple[str, Any]] | None:
    columns, data = content["columns"], content["data"]
    if not isinstance(columns, list) or not isinstance(data, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        return None
    names = [str(column) for column in columns]
    index = content.get("index", [""] * len(data))
    if not isinstance(index, list) or len(index) != len(data):
        return None
    rows = [dict(zip(names, row, strict=True)) for row in data]
    return list(zip(map(str, index), rows, strict=True)) if any(map(is_record, rows)) else None
