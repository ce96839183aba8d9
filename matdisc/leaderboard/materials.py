"""Writes what all rows of a table say of each material: for comparisons, pages of materials and pictures of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.datasets.truth import Truth
from matdisc.leaderboard.schema.materials import RIGHT, UNJUDGED, WRONG, Answered, Materials, Quantity, Structure
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.schema import Crystal
from matdisc.scoring.per_material import Named, PerMaterial

MOST = 2000
"""Materials of a larger set are sampled."""
WORST = 20
"""Of each row the materials with the largest errors are listed whatever the sample."""
SMALL = 150
"""Sets of at most so many materials have all their structures in the file."""
MOST_STRUCTURES = 400
MOST_ATOMS = 60
DIGITS = 5
"""Significant digits of numbers."""
NO_LICENCE = ("none stated", "not stated")
"""Licences of datasets begin so whose labels are not to be passed on."""


def materials_path(board: Board, task: str, dataset: str) -> Path:
    """Where the answers to a dataset lie, material by material."""
    return board.materials_dir / task / f"{dataset}.json"


def write_materials(board: Board, task: str, dataset: str, rows: Sequence[tuple[str, AlignedSubmission]]) -> None:
    """Write what rows, given with their entries, say of each material; an old file of a table without is removed."""
    path = materials_path(board, task, dataset)
    found = materials_of(rows)
    if found is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, materials_text(found).encode())


def materials_of(rows: Sequence[tuple[str, AlignedSubmission]]) -> Materials | None:
    """Return what rows of one table, given with their entries, say of each material.

    Of more than `MOST` materials these are listed: the `MOST` of which the sha256 of the id is smallest, which depends
    on nothing else, and the `WORST` of each row. Where a dataset's licence does not let its labels be passed on, sizes
    of errors are all there is.

    Returns:
        None without rows, or where a task has no errors of single materials.
    """
    first, worst = None, {}
    for entry, checked in rows:
        one = _said(checked)
        if one is not None:
            first = first or one
            worst[entry] = worst_of(one.error)
    if first is None:
        return None
    checked = rows[0][1]
    fair, listed = listing(first.ids, list(worst.values()))
    open_labels = not checked.card.licence.startswith(NO_LICENCE)
    return Materials(
        task=checked.task.key,
        dataset=checked.card.key,
        subset=checked.card.headline_subset,
        of=len(first.ids),
        fair=fair,
        ids=tuple(first.ids[i] for i in listed),
        formulas=_formulas(checked.truth, first.places[listed]),
        what=_quantity(first.value_name) if open_labels and first.value_name else None,
        error=Quantity(label=first.error_name.label, unit=first.error_name.unit),
        signed=first.signed and open_labels,
        right=first.right_name,
        truth=_short(first.truth[listed]) if open_labels and first.truth is not None else None,
        entries={
            entry: _answered(one, listed, checked.submission.sha256, open_labels)
            for entry, checked in rows
            if (one := _said(checked))
            is not None  # found anew, not kept: of twenty large rows it would fill the memory
        },
        structures=_structures(checked.truth, first, list(worst.values())) if open_labels else {},
    )


def _said(checked: AlignedSubmission) -> PerMaterial | None:
    return checked.task.scoring.per_material(checked.card, checked.truth, checked.answers)


def worst_of(errors: Floats) -> Ints:
    """Return the places of the largest errors, the largest first, at most `WORST`; undefined ones take no part."""
    sizes = np.abs(errors)
    order = np.argsort(-np.nan_to_num(sizes, nan=-1.0), kind="stable")[:WORST]
    return np.asarray(order[np.isfinite(sizes[order])], np.int64)


def listing(ids: Sequence[str], worst: Sequence[Ints]) -> tuple[int, Ints]:
    """Return the size of the sample and the places of all listed materials, the sample first."""
    sample = sample_of(ids, MOST)
    further = np.setdiff1d(np.concatenate([*worst, np.empty(0, np.int64)]), sample)
    return len(sample), np.concatenate([sample, further])


def sample_of(ids: Sequence[str], most: int) -> Ints:
    """Return the places of those ids of which the sha256 is smallest, ascending; all where there are at most `most`."""
    n = len(ids)
    if n <= most:
        return np.arange(n)
    digests = [hashlib.sha256(name.encode()).digest() for name in ids]
    return np.sort(np.array(sorted(range(n), key=digests.__getitem__)[:most], np.int64))


def _answered(one: PerMaterial, listed: Ints, sha256: str, open_labels: bool) -> Answered:
    if not open_labels:
        return Answered(error=_short(np.abs(one.error[listed])), sha256=sha256)
    return Answered(
        error=_short(one.error[listed]),
        value=None if one.value is None else _short(one.value[listed]),
        right=None if one.right is None else _marks(one.right, one.judged, listed),
        sha256=sha256,
    )


def _marks(right: Bools, judged: Bools | None, listed: Ints) -> str:
    known = np.ones(len(right), bool) if judged is None else judged
    return "".join(np.where(known, np.where(right, RIGHT, WRONG), UNJUDGED)[listed].tolist())


def _short(values: Floats) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


def _quantity(name: Named) -> Quantity:
    return Quantity(label=name.label, unit=name.unit)


def _formulas(truth: Truth, places: Ints) -> tuple[str | None, ...] | None:
    return None if truth.formulas is None else tuple(truth.formulas.take(places).to_pylist())


def _structures(truth: Truth, first: PerMaterial, worst: Sequence[Ints]) -> dict[str, Structure]:
    """Return all structures of a small set, else those of the worst materials, the worst of every row before others."""
    crystals = truth.relaxed or truth.crystals
    if crystals is None:
        return {}
    if len(first.ids) <= SMALL:
        wanted = list(range(len(first.ids)))
    else:
        ranks = range(max((len(row) for row in worst), default=0))
        wanted = list(dict.fromkeys(int(row[k]) for k in ranks for row in worst if k < len(row)))
    found: dict[str, Structure] = {}
    for i in wanted:
        crystal = crystals[int(first.places[i])]
        if len(crystal.symbols) <= MOST_ATOMS and len(found) < MOST_STRUCTURES:
            found[first.ids[i]] = _structure(crystal)
    return found


def _structure(crystal: Crystal) -> Structure:
    cell, positions = np.round(crystal.cell, 4) + 0.0, np.round(crystal.positions, 4) + 0.0  # no minus zero
    return Structure(cell=cell.tolist(), symbols=crystal.symbols, positions=positions.tolist())


def materials_text(found: Materials) -> str:
    """Return a file with one line for each field, row and structure: small, and changes of it can be read."""
    content, lines = found.to_json(), []
    for key in sorted(content):
        value = content[key]
        if key in ("entries", "structures") and value:
            inner = ",\n".join(f"  {_compact(name)}:{_compact(value[name])}" for name in sorted(value))
            lines.append(f" {_compact(key)}:{{\n{inner}\n }}")
        else:
            lines.append(f" {_compact(key)}:{_compact(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
