"""A trajectory under way: atoms, their bath, and what is known of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import DataError, RunError
from matdisc.formats import checked_masses
from matdisc.physics.evaluation import Evaluation, evaluate
from matdisc.physics.md.conditions import Conditions
from matdisc.physics.md.integrators import INTEGRATORS, Motion
from matdisc.physics.md.state import Frame, State
from matdisc.physics.md.velocities import thermal_velocities
from matdisc.units import BAR, BOLTZMANN, MASS

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

EXPLODING = 100.0
"""A larger force at the start, eV/Å, is refused: in matter at thousands of kelvin forces stay well below."""
RUNAWAY = 2.0
"""Å that an atom may move in one step; at 1 fs that is more than 100,000 K for every element."""
SPARE = 4.0
"""Å between the images of a structure in a box that is put around it for a trial."""
FULL = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
"""Places of a full tensor's components in Voigt order."""


class Trajectory:
    """Atoms that move by `advance`, an evaluation that is accepted, and `finish`.

    Attributes:
        atoms: The structure to be evaluated; positions and cell change in place.
        step: Steps since the start.
        reference: Conserved quantity at the start, eV.
        hot: Checks of the watchdog in a row that found the atoms too hot.
    """

    def __init__(self, atoms: Atoms, conditions: Conditions, seed: int, start: State | None) -> None:
        if len(atoms.constraints):
            raise RunError("the structure has constraints, which dynamics does not keep; remove them")
        refuse_bad_masses(atoms)
        self.periodic = bool(np.all(atoms.pbc))
        if conditions.ensemble == "npt" and not self.periodic:
            raise RunError("ensemble 'npt' needs a structure that is periodic in three directions; use 'nose-hoover'")
        if start is not None and start.ensemble not in ("", conditions.ensemble):
            raise ValueError(
                f"a state of {start.ensemble!r} cannot go on under {conditions.ensemble!r}; use State.anew"
            )
        self.conditions = conditions
        self.integrator = INTEGRATORS[conditions.ensemble]
        self.atoms = atoms.copy()
        self.step, self.reference, self.hot = 0, float("nan"), 0
        rng = np.random.default_rng(seed)
        if start is not None:
            self.step, self.reference, self.hot = start.step, start.reference, start.hot
            if start.rng:
                rng.bit_generator.state = json.loads(start.rng)
        self.motion = _motion(atoms, conditions, rng, start)
        self._place()

    def advance(self) -> None:
        """Move to the structure that has to be evaluated next."""
        self.integrator.before(self.motion, self.conditions)
        self.step += 1
        self._place()

    def accept(self, found: Evaluation) -> None:
        """Take the evaluation of the structure as it is now."""
        m = self.motion
        m.forces, m.potential, m.stress = found.forces, found.energy, found.stress

    def finish(self) -> None:
        """Complete the step."""
        self.integrator.after(self.motion, self.conditions)

    def refuse_bad_start(self) -> None:
        """Raise RunError if the first evaluation makes dynamics impossible."""
        if self.conditions.ensemble == "npt" and self.motion.stress is None:
            raise RunError("this potential gives no stress, which ensemble 'npt' needs; use nve, langevin, nose-hoover")
        sizes = np.linalg.norm(self.motion.forces, axis=1)
        worst = int(np.argmax(sizes))
        if sizes[worst] > EXPLODING:
            raise RunError(
                f"exploding start: the force on atom {worst} ({self.atoms.symbols[worst]}) is {sizes[worst]:.3g} eV/Å, "
                f"more than {EXPLODING:g}; relax the structure first, and check that its lengths are in Å"
            )

    def runaway(self) -> str:
        """Return in words that an atom moves farther in a step than any potential can follow; empty if none does."""
        moved = self.conditions.timestep * np.abs(self.motion.velocities)
        if moved.max() <= RUNAWAY:  # not so for nan either
            return ""
        worst = int(np.argmax(np.nan_to_num(moved, nan=np.inf).max(axis=1)))
        return f"atom {worst} ({self.atoms.symbols[worst]}) moves {moved[worst].max():.3g} Å in one step"

    def time(self) -> float:
        """Return the time since the start, fs."""
        return self.step * self.conditions.timestep

    def conserved(self) -> float:
        """Return the conserved quantity, eV."""
        m = self.motion
        return m.potential + m.kinetic + self.integrator.extra(m, self.conditions)

    def frame(self) -> Frame:
        """Return this instant."""
        m = self.motion
        pressure = None
        if m.stress is not None and self.periodic:
            pressure = (m.masses * m.velocities).T @ m.velocities / m.volume - m.stress[FULL]
        temperature = 2 * m.kinetic / (m.dof * BOLTZMANN)
        return Frame(
            self.step, self.time(), m.positions.copy(), m.velocities.copy(), m.cell.copy(), m.potential, m.kinetic,
            temperature, self.conserved(), pressure, m.volume,
        )  # fmt: skip

    def state(self) -> State:
        """Return all that is needed to go on from here."""
        m = self.motion
        return State(
            self.conditions.ensemble, self.step, m.positions.copy(), m.velocities.copy(), m.cell.copy(),
            np.array(m.forces, dtype=float), m.potential, None if m.stress is None else np.array(m.stress, dtype=float),
            m.bath.copy(), m.cell_bath.copy(), m.strain_rate, m.heat, self.reference, self.hot,
            json.dumps(m.rng.bit_generator.state),
        )  # fmt: skip

    def _place(self) -> None:
        self.atoms.arrays["positions"][:] = self.motion.positions
        if self.conditions.ensemble == "npt" or self.step == 0:
            self.atoms.cell[:] = self.motion.cell


