"""What is done with a replica: pack, settle, hold at a volume, at a pressure, and at a volume; by checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import Electrolytes
from matdisc.datasets.electrolytes import ordered
from matdisc.physics.evaluation import TRAJECTORY, Steps
from matdisc.physics.md import Conditions, Frame, Recorder, State, Stop, Watchdog, simulate
from matdisc.physics.md.observers import Observer
from matdisc.physics.md.trajectory import FULL
from matdisc.physics.molecules.masses import repartitioned_masses
from matdisc.physics.molecules.settling import scaled_by_molecules, settled
from matdisc.tasks.electrolytes.pace import FIRST_STRETCH, Pace
from matdisc.tasks.electrolytes.parts import Part, Parts
from matdisc.tasks.electrolytes.properties import DROPPED, Replica
from matdisc.units import GRAMS_PER_CM3

if TYPE_CHECKING:
    from ase import Atoms

DENSITY_FS, PRESSURE_FS = 10.0, 2.0
"""Time between two values that are kept, as near as steps allow."""
FRAMES, SHORTEST_FRAME_FS = 5000, 10.0
"""Most frames of a run that are kept, and the least time between them."""
START, PACKED, PRESSURE, WARMING, VOLUME = "start", "packed", "pressure", "warming", "volume"
"""Phases: the settled box, that box held at its volume until the strain of packing is gone, at constant pressure,
equilibration at constant volume, and sampling there."""
FRICTION = 0.01
"""1/fs, of the bath that takes up the heat of packing."""
Record = tuple[Sequence[Observer], Callable[[], Mapping[str, Any]]]
"""Who looks on in a stretch, and what they have seen."""


class Centres:
    """Collects the centres of mass of molecules: positions of atoms would fill the memory."""

    def __init__(self, every: int, molecule: Any, masses: Floats) -> None:
        """Look every so many steps; `molecule` numbers the molecule of each atom from 0, `masses` are the atoms'."""
        self.every = every
        ids = np.asarray(molecule, int)
        self.masses: Floats = np.bincount(ids, masses).astype(float)
        self._share = np.zeros((len(self.masses), len(ids)))
        self._share[ids, np.arange(len(ids))] = np.asarray(masses) / self.masses[ids]
        self._rows: list[Floats] = []

    def of(self, positions: Floats) -> Floats:
        """Return the centres, shape (n_molecules, 3), Å."""
        centres: Floats = self._share @ positions
        return centres

    def see(self, frame: Frame) -> None:
        """Keep the centres of a frame."""
        self._rows.append(self.of(frame.positions))

    def array(self) -> Floats:
        """Return them over time, shape (n_frames, n_molecules, 3), Å."""
        return np.array(self._rows)


@dataclass(frozen=True, slots=True)
class ReplicaResult:
    """How a replica went: steps, ps that count, why it was ended, and density and motion as far as it was done."""

    steps: int
    simulated_ps: float
    stop: Stop | None = None
    density: Floats | None = None
    motion: Replica | None = None


