"""The predictions file: the boundary between running models and scoring them.

One row a material. Columns: `material_id`, one value column of the task, and optionally `uncertainty`, `status`,
`error`, `seconds`, `steps`. Where the task asks for structures, `structure` (JSON, `matdisc.formats.crystal_json`) is
the answer and the value columns are optional; where it asks for beliefs, `p_high` is, and `belief`, `plausibility`
and `conflict` may stand beside it. A cell of `forces` or `stress` holds a JSON list of numbers. Other columns are
ignored and named. Our own runs and outside submitters write the very same file. Formats, by file name: .csv, .csv.gz,
.jsonl, .jsonl.gz, .parquet; off a board also .tsv and .json, as spreadsheets and pandas write them, and files of
structures (`matdisc.predictions.frames`). Nothing that could execute code (pickle, archives) is opened.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.columns import AnyOf
from matdisc.errors import SubmissionError
from matdisc.formats import crystal_json
from matdisc.predictions import frames, parse
from matdisc.schema import STATUSES, Crystal, Prediction

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
"""What a predictions file on a board may be called."""
READABLE = (*SUFFIXES, ".tsv", ".tsv.gz", ".json", ".json.gz", *frames.SUFFIXES)
RENAMED = {".pq": ".parquet", ".parq": ".parquet", ".ndjson": ".jsonl", ".tab": ".tsv", ".txt": ".csv or .tsv"}
"""Other suffixes of the same formats; one format has one name on a board."""
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
STRUCTURE = "structure"
OPTIONAL_COLUMNS = ("uncertainty", "status", "error", "seconds", "steps")
WRITTEN_COLUMNS = ("status", "error", "seconds", "steps")
OK, UNCONVERGED, FAILED = STATUSES.index("ok"), STATUSES.index("unconverged"), STATUSES.index("failed")


@dataclass(frozen=True)
class Submission:
    """The content of a predictions file, before it meets a dataset; arrays in file order, shape (n_rows,).

    Attributes:
        path: Where it was read.
        sha256: Hash of the file's bytes.
        column: Name of its value column, as the task has it.
        material_ids: pyarrow string array; a material may still occur twice.
        values: nan where the file gives none, or gives nan.
        given: Whether the file gives a value (which may be nan or inf).
        status: Index into STATUSES; a row without a value is `failed` unless the file says otherwise.
        errors: Texts, or None if the file has no such column.
        uncertainty: Standard deviations, eV/atom, nan where absent; None without the column.
        seconds, steps: What rows cost, nan where absent; None without the column.
        structures: What rows answer where the task asks for structures; `column` is then "structure", `given` says
            whether there is one, and `values` is 0 where it is.
        reported: The optional value columns beside the answer (of structures and beliefs), nan where absent.
        column_name: Name of the value column in the file, `e_form_per_atom_chgnet` for one.
        ignored: Names of the columns that were not read, in file order; "(unnamed)" for one without a name.
        notes: How the file was read where that is not plain: other separators, names in other case.
        arrays: Columns of arrays beside the answer by name, flattened, one for each row or None.
        frames: The structures that answers are of, where the file holds such; None elsewhere.
    """

    path: Path
    sha256: str
    column: str
    material_ids: Any
    values: Floats
    given: NDArray[np.bool_]
    status: NDArray[np.int8]
    errors: tuple[str, ...] | None = None
    uncertainty: Floats | None = None
    seconds: Floats | None = None
    steps: Floats | None = None
    structures: tuple[Crystal | None, ...] | None = None
    reported: Mapping[str, Floats] = field(default_factory=dict)
    column_name: str = ""
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    arrays: Mapping[str, tuple[Floats | None, ...]] = field(default_factory=dict)
    frames: tuple[Crystal, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def rows(self) -> tuple[Prediction, ...]:
        """The rows one by one; slow, for small files and tests."""
        return tuple(self._row(i, material_id) for i, material_id in enumerate(self.material_ids.to_pylist()))

    def _row(self, i: int, material_id: str) -> Prediction:
        steps = _or_none(self.steps, i)
        values = {self.column: float(self.values[i])} if self.given[i] else {}
        if self.structures is not None:
            values = {}
        values |= {name: float(v[i]) for name, v in self.reported.items() if not np.isnan(v[i])}
        return Prediction(
            material_id,
            values,
            STATUSES[self.status[i]],
            self.errors[i] if self.errors else "",
            _or_none(self.seconds, i),
            None if steps is None else int(steps),
            self.structures[i] if self.structures else None,
            {name: tuple(cell.tolist()) for name, cells in self.arrays.items() if (cell := cells[i]) is not None},
        )


def read(
    path: Path,
    value_columns: Sequence[str],
    *,
    structures: bool = False,
    multi_column: bool = False,
    any_column: bool = False,
    arrays: Sequence[str] = (),
) -> Submission:
    """Return the content of a predictions file.

    Args:
        path: A file with one of the known suffixes.
        value_columns: Value columns that the task accepts; the file has to have exactly one of them. A longer name
            that begins with the first of them (`e_form_per_atom_chgnet`) is accepted if it is the only one, and
            does not end as uncertainties and labels do (`e_form_per_atom_std`).
        structures: Whether the column `structure` is the answer; value columns are then optional.
        multi_column: Whether the first value column is the answer and the others may stand beside it.
        any_column: Whether any value columns together are the answer; `reported` then has all, `given` says whether
            a row has any of them, and `values` is 0 where it has a finite one.
        arrays: Columns that may stand beside the answer and hold a list of numbers in each row.

    Raises:
        SubmissionError: If the file is missing, damaged, too large, has a column that is almost a known one, or holds
            text where a number should stand. The message names line and value. (nan and inf are read as they are.)
    """
    content, digest = _inflate(path)
    if frames.holds_structures(path, content):
        return Submission(path, digest, **frames.fields(path, value_columns, arrays, structures=structures))
    answers: Sequence[str] = value_columns[:1] if multi_column else value_columns
    answers = (STRUCTURE,) if structures else AnyOf(answers) if any_column else answers
    known = ("material_id", *answers, *(c for c in value_columns if c not in answers), *arrays, *OPTIONAL_COLUMNS)
    table, choice = parse.parse(path, content, answers, known, arrays)
    name, names = choice.answer, choice.kept
    if table.num_rows > parse.MAX_ROWS:
        raise SubmissionError(f"{path}: more than {parse.MAX_ROWS:,} rows; no dataset has that many")
    if not table.num_rows:
        raise SubmissionError(f"{path}: has a header and no rows; give one row a material")
    ids = parse.material_ids(path, table, names["material_id"])
    found = {c: parse.numbers(path, table, n) for c, n in names.items() if c not in (*parse.TEXT, *arrays)}
    more: dict[str, Any] = {"column_name": name, "ignored": choice.ignored, "notes": choice.notes}
    more["arrays"] = {c: parse.vectors(path, table, names[c]) for c in arrays if c in names}
    if structures:
        more["structures"] = _structures(path, table, ids, name)
        given = np.array([crystal is not None for crystal in more["structures"]])
        values = np.where(given, 0.0, np.nan)
    else:
        values, given = found[choice.column]
    if any_column:
        several = [found[c] for c in value_columns if c in found]
        given = np.any([there for _, there in several], axis=0)
        values = np.where(np.any([np.isfinite(numbers) for numbers, _ in several], axis=0), 0.0, np.nan)
    if structures or multi_column or any_column:
        beside = [c for c in value_columns if c in found and (any_column or c != choice.column)]
        more["reported"] = {c: found[c][0] for c in beside}
    status = _status(path, table, ids, given, names, choice.column)
    if "uncertainty" in found:
        more["uncertainty"] = _positive(path, found["uncertainty"][0])
    more |= {c: _not_negative(found[c][0]) for c in ("seconds", "steps") if c in found}
    if "error" in names:
        more["errors"] = tuple(str(e or "") for e in table[names["error"]].to_pylist())
    return Submission(path, digest, choice.column, ids, values, given, status, **more)


def write(path: Path, predictions: Iterable[Prediction], columns: Sequence[str]) -> str:
    """Write a predictions file as csv or csv.gz in one step and return its sha256.

    The same predictions give the same bytes. The file appears whole or not at all.

    Args:
        path: Target; an existing file is replaced.
        predictions: Rows in the order wanted.
        columns: Value columns to write, also those of arrays: JSON lists of numbers with ten digits. Structures have
            a column of their own, written where there is one.
    """
    predictions = tuple(predictions)
    with_structures = any(p.structure is not None for p in predictions) or STRUCTURE in columns
    columns = [c for c in columns if c != STRUCTURE]
    header = ["material_id", *columns, *([STRUCTURE] if with_structures else []), *WRITTEN_COLUMNS]
    rows = []
    for p in predictions:
        values = [repr(float(p.values[c])) if c in p.values else _list(p.arrays.get(c)) for c in columns]
        if with_structures:
            values.append("" if p.structure is None else crystal_json.to_json(p.structure))
        seconds = "" if p.seconds is None else f"{p.seconds:.4f}"
        steps = "" if p.steps is None else str(p.steps)
        rows.append([p.material_id, *values, p.status, one_line(p.error), seconds, steps])
    return write_rows(path, header, rows)


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write cells as `write` does, in one step, and return the file's sha256."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    data = text.getvalue().encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


def _list(numbers: Sequence[float] | None) -> str:
    return "" if numbers is None else json.dumps([float(f"{x:.10g}") for x in numbers], separators=(",", ":"))


def one_line(text: str, limit: int = 300) -> str:
    """Return text on one line, shortened, and safe to open in a spreadsheet."""
    text = " ".join(text.split())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def _inflate(path: Path) -> tuple[bytes, str]:
    name = path.name.lower()
    if not name.endswith(READABLE):
        better = next((f"rename it to {b}" for a, b in RENAMED.items() if name.endswith((a, a + ".gz"))), "")
        known = f"known: {', '.join(READABLE)}"
        raise SubmissionError(f"{path}: unknown kind of file; {better or known}")
    try:
        if path.stat().st_size > parse.MAX_BYTES:
            raise SubmissionError(
                f"{path}: larger than {parse.MAX_BYTES // 2**20} MiB; drop columns that are not needed"
            )
        data = path.read_bytes()
    except FileNotFoundError as err:
        raise SubmissionError(f"{path}: no such file") from err
    except OSError as err:
        raise SubmissionError(f"{path}: cannot be read: {err.strerror}") from err
    if data.startswith(ZIP):
        raise SubmissionError(f"{path}: is a zip archive; give the plain file")
    packed = name.endswith(".gz")
    if data.startswith(GZIP) and not packed:
        remedy = "unpack it" if name.endswith(".parquet") else f"rename it to {name[name.rindex('.') :]}.gz"
        raise SubmissionError(f"{path}: is gzip data; {remedy}")
    return _gunzip(path, data) if packed else data, hashlib.sha256(data).hexdigest()


def _gunzip(path: Path, data: bytes) -> bytes:
    """Inflate gzip data (all its members), counting bytes while it grows."""
    parts, grown = [], 0
    try:
        while data:
            stream = zlib.decompressobj(wbits=31)
            part = stream.decompress(data, parse.MAX_BYTES + 1 - grown)
            parts.append(part)
            grown += len(part)
            if grown > parse.MAX_BYTES or stream.unconsumed_tail:
                raise SubmissionError(f"{path}: inflates to more than {parse.MAX_BYTES // 2**20} MiB")
            if not stream.eof:
                raise EOFError("the end is missing")
            data = stream.unused_data.lstrip(b"\0")
    except (EOFError, zlib.error) as err:
        raise SubmissionError(
            f"{path}: the gzip data is damaged or cut off ({err}); compress and send it again"
        ) from err
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _status(
    path: Path, table: Any, ids: Any, given: NDArray[np.bool_], names: Mapping[str, str], column: str
) -> NDArray[np.int8]:
    default: NDArray[np.int8] = np.where(given, OK, FAILED).astype(np.int8)
    if "status" not in names:
        return default
    found, strange = parse.categories(table, names["status"], STATUSES)
    if strange is not None:
        value = table[names["status"]][strange].as_py()
        raise SubmissionError(f"{path}, row {strange + 1}: 'status' is {value!r}; allowed: {', '.join(STATUSES)}")
    status = np.where(found < 0, default, found).astype(np.int8)
    answered = (status == OK) | (status == UNCONVERGED)
    for wrong, said in ((given & ~answered, "still gives"), (~given & answered, "gives no")):
        if wrong.any():
            i = int(np.argmax(wrong))
            remedy = "leave the value empty" if given[i] else "use 'failed'"
            raise SubmissionError(
                f"{path}, row {i + 1}: {ids[i].as_py()} is {STATUSES[status[i]]!r} and {said} {column}; {remedy}"
            )
    return status


def _structures(path: Path, table: Any, ids: Any, name: str) -> tuple[Crystal | None, ...]:
    """Return the structure of each row, None where it gives none."""
    import pyarrow as pa

    found: list[Crystal | None] = []
    if not (pa.types.is_string(table[name].type) or pa.types.is_null(table[name].type)):
        raise SubmissionError(f"{path}: {name!r} holds {table[name].type}; it has to be text")
    for i, text in enumerate(table[name].to_pylist()):
        try:
            found.append(crystal_json.from_json(text) if text and text.strip() else None)
        except ValueError as err:
            raise SubmissionError(f"{path}, row {i + 1}: the structure of {ids[i].as_py()} {err}") from None
    return tuple(found)


def _positive(path: Path, sigma: Floats) -> Floats:
    wrong = np.flatnonzero((sigma <= 0) | np.isinf(sigma))
    if len(wrong):
        raise SubmissionError(
            f"{path}, row {wrong[0] + 1}: 'uncertainty' is {sigma[wrong[0]]}; "
            "give a standard deviation greater than 0, or leave it empty"
        )
    return sigma


def _not_negative(values: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(values) & (values >= 0), values, np.nan)


def _or_none(values: Floats | None, i: int) -> float | None:
    return None if values is None or np.isnan(values[i]) else float(values[i])
