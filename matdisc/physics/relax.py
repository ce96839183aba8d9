"""Energies of crystals from ASE calculators: as given, or relaxed by one named protocol.

The protocol belongs to the task and not to the model, so that all potentials are treated alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matdisc.schema import Crystal

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator


@dataclass(frozen=True, slots=True)
class Protocol:
    """How an energy is taken; `fmax` in eV/Å (for the cell: eV per unit of deformation gradient, as ASE has it)."""

    key: str
    help: str
    fmax: float = 0.0
    max_steps: int = 0


PROTOCOLS = {
    "single-point": Protocol("single-point", "energy of the structure as given"),
    "relax": Protocol(
        "relax",
        "positions and cell relaxed with ASE FIRE and FrechetCellFilter to 0.05 eV/Å, at most 500 steps",
        fmax=0.05,
        max_steps=500,
    ),
}

MAX_VOLUME_CHANGE = 8.0
"""A cell that grows or shrinks by more than this factor has left physics; the answer is a failure."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Total energy of a cell in eV, whether the forces got below `fmax`, and the optimiser's steps."""

    total: float
    converged: bool
    steps: int


def to_atoms(crystal: Crystal) -> Atoms:
    """Return a crystal as ASE Atoms, periodic in all directions."""
    from ase import Atoms

    return Atoms(list(crystal.symbols), scaled_positions=list(crystal.positions), cell=list(crystal.cell), pbc=True)


def crystal_energy(calculator: Calculator, crystal: Crystal, protocol: Protocol) -> Energy:
    """Return the energy of a crystal under a protocol.

    Raises:
        ArithmeticError: If an energy or force is not finite, or the cell explodes or collapses.
    """
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    atoms = to_atoms(crystal)
    atoms.calc = calculator
    _checked(float(atoms.get_potential_energy()), atoms, atoms.get_volume())
    if protocol.max_steps == 0:
        return Energy(float(atoms.get_potential_energy()), True, 0)
    start = atoms.get_volume()
    optimizer = FIRE(FrechetCellFilter(atoms), logfile=None)
    converged = False
    for now_converged in optimizer.irun(fmax=protocol.fmax, steps=protocol.max_steps):
        _checked(float(atoms.get_potential_energy()), atoms, start)
        converged = now_converged
    return Energy(float(atoms.get_potential_energy()), bool(converged), int(optimizer.nsteps))


def _checked(energy: float, atoms: Atoms, start_volume: float) -> None:
    import numpy as np

    if not math.isfinite(energy) or not np.isfinite(atoms.get_forces()).all():
        raise ArithmeticError(f"energy or forces are not finite (energy {energy})")
    change = atoms.get_volume() / start_volume
    if not 1 / MAX_VOLUME_CHANGE < change < MAX_VOLUME_CHANGE:
        raise ArithmeticError(f"the cell's volume changed by a factor of {change:.3g} while relaxing")
