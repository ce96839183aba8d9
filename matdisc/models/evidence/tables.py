"""Reading tables of knowledge about element pairs: CSV, one answer a row (columns: docs/explanation/evidence.md)."""

from __future__ import annotations

from pathlib import Path

from matdisc.datasets.csv_rows import Row, read_rows
from matdisc.elements import SYMBOLS
from matdisc.errors import DataError
from matdisc.models.evidence.sources import PairTable

ANSWERS = {"high": (1.0, 0.0), "medium": (0.5, 0.5), "low": (0.0, 1.0)}
"""Masses (similar, dissimilar) of an answer before discounting."""
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
CAN_ANSWER = ("can_answer", "answerable")
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
    rows = read_rows(path, ("element_1", "element_2"))
    if "substitutability" not in rows[0].values and not {"s", "d"} <= rows[0].values.keys():
        raise DataError(f"{path}: no column 'substitutability' (High, Medium, Low), nor the columns 's' and 'd'")
    domains: dict[str, dict[tuple[str, str], Masses | None]] = {}
    for row in rows:
        pair, masses = _pair(row), _masses(row)
        answers = domains.setdefault(row.values.get("domain", path.stem).strip() or path.stem, {})
        if answers.setdefault(pair, masses) != masses:
            raise row.error("element_2", f"pair {' '.join(pair)!r} has another answer above; keep one a domain")
    return tuple(
        PairTable(name, {pair: m for pair, m in answers.items() if m is not None}, discount)
        for name, answers in domains.items()
    )


def _pair(row: Row) -> tuple[str, str]:
    a, b = row.text("element_1"), row.text("element_2")
    for name, symbol in (("element_1", a), ("element_2", b)):
        if symbol not in SYMBOLS:
            raise row.error(name, "is no element; write a symbol such as Fe")
    if a == b:
        raise row.error("element_2", "is paired with itself; remove the row")
    return (a, b) if a < b else (b, a)


def _masses(row: Row) -> Masses | None:
    """Masses before discounting; None where the source cannot answer."""
    for name in CAN_ANSWER:
        said = row.values.get(name, "yes").strip().lower()
        if said in NO:
            return None
        if said not in YES:
            raise row.error(name, "is neither yes nor no")
    if "substitutability" in row.values:
        answer = row.text("substitutability").lower()
        if answer not in ANSWERS:
            raise row.error("substitutability", "is none of High, Medium, Low")
        return ANSWERS[answer]
    s, d = row.number("s"), row.number("d")
    if not (s >= 0 and d >= 0 and s + d <= 1):
        raise row.error("s", f"and 'd' (value {d}) have to be at least 0, the sum at most 1")
    return s, d
