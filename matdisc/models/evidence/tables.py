"""Reading tables of knowledge about element pairs: CSV with one answer a row (docs/evidence.md has the columns)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from matdisc.elements import SYMBOLS
from matdisc.errors import DataError
from matdisc.models.evidence.sources import PairTable

ANSWERS = {"high": (1.0, 0.0), "medium": (0.5, 0.5), "low": (0.0, 1.0)}
"""Masses (similar, dissimilar) of an answer before discounting."""
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
CAN_ANSWER = ("can_answer", "answerable")
Row = Mapping[str, str]
Masses = tuple[float, float]


def read_tables(path: Path, discount: float | None = None) -> tuple[PairTable, ...]:
    """Return the tables of a CSV file, one for each domain, in the order in which domains first occur.

    A pair that is not answered says nothing, like one that is not listed.

    Args:
        path: File with the columns element_1, element_2, and either substitutability (High, Medium, Low) or s and d;
            optionally domain and can_answer (or answerable).
        discount: Of each table; None: an even share of a third.

    Raises:
        DataError: If the file is missing, no CSV, lacks a column, or a row is impossible or contradicts another.
    """
    domains: dict[str, dict[tuple[str, str], Masses | None]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_columns(path, reader.fieldnames or [])
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if None in row or None in row.values():
                    raise DataError(f"{where}: {len(reader.fieldnames or [])} cells expected, as in the header")
                pair, masses = _pair(where, row), _masses(where, row)
                answers = domains.setdefault((row.get("domain") or path.stem).strip(), {})
                if answers.setdefault(pair, masses) != masses:
                    raise DataError(f"{where}: pair {' '.join(pair)!r} has another answer above; keep one a domain")
    except OSError as err:
        raise DataError(f"{path}: cannot be read ({err.strerror}); name a table of element pairs") from err
    except (UnicodeDecodeError, csv.Error) as err:
        raise DataError(f"{path}: no CSV in UTF-8 ({err})") from err
    if not domains:
        raise DataError(f"{path}: has no rows; give one row a pair of elements")
    return tuple(
        PairTable(name, {pair: m for pair, m in answers.items() if m is not None}, discount)
        for name, answers in domains.items()
    )


def _check_columns(path: Path, columns: object) -> None:
    found = set(columns) if isinstance(columns, list) else set()
    missing = {"element_1", "element_2"} - found
    if missing:
        raise DataError(f"{path}: no column {sorted(missing)[0]!r}; columns are element_1, element_2, substitutability")
    if "substitutability" not in found and not {"s", "d"} <= found:
        raise DataError(f"{path}: no column 'substitutability' (High, Medium, Low), nor the columns 's' and 'd'")


def _pair(where: str, row: Row) -> tuple[str, str]:
    a, b = row["element_1"].strip(), row["element_2"].strip()
    for name, symbol in (("element_1", a), ("element_2", b)):
        if symbol not in SYMBOLS:
            raise DataError(f"{where}: field {name!r} is {symbol!r}, which is no element")
    if a == b:
        raise DataError(f"{where}: {a!r} is paired with itself; remove the row")
    return (a, b) if a < b else (b, a)


def _masses(where: str, row: Row) -> Masses | None:
    """Masses before discounting; None where the source cannot answer."""
    for name in CAN_ANSWER:
        said = row.get(name, "yes").strip().lower()
        if said in NO:
            return None
        if said not in YES:
            raise DataError(f"{where}: field {name!r} is {row[name]!r}; allowed: yes, no")
    if "substitutability" in row:
        answer = row["substitutability"].strip()
        if answer.lower() not in ANSWERS:
            raise DataError(f"{where}: field 'substitutability' is {answer!r}; allowed: High, Medium, Low")
        return ANSWERS[answer.lower()]
    try:
        s, d = float(row["s"]), float(row["d"])
    except ValueError as err:
        raise DataError(f"{where}: fields 's' and 'd' are {row['s']!r} and {row['d']!r}; give two numbers") from err
    if not (s >= 0 and d >= 0 and s + d <= 1):
        raise DataError(f"{where}: fields 's' and 'd' are {s} and {d}; they have to be at least 0, the sum at most 1")
    return s, d
