"""Bytes of a predictions file to columns, by pyarrow: one pass, no Python object a row.

Which columns are read is chosen from their names, before any value is looked at; the others may hold whatever they
like. Where pyarrow refuses, the csv and json modules look again, row by row, to say in which line and why.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.columns import TEXT, Choice, choose, is_longer
from matdisc.errors import SubmissionError

MAX_BYTES = 512 * 2**20
"""Largest file accepted, counted while inflating."""
MAX_ROWS = 2_000_000
PARQUET_ROWS = 16_384
"""Rows of a Parquet file that are inflated at a time, before their bytes are counted."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""What bytes that are not UTF-8 become in `_csv_rows`."""


def parse(path: Path, content: bytes, answers: Sequence[str], known: Sequence[str]) -> tuple[Any, Choice]:
    """Return a file's kept columns as a pyarrow table of strings and numbers; the suffix says how to read it.

    Args:
        path: The file.
        content: Its bytes, inflated.
        answers: Columns of which it has to have exactly one.
        known: All columns that mean something here, the answers among them.

    Raises:
        SubmissionError: If it is no such file; line and reason are named.
    """
    name = path.name.lower().removesuffix(".gz")
    reader = _parquet if name.endswith(".parquet") else _json_lines if name.endswith(".jsonl") else _csv
    return reader(path, content, answers, known)


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
        raise SubmissionError(f"{path}: 'material_id' holds {ids.type}; ids are text")
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
    if not pa.types.is_string(column.type):
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


def _csv(path: Path, content: bytes, answers: Sequence[str], known: Sequence[str]) -> tuple[Any, Choice]:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    content = content.removeprefix(BYTE_ORDER_MARK)
    header = _csv_header(path, content)
    choice = choose(path, header, answers, known)
    types = {name: pa.string() if name in TEXT else pa.float64() for name in choice.kept}
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=max(len(content) + 1, 1 << 16)),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=False, include_columns=list(types)
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as err:
        fault = _csv_fault(path, content, header, choice.kept)
        raise SubmissionError(fault or f"{path}: not readable as CSV: {str(err)[:200]}") from err
    return table, choice


def _csv_rows(content: bytes) -> Any:
    """Return a reader of rows; what is not UTF-8 stays in them as lone surrogates."""
    return csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8", errors="surrogateescape", newline=""))


def _csv_header(path: Path, content: bytes) -> list[str]:
    try:
        header: list[str] = next(_csv_rows(content), [])
    except csv.Error as err:
        raise SubmissionError(f"{path}, line 1: not readable as CSV: {err}") from err
    if NOT_UTF8.search("".join(header)):
        _utf8(path, content)
    return header


def _csv_fault(path: Path, content: bytes, header: list[str], kept: Sequence[str]) -> str | None:
    """Say in which line of a CSV file the fault lies that pyarrow stumbled over."""
    rows = _csv_rows(content)
    try:
        next(rows)
        for cells in rows:
            if cells and len(cells) != len(header):
                return f"{path}, line {rows.line_num}: {len(cells)} cells where the header names {len(header)}"
            for name, cell in zip(header, cells, strict=False):
                if name in TEXT and name in kept and NOT_UTF8.search(cell):
                    return f"{path}, line {rows.line_num}: {name!r} is not UTF-8 text; save the file as UTF-8"
                if name not in TEXT and name in kept and cell and not _is_number(cell):
                    return (
                        f"{path}, line {rows.line_num}: {name!r} is {cell[:60]!r}, which is no number; "
                        "leave it empty if there is none"
                    )
    except csv.Error:  # a cell longer than the csv module takes: pyarrow's own words have to do
        return None
    return None


