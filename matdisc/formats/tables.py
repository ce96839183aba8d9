"""Tables with a column of structures: CIF texts as in the data of CDVAE, or JSON texts; read in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matdisc.columns import UNNAMED
from matdisc.errors import DataError
from matdisc.formats.cif import MARK
from matdisc.formats.documents import Item
from matdisc.formats.fields import ID_KEYS, plain
from matdisc.formats.packed import open_text, reading
from matdisc.formats.records import is_structure

ROWS = 1000
"""Rows that are in memory at a time."""
MAX_HEADER = 1_000_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_table(path: Path) -> Iterator[Item]:
    """Yield the rows of a table; numbers are numbers, empty fields are left out, ids are text.

    Raises:
        DataError: If it cannot be read, or its first rows hold no structure.
    """
    import pandas as pd

    with open_text(path) as file:
        header = file.readline(MAX_HEADER)
    separator = next((one for one in ",;\t" if one in header), ",")
    row = 0
    with reading(path), open_text(path) as file:
        try:
            parts = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False, chunksize=ROWS)
            for part in parts:
                columns = [str(column) for column in part.columns]
                for values in part.itertuples(index=False, name=None):
                    fields = dict(zip(columns, values, strict=True))
                    row += 1
                    if row == 1:
                        _refuse_none(fields, path)
                    yield _item(fields, f"{path}, row {row}")
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as err:
            raise DataError(f"{path}: is no table: {' '.join(str(err).split())[:200]}") from None
    if not row:
        raise DataError(f"{path}: has no rows")


def holds_structures(path: Path) -> bool:
    """Whether the first row of a table has a structure; of a folder's tables, others hold labels."""
    try:
        return next(read_table(path), None) is not None
    except DataError as err:
        if "no column of structures" in str(err):
            return False
        raise


def _refuse_none(fields: dict[str, str], path: Path) -> None:
    if not any(map(is_structure, fields.values())):
        raise DataError(
            f"{path}: no column of structures; the columns are {', '.join(fields)[:150]}; give one of "
            f"texts of CIF (with {MARK}) or JSON, called 'cif' or 'structure'"
        )


def _item(fields: dict[str, str], where: str) -> Item:
    name = next((fields.pop(key) for key in UNNAMED if key in fields), "")
    return Item(name, where, {key: _value(key, text) for key, text in fields.items() if text or _is_id(key)})


def _is_id(key: str) -> bool:
    return plain(key) in {plain(one) for one in ID_KEYS}


def _value(key: str, text: str) -> Any:
    return float(text) if _NUMBER.fullmatch(text) and not _is_id(key) else text
