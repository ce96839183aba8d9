"""Bulk and shear moduli of 3,953 binary crystals of the Materials Project, as MatCalc's benchmark publishes them.

The file has Hill's averages only, so that Voigt's and Reuss's bounds cannot be checked. What can be is Poisson's ratio
of the averages: labels whose ratio nearly no crystal has are left out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from matdisc.cards import DatasetCard
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.formats.pymatgen_json import read
from matdisc.schema import Dataset, Sample

BELIEVABLE = (-0.1, 0.475)
"""Poisson's ratio of a label that is kept. Below, the shear modulus is more than twice the bulk modulus; above, a
twentieth of it, so that the tensor is all but unstable and its average says little."""
MOST = 500.0
"""GPa, as the file's authors have it; nothing but diamond is stiffer."""
SMALL, N_CHOSEN = 8, 300
"""Most atoms in a cell, and number of crystals, of the set that is asked by default."""
CHOSEN = "chosen"
"""Flag of those crystals in the whole set."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the 300 small crystals, chosen by hash.

    Raises:
        DataError: If the file is not that one.
    """
    everything = build_all(card, files)
    kept = [replace(s, flags=()) for s in everything.samples if CHOSEN in s.flags]
    return Dataset(key=card.key, samples=tuple(kept))


def build_all(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return all crystals whose labels are believable; those of the small set have the flag `chosen`.

    Raises:
        DataError: If the file is not that one.
    """
    path = files[card.files[0].name]
    samples = [_sample(card, path, row) for row in material_rows(path)]
    kept = [sample for sample in samples if believable(**sample.target)]
    small = [sample.material_id for sample in kept if len(sample.crystal.symbols) <= SMALL]
    chosen = set(sorted(small, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:N_CHOSEN])
    flagged = [replace(s, flags=(CHOSEN,)) if s.material_id in chosen else s for s in kept]
    return Dataset(key=card.key, samples=tuple(flagged))


def believable(bulk_modulus: float, shear_modulus: float) -> bool:
    """Whether two averages, GPa, are positive, at most 500, and have a Poisson ratio that crystals have."""
    if not (0 < bulk_modulus <= MOST and 0 < shear_modulus <= MOST):
        return False
    ratio = (3 * bulk_modulus - 2 * shear_modulus) / (6 * bulk_modulus + 2 * shear_modulus)
    return BELIEVABLE[0] <= ratio <= BELIEVABLE[1]


def material_rows(path: Path) -> list[dict[str, Any]]:
    """Return the materials of a file of MatCalc's benchmarks.

    Raises:
        DataError: If it is no such file.
    """
    try:
        rows = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError) as err:
        raise DataError(f"{path}: is no gzipped JSON ({err}); fetch the file again") from err
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: is no list of materials; fetch the file again")
    return rows


def _sample(card: DatasetCard, path: Path, row: Mapping[str, Any]) -> Sample:
    name = row.get("mp_id")
    try:
        crystal = to_crystal(read(row["structure"], f"{path}, {name}").atoms)
        target = {key: float(row[f"{key}_vrh"]) for key in ("bulk_modulus", "shear_modulus")}
    except (KeyError, TypeError, ValueError) as err:
        raise DataError(f"{path}: material {name!r} is damaged ({err}); fetch the file again") from err
    group = crystal.chemical_system
    fold = fold_of(group, card.split.n_folds)
    return Sample(str(name), {"crystal": crystal, "compound": crystal.formula}, target, group, fold)
