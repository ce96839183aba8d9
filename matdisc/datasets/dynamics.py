"""Boxes for molecular dynamics, frozen as they start, and what a reference trajectory showed of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard, Dynamics
from matdisc.datasets.csv_rows import read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.formats.crystal_json import from_json
from matdisc.schema import Crystal, Dataset, Sample

BOXES, REFERENCE = "boxes.jsonl", "reference.csv"
AMPLITUDE = "amplitude"
"""Mean square distance of the atoms from their mean places, Å^2."""
NOISE = ("rdf_noise", "spectrum_noise")
"""Mean errors of single stretches of the reference trajectory: what a perfect model would have."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return one sample for each box; `dynamics` in its inputs is what will be done with it.

    Targets are the reference curves (`g_00`, ..., `v_00`, ...), `amplitude` and the noise of the curves, where the card
    has a reference.

    Raises:
        DataError: If a file is damaged, or boxes and reference do not belong together.
    """
    rule = card.dynamics
    if rule is None:
        raise DataError(f"dataset {card.key!r}: no table 'dynamics' on its card; add it")
    targets = read_reference(files[REFERENCE], rule) if rule.reference else {}
    samples = tuple(_sample(card, rule, targets, found) for found in read_boxes(files[BOXES]))
    names = {s.material_id for s in samples}
    if len(names) < len(samples) or (targets and names != targets.keys()):
        raise DataError(f"{files[BOXES]}: its ids repeat, or are not those of {REFERENCE}; restore both files")
    return Dataset(key=card.key, samples=samples)


def curve_columns(rule: Dynamics) -> tuple[list[str], list[str]]:
    """Return the names of the bins of radial distribution and spectrum."""
    return [f"g_{i:02d}" for i in range(rule.rdf_bins)], [f"v_{i:02d}" for i in range(rule.spectrum_bins)]


def read_boxes(path: Path) -> list[dict[str, Any]]:
    """Return `material_id`, `group`, `crystal`, and `molecule` where there is one, of each line.

    Raises:
        DataError: If a line is no such object.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            content = json.loads(line)
            crystal = from_json(json.dumps(content.pop("structure")))
            if "molecule" in content and len(content["molecule"]) != len(crystal.symbols):
                raise ValueError("'molecule' needs one number for each atom")
            found.append({"material_id": content["material_id"], "group": content["group"], **content})
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise DataError(f"{path}, line {number}: no box ({type(err).__name__}: {err}); restore the file") from err
        found[-1]["crystal"] = crystal
    return found


def read_reference(path: Path, rule: Dynamics) -> dict[str, dict[str, float]]:
    """Return the reference curves and amplitude of each box, by its id.

    Raises:
        DataError: If a column is missing or holds no number.
    """
    distances, frequencies = curve_columns(rule)
    columns = [*distances, *frequencies, AMPLITUDE, *NOISE]
    rows = read_rows(path, ("material_id", *columns))
    unique(rows, "material_id")
    return {row.text("material_id"): {name: row.number(name) for name in columns} for row in rows}


def supercell(crystal: Crystal, n_atoms: int) -> Crystal:
    """Return a repetition of a cell with at least `n_atoms` atoms and at most half as many more, if there is one.

    Of all such, the one whose opposite faces are farthest apart; of equal ones, the smallest.
    """
    cell = np.array(crystal.cell)
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    best: tuple[float, int, tuple[int, ...]] | None = None
    for repeats in product(range(1, 13), repeat=3):
        n = int(np.prod(repeats)) * len(crystal.symbols)
        if not n_atoms <= n <= max(1.5 * n_atoms, len(crystal.symbols)):
            continue
        found = (round(float((heights * repeats).min()), 6), -n, repeats)
        best = found if best is None or found > best else best
    if best is None:
        raise ValueError(f"no repetition of a cell of {len(crystal.symbols)} atoms has about {n_atoms}")
    return repeated(crystal, best[2])


def repeated(crystal: Crystal, repeats: Sequence[int]) -> Crystal:
    """Return a crystal with its cell repeated along each lattice vector."""
    shifts = list(product(*(range(n) for n in repeats)))
    positions = np.concatenate([(np.array(crystal.positions) + shift) / repeats for shift in shifts])
    cell = np.array(crystal.cell) * np.array(repeats)[:, None]
    return Crystal(crystal.symbols * len(shifts), _vectors(positions), _vectors(cell))


def _sample(card: DatasetCard, rule: Dynamics, targets: Mapping[str, Mapping[str, float]], box: Any) -> Sample:
    name, group = box["material_id"], box["group"]
    inputs = {"crystal": box["crystal"], "dynamics": rule.model_dump(mode="json", exclude={"note", "reference"})}
    if "molecule" in box:
        inputs["molecule"] = list(box["molecule"])
    return Sample(name, inputs, dict(targets.get(name, {})), group, fold_of(group, card.split.n_folds))


def _vectors(rows: Any) -> Any:
    return tuple(tuple(row) for row in np.asarray(rows).tolist())
