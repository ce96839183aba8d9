"""Bytes of a predictions file to columns, by pyarrow: one pass, no Python object a row.

Which columns are read is chosen from their names, before any value is looked at; the others may hold whatever they
like. Where pyarrow refuses, the csv and json modules look again, row by row, to say in which line and why. Rows are
counted from 1, without the header; lines as an editor counts them.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc import columns
from matdisc.columns import DELIMITERS, TEXT, Choice, choose, decode, is_number, meaning, no_number
from matdisc.errors import SubmissionError
from matdisc.predictions import uniform_json

MAX_BYTES = 512 * 2**20
"""Largest file accepted, counted while inflating."""
MAX_ROWS = 2_000_000
PARQUET_ROWS = 16_384
"""Rows of a Parquet file that are inflated at a time, before their bytes are counted."""
MAX_DOCUMENT = 128 * 2**20
"""Largest JSON document, which is held as Python objects while it is read."""
MAX_LIST = 1_000_000
"""Longest text of one list of numbers that is looked at, in characters."""
LIST = re.compile(r"\[(?:[\[\]\d\s,.eE+-]|NaN|-?Infinity|null)*\]")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
OTHER_DATA = {
    b"PAR1": "a Parquet file; rename it to .parquet",
    b"BZh": "bzip2 data; unpack it",
    b"\xfd7zXZ": "xz data; unpack it",
    b"\x28\xb5\x2f\xfd": "zstd data; unpack it",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save it as CSV",
    b"\x80\x04\x95": "a pickle, which is not opened; write CSV",
}
"""What files begin with that are no text, and what to do."""
EMPTY = tuple(" " * n for n in range(33))
"""What a cell without a number may hold."""
BLANKS = " \t\r\n\u00a0"
NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""What bytes that are not UTF-8 become in `_csv_rows`."""


def parse(
    path: Path, content: bytes, answers: Sequence[str], known: Sequence[str], arrays: Sequence[str] = ()
) -> tuple[Any, Choice]:
    """Return a file's kept columns as a pyarrow table of strings and numbers; the suffix says how to read it.

    Args:
        path: The file.
        content: Its bytes, inflated.
        answers: Columns of which it has to have exactly one.
        known: All columns that mean something here, the answers among them.
        arrays: Those of them whose cells hold lists of numbers: JSON text, or lists in Parquet.

    Raises:
        SubmissionError: If it is no such file; line and reason are named.
    """
    texts = frozenset((*TEXT, *arrays))
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        return _parquet(path, content, answers, known)
    if content.startswith(UTF_16):
        raise SubmissionError(f"{path}: is UTF-16 text; save it as UTF-8")
    for start, said in OTHER_DATA.items():
        if content.startswith(start):
            raise SubmissionError(f"{path}: is {said}")
    if content[1:4:2] == b"\0\0" or content[:3:2] == b"\0\0":
        raise SubmissionError(f"{path}: looks like UTF-16 text without its mark; save it as UTF-8")
    reader = _json_lines if name.endswith(".jsonl") else _json if name.endswith(".json") else _csv
    return reader(path, content.removeprefix(BYTE_ORDER_MARK), answers, known, texts)


