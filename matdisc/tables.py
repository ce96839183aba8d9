"""Bytes of a predictions file to columns, by pyarrow: one pass, no Python object a row.

Where pyarrow refuses, the csv and json modules look again, row by row, to say in which line and why.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.errors import SubmissionError

MAX_BYTES = 512 * 2**20
"""Largest file accepted, counted while inflating."""
MAX_ROWS = 2_000_000
TEXT = ("material_id", "status", "error", "structure")
"""Columns that hold text; all others hold numbers."""


def parse(path: Path, content: bytes) -> Any:
    """Return the content of a file as a pyarrow table of strings and numbers; the suffix says how to read it.

    Raises:
        SubmissionError: If it is no such file; line and reason are named.
    """
    if path.suffix == ".parquet":
        return _parquet(path, content)
    if ".jsonl" in path.suffixes:
        return _json_lines(path, content)
    return _csv(path, content)


def material_ids(path: Path, table: Any) -> Any:
    """Return the ids as one pyarrow string array.

    Raises:
        SubmissionError: If one is empty, too long, or no text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table["material_id"]
    ids = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not pa.types.is_string(ids.type):
        if not pa.types.is_large_string(ids.type):
            raise SubmissionError(f"{path}: 'material_id' holds {ids.type}; ids are text")
        ids = ids.cast(pa.string())
    lengths = pc.binary_length(ids)
    shortest, longest = (pc.min_max(lengths)[key].as_py() for key in ("min", "max"))
    if ids.null_count or shortest == 0 or (longest or 0) > 200:
        wrong = pc.or_(pc.is_null(ids), pc.or_kleene(pc.equal(lengths, 0), pc.greater(lengths, 200)))
        row = pc.index(pc.fill_null(wrong, True), True).as_py()
        raise SubmissionError(
            f"{path}, line {row + 2}: 'material_id' is {str(ids[row].as_py() or '')[:60]!r}; give the dataset's id"
        )
    return ids