@dataclass(frozen=True, slots=True)
class ReplicaRun:
    """One replica of a liquid: what it is, and where its parts are kept.

    Attributes:
        inputs: Of the liquid's sample.
        rule: Of the card.
        seed: Of packing and velocities.
        parts: What it has done so far.
        pace: Shared by the replicas of the liquid.
        number: Of the replica, from 0.
    """

    inputs: Mapping[str, Any]
    rule: Electrolytes
    seed: int
    parts: Parts
    pace: Pace
    number: int

    def steps(self) -> Steps[ReplicaResult]:
        """Run the replica, or what is left of it. Where another replica was ended it stops at its next checkpoint."""
        rule, temperature = self.rule, float(self.inputs["temperature"])
        if self.parts.set_aside:
            damaged = self.parts.set_aside[0]
            self.pace.say(f"damaged, and set aside with what came after it: {damaged}; it goes on from the part before")
        atoms = yield from self._start()
        held_fixed = Conditions(
            ensemble="nose-hoover", timestep=rule.timestep, temperature=temperature, thermostat_fs=rule.thermostat_fs
        )
        held_pressed = replace(held_fixed, ensemble="npt", pressure_bar=rule.pressure_bar, barostat_fs=rule.barostat_fs)
        bathed = replace(held_fixed, ensemble="langevin", friction=FRICTION)
        packed = yield from self._phase(PACKED, atoms, bathed, 3, _nothing)
        if packed is None or packed.stop:
            return self._result(_stop(packed))
        assert packed.state is not None
        pressed = yield from self._phase(
            PRESSURE, atoms, held_pressed, 0, lambda: _volumes(rule), start=packed.state.anew()
        )
        if pressed is None or pressed.stop:
            return self._result(_stop(pressed))
        density = self._density(atoms)
        if not moves(self.inputs):
            return self._result(None, density)
        kept = density[round(len(density) * DROPPED) :]
        assert pressed.state is not None
        box = at_density(atoms, pressed.state, float(kept.mean()))
        warm = yield from self._phase(WARMING, box, held_fixed, 1, _nothing)
        if warm is None or warm.stop:
            return self._result(_stop(warm))
        assert warm.state is not None
        sampled = yield from self._phase(
            VOLUME, box, held_fixed, 2, lambda: _motion(rule, atoms), start=warm.state.anew()
        )
        if sampled is None or sampled.stop:
            return self._result(_stop(sampled))
        return self._result(None, density, self._motion(box, temperature))

    def _start(self) -> Steps[Atoms]:
        """The packed and settled box, as it is found or made now."""
        from ase import Atoms

        from matdisc.physics.molecules.packing import liquid

        if self.parts.last(START) is None:
            packed = liquid(dict(self.inputs["counts"]), float(self.inputs["start_density"]), seed=self.seed)
            box = yield from settled(packed)
            masses = box.get_masses()
            if self.rule.hydrogen_mass is not None:
                masses = repartitioned_masses(packed, self.rule.hydrogen_mass)
            self.parts.add(Part(START, None, {
                "numbers": box.numbers, "positions": box.positions, "cell": box.cell.array, "masses": masses,
                "molecule": box.arrays["molecule"],
            }))  # fmt: skip
        one = {name: self.parts.series(START, name) for name in ("numbers", "positions", "cell", "masses", "molecule")}
        atoms = Atoms(one["numbers"].astype(int), one["positions"], cell=one["cell"], pbc=True, masses=one["masses"])
        atoms.set_array("molecule", one["molecule"].astype(int))
        atoms.info |= {"charge": 0.0, TRAJECTORY: f"replica-{self.number}"}
        return atoms

    def _phase(
        self,
        phase: str,
        atoms: Atoms,
        conditions: Conditions,
        number: int,
        record: Callable[[], Record],
        *,
        start: State | None = None,
    ) -> Steps[Part | None]:
        """Do what is left of a phase, and return its last part; None if another replica was ended before."""
        wanted = dict(phases(self.inputs, self.rule))[phase]
        last, length = self.parts.last(phase), FIRST_STRETCH
        while last is None or not (last.stop or _reached(last) >= wanted):
            if self.pace.ended:
                return None
            length = min(length, wanted - _reached(last))
            observers, seen = record()
            began = self.pace.now()
            done = yield from simulate(
                atoms, conditions, length, seed=self.seed + number, observers=observers, watchdog=Watchdog(bonds=True),
                start=last.state if last else start,
            )  # fmt: skip
            last = Part(phase, done.state, seen(), done.stop)
            self.parts.add(last)
            self._note()
            length = self.pace.next_stretch(length, self.pace.now() - began)
        self.pace.ended |= last.stop is not None
        self._note()
        return last

    def _density(self, atoms: Atoms) -> Floats:
        """The density at constant pressure, less the equilibration, g/cm^3."""
        volumes = self.parts.series(PRESSURE, "volume")
        skipped = round(self.rule.equilibration_ps * 1000 / (_every(self.rule, DENSITY_FS) * self.rule.timestep))
        density: Floats = float(atoms.get_masses().sum()) * GRAMS_PER_CM3 / volumes[skipped:]
        return density

    def _motion(self, box: Atoms, temperature: float) -> Replica:
        timestep = self.rule.timestep
        return Replica(
            self.parts.series(VOLUME, "centres"), np.bincount(box.arrays["molecule"], box.get_masses()).astype(float),
            tuple(ordered(self.inputs["counts"])), frame_every(self.rule) * timestep,
            self.parts.series(VOLUME, "pressure")[:, FULL], _every(self.rule, PRESSURE_FS) * timestep,
            float(box.get_volume()), temperature,
        )  # fmt: skip

    def _result(self, stop: Stop | None, density: Floats | None = None, motion: Replica | None = None) -> ReplicaResult:
        """How the replica went; the time that counts is less what is dropped."""
        pressed, sampled = (_reached(self.parts.last(phase)) for phase in (PRESSURE, VOLUME))
        ps = self.rule.timestep / 1000
        counted = max(0.0, pressed * ps - self.rule.equilibration_ps) + sampled * ps
        return ReplicaResult(
            steps_done(self.inputs, self.rule, self.parts), counted * (1 - DROPPED), stop, density, motion
        )

    def _note(self) -> None:
        done = steps_done(self.inputs, self.rule, self.parts)
        self.pace.note(self.number, done * self.rule.timestep / 1000)


