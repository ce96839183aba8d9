"""A set of one's own without code: labels in a CSV table, structures in any format of the field.

`labels.csv`: `material_id` and, as far as they are known, `e_form_per_atom` and `e_above_hull` (eV/atom) or `stable`;
optional `group` (default: the chemical system), `compound`, `prototype`, and for each subset of the card a column of
its flag with true or false. `structures.*`, as `structures.extxyz.gz`: the structures by `material_id`, and their total
energies (eV per cell), forces (eV/Å) and stresses (eV/Å^3) as ASE keeps them; in `structures.jsonl` each line is
`{"material_id", "cell" (3 x 3, Å), "symbols", "positions" (fractional)}`, or has the last three in an object
`structure`. Optional: `references.csv` with `element` and `energy_per_atom` (eV/atom), `elements.*` with one structure
of each element, whose energies a potential finds itself, and `corrections.csv` with `material_id` and
`correction_ev_per_cell`, the MP2020 correction of every material.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.columns import decode
from matdisc.datasets.corrections import read_corrections
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.elements import SYMBOLS
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.formats.crystal_json import closest
from matdisc.formats.entries import Entry, read_entries
from matdisc.schema import Crystal, Dataset, Sample, Vector

TARGETS = ("e_form_per_atom", "e_above_hull", "stable")
FIELDS = ("symbols", "positions", "cell")
CONTACT = 0.5
"""Å; atoms that are closer to each other, or to their own images, are a mistake."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the samples of a labelled table; where the split is a hold-out, its other folds are the train part.

    Raises:
        DataError: If a file is damaged, an id occurs twice, or a label has no structure or no number.
    """
    if "labels.csv" not in files:
        raise DataError(f"dataset {card.key!r}: the card names no file 'labels.csv', which this builder reads; add it")
    structures, elements = _file(card, files, "structures"), _file(card, files, "elements", needed=False)
    rows = read_rows(files["labels.csv"], ("material_id",))
    unique(rows, "material_id")
    shapes = _shapes(structures)
    samples = [_sample(card, row, shapes, structures) for row in rows]
    held_out = [s for s in samples if card.split.kind == "folds" or _fold(card, s) in card.split.held_out_folds]
    ids = {s.material_id for s in held_out}
    return Dataset(
        key=card.key,
        samples=tuple(held_out),
        train=tuple(s for s in samples if s.material_id not in ids),
        references=_references(files["references.csv"]) if "references.csv" in files else {},
        reference_crystals=_elements(elements) if elements else {},
        corrections=read_corrections(files["corrections.csv"], [s.material_id for s in held_out])
        if "corrections.csv" in files
        else {},
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """A structure, and what its file says of its energy, forces and stress."""

    crystal: Crystal
    energy: float | None = None
    arrays: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def _file(card: DatasetCard, files: Mapping[str, Path], stem: str, *, needed: bool = True) -> Path | None:
    """Return the one file of that name, whatever its format."""
    named = [name for name in files if name.split(".")[0] == stem]
    if len(named) > 1 or (needed and not named):
        found = f"names {' and '.join(named)}; keep one" if named else f"names no file '{stem}.*'"
        raise DataError(f"dataset {card.key!r}: the card {found}, which this builder reads, as {stem}.extxyz.gz")
    return files[named[0]] if named else None


def _shapes(path: Path | None) -> dict[str, _Shape]:
    assert path is not None
    if path.name == "structures.jsonl":
        return {material_id: _Shape(crystal) for material_id, crystal in read_structures(path).items()}
    return {entry.material_id: _shape(entry) for entry in read_entries([path])}


def _shape(entry: Entry) -> _Shape:
    crystal = to_crystal(entry.atoms)
    refuse_contacts(crystal, entry.where)
    results = entry.atoms.calc.results if entry.atoms.calc else {}
    arrays = {
        name: tuple(float(x) for x in np.ravel(results[name]))
        for name in ("forces", "stress")
        if results.get(name) is not None
    }
    energy = results.get("energy")
    return _Shape(crystal, None if energy is None else float(energy), arrays)


def _elements(path: Path) -> dict[str, Crystal]:
    found = [to_crystal(entry.atoms) for entry in read_entries([path])]
    crystals = {crystal.symbols[0]: crystal for crystal in found if len(set(crystal.symbols)) == 1}
    if len(crystals) != len(found):
        raise DataError(f"{path}: has to hold one structure of each element, and nothing else; mend it")
    return crystals


def read_structures(path: Path, lines: Iterable[str] | None = None) -> dict[str, Crystal]:
    """Return the crystals of a file of JSON lines by material id.

    Args:
        path: The file.
        lines: Its lines, if they have been opened already.

    Raises:
        DataError: If a line is no crystal, has two atoms on one site, or an id occurs twice.
    """
    crystals: dict[str, Crystal] = {}
    for number, line in enumerate(_lines(path) if lines is None else lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = decode(line)
        except ValueError as err:
            raise DataError(f"{where}: not a JSON object: {err}; write one object a line") from None
        if not isinstance(record, dict) or not isinstance(record.get("material_id"), str):
            raise DataError(f"{where}: field 'material_id' is missing or no text; give every object one")
        if record["material_id"] in crystals:
            raise DataError(f"{where}: field 'material_id' (value {record['material_id']!r}) occurs twice; keep one")
        crystals[record["material_id"]] = _crystal(_structure(record, where), where)
    return crystals


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from file
    except (OSError, UnicodeDecodeError) as err:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({err}); restore or save it so") from None


def _structure(record: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return the part of a record that holds cell, symbols and positions: itself, or its field `structure`."""
    nested = record.get("structure")
    if not isinstance(nested, dict):
        return record
    if any(name in record for name in FIELDS):
        raise DataError(f"{where}: gives cell, symbols or positions beside 'structure'; keep one of the two")
    return nested


