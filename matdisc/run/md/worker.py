"""What a worker does for molecular dynamics: one replica, in stretches from checkpoint to checkpoint."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import ModelCard
from matdisc.errors import MatdiscError, RunError
from matdisc.models import load_potential, one_thread
from matdisc.physics.drivers import FAULTS, iterate
from matdisc.physics.evaluation import Evaluation, Steps, evaluate
from matdisc.physics.md import Conditions, SimulationResult, State, Stop, Watchdog, simulate, thermal_velocities
from matdisc.physics.md.state import from_bytes
from matdisc.physics.md.trajectory import needs_cell
from matdisc.predictions import one_line
from matdisc.run.engine.limits import MachineTrouble, lift_memory_limit, limit_memory, remedy_for_machine
from matdisc.run.environments.layers import confirm
from matdisc.run.md.format import frame_text, thermo_line

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

HEARTBEAT = 1.0
"""A worker says how far it is every so many seconds."""
RELAXED = 0.5
"""Largest force, eV/Å, at which relaxing a start ends early."""


@dataclass(frozen=True)
class Dynamics:
    """What all replicas have in common.

    Attributes:
        model: The potential.
        conditions: How atoms move; each replica has its own temperature.
        steps: Length of a trajectory.
        every, thermo_every: Steps between two frames of the trajectory, and between two lines of thermo.csv.
        checkpoint_every: Steps between two checkpoints.
        watchdog: What ends a trajectory; None for nothing.
        relax: Steps of FIRE before the start, at most.
        velocities: Whether the trajectory holds them.
        memory_gib: Private memory of the process that does the work; None for no limit.
        in_worker: Whether it runs in a process of its own.
    """

    model: ModelCard
    conditions: Conditions
    steps: int
    every: int = 100
    thermo_every: int = 10
    checkpoint_every: int = 200
    watchdog: Watchdog | None = None
    relax: int = 0
    velocities: bool = False
    memory_gib: float | None = None
    in_worker: bool = False


@dataclass(frozen=True)
class Replica:
    """One trajectory: its name, temperature (K; None for nve from rest), seed and start structure."""

    name: str
    temperature: float | None
    seed: int
    atoms: Atoms


@dataclass(frozen=True)
class Part:
    """What a worker hands over: how far it is, and after each stretch what belongs on disk.

    Attributes:
        step: Steps of the trajectory so far.
        trajectory, thermo: What the stretch adds to the two files.
        state: The checkpoint at its end; empty in a mere sign of life.
        seconds: Time that the stretch took, s.
        stop: Why the trajectory ended early.
    """

    step: int
    trajectory: bytes = b""
    thermo: bytes = b""
    state: bytes = b""
    seconds: float = 0.0
    stop: Stop | None = None


def run_replica(job: Dynamics, replica: Replica, reached: bytes | None) -> Iterator[Part]:
    """Yield a trajectory part by part, from the state `reached` or from the start.

    Each stretch begins with a potential that remembers nothing: neighbour lists that were made at another step would
    add up forces in another order, and a trajectory that goes on would not be the same to the last bit.

    Raises:
        MatdiscError: If the model cannot be loaded, the start cannot be simulated, or the machine is in the way.
    """
    begun = reached is not None
    try:
        for part in _parts(job, replica, reached):
            begun |= bool(part.state)
            yield part
    except MatdiscError:
        raise
    except FAULTS as err:  # packages raise whatever they like of a structure that they cannot take
        raise _in_words(job, replica, err, begun) from err


def _in_words(job: Dynamics, replica: Replica, err: BaseException, begun: bool) -> RunError:
    said = one_line(f"{type(err).__name__}: {err}")
    who = f"replica {replica.name}: model {job.model.key!r}"
    kept = "; what is done is kept up to the last checkpoint, and the same command goes on from there" if begun else ""
    if isinstance(err, MemoryError):
        limit = "" if job.memory_gib is None else f" within {job.memory_gib:.3g} GiB"
        return RunError(f"{who} finds no memory{limit} ({said}): take fewer atoms, or give a greater --memory{kept}")
    if remedy := remedy_for_machine(err):
        return MachineTrouble(f"{who} could not be asked: {said}: {remedy}{kept}")
    return RunError(f"{who} {'failed' if begun else 'has no answer to the start'}: {said}{kept}")


def _parts(job: Dynamics, replica: Replica, reached: bytes | None) -> Iterator[Part]:
    if job.in_worker:
        confirm(job.model)
    one_thread()
    yield Part(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a model package has to say to its developers
        lift_memory_limit()  # this process may have had another model, and another limit
        potential = _Fresh(job.model)
        limit_memory(job.memory_gib, job.model.key, in_worker=job.in_worker)
        conditions = replace(job.conditions, temperature=replica.temperature)
        state = from_bytes(reached)[0] if reached else None
        try:
            if state is None and job.relax:
                state = yield from _relaxed(job, replica, conditions, potential.calculator())
            step, stop = state.step if state else 0, None
            while step < job.steps and stop is None:
                length = min(job.steps, step - step % job.checkpoint_every + job.checkpoint_every) - step
                found = yield from _stretch(job, replica, conditions, state, length, potential.calculator())
                state, step, stop = found.state, found.state.step, found.stop
        except Exception as err:
            if state is None and _lacks_cell(potential, replica.atoms):
                raise RunError(
                    f"model {job.model.key!r} needs a cell that is periodic in three directions; "
                    "give one, with room around atoms that are to be alone"
                ) from err
            raise


class _Fresh:
    """A potential as it was loaded, as often as it is wanted."""

    def __init__(self, model: ModelCard) -> None:
        self._model = model
        self._unused: Calculator | None = load_potential(model)

    def calculator(self) -> Calculator:
        """Return a calculator that remembers nothing of earlier calls."""
        if self._unused is None:
            return load_potential(self._model)
        if hasattr(self._unused, "forget"):
            self._unused.forget()
            return self._unused
        try:
            return copy.deepcopy(self._unused)
        except Exception:  # some packages hold what cannot be copied
            found, self._unused = self._unused, None
            return found


def _lacks_cell(potential: _Fresh, atoms: Atoms) -> bool:
    """Whether a potential has no answer to atoms because they have no periodic cell."""
    try:
        evaluate(potential.calculator(), atoms)
    except MemoryError:
        return False
    except Exception:  # packages raise whatever they like
        return needs_cell(potential.calculator(), atoms)
    return False


class _Writer:
    """Two observers that write what they see."""

    def __init__(self, job: Dynamics, atoms: Atoms) -> None:
        self.trajectory: list[str] = []
        self.thermo: list[str] = []
        mass = float(atoms.get_masses().sum())
        symbols = atoms.get_chemical_symbols()
        keep = job.velocities
        self.observers = (
            _Seer(job.every, lambda f: self.trajectory.append(frame_text(f, atoms, symbols, velocities=keep))),
            _Seer(job.thermo_every, lambda f: self.thermo.append(thermo_line(f, mass))),
        )


@dataclass(frozen=True)
class _Seer:
    every: int
    see: Any


def _stretch(
    job: Dynamics, replica: Replica, conditions: Conditions, state: State | None, length: int, calculator: Calculator
) -> Generator[Part, None, SimulationResult]:
    started = time.perf_counter()
    writer = _Writer(job, replica.atoms)
    steps = simulate(
        replica.atoms, conditions, length, seed=replica.seed, observers=writer.observers, watchdog=job.watchdog,
        start=state,
    )  # fmt: skip
    found = yield from _driven(steps, calculator, state.step if state else 0)
    seconds = time.perf_counter() - started
    yield Part(
        found.state.step, "".join(writer.trajectory).encode(), "".join(writer.thermo).encode(),
        found.state.to_bytes(), seconds, found.stop,
    )  # fmt: skip
    return found


def _driven(
    steps: Steps[SimulationResult], calculator: Calculator, first: int
) -> Generator[Part, None, SimulationResult]:
    """Do the work of a stretch, with signs of life."""
    last_heartbeat, evaluations, going = time.perf_counter(), 0, iterate(steps, calculator)
    while True:
        try:
            next(going)
        except StopIteration as end:
            result: SimulationResult = end.value
            return result
        evaluations += 1
        if time.perf_counter() - last_heartbeat > HEARTBEAT:
            last_heartbeat = time.perf_counter()
            yield Part(first + evaluations)


def _relaxed(
    job: Dynamics, replica: Replica, conditions: Conditions, calculator: Calculator
) -> Generator[Part, None, State]:
    """Let FIRE take the worst out of the start, and return it with thermal velocities."""
    from ase.optimize import FIRE

    atoms = replica.atoms.copy()
    atoms.calc = calculator
    try:
        for _ in FIRE(atoms, logfile=None).irun(fmax=RELAXED, steps=job.relax):
            yield Part(0)
    except ArithmeticError as err:
        raise RunError(f"replica {replica.name}: the start cannot be relaxed: {err}") from err
    found: Evaluation = evaluate(calculator, atoms)
    n, rng = len(atoms), np.random.default_rng(replica.seed)
    momentum = conditions.degrees(n) == 3 * n
    velocities: Floats = thermal_velocities(atoms, conditions.temperature or 0.0, rng, momentum=momentum)
    empty = np.zeros((2, 0))
    return State(
        "", 0, atoms.get_positions(), velocities, np.array(atoms.cell), found.forces, found.energy, found.stress,
        empty, empty.copy(),
    )  # fmt: skip
