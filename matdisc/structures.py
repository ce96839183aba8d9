"""A crystal as one line of JSON: how structures stand in predictions files and records.

`{"cell": [[ax, ay, az], [bx, by, bz], [cx, cy, cz]], "symbols": ["Na", "Cl"], "positions": [[x, y, z], ...]}`;
rows of `cell` are lattice vectors in Å, `positions` are fractional. Numbers are written so that they read back exactly.
"""

from __future__ import annotations

import json
import math
from typing import Any

from matdisc.cards import SYMBOLS
from matdisc.schema import Crystal

KEYS = ("cell", "symbols", "positions")
MAX_ATOMS = 5_000
MAX_TEXT = 1_000_000
"""Longest text of one structure that is looked at, in characters."""

_KNOWN = frozenset(SYMBOLS)


def to_json(crystal: Crystal) -> str:
    """Return a crystal as compact JSON; `from_json` gives back an equal one."""
    content = {"cell": crystal.cell, "symbols": crystal.symbols, "positions": crystal.positions}
    return json.dumps(content, separators=(",", ":"))


def from_json(text: str) -> Crystal:
    """Return the crystal that a text holds. Numbers may be nan or infinite (see `is_finite`); nothing else is checked.

    Raises:
        ValueError: If the text is no such JSON; the message says why.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"has more than {MAX_TEXT:,} characters")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise ValueError(f"is not JSON ({err})") from None
    if not isinstance(content, dict) or set(content) != set(KEYS):
        raise ValueError(f"has to be an object with the keys {', '.join(KEYS)}")
    symbols = content["symbols"]
    if not isinstance(symbols, list) or not 1 <= len(symbols) <= MAX_ATOMS:
        raise ValueError(f"'symbols' has to be a list of 1 to {MAX_ATOMS:,} element symbols")
    for symbol in symbols:
        if not isinstance(symbol, str) or symbol not in _KNOWN:
            raise ValueError(f"'symbols' names {str(symbol)[:20]!r}, which is no element")
    positions = _vectors(content["positions"], "positions", len(symbols))
    return Crystal(tuple(symbols), positions, _vectors(content["cell"], "cell", 3))


def is_finite(crystal: Crystal) -> bool:
    """Whether every number of a crystal is finite."""
    return all(math.isfinite(x) for row in (*crystal.cell, *crystal.positions) for x in row)


def _vectors(rows: Any, name: str, n: int) -> Any:
    """Return `n` rows of three numbers as tuples of floats."""
    if not isinstance(rows, list) or len(rows) != n:
        found = f"{len(rows)} rows" if isinstance(rows, list) else type(rows).__name__
        raise ValueError(f"'{name}' has to be a list of {n} rows of three numbers, not {found}")
    return tuple(_vector(row, name) for row in rows)


def _vector(row: Any, name: str) -> tuple[float, ...]:
    if not isinstance(row, list) or len(row) != 3 or not all(type(x) in (int, float) for x in row):
        raise ValueError(f"'{name}' has a row that is not three numbers: {str(row)[:60]}")
    try:
        return tuple(float(x) for x in row)
    except OverflowError:
        raise ValueError(f"'{name}' has a number that is too large") from None
