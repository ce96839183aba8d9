"""What somebody declares as training data: ids, formulas, structure hashes or structures, read from a file."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from matdisc.datasets.csv_rows import Row, parse_rows
from matdisc.datasets.leakage.fingerprints import HASH_PATTERN, is_formula_only, reduced_formula
from matdisc.datasets.table import read_structures
from matdisc.errors import DataError
from matdisc.schema import Crystal, Dataset

MAX_LINES, MAX_STRUCTURES = 2_000_000, 200_000
MAX_LINE, MAX_CHARACTERS = 1_000_000, 4 * 2**30
"""Bounds of a declaration: lines, lines with structures, characters of a line and of the whole, inflated."""
STRUCTURES = (".extxyz", ".xyz", ".cif", ".json", ".db")
"""Endings of files of structures that are no lines of JSON."""
COLUMNS = ("material_id", "formula", "structure_hash")


@dataclass(frozen=True, slots=True)
class Declaration:
    """Training data as somebody declared it.

    Attributes:
        source: Name of the file.
        columns: What every entry declares, of `material_id`, `formula`, `structure_hash` and `structure`.
        n_entries: Entries of the file.
        ids: Declared ids with their reduced formula, empty where none is declared.
        formulas: Declared reduced formulas, those of structures and of formula-only hashes included.
        hashes: Declared structure hashes.
        crystals: Declared structures by id.
    """

    source: str
    columns: tuple[str, ...]
    n_entries: int
    ids: Mapping[str, str] = field(default_factory=dict)
    formulas: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    crystals: Mapping[str, Crystal] = field(default_factory=dict)


COLUMN_OF = {"ids": "material_id", "structure hashes": "structure_hash"}


def declaration_of(dataset: Dataset) -> Declaration:
    """Return a dataset, scored materials and train part alike, as training data somebody used.

    Of materials without structures (alloys) only the ids are declared.
    """
    samples = (*dataset.samples, *dataset.train)
    if not all("crystal" in s.inputs for s in samples):
        return Declaration(dataset.key, ("material_id",), len(samples), ids={s.material_id: "" for s in samples})
    crystals = {s.material_id: s.crystal for s in samples}
    formulas = {key: reduced_formula(crystal.formula) for key, crystal in crystals.items()}
    return Declaration(
        source=dataset.key,
        columns=("material_id", "structure"),
        n_entries=len(samples),
        ids=formulas,
        formulas=frozenset(formulas.values()),
        crystals=crystals,
    )


def read_declaration(path: Path) -> Declaration:
    """Return the training data that a file declares: a table or a list, or structures in any format of the field.

    Raises:
        DataError: If the file cannot be read, is too large, declares nothing, names an id twice, or holds a value
            that is none; file, line, field, value and remedy are named.
    """
    kind = path.name.lower().removesuffix(".gz")
    if kind.endswith(".jsonl"):
        return _read_lines(path)
    if kind.endswith(".csv") and not _holds_structures(path):
        return _collect(path, *_csv_rows(path))
    if kind.endswith(".txt"):
        return _collect(path, *_list_rows(path))
    if kind.endswith((*STRUCTURES, ".csv")):
        return _of_crystals(path, _read_entries(path))
    if not path.exists():
        raise DataError(f"{path}: no such file")
    raise DataError(
        f"{path}: cannot be told from its name; use .csv, .txt, .jsonl or {', '.join(STRUCTURES)}, also with .gz"
    )


def _csv_rows(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    header, rows = parse_rows(path, _lines(path, MAX_LINES), *({name} for name in COLUMNS))
    columns = tuple(name for name in COLUMNS if name in header)
    if not columns:
        shown = ", ".join(header)[:100] or "nothing"
        raise DataError(f"{path}, line 1: none of the columns {', '.join(COLUMNS)}; the header has {shown}")
    return columns, rows


def _list_rows(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """A list has one kind of entry: named in its first line, or formulas if all lines are, or else ids."""
    lines = [(n, text) for n, line in enumerate(_lines(path, MAX_LINES), start=1) if (text := line.strip())]
    if lines and lines[0][1] in COLUMNS:
        column = lines.pop(0)[1]
    else:
        formulas = [text for _, text in lines if _is_formula(text)]
        if formulas and len(formulas) < len(lines):
            number, other = next((n, text) for n, text in lines if not _is_formula(text))
            raise DataError(
                f"{path}, line {number}: {other[:60]!r} is no formula, but {formulas[0][:60]!r} is one; "
                "write 'material_id' or 'formula' into the first line to say what the list holds"
            )
        column = "formula" if formulas else "material_id"
    return (column,), (Row(path, number, {column: text}) for number, text in lines)


def _is_formula(text: str) -> bool:
    try:
        reduced_formula(text)
    except ValueError:
        return False
    return True


def _collect(path: Path, columns: tuple[str, ...], rows: Iterator[Row]) -> Declaration:
    ids: dict[str, str] = {}
    lines: dict[str, int] = {}
    formulas: set[str] = set()
    hashes: set[str] = set()
    n_entries = 0
    for row in rows:
        n_entries += 1
        entry = {name: _value(row, name) for name in columns}
        formula = entry.get("formula", "")
        material_id, key = entry.get("material_id"), entry.get("structure_hash")
        if material_id in lines:
            raise row.error("material_id", f"stands in line {lines[material_id]} already; keep one")
        if material_id:
            ids[material_id], lines[material_id] = formula, row.line
        if key:
            hashes.add(key)
            formula = formula or (key.partition(":")[2] if is_formula_only(key) else "")
        if formula:
            formulas.add(formula)
    if not n_entries:
        raise DataError(f"{path}: declares nothing; without a declaration the training data count as unknown")
    return Declaration(path.name, columns, n_entries, ids, frozenset(formulas), frozenset(hashes))


def _value(row: Row, name: str) -> str:
    value = row.values[name].strip()
    if not value:
        raise row.error(name, "is empty; give a value, or leave the whole column out")
    if name == "formula":
        try:
            return reduced_formula(value)
        except ValueError as err:
            raise row.error(name, f"{err}; mend it") from None
    if name == "structure_hash" and not re.fullmatch(HASH_PATTERN, value):
        raise row.error(name, "is no hash of this version; make it with fingerprints.structure_hash")
    if name == "material_id" and not _is_id(value):
        raise row.error(name, "is no id; use up to 200 printable characters without < and >")
    return value


def _is_id(text: str) -> bool:
    return 0 < len(text) <= 200 and text.isprintable() and not set("<>") & set(text)


def _read_lines(path: Path) -> Declaration:
    for _ in _lines(path, MAX_STRUCTURES):
        pass  # counted before the whole is taken into memory
    return _of_crystals(path, read_structures(path, _lines(path, MAX_STRUCTURES)))


def _read_entries(path: Path) -> dict[str, Crystal]:
    from matdisc.formats.atoms import to_crystal
    from matdisc.formats.entries import iter_entries

    crystals: dict[str, Crystal] = {}
    for entry in iter_entries([path]):
        if len(crystals) == MAX_STRUCTURES:
            raise DataError(f"{path}: more than {MAX_STRUCTURES:,} structures; declare formulas or ids, or split it")
        if entry.atoms.cell.rank < 3:
            raise DataError(f"{entry.where}: is no crystal, it has no cell; declare its formula instead")
        crystals[entry.material_id] = to_crystal(entry.atoms)
    return crystals


def _holds_structures(path: Path) -> bool:
    from matdisc.formats.tables import holds_structures

    try:
        return holds_structures(path)
    except DataError:  # the reader of tables says it better
        return False


def _of_crystals(path: Path, crystals: Mapping[str, Crystal]) -> Declaration:
    for number, material_id in enumerate(crystals, start=1):
        if not _is_id(material_id):
            raise DataError(
                f"{path}, structure {number}: field 'material_id' (value {repr(material_id)[:60]}) is no id; "
                "use up to 200 printable characters without < and >"
            )
    if not crystals:
        raise DataError(f"{path}: declares nothing; without a declaration the training data count as unknown")
    formulas = {material_id: crystal.formula for material_id, crystal in crystals.items()}
    columns = ("material_id", "formula", "structure")
    return Declaration(path.name, columns, len(crystals), formulas, frozenset(formulas.values()), crystals=crystals)


def _lines(path: Path, limit: int) -> Iterator[str]:
    """Lines of a text, packed or not, while they stay within the bounds."""
    total = 0
    try:
        with ExitStack() as stack:
            raw: Any = stack.enter_context(path.open("rb"))
            if path.suffix.lower() == ".gz":
                raw = stack.enter_context(gzip.GzipFile(fileobj=raw))
            file = stack.enter_context(TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), start=1):
                total += len(line)
                if number > limit:
                    raise DataError(f"{path}: more than {limit:,} lines; declare formulas or ids instead, or split it")
                if len(line) > MAX_LINE or total > MAX_CHARACTERS:
                    raise DataError(f"{path}, line {number}: too long to be a declaration; check what the file is")
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as err:
        raise DataError(f"{path}: the gzip data are damaged or cut off ({err}); pack the file again") from None
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8") from None
    except OSError as err:
        raise DataError(f"{path}: cannot be read ({err.strerror or err}); check the path") from None
