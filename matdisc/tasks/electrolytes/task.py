"""Electrolytes: does a potential know a battery's liquids? Density, viscosity, diffusion and conduction against
experiment.

No number counts without its statistical error and the time that was simulated. Where a model was fitted to the density
of a liquid, that density is shown apart and is no test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.truth import Truth
from matdisc.physics.evaluation import Steps
from matdisc.schema import Sample
from matdisc.scoring.figures import Artifacts, Figure, Line, Table
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.dynamics.simulation import STOPS
from matdisc.tasks.electrolytes.columns import PROPERTIES, UNITS, answer_columns, unit_of
from matdisc.tasks.electrolytes.liquid import liquid_steps
from matdisc.tasks.electrolytes.metrics import LIQUIDS
from matdisc.tasks.headway import read_headway
from matdisc.tasks.task import Outcome, Reference, Task

if TYPE_CHECKING:
    from matdisc.protocols import Protocol
    from matdisc.scoring.answers import Answers


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Run all replicas of a liquid; relaxation protocol and reference energies are not used."""
    values, steps = yield from liquid_steps(sample.material_id, sample.inputs)
    return Outcome(values, converged=values["completed"] == 1, steps=steps)


def resume(sample: Sample, model: ModelCard, folder: Path) -> Steps[Outcome]:
    """Run what is left of all replicas of a liquid, from and with what is in a folder."""
    before = read_headway(folder)
    values, steps = yield from liquid_steps(sample.material_id, sample.inputs, folder, cutoff=model.cutoff)
    seconds = before.seconds if before else 0.0
    return Outcome(values, converged=values["completed"] == 1, steps=steps, earlier_seconds=seconds)


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each liquid says of each metric, shape (n_materials,); nan where it says nothing."""
    aligned = answers.numbers("aligned") > 0
    density, density_error = estimates(answers, "density")
    relative = np.abs(density / truth.target("density") - 1)
    mine = {
        "density_error": np.where(aligned, np.nan, relative),
        "density_aligned": np.where(aligned, relative, np.nan),
    }
    mine["density_sigmas"] = np.where(aligned, np.nan, sigmas(truth, answers, "density"))
    mine["density_precision"] = density_error / density
    for name in ("viscosity", "conductivity"):
        mine[f"{name}_error"] = logarithmic(truth, answers, name)
        mine[f"{name}_sigmas"] = sigmas(truth, answers, name)
    mine["diffusion_error"] = _diffusion_error(truth, answers)
    mine["transference_error"] = np.abs(estimates(answers, "transference")[0] - truth.target("transference"))
    mine["transference_sigmas"] = sigmas(truth, answers, "transference")
    mine["completed"] = np.nan_to_num(answers.numbers("completed"))
    mine["simulated"] = answers.values
    return mine


def estimates(answers: Answers, name: str) -> tuple[Floats, Floats]:
    """Return a property and its error; nan where value, error or simulated time is missing or makes no sense."""
    value, error = answers.numbers(name), answers.numbers(f"{name}_error")
    known = np.isfinite(value) & (error >= 0) & (answers.values > 0)
    return np.where(known, value, np.nan), np.where(known, error, np.nan)


def sigmas(truth: Truth, answers: Answers, name: str) -> Floats:
    """Return the distance from experiment in units of the combined error: the statistical one and the experiment's."""
    value, error = estimates(answers, name)
    combined = np.hypot(error, np.nan_to_num(truth.target(f"{name}_uncertainty")))
    off = np.abs(value - truth.target(name))
    return np.divide(off, combined, out=np.full(len(off), np.nan), where=combined > 0)


def logarithmic(truth: Truth, answers: Answers, name: str) -> Floats:
    """Return |ln(found / experiment)|; nan where either is unknown or not positive."""
    value, wanted = estimates(answers, name)[0], truth.target(name)
    return _log_ratio(value, wanted)


def _log_ratio(value: Floats, wanted: Floats) -> Floats:
    known = (value > 0) & (wanted > 0)
    ratio = np.divide(value, wanted, out=np.ones(len(value)), where=known)
    return np.where(known, np.abs(np.log(ratio)), np.nan)


