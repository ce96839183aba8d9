"""Curves of energy against distance of the dimers of 92 elements, by PBE and r2SCAN (Matbench Discovery).

A sample is one dimer in a large periodic box, with the distances at which it is asked about. Both functionals stand on
one grid, from 0.8 covalent radii to 6 Å; where the file lacks a point of one, that label is nan.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.schema import Crystal, Dataset, Sample

FUNCTIONALS = {"pbe": "PBE", "r2scan": "r2SCAN"}
"""Name of each functional's labels here and in the file."""
POINTS = 50
"""Distances of each curve, in equal ratios."""
BOX = 20.0
"""Edge of the periodic box, Å: at 6 Å the images of a dimer are 14 Å apart, beyond the cutoff of any potential here."""
SAME = 2e-6
"""Å; the file rounds distances to six decimals."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return one sample for each element; `distances` in its inputs (Å) are those that are asked about.

    Arrays are `distances`, and `pbe_energy`, `pbe_force`, `r2scan_energy`, `r2scan_force`: eV of the pair, and eV/Å
    along the axis, positive where the atoms repel each other.

    Raises:
        DataError: If the file is not that one.
    """
    path = files[card.files[0].name]
    curves = _curves(path)
    samples = []
    for formula in curves["PBE"]:
        try:
            samples.append(_sample(card, formula, {key: curves[name][formula] for key, name in FUNCTIONALS.items()}))
        except (KeyError, TypeError, ValueError, IndexError) as err:
            raise DataError(f"{path}: curve {formula!r} is damaged ({err}); fetch the file again") from err
    return Dataset(key=card.key, samples=tuple(samples))


def dimer(element: str, distance: float) -> Crystal:
    """Return two atoms of an element at a distance, Å, on the x axis in the middle of a box of 20 Å."""
    half = distance / BOX / 2
    places = ((0.5 - half, 0.5, 0.5), (0.5 + half, 0.5, 0.5))
    return Crystal((element, element), places, ((BOX, 0.0, 0.0), (0.0, BOX, 0.0), (0.0, 0.0, BOX)))


def _curves(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found: dict[str, dict[str, Any]] = json.load(file)
        if set(FUNCTIONALS.values()) <= set(found) and found["PBE"].keys() == found["r2SCAN"].keys():
            return found
    except (OSError, EOFError, ValueError, AttributeError, TypeError) as err:
        raise DataError(f"{path}: is no table of curves ({err}); fetch the file again") from err
    raise DataError(f"{path}: has not the same dimers for {' and '.join(FUNCTIONALS.values())}; fetch the file again")


def _sample(card: DatasetCard, formula: str, curves: Mapping[str, Mapping[str, Any]]) -> Sample:
    element = formula.partition("-")[0]
    ends = [float(curves["pbe"]["distances"][place]) for place in (0, -1)]
    grid: Floats = np.asarray(np.round(np.geomspace(ends[0], ends[1], POINTS), 6), float)
    arrays: dict[str, Floats] = {"distances": grid}
    for key, curve in curves.items():
        distances, forces = np.array(curve["distances"], float), np.array(curve["forces"], float)
        along = (forces[:, 1, 0] - forces[:, 0, 0]) / 2
        arrays[f"{key}_energy"] = _on_grid(grid, distances, np.array(curve["energies"], float))
        arrays[f"{key}_force"] = _on_grid(grid, distances, along)
    return Sample(
        element,
        {"crystal": dimer(element, ends[1]), "compound": f"{element}2", "distances": grid.tolist()},
        {},
        element,
        fold_of(element, card.split.n_folds),
        arrays={name: tuple(values.tolist()) for name, values in arrays.items()},
    )


def _on_grid(grid: Floats, distances: Floats, values: Floats) -> Floats:
    place = np.abs(grid[:, None] - distances).argmin(axis=0)
    if np.abs(grid[place] - distances).max() > SAME or len(values) != len(distances):
        raise ValueError("its distances are not in equal ratios")
    found = np.full(len(grid), np.nan)
    found[place] = values
    return found
