"""Predicted against reference formation energies, and every crystal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.figures import Artifacts, Cells, Figure, Line, Table
from matdisc.tasks.vacancies.metrics import REBUILT

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

HEAD = (
    "Crystal", "Predicted, eV", "Reference, eV", "Error, eV", "Before relaxation, eV", "Largest way, of neighbours",
    "Volume, Å³/atom", "Reference volume, Å³/atom", "What became of it",
)  # fmt: skip


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return the points of both structures against the reference, and a table of all crystals by their error."""
    return Artifacts(figures=_parity(truth, answers), tables=[_crystals(truth, answers)])


def _parity(truth: Truth, answers: Answers) -> list[Figure]:
    true, found, names = truth.target("vacancy_energy"), answers.values, truth.material_ids.to_pylist()
    there = np.isfinite(found)
    if not there.any():
        return []
    lines = []
    for structure in ("fcc", "hcp"):
        chosen = np.flatnonzero(there & truth.flags.get(structure, np.zeros(len(truth), bool)))
        labels = [names[i].partition("-")[0] for i in chosen]
        lines.append(Line(structure, true[chosen].tolist(), found[chosen].tolist(), labels))
    top = float(true.max())
    return [
        Figure(
            "parity", "Predicted against reference: formation energy of a vacancy", "reference, eV", "predicted, eV",
            lines, reference=(0.0, 0.0, top, top), note="dashed: perfect",
        )
    ]  # fmt: skip


def _crystals(truth: Truth, answers: Answers) -> Table:
    true, found = truth.target("vacancy_energy"), answers.values
    moved = np.round(answers.numbers("moved"), 4)  # below that it is noise of the positions
    volumes = answers.numbers("volume_per_atom"), truth.target("volume_per_atom")
    numbers = [found, true, found - true, answers.numbers("unrelaxed"), moved, *volumes]
    names = truth.material_ids.to_pylist()
    order = np.argsort(-np.nan_to_num(np.abs(found - true), nan=math.inf), kind="stable")
    rows: list[Cells] = [(names[i], *(_number(column[i]) for column in numbers), _said(answers, i)) for i in order]
    return Table(
        "crystals",
        "Every crystal",
        HEAD,
        rows,
        "Those without an answer first, then by error; also crystals beyond the headline.",
    )


def _said(answers: Answers, i: int) -> str:
    if not math.isfinite(answers.values[i]):
        return "no answer"
    if answers.numbers("moved")[i] > REBUILT:
        return "rebuilt"
    if answers.values[i] < 0:
        return "negative"
    return "vacancy" if answers.converged is None or answers.converged[i] else "not converged"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
