"""Rows of a text table that say file, line and field when something in them is wrong; standard library only."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

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
        value = self.values.get(field)
        return DataError(f"{self.path}, line {self.line}: field '{field}' (value {value!r}) {problem}")


def read_rows(path: Path, columns: Iterable[str]) -> list[Row]:
    """Return the rows of a UTF-8 CSV file whose header has at least `columns`; semicolons and tabs separate as well.

    Raises:
        DataError: If the file cannot be read, has no rows, lacks a column, or a row has too many or too few fields.
    """
    columns = tuple(columns)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            between = _delimiter(path, file.readline(), columns)
            file.seek(0)
            reader = csv.DictReader(file, strict=True, delimiter=between)
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            missing = [name for name in columns if name not in header]
            if missing:
                raise DataError(
                    f"{path}, line 1: no column '{missing[0]}'; the header has {', '.join(header) or 'nothing'}"
                )
            if len(set(header)) != len(header):
                raise DataError(f"{path}, line 1: a column name occurs twice; rename one")
            rows = [Row(path, reader.line_num, values) for values in reader]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; restore it, or run `matdisc datasets pull`") from None
    except OSError as err:
        raise DataError(f"{path}: cannot be read ({err.strerror or err}); restore it") from None
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8") from None
    except csv.Error as err:
        raise DataError(f"{path}, line {reader.line_num}: not a CSV table ({err})") from None
    for row in rows:
        if None in row.values or None in row.values.values():
            raise DataError(f"{path}, line {row.line}: not {len(header)} fields as in the header; mend the row")
    if not rows:
        raise DataError(f"{path}: the table has no rows")
    return rows


def _delimiter(path: Path, line: str, columns: Iterable[str]) -> str:
    try:
        return delimiter(headers(line), {name.lower() for name in columns})
    except ValueError as err:
        raise DataError(f"{path}, line 1: {err}") from None


def unique(rows: Iterable[Row], field: str) -> None:
    """Raise DataError unless a field differs in all rows."""
    seen: dict[str, int] = {}
    for row in rows:
        value = row.text(field)
        if value in seen:
            raise row.error(field, f"stands in line {seen[value]} already; keep one of the two rows")
        seen[value] = row.line
