"""From one checkpoint to the next: replicas of a group move side by side, and a potential is asked for all at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matdisc.errors import RunError
from matdisc.physics.drivers import FAULTS, Answer, run_batched
from matdisc.physics.evaluation import TRAJECTORY, Evaluation, Steps, evaluate, side_by_side
from matdisc.physics.md import Frame, SimulationResult, State, simulate, thermal_velocities
from matdisc.run.md.format import frame_text, thermo_line
from matdisc.run.md.job import Dynamics, Part, Replica

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

HEARTBEAT = 1.0
"""A worker says how far it is every so many seconds."""
RELAXED = 0.5
"""Largest force, eV/Å, at which relaxing a start ends early."""
Named = tuple[str, Part]
Outcome = SimulationResult | BaseException


def stretch(
    job: Dynamics, replicas: Sequence[Replica], states: Mapping[str, State | None], calculator: Calculator
) -> Generator[Named, None, dict[str, Outcome]]:
    """Move replicas that are at the same step to their next checkpoint; yield a part for each, and signs of life.

    Returns how each came to its end, or the error that stopped it, which is no other's.
    """
    started = time.perf_counter()
    step = step_of(states[replicas[0].name])
    length = min(job.steps, step - step % job.checkpoint_every + job.checkpoint_every) - step
    writers = [_Writer(job, replica.atoms, step) for replica in replicas]
    works = [
        _to_its_end(_steps(job, replica, states[replica.name], length, writer))
        for replica, writer in zip(replicas, writers, strict=True)
    ]
    found = yield from _driven(works, calculator, replicas, writers)
    moved = [one.state.step - step if isinstance(one, SimulationResult) else 0 for one in found]
    per_step = (time.perf_counter() - started) / max(1, sum(moved))
    for replica, writer, one, n in zip(replicas, writers, found, moved, strict=True):
        if isinstance(one, SimulationResult):
            texts = "".join(writer.trajectory).encode(), "".join(writer.thermo).encode()
            yield replica.name, Part(one.state.step, *texts, one.state.to_bytes(), n * per_step, one.stop)
    return {replica.name: one for replica, one in zip(replicas, found, strict=True)}


def step_of(state: State | None) -> int:
    """Return how far a trajectory is."""
    return state.step if state else 0


def answers(structures: Sequence[Atoms], calculator: Calculator) -> list[Answer]:
    """Return the evaluation of each structure or its error, asked together if the calculator can."""
    ended = run_batched(((place, _asked(atoms)) for place, atoms in enumerate(structures)), calculator)
    found: dict[int, Answer | None] = {one.key: one.error or one.value for one in ended}
    return [answer for place in range(len(structures)) if (answer := found[place]) is not None]


def relaxed(job: Dynamics, replica: Replica, calculator: Calculator) -> Generator[Named, None, State]:
    """Let FIRE take the worst out of the start, and return it with thermal velocities."""
    from ase.optimize import FIRE

    conditions = replace(job.conditions, temperature=replica.temperature)
    atoms = replica.atoms.copy()
    atoms.calc = calculator
    try:
        for _ in FIRE(atoms, logfile=None).irun(fmax=RELAXED, steps=job.relax):
            yield replica.name, Part(0)
    except ArithmeticError as err:
        raise RunError(f"replica {replica.name}: the start cannot be relaxed: {err}") from err
    found: Evaluation = evaluate(calculator, atoms)
    n, rng = len(atoms), np.random.default_rng(replica.seed)
    momentum = conditions.degrees(n) == 3 * n
    velocities = thermal_velocities(atoms, conditions.temperature or 0.0, rng, momentum=momentum)
    empty = np.zeros((2, 0))
    return State(
        "", 0, atoms.get_positions(), velocities, np.array(atoms.cell), found.forces, found.energy, found.stress,
        empty, empty.copy(),
    )  # fmt: skip


class _Writer:
    """Two observers that write what they see, and note how far the trajectory is."""

    def __init__(self, job: Dynamics, atoms: Atoms, step: int) -> None:
        self.trajectory: list[str] = []
        self.thermo: list[str] = []
        self.step = step
        mass = float(atoms.get_masses().sum())
        symbols = atoms.get_chemical_symbols()
        keep = job.velocities
        self.observers = (
            _Seer(job.every, lambda f: self.trajectory.append(frame_text(f, atoms, symbols, velocities=keep))),
            _Seer(job.thermo_every, lambda f: self.thermo.append(thermo_line(f, mass))),
            _Seer(job.thermo_every, self._note),
        )

    def _note(self, frame: Frame) -> None:
        self.step = frame.step


@dataclass(frozen=True)
class _Seer:
    every: int
    see: Callable[[Frame], None]


def _steps(
    job: Dynamics, replica: Replica, state: State | None, length: int, writer: _Writer
) -> Steps[SimulationResult]:
    conditions = replace(job.conditions, temperature=replica.temperature)
    atoms = replica.atoms.copy()
    atoms.info[TRAJECTORY] = replica.name
    return simulate(
        atoms, conditions, length, seed=replica.seed, observers=writer.observers, watchdog=job.watchdog,
        start=state,
    )  # fmt: skip


def _to_its_end(steps: Steps[SimulationResult]) -> Steps[Outcome]:
    """Do the work, and return the error that ends it if one does: others that move beside it go on."""
    try:
        return (yield from steps)
    except FAULTS as err:
        return err


def _driven(
    works: Sequence[Steps[Outcome]], calculator: Calculator, replicas: Sequence[Replica], writers: Sequence[_Writer]
) -> Generator[Named, None, list[Outcome]]:
    """Do the work of a stretch, with signs of life."""
    last, going = time.perf_counter(), side_by_side(works)
    try:
        asked = next(going)
        while True:
            asked = going.send(answers(list(asked), calculator))
            if time.perf_counter() - last > HEARTBEAT:
                last = time.perf_counter()
                yield from ((one.name, Part(writer.step)) for one, writer in zip(replicas, writers, strict=True))
    except StopIteration as end:
        found: list[Outcome] = end.value
        return found


def _asked(atoms: Atoms) -> Steps[Evaluation]:
    found: Evaluation = yield atoms
    return found
