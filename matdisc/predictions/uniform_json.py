"""JSON whose rows all have the same fields in the same order, as programs write them, read about as fast as CSV.

Without a backslash, a quotation mark only ever begins or ends a text. Cells are therefore split at commas, and each has
to begin as that of the first row does: `"e_form_per_atom":`. What differs in anything, or is at fault, is left to the
slow reader, which says in which row and why: None means that nothing was decided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

Kinds = Callable[[list[str]], Mapping[str, bool]]
"""From the names of all fields to those that are read, and whether they hold text."""
BLANKS = b" \t\r\n"
BETWEEN = re.compile(rb"\}(, ?)\{")
FIELD = re.compile(rb'[ {]*"([^"]+)": ?')
ROWS_TO_LINES = bytes.maketrans(b"[}]", b",\n\n")
"""Makes lines that begin with a comma of `[{...},{...}]`; a text with such a sign breaks its line, which is refused."""
MOST_COLUMNS = 100
END = 2**31
"""Past the end of any cell; without it pyarrow 26 counts the bytes of slices wrongly."""


def lines(content: bytes, kinds: Kinds) -> Any:
    """Return the read fields of lines of JSON as a pyarrow table; None if in doubt."""
    import pyarrow.compute as pc

    end = content.find(b"\n")
    starts = _starts(content[:end].rstrip(b"\r") if end > 0 else content)
    cells = _cells(content, len(starts)) if starts and b"\\" not in content else []
    if not cells or not pc.all(pc.ends_with(cells[-1], b"}")).as_py():
        return None
    return _table(starts, [*cells[:-1], pc.binary_slice(cells[-1], 0, -1)], kinds)


def one_list(content: bytes, kinds: Kinds) -> Any:
    """Return the read fields of one list of flat objects as a pyarrow table; None if in doubt."""
    import pyarrow.compute as pc

    body = content.strip(BLANKS)
    between = BETWEEN.search(body, 0, 100_000)
    starts = _starts(between[1] + body[1 : between.start() + 1])[1:] if between else []
    whole = body.endswith(b"}]") and body.find(b"]") == len(body) - 1
    if not starts or not whole or b"\\" in body or b"\n" in body:
        return None
    assert between is not None
    text = body.translate(ROWS_TO_LINES)
    cells = _cells(text if between[1] == b"," else between[1] + text[1:], len(starts) + 1)
    if not cells or pc.max(pc.binary_length(cells[0])).as_py():
        return None
    return _table(starts, cells[1:], kinds)


def columns(content: bytes, kinds: Kinds) -> Any:
    """Return the read columns of a table as `pandas.DataFrame.to_json` writes it, places from 0; None if in doubt."""
    import pyarrow as pa
    import pyarrow.compute as pc

    body = content.strip(BLANKS)
    if not (body.startswith(b'{"') and body.endswith(b"}}")) or b"\\" in body or body.count(b"{") > MOST_COLUMNS:
        return None
    parts = [part.split(b'":{"', 1) for part in body[2:-2].split(b'},"')]
    names = [part[0].decode(errors="replace") for part in parts]
    if any(len(part) != 2 for part in parts) or len(set(names)) < len(names) or body.count(b"{") != len(parts) + 1:
        return None
    split = [_places(pc.split_pattern(pa.array([part[1]]), b',"').values) for part in parts]
    places = split[0][0]
    try:
        counted = places.cast(pa.string()).cast(pa.int64()).equals(pa.array(np.arange(len(places))))
    except pa.ArrowInvalid:
        return None
    if not counted or not all(other.equals(places) for other, _ in split):
        return None
    wanted = kinds(names)
    read = [(name, rest) for name, (_, rest) in zip(names, split, strict=True) if name in wanted]
    found = {name: _values(rest, b'":', wanted[name]) for name, rest in read}
    return None if any(column is None for column in found.values()) else pa.table(found)


def _starts(row: bytes) -> list[tuple[str, bytes]]:
    """Return the name of each field of a row and how its cell begins; none if it is not flat, or one is there twice."""
    found = [FIELD.match(cell) for cell in row.split(b",")]
    starts = [(match[1].decode(errors="replace"), match[0]) if match else ("", b"") for match in found]
    flat = row.count(b"{") == 1 and b"[" not in row and all(found[row.startswith(b",") :])
    return starts if flat and len({name for name, _ in starts}) == len(starts) else []


def _cells(body: bytes, width: int) -> list[Any] | None:
    """Return the cells between commas, a binary array for each column; None if rows differ in their number."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    names = [str(i) for i in range(width)]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(body),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(body) + 1, column_names=names),
            parse_options=arrow_csv.ParseOptions(quote_char=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return [column.combine_chunks() for column in table.columns]


def _table(starts: list[tuple[str, bytes]], cells: list[Any], kinds: Kinds) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted, found = kinds([name for name, _ in starts]), {}
    for (name, start), column in zip(starts, cells, strict=True):
        if name in wanted:
            found[name] = _values(column, start, wanted[name])
        elif not pc.all(pc.starts_with(column, start)).as_py() or _nested(column):
            return None
    return None if any(column is None for column in found.values()) else pa.table(found)


def _nested(column: Any) -> bool:
    """Whether a cell that is not read holds more than one plain value, which may hide fields."""
    import pyarrow.compute as pc

    return any(pc.any(pc.match_substring(pc.binary_slice(column, 1, END), sign)).as_py() for sign in (b"{", b"["))


def _values(column: Any, start: bytes, is_text: bool) -> Any:
    """Return the texts or numbers of cells that all begin alike; None if they do not, or hold something else."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.all(pc.starts_with(column, start + b'"' * is_text)).as_py():
        return None
    try:
        if not is_text:
            values = pc.binary_slice(column, len(start), END)
            return pc.if_else(pc.equal(values, b"null"), None, values).cast(pa.string()).cast(pa.float64())
        values = pc.binary_slice(column, len(start) + 1, -1)
        whole = pc.all(pc.ends_with(column, b'"')).as_py() and pc.min(pc.binary_length(column)).as_py() > len(start) + 1
        return values.cast(pa.string()) if whole and b'"' not in values.buffers()[2].to_pybytes() else None
    except pa.ArrowInvalid:  # no number, or not UTF-8
        return None


def _places(cells: Any) -> tuple[Any, Any]:
    """Return cells like `12":"a"` in two parts: as many signs as their place has digits, and what follows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    starts = [0, *(10**digits for digits in range(1, 9))]
    groups = [cells.slice(first, end - first) for first, end in pairwise(starts) if first < len(cells)]
    places = [pc.binary_slice(group, 0, digits) for digits, group in enumerate(groups, start=1)]
    rest = [pc.binary_slice(group, digits, END) for digits, group in enumerate(groups, start=1)]
    return pa.concat_arrays(places), pa.concat_arrays(rest)