def material_ids(path: Path, table: Any, name: str) -> Any:
    """Return the ids as one pyarrow string array, without blanks around them.

    Raises:
        SubmissionError: If one is empty, too long, or no text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[name]
    ids = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not pa.types.is_string(ids.type):
        raise SubmissionError(f"{path}: {name!r} holds {ids.type}; ids are text")
    ids = pc.utf8_trim(ids, BLANKS)
    lengths = pc.binary_length(ids)
    shortest, longest = (pc.min_max(lengths)[key].as_py() for key in ("min", "max"))
    if ids.null_count or shortest == 0 or (longest or 0) > 200:
        wrong = pc.or_(pc.is_null(ids), pc.or_kleene(pc.equal(lengths, 0), pc.greater(lengths, 200)))
        row = pc.index(pc.fill_null(wrong, True), True).as_py()
        raise SubmissionError(
            f"{path}, row {row + 1}: {name!r} is {str(ids[row].as_py() or '')[:60]!r}; give the dataset's id"
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
        row, value = next(((i, v) for i, v in enumerate(column.to_pylist()) if v is not None), (0, None))
        raise SubmissionError(f"{path}, row {row + 1}: {name!r} is {no_number(str(value))}")
    flat = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    given = np.ones(len(flat), bool) if flat.null_count == 0 else flat.is_valid().to_numpy(zero_copy_only=False)
    return np.asarray(flat.cast(pa.float64()).to_numpy(zero_copy_only=False), float), given


def vectors(path: Path, table: Any, name: str) -> tuple[NDArray[np.float64] | None, ...]:
    """Return the list of numbers in each cell of a column, flattened; None where it is empty.

    Raises:
        SubmissionError: If a cell holds anything else, or too much.
    """
    import pyarrow as pa

    kind = table[name].type
    nested = pa.types.is_large_list(kind)
    inner = kind
    while pa.types.is_large_list(inner):
        inner = inner.value_type
    numeric = pa.types.is_floating(inner) or pa.types.is_integer(inner) or pa.types.is_null(inner)
    if not (numeric if nested else pa.types.is_string(kind) or pa.types.is_null(kind)):
        raise SubmissionError(f"{path}: {name!r} holds {kind}; give a list of numbers in each row")
    read = _list_of if nested else _list_in
    found: list[NDArray[np.float64] | None] = []
    for i, cell in enumerate(table[name].to_pylist()):
        try:
            found.append(read(cell))
        except ValueError as err:
            raise SubmissionError(f"{path}, row {i + 1}: {name!r} {err}") from None
    return tuple(found)


def _list_in(text: str | None) -> NDArray[np.float64] | None:
    """Return the numbers of a JSON list, also one of lists."""
    text = (text or "").strip()
    if not text:
        return None
    if len(text) > MAX_LIST:
        raise ValueError(f"has more than {MAX_LIST:,} characters")
    if not LIST.fullmatch(text):
        raise ValueError(f"is {text[:60]!r}, which is no list of numbers; write it as [0.1, -0.2, 0.3]")
    return _list_of(decode(text))


def _list_of(numbers: Any) -> NDArray[np.float64] | None:
    if numbers is None:
        return None
    try:
        found = np.array(numbers, float)
    except (ValueError, TypeError, OverflowError):
        found = np.empty((0, 0, 0))
    if found.ndim not in (1, 2):
        raise ValueError(f"is {str(numbers)[:60]!r}, which is no list of numbers; write it as [0.1, -0.2, 0.3]")
    return found.ravel()


def categories(table: Any, name: str, known: Sequence[str]) -> tuple[NDArray[np.int64], int | None]:
    """Return the place of each cell among `known` (-1 where empty), and the first row that is none of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[name]
    if pa.types.is_null(column.type):
        return np.full(len(column), -1), None
    text = pc.utf8_trim(pc.cast(column, pa.string()), BLANKS)
    found = pc.fill_null(pc.index_in(text, value_set=pa.array(known)), -1).to_numpy()
    empty = pc.fill_null(pc.equal(text, ""), True).to_numpy()
    strange = (found < 0) & ~empty
    return found.astype(np.int64), int(np.argmax(strange)) if strange.any() else None


