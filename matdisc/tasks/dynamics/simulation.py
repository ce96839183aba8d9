"""What is done with a box: warmed up, held at a temperature, and let go with several time steps; as plain numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import Dynamics
from matdisc.datasets.dynamics import AMPLITUDE, curve_columns
from matdisc.formats.atoms import to_atoms
from matdisc.metrics.dynamics import energy_drift, radial_distribution, vibrational_spectrum
from matdisc.metrics.transport import mean_square_displacement
from matdisc.physics.evaluation import Steps
from matdisc.physics.md import Conditions, Recorder, State, Stop, Watchdog, simulate
from matdisc.physics.md.state import Reason
from matdisc.physics.neighbours import neighbours
from matdisc.schema import Sample

if TYPE_CHECKING:
    from ase import Atoms

STOPS = ("", *get_args(Reason))
"""What ended a run, by the number in the column `stop`; 0 is nothing."""
MOST_TIMESTEPS, MOST_BINS = 4, 32
NEIGHBOURS = 6.0
"""Å within which the nearest pair of a box is looked for."""


def box_atoms(sample: Sample) -> Atoms:
    """Return the atoms of a sample, with their molecules where it names them."""
    atoms = to_atoms(sample.crystal)
    if "molecule" in sample.inputs:
        atoms.set_array("molecule", np.array(sample.inputs["molecule"]))
        atoms.info["charge"] = 0.0
    return atoms


def trajectory(atoms: Atoms, rule: Dynamics, seed: int) -> Steps[tuple[dict[str, float], int]]:
    """Run all of a material's dynamics; return what was measured, only what is defined, and the number of steps.

    Names: `survived_ps` and `stop` (a place in STOPS) of warming up and holding together; `temperature_mean` and
    `temperature_spread` (K), `msd` (Å^2, over half the held time), `amplitude` (Å^2), `lindemann`, `g_00`..., `v_00`...
    of the held time, if it was held to the end; and for time step i `drift_i` with `drift_low_i` and `drift_high_i`
    (meV/atom/ps) and `spread_i` (meV/atom), the standard deviation of the conserved energy about its drift.

    Raises:
        RunError: If the start explodes.
    """
    from ase import units

    start = atoms.copy()
    speeds = np.random.default_rng([seed, 0]).standard_normal((len(atoms), 3))
    mass = atoms.get_masses()[:, None]
    start.set_momenta(speeds * np.sqrt(units.kB * rule.start_temperature * mass))
    watchdog = Watchdog(every=5, bonds=atoms.has("molecule"))
    heat = Conditions(ensemble="langevin", timestep=rule.timestep, temperature=rule.temperature, friction=rule.friction)
    warm = yield from simulate(start, heat, _steps(rule.equilibration_ps, rule.timestep), seed=seed, watchdog=watchdog)
    values = {"survived_ps": warm.steps_done * rule.timestep / 1000, "stop": _code(warm.stop)}
    if warm.stop:
        return values, warm.steps_done
    begin = at_rest(warm.state, mass)
    hold = Conditions(
        ensemble="nose-hoover", timestep=rule.timestep, temperature=rule.temperature, thermostat_fs=rule.thermostat_fs
    )
    seen = Recorder(frame_steps(rule), ("positions", "velocities"))
    hot = Recorder(1, ("temperature",))
    n = _steps(rule.sampled_ps, rule.timestep)
    held = yield from simulate(atoms, hold, n, seed=seed, observers=(seen, hot), watchdog=watchdog, start=begin)
    total = warm.steps_done + held.steps_done
    values |= {"survived_ps": total * rule.timestep / 1000, "stop": _code(held.stop)}
    if not held.stop:
        values |= of_motion(atoms, rule, seen.array("positions"), seen.array("velocities"))
        values |= _of_temperature(hot.array("temperature"))
    for i, timestep in enumerate(rule.timesteps):
        free = Conditions(ensemble="nve", timestep=timestep, temperature=rule.temperature)
        kept = Recorder(1, ("time_fs", "conserved"))
        steps = _steps(rule.conserved_ps, timestep)
        end = yield from simulate(atoms, free, steps, seed=seed, observers=(kept,), watchdog=watchdog, start=begin)
        total += end.steps_done
        values |= _of_energy(i, kept.array("time_fs"), kept.array("conserved"), len(atoms))
    return {name: float(value) for name, value in values.items() if np.isfinite(value)}, total


def frame_steps(rule: Dynamics) -> int:
    """Return the steps between two frames: four frames in the period of the highest frequency that is shown."""
    return max(1, int(250 / (rule.spectrum_max * rule.timestep)))


def at_rest(state: State, mass: Floats) -> State:
    """Return a state as a new start, its centre of mass at rest: Langevin's bath lets it wander."""
    velocities = state.velocities - (mass * state.velocities).sum(axis=0) / mass.sum()
    return replace(state.anew(), velocities=velocities)


def of_motion(atoms: Atoms, rule: Dynamics, positions: Floats, velocities: Floats) -> dict[str, float]:
    """Return what positions (Å) and velocities of shape (n_frames, n_atoms, 3) show of arrangement and motion."""
    cell = np.asarray(atoms.cell)
    distances, frequencies = curve_columns(rule)
    between = frame_steps(rule) * rule.timestep
    _, g = radial_distribution(positions, cell, rule.rdf_max, rule.rdf_bins)
    _, v = vibrational_spectrum(velocities, between, rule.spectrum_bins, rule.spectrum_max, masses=atoms.get_masses())
    amplitude = float(np.var(positions, axis=0).sum(axis=-1).mean())
    found = {
        **dict(zip(distances, g.tolist(), strict=True)),
        **dict(zip(frequencies, v.tolist(), strict=True)),
        AMPLITUDE: amplitude,
        "msd": float(mean_square_displacement(positions)[len(positions) // 2]),
    }
    if not atoms.has("molecule"):  # in a molecule the nearest atom tells nothing of melting
        _, _, _, lengths = neighbours(atoms.positions, NEIGHBOURS, cell, atoms.pbc, half=True)
        found["lindemann"] = float(np.sqrt(amplitude) / lengths.min())
    return found


def _of_temperature(series: Floats) -> dict[str, float]:
    return {"temperature_mean": float(series.mean()), "temperature_spread": float(series.std())}


def _of_energy(i: int, times: Floats, energies: Floats, n_atoms: int) -> dict[str, float]:
    drift = energy_drift(times, energies, n_atoms)
    if not np.isfinite(drift.value):
        return {}
    left = energies - np.polyval(np.polyfit(times, energies, 1), times)
    return {
        f"drift_{i}": drift.value,
        f"drift_low_{i}": drift.low,
        f"drift_high_{i}": drift.high,
        f"spread_{i}": 1000 * float(left.std()) / n_atoms,
    }


def _steps(length_ps: float, timestep: float) -> int:
    return round(1000 * length_ps / timestep)


def _code(stop: Stop | None) -> float:
    return float(STOPS.index(stop.reason)) if stop else 0.0
