"""Predicted against reference conductivity, and the crystals that are farthest off."""

from __future__ import annotations

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import headline_mask
from matdisc.scoring.figures import Artifacts, Cells, Figure, Line, Table
from matdisc.scoring.record import plain
from matdisc.tasks.thermal_conductivity.terms import mode_errors

WORST = 20


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return parity of the crystals that conduct, and the worst of all crystals of the headline."""
    keep = headline_mask(card, truth)
    names = np.array(truth.material_ids.to_pylist())
    pair = np.stack([truth.target("conductivity"), answers.values])
    drawn = keep & (np.nan_to_num(pair) > 0).all(axis=0)
    figures = [_parity(pair[:, drawn], names[drawn])] if drawn.any() else []
    return Artifacts(figures=figures, tables=[table for table in (_worst(truth, answers, keep),) if table.rows])


def _parity(pair: np.ndarray, names: np.ndarray) -> Figure:
    low, high = float(pair.min()), float(pair.max())
    return Figure(
        "parity-conductivity", "Predicted against reference: thermal conductivity at 300 K",
        "reference conductivity, W/m/K", "predicted conductivity, W/m/K",
        lines=(Line("crystals", pair[0].tolist(), pair[1].tolist(), labels=names.tolist()),),
        reference=(low, low, high, high), x_log=True, y_log=True,
        note="dashed: perfect; crystals without a conductivity are left out",
    )  # fmt: skip


def _worst(truth: Truth, answers: Answers, keep: np.ndarray) -> Table:
    errors, true = mode_errors(truth, answers), truth.target("conductivity")
    names = truth.material_ids.to_pylist()
    formulas = truth.formulas.to_pylist() if truth.formulas is not None else names
    flags = {name: answers.numbers(name) for name in ("imaginary", "symmetry_changed")}
    rows: list[Cells] = []
    for i in sorted(np.flatnonzero(keep & np.isfinite(errors)), key=lambda i: (-errors[i], -true[i]))[:WORST]:
        why = next((name.replace("_", " ") for name, values in flags.items() if values[i] == 1), "")
        why = why or ("" if np.isfinite(answers.values[i]) else "no answer")
        numbers = plain([float(errors[i]), float(true[i]), float(answers.values[i])])
        rows.append((names[i], formulas[i], *numbers, why))
    head = ("Crystal", "Formula", "SRME", "Conductivity, W/m/K", "predicted", "Why none")
    return Table("worst", "Farthest off", head, rows, f"The {WORST} crystals with the largest error of their modes.")
