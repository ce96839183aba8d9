"""Parity, drift with electronegativity, errors by element, trivial answers, and every compound."""

from __future__ import annotations

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.formation_enthalpy import ENTHALPY, UNCERTAINTY
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.figures import Artifacts, Cells, Figure, Line, Table
from matdisc.tasks.formation_enthalpy.scoring import electronegativity_difference, offsets, terms_of


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return the figures and tables of one model."""
    values, names = answers.values, truth.material_ids.to_pylist()
    measured = truth.target(ENTHALPY)
    errors, there = values - measured, np.isfinite(values)
    shown = [name for name, known in zip(names, there, strict=True) if known]
    ends = float(measured.min()) - 0.1, float(measured.max()) + 0.1
    differences = electronegativity_difference(truth)
    figures = [
        Figure(
            "parity", "Predicted against measured enthalpy", "measured, eV/atom", "predicted, eV/atom",
            [Line("", measured[there].tolist(), values[there].tolist(), labels=shown)],
            reference=(ends[0], ends[0], ends[1], ends[1]), note="dashed: perfect",
        ),
        Figure(
            "drift", "Error against difference of electronegativity", "largest difference, Pauling",
            "predicted − measured, eV/atom",
            [Line("", differences[there].tolist(), errors[there].tolist(), labels=shown)], base=0.0,
        ),
    ]  # fmt: skip
    tables = [_elements(truth, errors), _trivial(card, truth), _compounds(card, truth, values, names)]
    return Artifacts(figures=figures if there.any() else [], tables=[table for table in tables if table.rows])


def _elements(truth: Truth, errors: Floats) -> Table:
    assert truth.crystals is not None, "a set of structures"
    found: dict[str, list[float]] = {}
    for crystal, error in zip(truth.crystals, errors, strict=True):
        for symbol in crystal.composition if np.isfinite(error) else ():
            found.setdefault(symbol, []).append(float(error))
    rows = [(el, float(np.abs(one).mean()), len(one), float(np.mean(one))) for el, one in sorted(found.items())]
    head = ("Element", "MAE, eV/atom", "Compounds", "Bias, eV/atom")
    note = "Errors of the compounds of each element, as they are."
    return Table("elements", "By element", head, rows, note, layout="periodic", better="lower")


def _trivial(card: DatasetCard, truth: Truth) -> Table:
    answers = {"zero": 0.0, "median of the measured": float(np.median(truth.target(ENTHALPY)))}
    rows: list[Cells] = [
        (name, *(float(found[key].mean()) for key in ("mae", "shifted_mae")))
        for name, value in answers.items()
        for found in [terms_of(card, truth, np.full(len(truth), value))]
    ]
    note = "Offsets alone are a good model of so simple compounds: read the second column against these."
    return Table("trivial", "Trivial answers", ("Answer", "MAE, eV/atom", "MAE with offsets, eV/atom"), rows, note)


def _compounds(card: DatasetCard, truth: Truth, values: Floats, names: list[str]) -> Table:
    measured, sigma = truth.target(ENTHALPY), truth.target(UNCERTAINTY)
    errors = values - measured
    shifted = errors - offsets(card, truth, errors)
    order = np.argsort(-np.nan_to_num(np.abs(errors), nan=np.inf), kind="stable")
    columns = (measured, sigma, values, errors, errors / sigma, shifted)
    rows: list[Cells] = [(names[i], *(_number(column[i]) for column in columns)) for i in order]
    head = ("Compound", "Measured, eV/atom", "σ", "Predicted", "Error", "Error / σ", "Error with offsets")
    return Table("compounds", "Every compound", head, rows, "Largest errors first; those without an answer on top.")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
