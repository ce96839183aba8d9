"""Curves and the table of materials of one set of answers to the dynamics task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard, Dynamics
from matdisc.datasets.dynamics import AMPLITUDE, NOISE, curve_columns
from matdisc.datasets.truth import Truth
from matdisc.metrics.dynamics import timestep_exponent
from matdisc.scoring.figures import Artifacts, Figure, Line, Table
from matdisc.tasks.dynamics.columns import against_reference, curves, per_step, requested_ps, rule_of, spreads
from matdisc.tasks.dynamics.simulation import STOPS

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

HEAD = (
    "Material", "Survival time, ps", "Termination reason", "Drift, meV/atom/ps", "95 % from", "to", "Time-step order",
    "⟨T⟩, K", "σ(T), K", "Displacement, Å²", "Lindemann ratio", "u², Å²", "U² of the reference, Å²", "RDF error",
    "its noise", "Spectrum error", "its noise",
)  # fmt: skip
HELD = ("temperature_mean", "temperature_spread", "msd", "lindemann", AMPLITUDE)
"""Columns of the held run in the order of the table."""


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return drift and fluctuation against the time step, survival, curves of each material, and a table of all."""
    rule = rule_of(card)
    names = truth.material_ids.to_pylist()
    figures = [*_against_timestep(rule, answers), _survival(rule, answers)]
    for i in [i for i in range(len(names)) if np.isfinite(answers.numbers("g_00")[i])]:
        figures += _curves(rule, truth, answers, i, names[i])
    return Artifacts(figures=figures, tables=[_materials(rule, truth, answers, names)])


def _against_timestep(rule: Dynamics, answers: Answers) -> list[Figure]:
    steps = np.array(rule.timesteps)
    fluctuation, drift = _median(spreads(rule, answers)), _median(np.abs(per_step(rule, answers, "drift")))
    law = fluctuation[0] * (steps / steps[0]) ** 2
    return [
        Figure(
            "timestep", "Energy against the time step", "time step, fs", "meV/atom, or meV/atom/ps",
            [
                Line("fluctuation, meV/atom", steps, fluctuation),
                Line("drift, meV/atom/ps", steps, drift),
                Line("law of dt²", steps, law),
            ],
            note="medians over the materials, both axes logarithmic", x_log=True, y_log=True,
        )
    ]  # fmt: skip


def _survival(rule: Dynamics, answers: Answers) -> Figure:
    times = np.nan_to_num(answers.values)
    at = np.linspace(0, requested_ps(rule), 61)
    share = [float((times >= t - 1e-9).mean()) for t in at]
    return Figure(
        "survival", "Survival", "time at the temperature, ps", "share of all materials", [Line("", at, share)],
        note="the end of the curve is the end of the run, and no failure; a missing answer is lost from the first step",
    )  # fmt: skip


def _curves(rule: Dynamics, truth: Truth, answers: Answers, i: int, name: str) -> list[Figure]:
    distances, frequencies = curve_columns(rule)
    found = []
    for key, title, label, unit, columns, end in (
        ("rdf", "radial distribution", "distance, Å", "g(r)", distances, rule.rdf_max),
        ("spectrum", "vibrations", "frequency, THz", "share of kinetic energy, 1/THz", frequencies, rule.spectrum_max),
    ):
        at = (np.arange(len(columns)) + 0.5) * end / len(columns)
        lines = [Line("this model", at, _row(answers, columns, i))]
        if rule.reference:
            lines.append(Line("reference", at, [float(truth.target(column)[i]) for column in columns]))
        found.append(Figure(f"{key}-{i}", f"{name}: {title}", label, unit, lines, note=rule.reference or ""))
    return found


def _materials(rule: Dynamics, truth: Truth, answers: Answers, names: list[str]) -> Table:
    errors = against_reference(rule, truth, {name: answers.numbers(name) for name in curves(rule)})
    law = np.array([timestep_exponent(rule.timesteps, row).value for row in spreads(rule, answers)])
    numbers = [
        *(answers.numbers(name) for name in ("drift_0", "drift_low_0", "drift_high_0")),
        law,
        *(answers.numbers(name) for name in HELD),
        truth.target(AMPLITUDE),
        *(column for key, noise in zip(errors, NOISE, strict=True) for column in (errors[key], truth.target(noise))),
    ]
    rows = [
        [name, _number(answers.values[i]), _ended(answers, i), *(_number(column[i]) for column in numbers)]
        for i, name in enumerate(names)
    ]
    note = "Noise is the error that the potential behind the reference has in so short a run." if rule.reference else ""
    return Table("materials", "Every material", HEAD, rows, note)


def _ended(answers: Answers, i: int) -> str:
    if not np.isfinite(answers.values[i]):
        return "no answer"
    code = answers.numbers("stop")[i]
    known = math.isfinite(code) and 0 < code < len(STOPS)
    return STOPS[int(code)] if known else "–"


def _row(answers: Answers, columns: list[str], i: int) -> list[float]:
    return [float(answers.numbers(column)[i]) for column in columns]


def _median(table: Floats) -> Floats:
    """Median of each column over the rows that have it; nan where none has."""
    return np.array([np.median(known) if len(known := column[np.isfinite(column)]) else np.nan for column in table.T])


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