def _diffusion_error(truth: Truth, answers: Answers) -> Floats:
    """Mean over the species of |ln(D / experiment)|, with the finite-size correction; nan without one."""
    correction = estimates(answers, "finite_size")[0]
    names = [name for name in PROPERTIES if name.startswith("diffusion_")]
    found = np.stack([_log_ratio(estimates(answers, n)[0] + correction, truth.target(n)) for n in names])
    count = np.isfinite(found).sum(axis=0)
    return np.divide(np.nansum(found, axis=0), count, out=np.full(len(correction), np.nan), where=count > 0)


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return parity plots of density, viscosity and conductivity, and a table of all properties beside experiment."""
    names = truth.material_ids.to_pylist()
    aligned = answers.numbers("aligned") > 0
    figures = [
        figure
        for name in ("density", "viscosity", "conductivity")
        if (figure := _parity(name, truth, answers, aligned)) is not None
    ]
    rows: list[list[str | float | None]] = []
    for i, material in enumerate(names):
        if answers.numbers("stop")[i] > 0:
            ended = STOPS[int(answers.numbers("stop")[i]) % len(STOPS)]
            rows.append([material, "None", "", None, None, None, None, _known(answers.values[i]), f"ended by: {ended}"])
        for name in PROPERTIES:
            value, error = (column[i] for column in estimates(answers, name))
            wanted = truth.target(name)[i]
            if np.isfinite(value) or np.isfinite(wanted):
                note = "fitted to it" if name == "density" and aligned[i] else ""
                rows.append([
                    material, _words(name), unit_of(name), *map(_known, (value, error, wanted)),
                    _known(truth.target(f"{name}_uncertainty")[i]), _known(answers.values[i]), note,
                ])  # fmt: skip
    head = ("Liquid", "Property", "Unit", "Found", "±", "Experiment", "±", "Simulated, ps", "Note")
    return Artifacts(figures=figures, tables=[Table("liquids", "Properties of each liquid", head, rows)])


def _parity(name: str, truth: Truth, answers: Answers, aligned: Bools) -> Figure | None:
    value, wanted = estimates(answers, name)[0], truth.target(name)
    known = np.isfinite(value) & np.isfinite(wanted)
    if not known.any():
        return None
    ends = np.array([min(wanted[known].min(), value[known].min()), max(wanted[known].max(), value[known].max())])
    fitted = known & aligned if name == "density" else np.zeros(len(known), bool)
    lines = [Line("equal", ends, ends), Line("found", wanted[known & ~fitted], value[known & ~fitted])]
    if fitted.any():
        lines.append(Line("fitted to it", wanted[fitted], value[fitted]))
    unit, log = UNITS[name], name != "density"
    return Figure(f"parity_{name}", _words(name), f"experiment, {unit}", f"found, {unit}", lines, x_log=log, y_log=log)


def _words(name: str) -> str:
    first, _, species = name.partition("diffusion_")
    return f"Diffusion of {species}" if species else first.replace("_", " ").capitalize()


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


ELECTROLYTES = Task(
    key="electrolytes",
    title="Electrolytes",
    question="Does a potential know the density, viscosity and conduction of a battery's liquids?",
    description=(
        "A potential holds a liquid together, first at a pressure for its density, then at a volume for its motion; "
        "three replicas or more, each from a box packed anew. Density, viscosity and conduction are compared with "
        "experiment, as relative errors and in units of the combined error of simulation and experiment. A number "
        "counts only with its statistical error and the simulated time; what a run is too short to tell is left out "
        "and never replaced. A density that a model was fitted to stands apart and is no test. Small boxes and short "
        "runs tell a density at most, and that with the error of the box's size on top."
    ),
    scoring=MeasuredScoring(
        columns=answer_columns(),
        metrics=LIQUIDS,
        ranked=("density_error", "completed"),
        baseline_text="No answer is trivial here",
        baseline_label="none",
        one_answer=True,
        terms=terms,
        draw=draw,
    ),
    simulate=simulate,
    resume=resume,
    needs=("energy", "forces", "stress"),
    method=Path(__file__).with_name("method.html"),
)
