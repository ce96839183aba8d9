"""How long models keep a liquid together: molecular dynamics until the watchdog bites or the time is up."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import DataError
from matdisc.metrics.bootstrap import bootstrap_sums, percentile_interval
from matdisc.models.get.calculator import compiled_calculator, reference_calculator
from matdisc.models.get.files import state_of
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.training.config import Stability
from matdisc.physics.drivers import run_batched
from matdisc.physics.evaluation import Steps
from matdisc.physics.md import Conditions, SimulationResult, Watchdog, simulate
from matdisc.physics.molecules.settling import scaled_by_molecules, settled

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

Interval = tuple[float, float]


def survival_times(
    models: Sequence[GET], starts: Sequence[Atoms], settings: Stability, *, device: str = "cpu"
) -> Floats:
    """Return the picoseconds until bonds break, atoms overlap or the temperature runs away; at most those asked for.

    Run r of every model begins from the same start, strained, with the same seed. A run is 0 if dynamics is impossible
    from its start, such as one with huge forces.

    Args:
        models: Potentials.
        starts: Boxes, taken in turn.
        settings: Time, temperature, strain, and number of runs.
        device: Torch device; on a CPU the compiled kernels are used.

    Returns:
        Shape (n_models, n_runs).

    Raises:
        DataError: If molecules of strained starts are not known.
    """
    if settings.strain and any("molecule" not in atoms.arrays for atoms in starts):
        raise DataError("a strained start needs whole molecules; give bulk frames with the column `molecule`")
    times = np.zeros((len(models), settings.runs))
    for row, model in zip(times, models, strict=True):
        works = ((run, _survived(starts[run % len(starts)], settings, settings.seed + run)) for run in range(len(row)))
        for ended in run_batched(works, _calculator(model, device)):
            row[ended.key] = ended.value.steps_done * settings.timestep / 1000 if ended.value else 0.0
    return times


def _survived(start: Atoms, settings: Stability, seed: int) -> Steps[SimulationResult]:
    conditions = Conditions(
        ensemble="langevin", timestep=settings.timestep, temperature=settings.temperature, friction=0.02
    )
    atoms = start
    if settings.strain:
        atoms = yield from settled(scaled_by_molecules(start, 1 + settings.strain))
    steps = round(1000 * settings.picoseconds / settings.timestep)
    watchdog = Watchdog(bonds=True, drift=None)
    return (yield from simulate(atoms.copy(), conditions, steps, seed=seed, watchdog=watchdog))


def _calculator(model: GET, device: str) -> Calculator:
    if device == "cpu" and find_spec("numba") is not None:
        return compiled_calculator(model.settings, state_of(model))
    return reference_calculator(model, device=device)


def mean_survival(before: Floats, after: Floats, *, seed: int = 0) -> dict[str, tuple[float, Interval]]:
    """Return the mean survival time before, after, and their difference, each with its 95 % interval, ps.

    Times are cut at the length of the runs (the restricted mean of survival analysis). Intervals come from resampling
    runs, which are paired: one seed and start for all models. They are nan for a single run.

    Args:
        before, after: As from `survival_times`, shape (n_models, n_runs).
        seed: Of the resampling.
    """
    runs = np.stack([before.mean(axis=0), after.mean(axis=0), (after - before).mean(axis=0)], axis=1)
    replicates = bootstrap_sums(runs, seed=seed) / len(runs)
    return {
        name: (float(runs[:, n].mean()), percentile_interval(replicates[:, n]))
        for n, name in enumerate(("before", "after", "difference"))
    }