def _crystal(record: Mapping[str, Any], where: str) -> Crystal:
    symbols, positions, cell = (record.get(name) for name in FIELDS)
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
    crystal = Crystal(tuple(symbols), _vectors(positions, len(symbols), "positions", where), (a, b, c))
    refuse_contacts(crystal, where)
    return crystal


def refuse_contacts(crystal: Crystal, where: str) -> None:
    """Refuse two atoms on one site, which Cartesian coordinates often become when they are read as fractional."""
    try:
        found = closest(np.array(crystal.positions), np.array(crystal.cell), CONTACT)
    except np.linalg.LinAlgError:
        found = None
    if found is None:
        return
    first, second = (f"site {i + 1} ({crystal.symbols[i]})" for i in sorted(found[1:]))
    image = "its own periodic image" if found.first == found.second else second
    outside = any(not -0.5 <= x <= 1.5 for row in crystal.positions for x in row)
    cartesian = (
        "; they look Cartesian: coordinates in Å wrap onto each other when they are read as fractional" * outside
    )
    raise DataError(
        f"{where}: field 'positions': {first} and {image} are {found.distance:.3g} Å apart, periodic images included; "
        f"give one atom a site{cartesian}"
    )


def _vectors(value: Any, count: int, field: str, where: str) -> tuple[Vector, ...]:
    rows = value if isinstance(value, list) else []
    good = len(rows) == count and all(isinstance(row, list) and len(row) == 3 for row in rows)
    try:
        good = good and all(_is_number(x) for row in rows for x in row)
    except OverflowError:  # an integer of hundreds of digits
        raise DataError(f"{where}: field '{field}' holds a number that is too large; mend it") from None
    if not good:
        shown = repr(value)
        raise DataError(
            f"{where}: field '{field}' (value {shown[:60]}) is not {count} rows of three finite numbers; mend it"
        )
    return tuple((float(x), float(y), float(z)) for x, y, z in rows)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _sample(card: DatasetCard, row: Row, shapes: Mapping[str, _Shape], path: Path | None) -> Sample:
    material_id = row.text("material_id")
    shape = shapes.get(material_id)
    if shape is None:
        raise row.error("material_id", f"has no structure in {path}; add one or remove the row")
    crystal = shape.crystal
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
        _target(row, shape, card),
        group=group,
        flags=tuple(sorted(flag for flag in wanted if row.truth(flag))),
        arrays=shape.arrays,
    )
    return sample if card.split.kind == "holdout" else replace(sample, fold=_fold(card, sample))


def _target(row: Row, shape: _Shape, card: DatasetCard) -> dict[str, float]:
    """Labels that are single numbers: energies of the structure's file, and what the row says."""
    found = {} if shape.energy is None else {"energy": shape.energy}
    if "stable" in row.values:
        found["stable"] = float(row.truth("stable"))
    unasked = not {"discovery", "polymorphs"} & set(card.tasks)
    if "e_form_per_atom" not in row.values and (found or unasked):
        return found
    missing = [name for name in TARGETS[:2] if name not in row.values]
    if missing:
        raise DataError(
            f"{row.path}, line 1: no column '{missing[0]}'; give e_form_per_atom and e_above_hull, or stable"
        )
    hull = row.optional("e_above_hull")
    return found | {"e_form_per_atom": row.number("e_form_per_atom")} | ({} if hull is None else {"e_above_hull": hull})


def _fold(card: DatasetCard, sample: Sample) -> int:
    return fold_of(sample.group, card.split.n_folds)


def _references(path: Path) -> dict[str, float]:
    rows = read_rows(path, ("element", "energy_per_atom"))
    unique(rows, "element")
    unknown = [row for row in rows if row.text("element") not in SYMBOLS]
    if unknown:
        raise unknown[0].error("element", "is no element; mend it")
    return {row.text("element"): row.number("energy_per_atom") for row in rows}
