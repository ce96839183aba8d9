"""How long a model keeps a structure together: molecular dynamics until the watchdog bites or the time is up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matdisc.errors import RunError
from matdisc.models.get.calculator import reference_calculator
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.training.config import Stability
from matdisc.physics.drivers import run_single
from matdisc.physics.md import Conditions, Watchdog, simulate

if TYPE_CHECKING:
    from ase import Atoms


def stability_time(model: GET, atoms: Atoms, settings: Stability, *, seed: int, device: str = "cpu") -> float:
    """Return the picoseconds until bonds break, atoms overlap or the temperature runs away; at most those asked for.

    It is 0 of a start from which dynamics is impossible, such as one with huge forces.
    """
    conditions = Conditions(
        ensemble="langevin", timestep=settings.timestep, temperature=settings.temperature, friction=0.02
    )
    steps = round(1000 * settings.picoseconds / settings.timestep)
    watchdog = Watchdog(bonds=True, drift=None)
    start = atoms.copy()
    calculator = reference_calculator(model, device=device)
    try:
        ended = run_single(simulate(start, conditions, steps, seed=seed, watchdog=watchdog), calculator)
    except RunError:
        return 0.0
    return ended.steps_done * settings.timestep / 1000


def mean_stability_time(models: Sequence[GET], atoms: Atoms, settings: Stability, *, device: str = "cpu") -> float:
    """Return the mean over models, each from the same start with the same seed; censored at the time asked for."""
    times = [stability_time(model, atoms, settings, seed=settings.seed, device=device) for model in models]
    return sum(times) / len(times)