def _csv(
    path: Path, content: bytes, answers: Sequence[str], known: Sequence[str], texts: AbstractSet[str]
) -> tuple[Any, Choice]:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    header, between = _csv_header(path, content, answers)
    choice = choose(path, header, answers, known)
    types = {name: pa.string() if meant in texts else pa.float64() for meant, name in choice.kept.items()}
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=max(len(content) + 1, 1 << 16)),
            parse_options=arrow_csv.ParseOptions(delimiter=between, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=EMPTY, strings_can_be_null=False, include_columns=list(types)
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as err:
        fault = _csv_fault(path, content, between, header, choice.kept, texts)
        raise SubmissionError(fault or f"{path}: not readable as CSV: {str(err)[:200]}") from err
    said = () if between == "," else (f"columns are separated by {DELIMITERS[between]}",)
    return table, choice._replace(notes=said + choice.notes)


def _csv_rows(content: bytes, between: str) -> Any:
    """Return a reader of rows; what is not UTF-8 stays in them as lone surrogates."""
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8", errors="surrogateescape", newline="")
    return csv.reader(text, delimiter=between)


def _csv_header(path: Path, content: bytes, answers: Sequence[str]) -> tuple[list[str], str]:
    """Return the names of the columns, and what separates them."""
    try:
        names: dict[str, list[str]] = {d: next(_csv_rows(content, d), []) for d in DELIMITERS}
    except csv.Error as err:
        raise SubmissionError(f"{path}, line 1: not readable as CSV: {err}") from err
    try:
        between = columns.delimiter(names, {"material_id"}, *({answer} for answer in answers))
    except ValueError as err:
        raise SubmissionError(f"{path}, line 1: {err}") from None
    named = "material_id" in {name.strip().lower() for name in names[between]}
    if not named and re.match(rb"\s*(#|sep=)|[ \t]*\r?\n", content):
        line = content.split(b"\n", 1)[0].decode(errors="replace").strip()
        raise SubmissionError(f"{path}, line 1: is {line[:60]!r}; begin the file with the names of the columns")
    if NOT_UTF8.search("".join(names[between])):
        _utf8(path, content)
    return names[between], between


def _csv_fault(
    path: Path, content: bytes, between: str, header: list[str], kept: Mapping[str, str], texts: AbstractSet[str]
) -> str | None:
    """Say in which line of a CSV file the fault lies that pyarrow stumbled over."""
    rows = _csv_rows(content, between)
    read_as = {name: meant for meant, name in kept.items()}
    try:
        next(rows)
        for cells in rows:
            if cells and len(cells) != len(header):
                more = between == "," and len(cells) > len(header)
                remedy = "; write decimal points and no decimal commas, and texts that hold a comma in quotes" * more
                return f"{path}, line {rows.line_num}: {len(cells)} cells where the header names {len(header)}{remedy}"
            for name, cell in zip(header, cells, strict=False):
                if read_as.get(name) in texts and NOT_UTF8.search(cell):
                    return f"{path}, line {rows.line_num}: {name!r} is not UTF-8 text; save the file as UTF-8"
                if read_as.get(name, TEXT[0]) not in texts and cell not in EMPTY and not is_number(cell):
                    return f"{path}, line {rows.line_num}: {name!r} is {no_number(cell)}"
    except csv.Error:  # a cell longer than the csv module takes: pyarrow's own words have to do
        return None
    return None


def _utf8(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as err:
        raise SubmissionError(f"{path}: not UTF-8 text (byte {err.start}); save it as UTF-8") from err


def _json_lines(
    path: Path, content: bytes, answers: Sequence[str], known: Sequence[str], texts: AbstractSet[str]
) -> tuple[Any, Choice]:
    quick = _quickly(path, partial(uniform_json.lines, content), (), answers, known, texts)
    if quick is not None:
        return quick
    wanted: dict[str, bool] = {}  # each field of any row, and whether it can be kept; if not, it is dropped at once
    rows: dict[int, dict[str, Any]] = {}  # by their line
    drop = False
    for number, line in enumerate(_utf8(path, content).split("\n"), start=1):
        if line.strip():
            row = _json_row(path, number, line)
            if not row.keys() <= wanted.keys():
                new = {name: _may_count(name, answers, known) for name in row if name not in wanted}
                wanted.update(new)
                drop = drop or not all(new.values())
            rows[number] = {name: row[name] for name in row if wanted[name]} if drop else row
    return _json_table(path, "line", rows, choose(path, list(wanted), answers, known), texts)


def _quickly(
    path: Path,
    read: Callable[[uniform_json.Kinds], Any],
    unnamed: tuple[str, ...],
    answers: Sequence[str],
    known: Sequence[str],
    texts: AbstractSet[str],
) -> tuple[Any, Choice] | None:
    """Return what the fast reader makes of a file, or None where it leaves that to the slow one."""
    choices: list[Choice] = []

    def kinds(names: list[str]) -> dict[str, bool]:
        choices.append(choose(path, [*unnamed, *names], answers, known))
        return {name: meant in texts for meant, name in choices[0].kept.items()}

    table = read(kinds)
    found = table is not None and set(table.column_names) == set(choices[0].kept.values())
    return (table, choices[0]) if found else None


def _may_count(name: str, answers: Sequence[str], known: Sequence[str]) -> bool:
    return meaning(name, answers[0], known) is not None or name in columns.UNNAMED


def _json_row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = decode(line)
    except ValueError as err:
        raise SubmissionError(f"{path}, line {number}: {err}") from err
    if not isinstance(row, dict):
        remedy = "; call a file that is one list .json" if isinstance(row, list) else ""
        raise SubmissionError(f"{path}, line {number}: is {type(row).__name__}, has to be an object{remedy}")
    return row


def _json(
    path: Path, content: bytes, answers: Sequence[str], known: Sequence[str], texts: AbstractSet[str]
) -> tuple[Any, Choice]:
    """Return a JSON document, or lines of JSON under its name."""
    if len(content) > MAX_DOCUMENT:
        raise SubmissionError(f"{path}: larger than {MAX_DOCUMENT // 2**20} MiB; write it as lines of JSON, .jsonl")
    as_list = content[:100].lstrip().startswith(b"[")
    read = uniform_json.one_list if as_list else uniform_json.columns
    unnamed = () if as_list else ("",)  # the places of rows, as `columns.records` has them
    quick = _quickly(path, partial(read, content), unnamed, answers, known, texts)
    if quick is not None:
        return quick
    text = _utf8(path, content)
    try:
        found = columns.records(decode(text), lambda name: meaning(name, answers[0], known) is not None)
    except ValueError as err:
        if re.match(r"\s*\{[^\n]*\}\s*\n\s*\{", text):
            return _json_lines(path, content, answers, known, texts)
        raise SubmissionError(f"{path}: {err}") from None
    choice = choose(path, list(dict.fromkeys(name for row in found for name in row)), answers, known)
    return _json_table(path, "row", dict(enumerate(found, start=1)), choice, texts)


def _json_table(
    path: Path, unit: str, rows: dict[int, dict[str, Any]], choice: Choice, texts: AbstractSet[str]
) -> tuple[Any, Choice]:
    import pyarrow as pa

    kinds = {meant: dict if meant == "structure" else list if meant not in TEXT else None for meant in texts}
    columns = {
        name: _json_column(path, unit, name, meant, rows, meant in texts, kinds.get(meant))
        for meant, name in choice.kept.items()
    }
    return pa.table(columns), choice


def _json_column(
    path: Path, unit: str, name: str, meant: str, rows: dict[int, dict[str, Any]], is_text: bool, nested: type | None
) -> Any:
    import pyarrow as pa

    values = []
    for number, row in rows.items():
        value: Any = row.get(name)
        if nested and isinstance(value, nested):  # as an object or a list instead of a text that holds one
            value = json.dumps(value)
        elif value is None and meant != "material_id":
            pass
        elif is_text != isinstance(value, str) or isinstance(value, bool | list | dict):
            wanted = "text" if is_text else "a number"
            if isinstance(value, str) and columns.is_number(value):
                wanted += "; write it without quotation marks"
            raise SubmissionError(f"{path}, {unit} {number}: {name!r} is {str(value)[:60]!r}, which is not {wanted}")
        elif not is_text:
            try:
                value = float(value)
            except OverflowError as err:
                raise SubmissionError(f"{path}, {unit} {number}: {name!r} is too large a number") from err
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
        kinds = pa.schema([(name, _plain(file.schema_arrow.field(name).type)) for name in choice.kept.values()])
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
    """Return the type that a column is cast to: categories to what they are of, texts to string, decimals to float.

    Lists stay lists, of texts and floats likewise.
    """
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.large_list(_plain(kind.value_type))
    of = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string(of), pa.types.is_large_string(of), pa.types.is_string_view(of))
    return pa.string() if any(texts) else pa.float64() if pa.types.is_decimal(of) else of
