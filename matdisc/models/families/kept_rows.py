"""Features of crystals, kept in the cache: the folds of all protocols ask for the same ones again and again."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.atomic import writing
from matdisc.datasets.fetch import cache_dir
from matdisc.datasets.load import canonical_hash
from matdisc.schema import Crystal

Singles = NDArray[np.float32]
Rows = dict[str, Singles]
Row = Callable[[Crystal], Floats | None]
MOST = 8192
"""Rows in one file, of which there are at most 16; the oldest make room, so that a cache of 200 numbers a row stays
below 110 MB."""


def kept_rows(name: str, row: Row, width: int, crystals: Sequence[Crystal],
              packages: Sequence[str]) -> Singles:  # fmt: skip
    """Return a row of features of each crystal, shape (n_crystals, width), single precision; nan where it has none.

    Rows are looked up by the crystal. Two processes may work at once: files appear whole, and rows that one of them
    loses are made again. A damaged file is made anew.

    Args:
        name: Of the features, with their version: other features need another.
        row: Makes the features of a crystal, shape (width,); None where it has none.
        width: Numbers in a row.
        crystals: In any order; a crystal may stand there twice.
        packages: Distributions whose versions the features depend on.
    """
    folder = cache_dir() / "features" / "-".join([name, *(version(package) for package in packages)])
    keys = [canonical_hash(crystal) for crystal in crystals]
    found: Rows = {}
    for first, part in groupby(sorted(set(zip(keys, crystals, strict=True)), key=_key), key=lambda pair: pair[0][0]):
        found |= _part(folder / f"{first}.npz", dict(part), row, width)
    return np.array([found[key] for key in keys], np.float32).reshape(-1, width)


def _key(pair: tuple[str, Crystal]) -> str:
    return pair[0]


def _part(path: Path, asked: Mapping[str, Crystal], row: Row, width: int) -> Rows:
    """Return the rows of crystals that are kept in one file; those that it lacks are made and added."""
    kept = _read(path, width)
    new = {key: _made(row(crystal), width) for key, crystal in asked.items() if key not in kept}
    if new:
        together = _read(path, width) | new  # what another process wrote meanwhile stays
        names, rows = list(together)[-MOST:], list(together.values())[-MOST:]
        with writing(path) as draft, draft.open("wb") as stream:
            np.savez(stream, keys=np.array(names), rows=np.array(rows))
    return {key: new[key] if key in new else kept[key] for key in asked}


def _made(row: Floats | None, width: int) -> Singles:
    return np.full(width, np.nan, np.float32) if row is None else row.astype(np.float32)


def _read(path: Path, width: int) -> Rows:
    """Return the rows of a file; none of one that is not there, damaged, or of another width."""
    try:
        with np.load(path, allow_pickle=False) as content:
            keys, rows = content["keys"], content["rows"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}
    fits = rows.shape == (len(keys), width) and rows.dtype == np.float32
    return dict(zip(map(str, keys), rows, strict=True)) if fits else {}
