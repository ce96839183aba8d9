"""A set of one's own without code: labels in a CSV table, structures in a file of JSON lines.

`labels.csv`: `material_id` and either `e_form_per_atom` and `e_above_hull` (eV/atom; the latter may be empty where it
is not known) or `stable`; optional `group` (default: the chemical system), `compound`, `prototype`, and for each subset
of the card a column of its flag with true or false. `structures.jsonl`: `{"material_id", "cell" (3 x 3, Å), "symbols",
"positions" (fractional)}`. Optional: `references.csv` with `element` and `energy_per_atom` (eV/atom), and
`corrections.csv` with `material_id` and `correction_ev_per_cell`, the MP2020 correction of every material.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from matdisc.cards import SYMBOLS, DatasetCard
from matdisc.datasets.corrections import read_corrections
from matdisc.datasets.load import fold_of
from matdisc.datasets.rows import Row, read_rows, unique
from matdisc.errors import DataError
from matdisc.schema import Crystal, Dataset, Sample, Vector

TARGETS = ("e_form_per_atom", "e_above_hull", "stable")


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the samples of a labelled table; where the split is a hold-out, its other folds are the train part.

    Raises:
        DataError: If a file is damaged, an id occurs twice, or a label has no structure or no number.
    """
    for name in ("labels.csv", "structures.jsonl"):
        if name not in files:
            raise DataError(f"dataset {card.key!r}: the card names no file '{name}', which this builder reads; add it")
    rows = read_rows(files["labels.csv"], ("material_id",))
    unique(rows, "material_id")
    crystals = read_structures(files["structures.jsonl"])
    samples = [_sample(card, row, crystals, files["structures.jsonl"]) for row in rows]
    held_out = [s for s in samples if card.split.kind == "folds" or _fold(card, s) in card.split.held_out_folds]
    ids = {s.material_id for s in held_out}
    return Dataset(
        key=card.key,
        samples=tuple(held_out),
        train=tuple(s for s in samples if s.material_id not in ids),
        references=_references(files["references.csv"]) if "references.csv" in files else {},
        corrections=read_corrections(files["corrections.csv"], [s.material_id for s in held_out])
        if "corrections.csv" in files
        else {},
    )


def read_structures(path: Path) -> dict[str, Crystal]:
    """Return the crystals of a file of JSON lines by material id.

    Raises:
        DataError: If a line is no crystal, or an id occurs twice.
    """
    crystals: dict[str, Crystal] = {}
    for where, line in _lines(path):
        try:
            record = json.loads(line)
        except ValueError as err:
            raise DataError(f"{where}: not a JSON object ({err}); write one object a line") from None
        if not isinstance(record, dict) or not isinstance(record.get("material_id"), str):
            raise DataError(f"{where}: field 'material_id' is missing or no text; give every object one")
        if record["material_id"] in crystals:
            raise DataError(f"{where}: field 'material_id' (value {record['material_id']!r}) occurs twice; keep one")
        crystals[record["material_id"]] = _crystal(record, where)
    return crystals


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not empty, with where they stand."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}, line {number}", line
    except (FileNotFoundError, UnicodeDecodeError) as err:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({err}); restore or save it so") from None


def _crystal(record: Mapping[str, Any], where: str) -> Crystal:
    symbols, positions, cell = (record.get(name) for name in ("symbols", "positions", "cell"))
    if not isinstance(symbols, list) or not symbols:
        raise DataError(f'{where}: field \'symbols\' is not a list of element symbols; write it like ["Na", "Cl"]')
    unknown = [el for el in symbols if not isinstance(el, str) or el not in SYMBOLS]
    if unknown:
        raise DataError(f"{where}: field 'symbols' (value {unknown[0]!r}) is no element; mend it")
    vectors = _vectors(cell, 3, "cell", where)
    a, b, c = vectors
    volume = sum(a[i] * (b[(i + 1) % 3] * c[(i + 2) % 3] - b[(i + 2) % 3] * c[(i + 1) % 3]) for i in range(3))
    if abs(volume) < 1e-3:
        raise DataError(
            f"{where}: field 'cell' (volume {volume:.3g} Å^3) is flat; give three lattice vectors in Å as rows"
        )
    return Crystal(tuple(symbols), _vectors(positions, len(symbols), "positions", where), (a, b, c))


def _vectors(value: Any, count: int, field: str, where: str) -> tuple[Vector, ...]:
    rows = value if isinstance(value, list) else []
    good = len(rows) == count and all(isinstance(row, list) and len(row) == 3 for row in rows)
    if not good or not all(_is_number(x) for row in rows for x in row):
        shown = repr(value)
        raise DataError(
            f"{where}: field '{field}' (value {shown[:60]}) is not {count} rows of three finite numbers; mend it"
        )
    return tuple((float(x), float(y), float(z)) for x, y, z in rows)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _sample(card: DatasetCard, row: Row, crystals: Mapping[str, Crystal], path: Path) -> Sample:
    material_id = row.text("material_id")
    crystal = crystals.get(material_id)
    if crystal is None:
        raise row.error("material_id", f"has no structure in {path}; add one or remove the row")
    compound = (row.values.get("compound") or "").strip() or crystal.formula
    prototype = (row.values.get("prototype") or "").strip()
    by_compound = card.split.by == "compound"
    group = (row.values.get("group") or "").strip() or (compound if by_compound else crystal.chemical_system)
    if not group.isascii():
        raise row.error("group", "is not ASCII; use plain letters")
    wanted = {subset.flag for subset in card.subsets}
    sample = Sample(
        material_id,
        {"crystal": crystal, "compound": compound, **({"prototype": prototype} if prototype else {})},
        _target(row),
        group=group,
        flags=tuple(sorted(flag for flag in wanted if row.truth(flag))),
    )
    if card.split.kind == "holdout":
        return sample
    return Sample(sample.material_id, sample.inputs, sample.target, group, _fold(card, sample), sample.flags)


def _target(row: Row) -> dict[str, float]:
    if "stable" in row.values:
        return {"stable": float(row.truth("stable"))}
    missing = [name for name in TARGETS[:2] if name not in row.values]
    if missing:
        raise DataError(
            f"{row.path}, line 1: no column '{missing[0]}'; give e_form_per_atom and e_above_hull, or stable"
        )
    hull = row.optional("e_above_hull")
    return {"e_form_per_atom": row.number("e_form_per_atom")} | ({} if hull is None else {"e_above_hull": hull})


def _fold(card: DatasetCard, sample: Sample) -> int:
    return fold_of(sample.group, card.split.n_folds)


def _references(path: Path) -> dict[str, float]:
    rows = read_rows(path, ("element", "energy_per_atom"))
    unique(rows, "element")
    unknown = [row for row in rows if row.text("element") not in SYMBOLS]
    if unknown:
        raise unknown[0].error("element", "is no element; mend it")
    return {row.text("element"): row.number("energy_per_atom") for row in rows}
