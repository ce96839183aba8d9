"""Curves of a few dimers, and what each element's curve is like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.dimers import FUNCTIONALS
from matdisc.datasets.truth import Truth
from matdisc.scoring.figures import Artifacts, Cells, Figure, Line, Table
from matdisc.tasks.dimers.terms import Curve, distances, radii_of, reference, terms

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

DRAWN = ("H", "C", "N", "O", "Na", "Al", "Si", "Fe", "Cu", "Au", "Gd", "U")
"""Elements whose curves are drawn."""
HIGHEST = 5.0
"""eV above the largest distance; points above it are not drawn."""
BELOW = 5.0
"""eV below both references; points below it are not drawn."""
HEAD = (
    "Element", "Bonding RMSE, PBE, eV", "Points", "Repulsive", "Force flips", "Tortuosity", "Energy jumps, eV",
    "Force gap, eV/Å", "Bond length error, PBE, Å", "Well depth error, PBE, eV", "Bonding RMSE, r2SCAN, eV",
)  # fmt: skip
COLUMNS = (
    "force_flips", "tortuosity", "energy_jump", "force_gap", "pbe_length", "pbe_depth", "r2scan_rmse",
)  # fmt: skip


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return the curves of a few dimers beside both references, and a table of all elements."""
    names, energies = truth.material_ids.to_pylist(), answers.array("energy")
    figures = []
    for i in (names.index(name) for name in DRAWN if name in names):
        energy = energies[i]
        if energy is not None:
            figures.append(_curves(truth, i, names[i], energy))
    return Artifacts(figures=figures, tables=[_elements(card, truth, answers)])


def _curves(truth: Truth, i: int, name: str, energy: Floats) -> Figure:
    far = radii_of(name).window[1]
    own = _shifted(Curve(distances(truth, i), energy, energy), far)
    references = {title: _shifted(reference(truth, i, key), far) for key, title in FUNCTIONALS.items()}
    lowest = min(curve.energy.min() for curve in references.values()) - BELOW
    lines = [
        Line(title, curve.r.tolist(), _within(curve.energy, lowest))
        for title, curve in ({"this model": own} | references).items()
    ]
    note = f"zero at the largest distance, drawn up to {HIGHEST:g} eV"
    if own.energy.min() < lowest:
        note += f"; this model goes down to −{-own.energy.min():,.0f} eV"
    return Figure(f"curve-{name}", f"{name}–{name}", "distance, Å", "energy, eV", lines, note=note, base=0.0)


def _shifted(curve: Curve, far: float) -> Curve:
    part = curve.between(0, far)
    return part._replace(energy=part.energy - part.energy[-1])


def _within(energy: Floats, lowest: float) -> list[float | None]:
    return [float(value) if lowest <= value <= HIGHEST else None for value in energy]


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