def _utf8(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as err:
        raise SubmissionError(f"{path}: not UTF-8 text (byte {err.start}); save it as UTF-8") from err


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _json_lines(path: Path, content: bytes, answers: Sequence[str], known: Sequence[str]) -> tuple[Any, Choice]:
    import pyarrow as pa

    wanted: dict[str, bool] = {}  # each field of any row, and whether it can be kept; if not, it is dropped at once
    rows: dict[int, dict[str, Any]] = {}  # by their line
    drop = False
    for number, line in enumerate(_utf8(path, content.removeprefix(BYTE_ORDER_MARK)).split("\n"), start=1):
        if line.strip():
            row = _json_row(path, number, line)
            if not row.keys() <= wanted.keys():
                new = {name: name in known or is_longer(name, answers[0]) for name in row if name not in wanted}
                wanted.update(new)
                drop = drop or not all(new.values())
            rows[number] = {name: row[name] for name in row if wanted[name]} if drop else row
    choice = choose(path, list(wanted), answers, known)
    return pa.table({name: _json_column(path, name, rows) for name in choice.kept}), choice


def _json_row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = _decode(line)
    except KeyError as err:
        raise SubmissionError(f"{path}, line {number}: key {err.args[0]!r} occurs twice; keep one") from err
    except (ValueError, RecursionError) as err:
        raise SubmissionError(f"{path}, line {number}: not JSON: {err}") from err
    if not isinstance(row, dict):
        raise SubmissionError(f"{path}, line {number}: is {type(row).__name__}, has to be an object")
    return row


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise KeyError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return row


_decode = json.JSONDecoder(object_pairs_hook=_unrepeated).decode


def _json_column(path: Path, name: str, rows: dict[int, dict[str, Any]]) -> Any:
    import pyarrow as pa

    is_text, values = name in TEXT, []
    for number, row in rows.items():
        value: Any = row.get(name)
        if name == "structure" and isinstance(value, dict):  # as an object instead of a text that holds one
            value = json.dumps(value)
        elif value is None and name != "material_id":
            pass
        elif is_text != isinstance(value, str) or isinstance(value, bool | list | dict):
            wanted = "text" if is_text else "a number"
            raise SubmissionError(f"{path}, line {number}: {name!r} is {str(value)[:60]!r}, which is not {wanted}")
        elif not is_text:
            try:
                value = float(value)
            except OverflowError as err:
                raise SubmissionError(f"{path}, line {number}: {name!r} is too large a number") from err
        values.append(value)
    try:
        return pa.array(values, pa.string() if is_text else pa.float64())
    except UnicodeEncodeError as err:
        raise SubmissionError(f"{path}: {name!r} is {err.object[:60]!r}, which is not text; write it anew") from err


def _parquet(path: Path, content: bytes, answers: Sequence[str], known: Sequence[str]) -> tuple[Any, Choice]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        choice = choose(path, file.schema_arrow.names, answers, known)
        kinds = pa.schema([(name, _plain(file.schema_arrow.field(name).type)) for name in choice.kept])
        parts, grown = [kinds.empty_table()], 0
        for batch in file.iter_batches(PARQUET_ROWS, columns=kinds.names, use_threads=False):
            parts.append(pa.Table.from_batches([batch]).select(kinds.names).cast(kinds))
            grown += parts[-1].nbytes
            if grown > MAX_BYTES or file.metadata.num_rows > MAX_ROWS:
                raise SubmissionError(f"{path}: inflates to more than {MAX_BYTES // 2**20} MiB or {MAX_ROWS:,} rows")
        table = pa.concat_tables(parts)
        table.validate(full=True)  # texts are UTF-8
    except (pa.ArrowException, OSError, ValueError) as err:
        raise SubmissionError(f"{path}: not readable as Parquet: {str(err)[:200]}") from err
    return table, choice


def _plain(kind: Any) -> Any:
    """Return the type that a column is cast to: texts, however they are encoded, to string."""
    import pyarrow as pa

    of = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string(of), pa.types.is_large_string(of), pa.types.is_string_view(of))
    return pa.string() if any(texts) else kind