def numbers(path: Path, table: Any, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a column as floats (nan where empty) and whether each cell holds anything.

    Raises:
        SubmissionError: If the column holds anything but numbers.
    """
    import pyarrow as pa

    column = table[name]
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan), np.zeros(len(column), bool)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        row, value = next((i, v) for i, v in enumerate(column.to_pylist()) if v is not None)
        raise SubmissionError(
            f"{path}, line {row + 2}: {name!r} is {value!r}, which is no number; leave it empty if there is none"
        )
    flat = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    given = np.ones(len(flat), bool) if flat.null_count == 0 else flat.is_valid().to_numpy(zero_copy_only=False)
    return np.asarray(flat.cast(pa.float64()).to_numpy(zero_copy_only=False), float), given


def texts(path: Path, table: Any, name: str) -> list[str]:
    """Return a column as texts, empty where there is none.

    Raises:
        SubmissionError: If the column holds anything else.
    """
    import pyarrow as pa

    column = table[name]
    if pa.types.is_null(column.type):
        return [""] * len(column)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise SubmissionError(f"{path}: {name!r} holds {column.type}; it has to be text")
    return [text or "" for text in column.to_pylist()]


def categories(table: Any, name: str, known: Sequence[str]) -> tuple[NDArray[np.int64], int | None]:
    """Return the place of each cell among `known` (-1 where empty), and the first row that is none of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[name]
    if pa.types.is_null(column.type):
        return np.full(len(column), -1), None
    text = pc.cast(column, pa.string())
    found = pc.fill_null(pc.index_in(text, value_set=pa.array(known)), -1).to_numpy()
    empty = pc.fill_null(pc.equal(text, ""), True).to_numpy()
    strange = (found < 0) & ~empty
    return found.astype(np.int64), int(np.argmax(strange)) if strange.any() else None


def _csv(path: Path, content: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    content = content.removeprefix(b"\xef\xbb\xbf")
    header = _csv_header(path, content)
    types = {name: pa.string() if name in TEXT else pa.float64() for name in header}
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=max(len(content) + 1, 1 << 16)),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=False, include_columns=list(header)
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as err:
        raise SubmissionError(_csv_fault(path, content, header) or f"{path}: not readable as CSV: {err}") from err


def _csv_header(path: Path, content: bytes) -> list[str]:
    first = content.split(b"\n", 1)[0][:100_000]
    try:
        header = next(csv.reader(io.StringIO(first.decode("utf-8").rstrip("\r"))), [])
    except UnicodeDecodeError as err:
        raise SubmissionError(f"{path}: not UTF-8 text (byte {err.start}); save it as UTF-8") from err
    except csv.Error as err:
        raise SubmissionError(f"{path}, line 1: not readable as CSV: {err}") from err
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise SubmissionError(f"{path}: column {repeated[0]!r} occurs twice; keep one")
    if "material_id" not in header:
        shown = ", ".join(name[:40] for name in header[:8]) or "none"
        raise SubmissionError(f"{path}: has no column 'material_id' (columns: {shown})")
    return header


def _csv_fault(path: Path, content: bytes, header: list[str]) -> str | None:
    """Say in which line of a CSV file the fault lies that pyarrow stumbled over."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as err:
        return f"{path}: not UTF-8 text (byte {err.start}); save it as UTF-8"
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        next(reader)
        for cells in reader:
            if cells and len(cells) != len(header):
                return f"{path}, line {reader.line_num}: {len(cells)} cells where the header names {len(header)}"
            for name, cell in zip(header, cells, strict=False):
                if name not in TEXT and cell and not _is_number(cell):
                    return (
                        f"{path}, line {reader.line_num}: {name!r} is {cell[:60]!r}, which is no number; "
                        "leave it empty if there is none"
                    )
    except csv.Error as err:
        return f"{path}, line {reader.line_num}: not readable as CSV: {err}"
    return None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _json_lines(path: Path, content: bytes) -> Any:
    import pyarrow as pa

    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as err:
        raise SubmissionError(f"{path}: not UTF-8 text (byte {err.start}); save it as UTF-8") from err
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            rows.append(_json_row(path, number, line, rows))
    header = list(rows[0]) if rows else []
    if "material_id" not in header:
        raise SubmissionError(f"{path}: has no column 'material_id' (columns: {', '.join(header[:8]) or 'none'})")
    columns = {name: [row.get(name) for row in rows] for name in header}
    return pa.table({name: pa.array(v, pa.string() if name in TEXT else pa.float64()) for name, v in columns.items()})


def _json_row(path: Path, number: int, line: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as err:
        raise SubmissionError(f"{path}, line {number}: not JSON: {err}") from err
    if not isinstance(row, dict):
        raise SubmissionError(f"{path}, line {number}: is {type(row).__name__}, has to be an object")
    if rows and not row.keys() <= rows[0].keys():
        extra = sorted(row.keys() - rows[0].keys())[0]
        raise SubmissionError(f"{path}, line {number}: field {extra!r} is not in the first row")
    for name, value in row.items():
        is_text = name in TEXT
        if value is None and name != "material_id":
            continue
        if name == "structure" and isinstance(value, dict):  # as an object instead of a text that holds one
            row[name] = json.dumps(value)
            continue
        if is_text != isinstance(value, str) or isinstance(value, bool | list | dict):
            wanted = "text" if is_text else "a number"
            raise SubmissionError(f"{path}, line {number}: {name!r} is {str(value)[:60]!r}, which is not {wanted}")
        if not is_text:
            try:
                row[name] = float(value)
            except OverflowError as err:
                raise SubmissionError(f"{path}, line {number}: {name!r} is too large a number") from err
    return row


def _parquet(path: Path, content: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if size > MAX_BYTES or file.metadata.num_rows > MAX_ROWS:
            raise SubmissionError(f"{path}: inflates to more than {MAX_BYTES // 2**20} MiB or {MAX_ROWS:,} rows")
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as err:
        raise SubmissionError(f"{path}: not readable as Parquet: {str(err)[:200]}") from err
    if table.num_columns > 20 or len(set(table.column_names)) != table.num_columns:
        raise SubmissionError(f"{path}: has more than 20 columns, or one name twice")
    if "material_id" not in table.column_names:
        raise SubmissionError(f"{path}: has no column 'material_id' (columns: {', '.join(table.column_names[:8])})")
    return table
