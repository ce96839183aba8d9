"""What is done with a liquid: pack, settle, hold at a pressure, hold at a volume; replica after replica."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import Electrolytes
from matdisc.datasets.electrolytes import ordered
from matdisc.metrics.block_averaging import MIN_REPLICAS, Estimate
from matdisc.physics.evaluation import Steps
from matdisc.physics.md import Conditions, Frame, Recorder, SimulationResult, Stop, Watchdog, simulate
from matdisc.tasks.dynamics.simulation import STOPS
from matdisc.tasks.electrolytes.properties import DROPPED, Replica, plain, properties
from matdisc.tasks.seeds import seed_of
from matdisc.units import GRAMS_PER_CM3

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.physics.evaluation import Evaluation

SPECIES = ("EC", "PC", "DMC", "EMC", "DEC", "Li+", "PF6-", "FSI-")
"""Species whose diffusion coefficients have columns."""
SHARED = (
    "density", "viscosity", "conductivity", "conductivity_ideal", "transference", "transference_ideal", "ionicity",
    "finite_size",
)  # fmt: skip
PROPERTIES = (*SHARED, *(f"diffusion_{plain(name)}" for name in SPECIES))
DENSITY_FS, PRESSURE_FS = 10.0, 2.0
"""Time between two values that are kept."""
FRAMES, SHORTEST_FRAME_FS = 5000, 10.0
"""Most frames of a run that are kept, and the least time between them."""
SETTLING_STEPS, SETTLED = 300, 1.0
"""Steepest descent ends after so many evaluations, or at so small a largest force, eV/Å."""
LONGEST = 0.1
"""Å that an atom may move in a step of the descent."""


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


def liquid_steps(name: str, inputs: Mapping[str, Any]) -> Steps[tuple[dict[str, float], int]]:
    """Run all replicas of a system; return its values, only those that are defined, and the number of steps.

    `simulated_ps` is what properties come from, of each replica: time at constant pressure and at constant volume, less
    the third that is dropped. The first replica that the watchdog ends ends the system, with `completed` 0, the reason
    as `stop` (its place in STOPS), and no properties; then it is what that one had reached.
    """
    from matdisc.physics.molecules.species import species

    rule = Electrolytes.model_validate(dict(inputs["electrolytes"]) | {"note": "of the card"})
    densities, replicas, steps = [], [], 0
    for i in range(max(rule.replicas, MIN_REPLICAS)):
        ran = yield from replica_steps(inputs, rule, seed_of(rule.seed, name, i))
        steps += ran.steps
        if ran.density is None or ran.motion is None:
            code = float(STOPS.index(ran.stop.reason)) if ran.stop else 0.0
            return {"simulated_ps": ran.simulated_ps, "completed": 0.0, "stop": code}, steps
        densities.append(ran.density)
        replicas.append(ran.motion)
    charges = {each: species(each).charge for each in inputs["counts"]}
    ended = {"simulated_ps": ran.simulated_ps, "completed": 1.0, "stop": 0.0}
    return ended | as_columns(properties(densities, replicas, charges)), steps


def as_columns(found: Mapping[str, Estimate]) -> dict[str, float]:
    """Return the properties that are defined and have columns, each with its error."""
    values: dict[str, float] = {}
    for name in PROPERTIES:
        if name in found and found[name].defined:
            values |= {name: found[name].value, f"{name}_error": found[name].error}
    return values


@dataclass(frozen=True, slots=True)
class ReplicaResult:
    """How a replica went: steps, ps that count, why it was ended, and density and motion if it was not."""

    steps: int
    simulated_ps: float
    stop: Stop | None = None
    density: Floats | None = None
    motion: Replica | None = None


def replica_steps(inputs: Mapping[str, Any], rule: Electrolytes, seed: int) -> Steps[ReplicaResult]:
    """Run one replica."""
    from matdisc.physics.molecules.packing import liquid

    temperature = float(inputs["temperature"])
    atoms = liquid(dict(inputs["counts"]), float(inputs["start_density"]), seed=seed)
    atoms = yield from settled(atoms)
    mass = float(atoms.get_masses().sum())
    watchdog = Watchdog(bonds=True)
    fixed = Conditions(
        ensemble="nose-hoover", timestep=rule.timestep, temperature=temperature, thermostat_fs=rule.thermostat_fs
    )
    squeeze = replace(fixed, ensemble="npt", pressure_bar=rule.pressure_bar, barostat_fs=rule.barostat_fs)

    volumes = Recorder(_every(rule, DENSITY_FS), ["volume"])
    n_density = _steps(rule, rule.equilibration_ps + rule.density_ps)
    held = yield from simulate(atoms, squeeze, n_density, seed=seed, observers=[volumes], watchdog=watchdog)
    if held.stop:
        return ReplicaResult(held.steps_done, _counted(rule, held.steps_done), held.stop)
    skipped = round(rule.equilibration_ps * 1000 / (volumes.every * rule.timestep))
    density = mass * GRAMS_PER_CM3 / volumes.array("volume")[skipped:]

    kept = density[round(len(density) * DROPPED) :]
    box = at_density(atoms, held, float(kept.mean()), mass)
    warm = yield from simulate(box, fixed, _steps(rule, rule.equilibration_ps), seed=seed + 1, watchdog=watchdog)
    if warm.stop:
        return ReplicaResult(held.steps_done + warm.steps_done, _counted(rule, held.steps_done), warm.stop)
    centres = Centres(frame_every(rule), atoms.arrays["molecule"], atoms.get_masses())
    pressure = Recorder(_every(rule, PRESSURE_FS), ["pressure"])
    moved = yield from simulate(
        box, fixed, _steps(rule, rule.sampled_ps), seed=seed + 2, observers=[centres, pressure], watchdog=watchdog,
        start=warm.state.anew(),
    )  # fmt: skip
    steps = held.steps_done + warm.steps_done + moved.steps_done
    simulated = _counted(rule, held.steps_done) + moved.steps_done * rule.timestep / 1000 * (1 - DROPPED)
    if moved.stop:
        return ReplicaResult(steps, simulated, moved.stop)
    motion = Replica(
        centres.array(), centres.masses, tuple(ordered(inputs["counts"])), centres.every * rule.timestep,
        pressure.array("pressure"), pressure.every * rule.timestep, float(box.get_volume()), temperature,
    )  # fmt: skip
    return ReplicaResult(steps, simulated, None, density, motion)


def frame_every(rule: Electrolytes) -> int:
    """Return the steps between two frames: at most 5,000 of them, and at least 10 fs."""
    return _every(rule, max(SHORTEST_FRAME_FS, rule.sampled_ps * 1000 / FRAMES))


def at_density(atoms: Atoms, held: SimulationResult, density: float, mass: float) -> Atoms:
    """Return a box of the wanted density: molecules as they are where and as fast as they were left, moved apart as
    wholes."""
    ids = np.asarray(atoms.arrays["molecule"], int)
    masses = atoms.get_masses()
    box = atoms.copy()
    box.positions = held.state.positions
    weights = np.bincount(ids, masses)
    centres = np.stack([np.bincount(ids, masses * x) / weights for x in box.positions.T], axis=1)
    scale = (mass * GRAMS_PER_CM3 / density / abs(np.linalg.det(held.state.cell))) ** (1 / 3)
    box.positions += (scale - 1) * centres[ids]
    box.set_cell(held.state.cell * scale)
    from ase.units import fs

    box.set_velocities(held.state.velocities / fs)
    return box


def settled(atoms: Atoms) -> Steps[Atoms]:
    """Return atoms moved downhill until the largest force is 1 eV/Å, or for 300 evaluations: a packed box is rough."""
    best = atoms.copy()
    reach, found = LONGEST / 2, (yield best)
    for _ in range(SETTLING_STEPS):
        largest = float(np.linalg.norm(found.forces, axis=1).max())
        if largest < SETTLED:
            break
        trial = best.copy()
        trial.positions += found.forces * (reach / largest)
        answer: Evaluation = yield trial
        if answer.energy < found.energy:
            best, found, reach = trial, answer, min(1.2 * reach, LONGEST)
        else:
            reach /= 2
    return best


def _counted(rule: Electrolytes, steps: int) -> float:
    """Of a run at constant pressure, the time that counts, ps."""
    return max(0.0, steps * rule.timestep / 1000 - rule.equilibration_ps) * (1 - DROPPED)


def _steps(rule: Electrolytes, ps: float) -> int:
    return max(1, round(ps * 1000 / rule.timestep))


def _every(rule: Electrolytes, fs: float) -> int:
    return max(1, round(fs / rule.timestep))