def refuse_bad_masses(atoms: Atoms) -> None:
    """Raise RunError if an atom has no positive finite mass."""
    try:
        checked_masses(atoms, "the structure")
    except DataError as err:
        raise RunError(str(err)) from None


def needs_cell(calculator: Calculator, atoms: Atoms) -> bool:
    """Return whether a potential that has no answer to a structure has one if it stands in a periodic box.

    Args:
        calculator: Asked once.
        atoms: The structure; of one that is periodic in all directions the answer is no.
    """
    if np.all(atoms.pbc):
        return False
    boxed = atoms.copy()
    boxed.set_cell(np.ptp(atoms.positions, axis=0) + SPARE)
    boxed.pbc = True
    try:
        evaluate(calculator, boxed)
    except Exception:  # packages raise whatever they like
        return False
    return True


def _motion(atoms: Atoms, conditions: Conditions, rng: np.random.Generator, start: State | None) -> Motion:
    masses = MASS * atoms.get_masses()[:, None]
    kt = BOLTZMANN * (conditions.temperature or 0.0)
    n, empty = len(atoms), np.zeros((2, conditions.chain))
    if start is None:
        positions, velocities = atoms.get_positions(), _velocities(atoms, conditions, rng)
        cell, forces = np.array(atoms.cell), np.zeros((n, 3))
        potential, stress, bath, cell_bath, strain_rate, heat = 0.0, None, empty, empty.copy(), 0.0, 0.0
    else:
        positions, velocities = start.positions.copy(), start.velocities.copy()
        cell, forces, potential = start.cell.copy(), start.forces.copy(), start.potential
        stress, strain_rate, heat = start.stress, start.strain_rate, start.heat
        bath, cell_bath = (start.bath.copy(), start.cell_bath.copy()) if start.ensemble else (empty, empty.copy())
        if len(positions) != n:
            raise ValueError(f"the state has {len(positions)} atoms and the structure {n}")
        if not start.ensemble and conditions.dof is None and conditions.degrees(n) == 3 * n - 3:
            velocities -= (masses * velocities).sum(axis=0) / masses.sum()  # what langevin gave to the centre of mass
    motion = Motion(
        positions, velocities, cell, forces, potential, stress, masses, conditions.degrees(n), kt,
        conditions.pressure_bar * BAR, abs(float(np.linalg.det(cell))) if np.all(atoms.pbc) else float("nan"), 0.0,
        bath, cell_bath, strain_rate, heat, rng,
    )  # fmt: skip
    motion.measure()
    return motion


def _velocities(atoms: Atoms, conditions: Conditions, rng: np.random.Generator) -> Floats:
    """Velocities that the structure has, else thermal ones."""
    if atoms.has("momenta") and atoms.get_momenta().any():
        from ase.units import fs

        return np.asarray(atoms.get_velocities() * fs)
    return thermal_velocities(
        atoms, conditions.temperature or 0.0, rng, momentum=conditions.degrees(len(atoms)) == 3 * len(atoms)
    )
