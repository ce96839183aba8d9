"""Tables of one number for each material and model, wide or long, as text, Parquet or lines of JSON; read in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.columns import UNNAMED, some
from matdisc.errors import DataError
from matdisc.formats.packed import unpacked_name
from matdisc.formats.row_parts import MAX_CELLS, Part, is_empty, json_lines, numbers_of, row_parts

MAX_MODELS = 1000
MATERIAL = ("material_id", "material", "id", "mat_id")
MODEL, VALUE = ("model", "model_id", "model_name"), ("value",)
BASE = "_base"
"""The first line of Matbench Discovery's analysis files holds what all models share under this name."""


@dataclass(frozen=True, slots=True, eq=False)
class ValueTable:
    """One number for each material (row) and model (column); nan where there is none.

    `groups` is the text of the column that was asked for; `left_out` are columns that are no models; `names` are
    printed names of models; `notes` tell what the file says of its numbers, and `value` is what it calls them.
    """

    materials: tuple[str, ...]
    models: tuple[str, ...]
    values: Floats
    groups: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    value: str = VALUE[0]


def read_value_table(
    path: Path, *, value: str | None = None, group: str | None = None, leave_out: Sequence[str] = ()
) -> ValueTable:
    """Return the table in a file: .csv, .tsv or .jsonl (packed or not), .json or .parquet.

    A table with a column of models is long: a row for each material and model, the number in `value`. Any other is
    wide: each column of numbers is a model. Analysis files of Matbench Discovery have a line for each model.

    Args:
        path: The file.
        value: The column of numbers of a long table (default: "value"), or the field of an analysis file.
        group: A column that says which materials belong together.
        leave_out: Columns of numbers that are no models.

    Raises:
        DataError: If it cannot be read, a cell is no number, a material comes twice, or it is too large.
    """
    if unpacked_name(path).endswith((".jsonl", ".ndjson")) and (base := _base(path)) is not None:
        return _analysis(path, base, value or "srme", group)
    parts = row_parts(path)
    first = next(parts, None)
    if first is None or not first:
        raise DataError(f"{path}: has no rows")
    header = list(first)
    if missing := [name for name in (*filter(None, [group]), *leave_out) if name not in header]:
        raise DataError(f"{path}: has no column {missing[0]!r}; its columns: {some(header)}")
    model, material = _named(header, MODEL), _named(header, MATERIAL) or (header[0] if header[0] in UNNAMED else None)
    found = _Columns(path, [name for name in (material, model, group) if name])
    for part in chain([first], parts):
        found.add(part)
    if model is not None and material is not None:
        return _long(path, found, (material, model, value or _named(header, VALUE)), group)
    if value is not None:
        raise DataError(f"{path}: is a wide table, so that no column {value!r} is chosen; leave --value out")
    return _wide(path, found, material, group, leave_out)


class _Columns:
    """Columns gathered part by part: texts of some, and numbers of the others as long as they are numbers."""

    def __init__(self, path: Path, texts: Sequence[str]) -> None:
        self.path, self.n = path, 0
        self.texts: dict[str, list[str]] = {name: [] for name in texts}
        self.numbers: dict[str, list[Floats]] = {}
        self.words: dict[str, tuple[int, str]] = {}  # first cell of a column that is no number, with its row

    def add(self, part: Part) -> None:
        size = len(next(iter(part.values())))
        for name in part:
            if name in self.texts:
                self.texts[name] += ["" if is_empty(cell) else str(cell).strip() for cell in part[name]]
            elif name not in self.numbers:
                self.numbers[name] = [np.full(self.n, np.nan)] if self.n else []
        for name, gathered in self.numbers.items():
            numbers, word = numbers_of(part[name]) if name in part else (np.full(size, np.nan), None)
            if word is not None:
                self.words.setdefault(name, (self.n + word + 1, str(part[name][word])))
            gathered.append(numbers)
        for texts in self.texts.values():
            texts += [""] * (self.n + size - len(texts))
        self.n += size
        if self.n * max(1, len(self.numbers)) > MAX_CELLS:
            raise DataError(f"{self.path}: has more than {MAX_CELLS:,} cells; give a part of it")

    def column(self, name: str) -> Floats:
        """Return a column of numbers; a cell that is none is named."""
        if name in self.words:
            row, cell = self.words[name]
            raise DataError(
                f"{self.path}, row {row}: {name!r} is {cell[:60]!r}, which is no finite number; write a number, or "
                "leave the cell empty where there is none"
            )
        return np.concatenate(self.numbers[name])

    def is_text(self, name: str) -> bool:
        """Whether a column holds words and no number at all."""
        return name in self.words and not any(np.isfinite(part).any() for part in self.numbers[name])


