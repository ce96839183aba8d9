"""Curves of a few dimers, and what each element's curve is like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.dimers import FUNCTIONALS
from matdisc.datasets.truth import Truth
from matdisc.scoring.figures import Artifacts, Cells, Figure, Line, Table
from matdisc.tasks.dimers.terms import distances, terms

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

DRAWN = ("H", "C", "N", "O", "Na", "Al", "Si", "Fe", "Cu", "Au", "Gd", "U")
"""Elements whose curves are drawn, as far as the dataset has them."""
HIGHEST = 5.0
"""eV above the largest distance; points above it are not drawn."""
HEAD = (
    "Element", "Bonding RMSE, PBE, eV", "Points", "Repulsive", "Force flips", "Tortuosity", "Energy jumps, eV",
    "Force gap, eV/Å", "Bond length error, PBE, Å", "Well depth error, PBE, eV", "Bonding RMSE, r2SCAN, eV",
)  # fmt: skip
COLUMNS = (
    "force_flips", "tortuosity", "energy_jump", "force_gap", "pbe_length", "pbe_depth", "r2scan_rmse",
)  # fmt: skip


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return the curves of a few dimers beside both references, and a table of all elements."""
    names = truth.material_ids.to_pylist()
    energies = answers.array("energy")
    chosen = [i for name in DRAWN if name in names and energies[i := names.index(name)] is not None]
    return Artifacts(
        figures=[_curves(truth, i, names[i], energies[i]) for i in chosen], tables=[_elements(card, truth, answers)]
    )


def _curves(truth: Truth, i: int, name: str, energy: Floats | None) -> Figure:
    assert energy is not None
    r = distances(truth, i)
    known = [("this model", energy), *((title, truth.array(f"{key}_energy")[i]) for key, title in FUNCTIONALS.items())]
    lines = [_line(title, r, values) for title, values in known if values is not None]
    note = f"Set to zero at the largest distance; up to {HIGHEST:g} eV."
    return Figure(f"curve-{name}", f"{name}–{name}", "distance, Å", "energy, eV", lines, note=note, base=0.0)


def _line(title: str, r: Floats, energy: Floats) -> Line:
    there = np.isfinite(energy)
    shifted = energy - energy[there][-1]
    there &= np.where(there, shifted, math.inf) <= HIGHEST
    return Line(title, r[there].tolist(), shifted[there].tolist())


def _elements(card: DatasetCard, truth: Truth, answers: Answers) -> Table:
    found = terms(card, truth, answers)
    rows: list[Cells] = []
    for i, name in enumerate(truth.material_ids.to_pylist()):
        there = math.isfinite(answers.values[i])
        said = ("yes" if found["repulsive"][i] else "no") if there else "no answer"
        numbers = [_number(found[key][i]) for key in COLUMNS]
        points = _number(answers.values[i])
        rows.append((name, _number(found["pbe_rmse"][i]), points, said, *numbers))
    note = "Empty where a reference curve jumps or does not bind. In colour: the bonding RMSE, darker is worse."
    return Table("elements", "Every element", HEAD, rows, note, layout="periodic", better="lower")


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
