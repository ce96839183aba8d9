"""1,566 cells of six elements far from equilibrium (mlearn; Zuo et al. 2020), with energies, forces, stresses of DFT.

Units, sign and order are stated nowhere in the file and follow from physics (docs/explanation/static.md): energies are
eV per cell, forces eV/Å, stresses kbar, positive under compression, in the order xx yy zz xy xz yz. The stresses of the
test frames are those of the first training frames of the same element, number by number, so they are left out.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.schema import Crystal, Dataset, Sample
from matdisc.units import GIGAPASCALS

TRAINED = {"Li": 241, "Mo": 194, "Ni": 263, "Cu": 262, "Si": 214, "Ge": 228}
"""How many frames of each element, the first ones, are the authors' training part; the others are their test part."""
ORDER = (0, 1, 2, 5, 4, 3)
"""Where xx yy zz yz xz xy stand in a stress of the file."""
MAX_BYTES = 256 * 2**20


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return all frames; those of the test part have the flag `test`, and frames of one cell are one group.

    Raises:
        DataError: If the file is not that one.
    """
    path = files[card.files[0].name]
    rows = _rows(path)
    cells: dict[tuple[Any, ...], int] = {}
    samples = []
    for row in rows:
        try:
            samples.append(_sample(card, row, cells))
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise DataError(f"{path}: frame {row.get('jid')!r} is damaged ({err}); fetch the file again") from err
    return Dataset(key=card.key, samples=tuple(samples))


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open("mlearn.json") as file:
            content = file.read(MAX_BYTES + 1)
        rows = json.loads(content) if len(content) <= MAX_BYTES else None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as err:
        raise DataError(f"{path}: is no archive with mlearn.json ({err}); fetch the file again") from err
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: mlearn.json is no list of frames; fetch the file again")
    return rows


def _sample(card: DatasetCard, row: Mapping[str, Any], cells: dict[tuple[Any, ...], int]) -> Sample:
    element, _, number = row["jid"].partition("-")
    atoms = row["atoms"]
    if atoms["cartesian"]:
        raise ValueError("its coordinates are Cartesian")
    crystal = Crystal(tuple(atoms["elements"]), _vectors(atoms["coords"]), _vectors(atoms["lattice_mat"]))
    cell = (element, len(crystal.symbols), *np.round(np.ravel(crystal.cell), 3).tolist())
    group = f"{element}-{len(crystal.symbols)}-{cells.setdefault(cell, len(cells))}"
    forces = _numbers(row["forces"], 3 * len(crystal.symbols))
    arrays = {"forces": tuple(forces.tolist())}
    tested = int(number) > TRAINED[element]
    if not tested:
        arrays["stress"] = tuple(ase_stress(_numbers(row["stresses"], 6)).tolist())
    return Sample(
        row["jid"],
        {"crystal": crystal, "compound": element},
        {"energy": float(row["energy"])},
        group,
        fold_of(group, card.split.n_folds),
        ("test",) if tested else (),
        arrays,
    )


def ase_stress(kbar: Floats) -> Floats:
    """Return a stress of the file as ASE has it: eV/Å^3, positive where the cell wants to shrink, xx yy zz yz xz xy."""
    return -0.1 / GIGAPASCALS * kbar[..., ORDER]


def _numbers(value: Any, count: int) -> Floats:
    found = np.array(json.loads(value) if isinstance(value, str) else value, float).ravel()
    if len(found) != count or not np.isfinite(found).all():
        raise ValueError(f"{len(found)} numbers instead of {count}, or not all finite")
    return found


def _vectors(rows: Any) -> Any:
    return tuple((float(x), float(y), float(z)) for x, y, z in rows)