def moves(inputs: Mapping[str, Any]) -> bool:
    """Return whether more than the density of a liquid is asked for."""
    return inputs.get("properties", "all") == "all"


def phases(inputs: Mapping[str, Any], rule: Electrolytes) -> tuple[tuple[str, int], ...]:
    """Return the phases of each replica that have a length, with their steps."""
    settling = _steps(rule, rule.equilibration_ps)
    pressed = (PACKED, settling), (PRESSURE, settling + _steps(rule, rule.density_ps))
    if not moves(inputs):
        return pressed
    return *pressed, (WARMING, settling), (VOLUME, _steps(rule, rule.sampled_ps))


def total_steps(inputs: Mapping[str, Any], rule: Electrolytes) -> int:
    """Return the steps of a replica that reaches its end."""
    return sum(steps for _, steps in phases(inputs, rule))


def steps_done(inputs: Mapping[str, Any], rule: Electrolytes, parts: Parts) -> int:
    """Return the steps that a replica with these parts has done."""
    return sum(_reached(parts.last(phase)) for phase, _ in phases(inputs, rule))


def frame_every(rule: Electrolytes) -> int:
    """Return the steps between two frames: at most 5,000 of them, and at least 10 fs."""
    return _every(rule, max(SHORTEST_FRAME_FS, rule.sampled_ps * 1000 / FRAMES))


def at_density(atoms: Atoms, state: State, density: float) -> Atoms:
    """Return a box of the wanted density: molecules as they were left, with their velocities, moved apart as wholes.

    Args:
        atoms: For what does not change.
        state: How they were left.
        density: g/cm^3.
    """
    box = atoms.copy()
    box.positions = state.positions
    box.set_cell(state.cell)
    volume = float(atoms.get_masses().sum()) * GRAMS_PER_CM3 / density
    box = scaled_by_molecules(box, (volume / box.get_volume()) ** (1 / 3))
    from ase.units import fs

    box.set_velocities(state.velocities / fs)
    return box


def _volumes(rule: Electrolytes) -> Record:
    volumes = Recorder(_every(rule, DENSITY_FS), ["volume"])
    return [volumes], lambda: {"volume": volumes.array("volume")}


def _motion(rule: Electrolytes, atoms: Atoms) -> Record:
    """Centres and pressures, of which half the digits are kept."""
    centres = Centres(frame_every(rule), atoms.arrays["molecule"], atoms.get_masses())
    pressures = Recorder(_every(rule, PRESSURE_FS), ["pressure"])
    return [centres, pressures], lambda: {
        "centres": centres.array().astype(np.float32),
        "pressure": _voigt(pressures.array("pressure")).astype(np.float32),
    }


def _voigt(tensors: Floats) -> Floats:
    """Symmetric tensors of shape (n, 3, 3) as (n, 6), xx yy zz yz xz xy."""
    return tensors.reshape(-1, 9)[:, [0, 4, 8, 5, 2, 1]]


def _nothing() -> Record:
    return [], dict


def _stop(part: Part | None) -> Stop | None:
    return part.stop if part else None


def _reached(part: Part | None) -> int:
    return 0 if part is None or part.state is None else part.state.step


def _steps(rule: Electrolytes, ps: float) -> int:
    return max(1, round(ps * 1000 / rule.timestep))


def _every(rule: Electrolytes, fs: float) -> int:
    return max(1, round(fs / rule.timestep))
