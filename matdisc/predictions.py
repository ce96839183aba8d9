"""The predictions file: the boundary between running models and scoring them.

One row a material. Columns: `material_id`, one value column of the task, and optionally `status`, `error`,
`seconds`, `steps`. Our own runs and outside submitters write the very same file. Formats, by file name:
.csv, .csv.gz, .jsonl, .jsonl.gz. Nothing that could execute code (pickle, archives) is ever opened.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matdisc.errors import SubmissionError
from matdisc.schema import STATUSES, Prediction, Status

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
OPTIONAL_COLUMNS = ("status", "error", "seconds", "steps")
MAX_BYTES = 512 * 2**20
"""Largest file accepted, counted while inflating."""
MAX_ROWS = 2_000_000
ANSWERED: tuple[Status, ...] = ("ok", "unconverged")


@dataclass(frozen=True, slots=True)
class Submission:
    """The content of a predictions file, before it meets a dataset.

    Attributes:
        path: Where it was read.
        sha256: Hash of the file's bytes.
        column: Name of its value column.
        rows: Its rows in file order; a material may still occur twice. A row without a value has status
            `failed` unless the file gives another.
    """

    path: Path
    sha256: str
    column: str
    rows: tuple[Prediction, ...]


def read(path: Path, value_columns: Sequence[str]) -> Submission:
    """Return the content of a predictions file.

    Args:
        path: A file with one of the known suffixes.
        value_columns: Value columns that the task accepts; the file has to have exactly one of them.

    Raises:
        SubmissionError: If the file is missing, damaged, too large, has unknown columns, or holds text where
            a number should stand. The message names line and value. (nan and inf are read as they are.)
    """
    content, digest = _inflate(path)
    rows = _csv_rows(path, content) if ".csv" in path.suffixes else _json_rows(path, content)
    header = next(rows)[1]
    column = _value_column(path, list(header), value_columns)
    predictions: list[Prediction] = []
    for line, row in rows:
        if len(predictions) >= MAX_ROWS:
            raise SubmissionError(f"{path}: more than {MAX_ROWS:,} rows; no dataset has that many")
        predictions.append(_prediction(path, line, row, column))
    if not predictions:
        raise SubmissionError(f"{path}: has a header and no rows; give one row a material")
    return Submission(path, digest, column, tuple(predictions))


def write(path: Path, predictions: Iterable[Prediction], columns: Sequence[str]) -> str:
    """Write a predictions file as csv or csv.gz in one step and return its sha256.

    The same predictions give the same bytes. The file appears whole or not at all.

    Args:
        path: Target; an existing file is replaced.
        predictions: Rows in the order wanted.
        columns: Value columns to write.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["material_id", *columns, *OPTIONAL_COLUMNS])
    for p in predictions:
        values = [repr(float(p.values[c])) if c in p.values else "" for c in columns]
        seconds = "" if p.seconds is None else f"{p.seconds:.4f}"
        steps = "" if p.steps is None else str(p.steps)
        writer.writerow([p.material_id, *values, p.status, one_line(p.error), seconds, steps])
    data = text.getvalue().encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file and a rename, so that no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def one_line(text: str, limit: int = 300) -> str:
    """Return text on one line, shortened, and safe to open in a spreadsheet."""
    text = " ".join(text.split())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def _inflate(path: Path) -> tuple[bytes, str]:
    if not path.name.endswith(SUFFIXES):
        raise SubmissionError(f"{path}: unknown kind of file; known: {', '.join(SUFFIXES)}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SubmissionError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; drop columns that are not needed")
        data = path.read_bytes()
    except FileNotFoundError as err:
        raise SubmissionError(f"{path}: no such file") from err
    except OSError as err:
        raise SubmissionError(f"{path}: cannot be read: {err.strerror}") from err
    digest = hashlib.sha256(data).hexdigest()
    if path.suffix != ".gz":
        return data, digest
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(MAX_BYTES + 1)
    except (EOFError, OSError, zlib.error) as err:
        raise SubmissionError(
            f"{path}: the gzip data is damaged or cut off ({err}); compress and send it again"
        ) from err
    if len(content) > MAX_BYTES:
        raise SubmissionError(f"{path}: inflates to more than {MAX_BYTES // 2**20} MiB")
    return content, digest


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise SubmissionError(f"{path}: not UTF-8 text (byte {err.start}); save it as UTF-8") from err


