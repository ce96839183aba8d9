"""Rows of a text table that say file, line and field when something in them is wrong; standard library only."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any

from matdisc.columns import delimiter, headers
from matdisc.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, with where it stands."""

    path: Path
    line: int
    values: Mapping[str, str]

    def text(self, field: str) -> str:
        """The value of a field that may not be empty."""
        value = (self.values.get(field) or "").strip()
        if not value:
            raise self.error(field, "is empty; give a value")
        return value

    def number(self, field: str) -> float:
        """The value of a field as a finite number."""
        text = self.text(field)
        try:
            value = float(text)
        except ValueError:
            raise self.error(field, "is not a number; write it like -0.125") from None
        if not isfinite(value):
            raise self.error(field, "is not finite; give a number, or leave the row out")
        return value

    def optional(self, field: str) -> float | None:
        """The value of a field as a finite number, None where it is empty or the column is not there."""
        return self.number(field) if (self.values.get(field) or "").strip() else None

    def truth(self, field: str) -> bool:
        """The value of a field as true or false."""
        value = {"true": True, "false": False, "1": True, "0": False}.get(self.text(field).lower())
        if value is None:
            raise self.error(field, "is neither true nor false")
        return value

    def error(self, field: str, problem: str) -> DataError:
        """The error that tells what is wrong with a field of this row."""
        value = repr(self.values.get(field))[:60]
        return DataError(f"{self.path}, line {self.line}: field '{field}' (value {value}) {problem}")


def read_rows(path: Path, columns: Iterable[str]) -> list[Row]:
    """Return the rows of a UTF-8 CSV file whose header has at least `columns`; semicolons and tabs separate as well.

    Raises:
        DataError: If the file cannot be read, has no rows, lacks a column, or a row has too many or too few fields.
    """
    columns = tuple(columns)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, found = parse_rows(path, file, *([{name.lower() for name in columns}] if columns else []))
            missing = [name for name in columns if name not in header]
            if missing:
                raise DataError(
                    f"{path}, line 1: no column '{missing[0]}'; the header has {', '.join(header) or 'nothing'}"
                )
            rows = list(found)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path, restore it, or run `matdisc datasets pull`") from None
    except OSError as err:
        raise DataError(f"{path}: cannot be read ({err.strerror or err}); restore it") from None
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8") from None
    if not rows:
        raise DataError(f"{path}: the table has no rows")
    return rows


def parse_rows(path: Path, lines: Iterable[str], *wanted: AbstractSet[str]) -> tuple[list[str], Iterator[Row]]:
    """Return the header and the rows of a CSV text, which is read no further than the rows are taken.

    Args:
        path: Where the text comes from, for messages.
        lines: With their ends.
        wanted: Sets of column names in lower case that tell what separates columns; see `matdisc.columns.delimiter`.

    Raises:
        DataError: If a column name occurs twice; while rows are taken, if one is no CSV or has too many or too few
            fields.
    """
    lines = iter(lines)
    first = next(lines, "")
    try:
        between = delimiter(headers(first), *wanted)
    except ValueError as err:
        raise DataError(f"{path}, line 1: {err}") from None
    reader = csv.reader(chain([first], lines), strict=True, delimiter=between)
    header = [name.strip() for name in _next_row(path, reader) or []]
    if len(set(header)) != len(header):
        raise DataError(f"{path}, line 1: a column name occurs twice; rename one")
    return header, _rows(path, header, reader)


def _rows(path: Path, header: Sequence[str], reader: Any) -> Iterator[Row]:
    while (values := _next_row(path, reader)) is not None:
        if values and len(values) != len(header):
            raise DataError(f"{path}, line {reader.line_num}: not {len(header)} fields as in the header; mend the row")
        if values:
            yield Row(path, reader.line_num, dict(zip(header, values, strict=True)))


def _next_row(path: Path, reader: Any) -> list[str] | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as err:
        raise DataError(f"{path}, line {reader.line_num}: not a CSV table ({err}); mend the quotes") from None
    return row


def unique(rows: Iterable[Row], field: str) -> None:
    """Raise DataError unless a field differs in all rows."""
    seen: dict[str, int] = {}
    for row in rows:
        value = row.text(field)
        if value in seen:
            raise row.error(field, f"stands in line {seen[value]} already; keep one of the two rows")
        seen[value] = row.line
