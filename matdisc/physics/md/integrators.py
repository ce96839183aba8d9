"""One step of time in each ensemble. Every step asks for one evaluation, between `before` and `after`.

* nve: velocity Verlet.
* langevin: BAOAB (Leimkuhler and Matthews 2013): half kick, half drift, exact friction and noise, half drift, half
  kick. Positions of a harmonic well are sampled exactly at any stable step; else errors fall as dt^2. Nothing is done
  to the centre of mass, so that the canonical ensemble of all 3 n degrees of freedom is sampled.
* nose-hoover: a chain of thermostats (Martyna, Klein and Tuckerman 1992) around velocity Verlet.
* npt: isotropic cell (Martyna, Tobias and Klein 1994), integrated as by Tuckerman and others (2006).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matdisc.arrays import Floats
from matdisc.physics.md.conditions import Conditions

SUZUKI = 1 / (2 - 2 ** (1 / 3))
WEIGHTS = (SUZUKI, 1 - 2 * SUZUKI, SUZUKI)
"""Parts of a fourth-order step of the chain (Yoshida, Suzuki)."""


@dataclass(slots=True)
class Motion:
    """Atoms on their way: the fields of State, which change in place.

    Attributes:
        masses: eV fs^2/Å^2, shape (n_atoms, 1).
        dof: Degrees of freedom that carry the temperature.
        kt: k times the temperature, eV; 0 where there is none.
        pressure: Of the surroundings, eV/Å^3.
        volume: Å^3; nan unless periodic.
        kinetic: Kinetic energy of `velocities`, eV.
    """

    positions: Floats
    velocities: Floats
    cell: Floats
    forces: Floats
    potential: float
    stress: Floats | None
    masses: Floats
    dof: int
    kt: float
    pressure: float
    volume: float
    kinetic: float
    bath: Floats
    cell_bath: Floats
    strain_rate: float
    heat: float
    rng: np.random.Generator

    def measure(self) -> None:
        """Set the kinetic energy from the velocities."""
        self.kinetic = kinetic_energy(self.masses, self.velocities)


Part = Callable[[Motion, Conditions], None]


@dataclass(frozen=True, slots=True)
class Integrator:
    """A step: `before` moves the atoms, `after` uses their new forces. `extra` is what kinetic and potential energy
    lack of the conserved quantity, eV.
    """

    before: Part
    after: Part
    extra: Callable[[Motion, Conditions], float]


def kinetic_energy(masses: Floats, velocities: Floats) -> float:
    """Return the kinetic energy, eV."""
    return 0.5 * float(np.vdot(masses * velocities, velocities))


def _kick(m: Motion, c: Conditions) -> None:
    m.velocities += (0.5 * c.timestep) * m.forces / m.masses


def _kick_and_measure(m: Motion, c: Conditions) -> None:
    _kick(m, c)
    m.measure()


def _drift(m: Motion, time: float) -> None:
    m.positions += time * m.velocities


def _verlet(m: Motion, c: Conditions) -> None:
    _kick(m, c)
    _drift(m, c.timestep)


def _baoab(m: Motion, c: Conditions) -> None:
    _kick(m, c)
    _drift(m, 0.5 * c.timestep)
    before = kinetic_energy(m.masses, m.velocities)
    kept = math.exp(-c.friction * c.timestep)
    noise = m.rng.standard_normal(m.velocities.shape)
    m.velocities *= kept
    m.velocities += math.sqrt((1 - kept * kept) * m.kt) / np.sqrt(m.masses) * noise
    m.heat += kinetic_energy(m.masses, m.velocities) - before
    _drift(m, 0.5 * c.timestep)


def _thermostat(m: Motion, c: Conditions) -> None:
    """Half a step of the chain; the kinetic energy must be that of the velocities."""
    scale = half_chain(m.bath, m.kinetic, m.dof, m.kt, c.thermostat_fs, c.timestep)
    m.velocities *= scale
    m.measure()  # and not kinetic * scale^2: a trajectory that goes on knows the velocities only


def _nose_hoover_before(m: Motion, c: Conditions) -> None:
    _thermostat(m, c)
    _verlet(m, c)


def _nose_hoover_after(m: Motion, c: Conditions) -> None:
    _kick_and_measure(m, c)
    _thermostat(m, c)


def half_chain(bath: Floats, kinetic: float, dof: int, kt: float, tau: float, timestep: float) -> float:
    """Move a chain of thermostats by half a time step, and return the factor for the velocities that it holds.

    Args:
        bath: Rates (1/fs) and positions of the thermostats, shape (2, chain); changed in place.
        kinetic: Kinetic energy held, eV.
        dof: Degrees of freedom that are held.
        kt: eV.
        tau: Time scale, fs.
        timestep: The whole step, fs.
    """
    rates, places = bath[0].tolist(), bath[1].tolist()
    last = len(rates) - 1
    masses = [dof * kt * tau**2] + [kt * tau**2] * last
    scale, twice = 1.0, 2 * kinetic

    def push(k: int) -> float:
        held, wanted = (twice, dof * kt) if k == 0 else (masses[k - 1] * rates[k - 1] ** 2, kt)
        return (held - wanted) / masses[k]

    for weight in WEIGHTS:
        part = 0.5 * weight * timestep
        for k in range(last, -1, -1):
            slow = math.exp(-0.25 * part * rates[k + 1]) if k < last else 1.0
            rates[k] = slow * (slow * rates[k] + 0.5 * part * push(k))
        factor = math.exp(-part * rates[0])
        scale *= factor
        twice *= factor * factor
        for k in range(last + 1):
            places[k] += part * rates[k]
        for k in range(last + 1):
            slow = math.exp(-0.25 * part * rates[k + 1]) if k < last else 1.0
            rates[k] = slow * (slow * rates[k] + 0.5 * part * push(k))
    bath[0], bath[1] = rates, places
    return scale


def chain_energy(bath: Floats, dof: int, kt: float, tau: float) -> float:
    """Return the energy that a chain of thermostats holds, eV."""
    rates, places = bath
    first, others = dof * kt * tau**2, kt * tau**2
    moving = 0.5 * (first * rates[0] ** 2 + others * float((rates[1:] ** 2).sum()))
    return float(moving + dof * kt * places[0] + kt * float(places[1:].sum()))


def _strain(m: Motion, c: Conditions) -> None:
    """Half a step of the rate at which the cell grows: 3 V (P - P0) and the kinetic term of MTK."""
    assert m.stress is not None
    inside = 2 * m.kinetic - m.volume * float(m.stress[:3].sum())  # 3 V P
    push = inside - 3 * m.volume * m.pressure + 3 / m.dof * 2 * m.kinetic
    m.strain_rate += 0.5 * c.timestep * push / cell_mass(m, c)


def cell_mass(m: Motion, c: Conditions) -> float:
    """Return the mass of the cell, eV fs^2."""
    return (m.dof + 3) * m.kt * c.barostat_fs**2


def _cell_thermostat(m: Motion, c: Conditions) -> None:
    energy = 0.5 * cell_mass(m, c) * m.strain_rate**2
    m.strain_rate *= half_chain(m.cell_bath, energy, 1, m.kt, c.barostat_fs, c.timestep)


def _kick_in_growing_cell(m: Motion, c: Conditions) -> None:
    half = 0.25 * c.timestep * (1 + 3 / m.dof) * m.strain_rate
    slow = math.exp(-half)
    m.velocities *= slow * slow
    m.velocities += (0.5 * c.timestep * slow * _sinhc(half)) * m.forces / m.masses
    m.measure()


def _npt_before(m: Motion, c: Conditions) -> None:
    _cell_thermostat(m, c)
    _thermostat(m, c)
    _strain(m, c)
    _kick_in_growing_cell(m, c)
    half = 0.5 * c.timestep * m.strain_rate
    grow = math.exp(half)
    m.positions *= grow * grow
    m.positions += (c.timestep * grow * _sinhc(half)) * m.velocities
    m.cell *= grow * grow
    m.volume = abs(float(np.linalg.det(m.cell)))


def _npt_after(m: Motion, c: Conditions) -> None:
    _kick_in_growing_cell(m, c)
    _strain(m, c)
    _thermostat(m, c)
    _cell_thermostat(m, c)


def _npt_extra(m: Motion, c: Conditions) -> float:
    atoms = chain_energy(m.bath, m.dof, m.kt, c.thermostat_fs)
    cell = 0.5 * cell_mass(m, c) * m.strain_rate**2 + chain_energy(m.cell_bath, 1, m.kt, c.barostat_fs)
    return atoms + cell + m.pressure * m.volume


def _sinhc(x: float) -> float:
    return math.sinh(x) / x if abs(x) > 1e-4 else 1 + x * x / 6


INTEGRATORS = {
    "nve": Integrator(_verlet, _kick_and_measure, lambda m, c: 0.0),
    "langevin": Integrator(_baoab, _kick_and_measure, lambda m, c: -m.heat),
    "nose-hoover": Integrator(
        _nose_hoover_before, _nose_hoover_after, lambda m, c: chain_energy(m.bath, m.dof, m.kt, c.thermostat_fs)
    ),
    "npt": Integrator(_npt_before, _npt_after, _npt_extra),
}
