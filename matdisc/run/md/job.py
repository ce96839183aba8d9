"""What is to be simulated, and what comes back of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matdisc.cards import ModelCard
from matdisc.physics.md import Conditions, Stop, Watchdog

if TYPE_CHECKING:
    from ase import Atoms


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
        seconds: Time that the stretch took, s; of one that several replicas moved together, its share.
        stop: Why the trajectory ended early.
        left: Whether the worker leaves this replica to another task.
    """

    step: int
    trajectory: bytes = b""
    thermo: bytes = b""
    state: bytes = b""
    seconds: float = 0.0
    stop: Stop | None = None
    left: bool = False