def _wide(path: Path, found: _Columns, material: str | None, group: str | None, leave_out: Sequence[str]) -> ValueTable:
    texts = [name for name in found.numbers if found.is_text(name)]
    models = [name for name in found.numbers if name not in texts and name not in leave_out]
    if len(models) > MAX_MODELS:
        raise DataError(f"{path}: has {len(models):,} columns of numbers, more than {MAX_MODELS:,} models")
    materials = found.texts[material] if material else [f"row {i + 1}" for i in range(found.n)]
    _refuse_twice(path, "the material", materials)
    values = np.column_stack([found.column(name) for name in models]) if models else np.empty((found.n, 0))
    groups = tuple(found.texts[group]) if group else None
    return ValueTable(tuple(materials), tuple(models), values, groups, (*texts, *leave_out))


def _long(path: Path, found: _Columns, names: tuple[str, str, str | None], group: str | None) -> ValueTable:
    material, model, value = names
    if value is None or value not in found.numbers:
        asked = f"no column {value!r}" if value else "a column of models and no column 'value'"
        raise DataError(f"{path}: has {asked}; name the numbers with --value: {some(list(found.numbers))}")
    materials, models = (list(dict.fromkeys(found.texts[name])) for name in (material, model))
    if len(models) > MAX_MODELS or len(models) * len(materials) > MAX_CELLS:
        raise DataError(
            f"{path}: {len(materials):,} materials by {len(models):,} models is too large; give a part of it"
        )
    row_of, column_of = ({name: i for i, name in enumerate(names)} for names in (materials, models))
    rows = np.array([row_of[name] for name in found.texts[material]])
    columns = np.array([column_of[name] for name in found.texts[model]])
    _refuse_twice(path, "the pair", list(zip(found.texts[material], found.texts[model], strict=True)))
    values = np.full((len(materials), len(models)), np.nan)
    values[rows, columns] = found.column(value)
    groups: tuple[str, ...] | None = None
    if group:
        of = dict(zip(found.texts[material], found.texts[group], strict=True))
        for name, said in zip(found.texts[material], found.texts[group], strict=True):
            if of[name] != said:
                raise DataError(f"{path}: {name!r} is in the groups {of[name]!r} and {said!r}; give it one {group!r}")
        groups = tuple(of[name] for name in materials)
    return ValueTable(tuple(materials), tuple(models), values, groups, value=value)


def _analysis(path: Path, base: Mapping[str, Any], value: str, group: str | None) -> ValueTable:
    """Return one field of an analysis file: a line of what all share, then a line for each model."""
    ids = base.get("material_ids")
    if not isinstance(ids, list):
        raise DataError(f"{path}, line 1: {BASE!r} has no list 'material_ids'; give the ids of the materials there")
    materials = [str(name) for name in ids]
    grouped = base.get(group) if group else None
    if group is not None and not (isinstance(grouped, list) and len(grouped) == len(materials)):
        raise DataError(
            f"{path}: the first line has no field {group!r} of {len(materials)} materials; {some(list(base))}"
        )
    columns: dict[str, Floats] = {}
    names: dict[str, str] = {}
    censored: list[float] = []
    for i, line in enumerate(json_lines(path), start=1):
        if BASE in line or not line:
            continue
        cells, key = line.get(value), str(line.get("key", f"line {i}"))
        if not isinstance(cells, list) or len(cells) != len(materials):
            lists = [name for name, one in line.items() if isinstance(one, list) and len(one) == len(materials)]
            raise DataError(
                f"{path}, line {i}: has no field {value!r} of {len(materials)} numbers; fields: {some(lists)}"
            )
        numbers, word = numbers_of(cells)
        if word is not None:
            raise DataError(f"{path}, line {i}: {value!r} of {materials[word]} is {cells[word]!r}, no finite number")
        if key in columns:
            raise DataError(f"{path}, line {i}: the model {key!r} comes twice; keep one")
        columns[key], names[key] = numbers, str(line.get("label", key))
        flags = line.get(f"{value}_censored")
        if isinstance(flags, list) and len(flags) == len(materials):
            censored += [number for number, flag in zip(numbers.tolist(), flags, strict=True) if flag is True]
    _refuse_twice(path, "the material", materials)
    values = np.column_stack(list(columns.values())) if columns else np.empty((len(materials), 0))
    groups = tuple(map(str, grouped)) if grouped is not None else None
    return ValueTable(
        tuple(materials), tuple(columns), values, groups, names=names, notes=_censored(censored), value=value
    )


def _censored(numbers: Sequence[float]) -> tuple[str, ...]:
    if not numbers:
        return ()
    ends = f"{min(numbers):g}" if min(numbers) == max(numbers) else f"{min(numbers):g} to {max(numbers):g}"
    return (f"{len(numbers):,} values are of answers that failed; the file counts each as {ends}",)


def _base(path: Path) -> Mapping[str, Any] | None:
    first = next(json_lines(path), {})
    base = first.get(BASE)
    return base if isinstance(base, dict) else None


def _named(header: Sequence[str], names: Sequence[str]) -> str | None:
    plain = {name.strip().lower(): name for name in reversed(header)}
    return next((plain[name] for name in names if name in plain), None)


def _refuse_twice(path: Path, noun: str, names: Sequence[Any]) -> None:
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        said = " / ".join(twice) if isinstance(twice, tuple) else twice
        raise DataError(f"{path}: {noun} {said!r} comes twice; keep one row of it")
