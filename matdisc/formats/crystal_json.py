"""A crystal as one line of JSON: how structures stand in predictions files and records. And how close its atoms are.

`{"cell": [[ax, ay, az], [bx, by, bz], [cx, cy, cz]], "symbols": ["Na", "Cl"], "positions": [[x, y, z], ...]}`;
rows of `cell` are lattice vectors in Å, `positions` are fractional. Numbers are written so that they read back exactly.
"""

from __future__ import annotations

import json
import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from matdisc.arrays import Floats
from matdisc.columns import decode
from matdisc.elements import SYMBOLS
from matdisc.schema import Crystal

KEYS = ("cell", "symbols", "positions")
MAX_ATOMS = 5_000
MAX_IMAGES = 3
"""Most periodic images on either side of an atom that are looked at, in cells that are very flat or skewed."""
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
    return of_object(decode(text))


def of_object(content: Any) -> Crystal:
    """Return the crystal that the value of such a JSON text is; as `from_json`.

    Raises:
        ValueError: If it is none; the message says why.
    """
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


class Contact(NamedTuple):
    """Distance of two sites, Å, and their places in the list of atoms; the same one twice is an atom and its image."""

    distance: float
    first: int
    second: int


def closest(positions: Floats, cell: Floats, within: float) -> Contact | None:
    """Return the two sites of a crystal that are closest to each other, periodic images included.

    Args:
        positions: Fractional, shape (n_atoms, 3).
        cell: Lattice vectors as rows, shape (3, 3), Å.
        within: Å; None is returned if all sites are farther apart.

    Raises:
        numpy.linalg.LinAlgError: If the cell has no volume.
    """
    per_length = np.linalg.norm(np.linalg.inv(cell), axis=0)  # 1/Å: how much of the cell one Å can cross
    reach = np.minimum(np.floor(within * per_length + 0.5), MAX_IMAGES).astype(int)
    images = np.array(list(product(*(range(-n, n + 1) for n in reach))), float)
    found: Contact | None = None
    step = max(1, 200_000 // (len(positions) * len(images)))
    for start in range(0, len(positions), step):
        apart = positions - positions[start : start + step, None]
        apart = (apart - np.round(apart))[:, :, None] + images
        distances = np.linalg.norm(apart @ cell, axis=-1)
        for i in range(len(distances)):  # no atom is its own neighbour
            distances[i, start + i, len(images) // 2] = np.inf
        first, second, _ = np.unravel_index(int(np.argmin(distances)), distances.shape)
        nearest = Contact(float(distances.min()), start + int(first), int(second))
        if nearest.distance <= min(within, found.distance if found else np.inf):
            found = nearest
    return found


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
