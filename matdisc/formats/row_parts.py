"""The rows of plain tables, column by column and in parts: text, Parquet, lines of JSON, or a JSON list."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.columns import DELIMITERS
from matdisc.errors import DataError
from matdisc.formats.packed import open_text, reading, unpacked_name

ROWS = 10_000
"""Rows that are in memory as text at a time."""
MAX_CELLS = 20_000_000
EMPTY = ("", "nan", "na", "n/a", "null", "none", "-", "–")
Part = dict[str, Sequence[Any]]
"""Some rows, column by column."""


def row_parts(path: Path) -> Iterator[Part]:
    """Yield the rows of a file in parts of at most `ROWS`, column by column; cells of text files are text.

    Raises:
        DataError: If it cannot be read, or is none of the kinds that its name can end with.
    """
    name = unpacked_name(path)
    if name.endswith((".jsonl", ".ndjson")):
        yield from _by_column(json_lines(path))
    elif name.endswith(".json"):
        yield from _by_column(_records(path))
    elif name.endswith(".parquet"):
        yield from _parquet(path)
    elif name.endswith((".csv", ".tsv", ".txt")):
        yield from _text(path)
    else:
        raise DataError(f"{path}: call it .csv, .tsv, .jsonl, .json or .parquet after what it is")


def _text(path: Path) -> Iterator[Part]:
    with open_text(path) as file:
        head = file.readline(1_000_000)
        between = max(DELIMITERS, key=head.count)
        header = next(csv.reader([head], delimiter=between), [])
        if twice := [name for name, times in Counter(header).items() if times > 1]:
            raise DataError(f"{path}: the column {twice[0]!r} comes twice; keep one")
        rows: list[list[str]] = []
        try:
            for i, row in enumerate(csv.reader(file, delimiter=between), start=1):
                if row and len(row) != len(header):
                    raise DataError(f"{path}, row {i}: {len(row)} cells where the header names {len(header)}")
                if row:
                    rows.append(row)
                if len(rows) == ROWS:
                    yield dict(zip(header, zip(*rows, strict=True), strict=True))
                    rows = []
        except csv.Error as err:
            raise DataError(f"{path}: is no table ({err}); save it as CSV") from None
        if rows:
            yield dict(zip(header, zip(*rows, strict=True), strict=True))


def _parquet(path: Path) -> Iterator[Part]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with reading(path):
            for batch in pq.ParquetFile(path).iter_batches(ROWS, use_threads=False):
                if batch.num_rows:
                    yield batch.to_pydict()
    except pa.ArrowException as err:
        raise DataError(f"{path}: not readable as Parquet: {str(err)[:200]}") from None


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of lines of JSON.

    Raises:
        DataError: If it cannot be read, or a line is no object.
    """
    with open_text(path) as file:
        for i, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as err:
                raise DataError(f"{path}, line {i}: is no JSON ({err}); give one object a line") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {i}: is {type(row).__name__}; give one object a line")
            yield row


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with open_text(path) as file:
        text = file.read(MAX_CELLS * 10)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise DataError(
            f"{path}: is no JSON ({str(err)[:100]}), or too long; write it as lines of JSON, .jsonl"
        ) from None
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise DataError(f"{path}: has to be a list of objects, one a row; or write lines of JSON, .jsonl")
    yield from content


def _by_column(rows: Iterator[dict[str, Any]]) -> Iterator[Part]:
    kept: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    for row in rows:
        kept.append(row)
        names.update(dict.fromkeys(row))
        if len(kept) == ROWS:
            yield {name: [one.get(name) for one in kept] for name in names}
            kept = []
    if kept:
        yield {name: [one.get(name) for one in kept] for name in names}


def numbers_of(cells: Sequence[Any]) -> tuple[Floats, int | None]:
    """Return cells as numbers, nan where empty, and the place of the first that is no finite number."""
    numbers, word = np.full(len(cells), np.nan), None
    for i, cell in enumerate(cells):
        if is_empty(cell):
            continue
        try:
            number = np.nan if isinstance(cell, bool) else float(cell)
        except (TypeError, ValueError, OverflowError):
            number = np.nan
        if np.isfinite(number):
            numbers[i] = number
        elif word is None:
            word = i
    return numbers, word


def is_empty(cell: Any) -> bool:
    """Whether a cell says that there is no number."""
    return cell is None or cell != cell or (isinstance(cell, str) and cell.strip().lower() in EMPTY)
