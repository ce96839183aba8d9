"""Hydrogen mass repartitioning: heavier hydrogen, lighter neighbours, longer time steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import RunError
from matdisc.physics.md.watchdog import bonds_of

if TYPE_CHECKING:
    from ase import Atoms


def repartitioned_masses(atoms: Atoms, hydrogen_mass: float) -> Floats:
    """Return masses with every hydrogen as heavy as is wanted, at the cost of the atom that it is bonded to, u.

    Molecules keep their masses, so that every average over positions is the same; fast vibrations become slower, and
    a longer step follows them (Hopkins, Le Grand, Walker and Roitberg, J. Chem. Theory Comput. 11, 1864, 2015).

    Args:
        atoms: Molecules as they are bonded; those of one molecule alone, if there is an array `molecule`.
        hydrogen_mass: u.

    Raises:
        RunError: If a hydrogen has no or several such neighbours, or one would end up lighter than hydrogen.
    """
    masses = np.array(atoms.get_masses(), float)
    bonds = bonds_of(atoms)
    ends = np.concatenate([np.stack([bonds.first, bonds.second]), np.stack([bonds.second, bonds.first])], axis=1)
    light = atoms.numbers == 1
    hydrogens, neighbours = ends[:, light[ends[0]] & ~light[ends[1]]]
    found = np.bincount(hydrogens, minlength=len(atoms))
    if (odd := np.flatnonzero(light & (found != 1))).size:
        raise RunError(
            f"hydrogen_mass: atom {odd[0]} is a hydrogen with {found[odd[0]]} heavier atoms bonded to it and not 1; "
            "leave 'hydrogen_mass' out"
        )
    np.add.at(masses, neighbours, masses[hydrogens] - hydrogen_mass)
    masses[light] = hydrogen_mass
    if (poor := np.flatnonzero(masses < hydrogen_mass)).size:
        raise RunError(
            f"hydrogen_mass is {hydrogen_mass:g} u, which leaves atom {poor[0]} ({atoms.symbols[poor[0]]}) "
            f"{masses[poor[0]]:.3g} u; give less"
        )
    return masses