def _csv_rows(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(_text(path, content), newline=""))
    try:
        header = next(reader, [])
        repeated = sorted({name for name in header if header.count(name) > 1})
        if repeated:
            raise SubmissionError(f"{path}: column {repeated[0]!r} occurs twice; keep one")
        yield 1, dict.fromkeys(header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise SubmissionError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells where the header names {len(header)}"
                )
            yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as err:
        raise SubmissionError(f"{path}, line {reader.line_num}: not readable as CSV: {err}") from err


def _json_rows(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    header: dict[str, None] | None = None
    for number, line in enumerate(_text(path, content).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as err:
            raise SubmissionError(f"{path}, line {number}: not JSON: {err}") from err
        if not isinstance(row, dict):
            raise SubmissionError(f"{path}, line {number}: is {type(row).__name__}, has to be an object")
        if header is None:
            header = dict.fromkeys(row)
            yield number, header
        elif not row.keys() <= header.keys():
            extra = sorted(row.keys() - header.keys())[0]
            raise SubmissionError(f"{path}, line {number}: field {extra!r} is not in the first row")
        yield number, row
    if header is None:
        yield 1, {}


def _value_column(path: Path, header: Sequence[str], value_columns: Sequence[str]) -> str:
    if "material_id" not in header:
        raise SubmissionError(f"{path}: has no column 'material_id' (columns: {_some(header)})")
    found = [column for column in value_columns if column in header]
    unknown = [c for c in header if c not in ("material_id", *value_columns, *OPTIONAL_COLUMNS)]
    if len(found) == 2 and "p_stable" in found:  # our own writer never writes both; a person may
        raise SubmissionError(f"{path}: gives both {found[0]!r} and {found[1]!r}; keep the one to be scored")
    if not found:
        wanted = " or ".join(repr(column) for column in value_columns)
        raise SubmissionError(
            f"{path}: has no column {wanted} (columns: {_some(header)}); this task scores one of them"
        )
    if unknown:
        allowed = ", ".join(("material_id", found[0], *OPTIONAL_COLUMNS))
        raise SubmissionError(f"{path}: column {unknown[0]!r} is not known; allowed: {allowed}")
    return found[0]


def _prediction(path: Path, line: int, row: Mapping[str, Any], column: str) -> Prediction:
    material_id = row.get("material_id")
    if not isinstance(material_id, str) or not material_id.strip() or len(material_id) > 200:
        raise SubmissionError(f"{path}, line {line}: 'material_id' is {material_id!r}; give the dataset's id")
    value = _number(path, line, column, row.get(column))
    status = row.get("status") or ("ok" if value is not None else "failed")
    if status not in STATUSES:
        raise SubmissionError(f"{path}, line {line}: 'status' is {status!r}; allowed: {', '.join(STATUSES)}")
    if value is not None and status not in ANSWERED:
        raise SubmissionError(f"{path}, line {line}: {material_id} is {status!r} and still gives {column} = {value}")
    if value is None and status in ANSWERED:
        raise SubmissionError(f"{path}, line {line}: {material_id} is {status!r} and gives no {column}; use 'failed'")
    seconds = _number(path, line, "seconds", row.get("seconds"))
    steps = _number(path, line, "steps", row.get("steps"))
    return Prediction(
        material_id,
        {} if value is None else {column: value},
        status,
        str(row.get("error") or ""),
        seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None,
        int(steps) if steps is not None and math.isfinite(steps) and steps >= 0 else None,
    )


def _number(path: Path, line: int, column: str, cell: object) -> float | None:
    """The number in a cell; None where it is empty. Text, and JSON's true or lists, are errors."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    try:
        if isinstance(cell, str) and "_" not in cell:
            return float(cell)
    except ValueError:
        pass
    raise SubmissionError(
        f"{path}, line {line}: {column!r} is {cell!r}, which is no number; leave it empty if there is none"
    )


def _some(names: Sequence[str], limit: int = 8) -> str:
    shown = ", ".join(one_line(name, 40) for name in names[:limit])
    return shown + (", ..." if len(names) > limit else "") if names else "none"
