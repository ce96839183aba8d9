"""Velocities at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matdisc.units import BOLTZMANN, MASS

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.arrays import Floats


def thermal_velocities(
    atoms: Atoms, temperature: float, rng: np.random.Generator, *, exact: bool = False, momentum: bool = False
) -> Floats:
    """Return velocities of a Maxwell-Boltzmann distribution, Å/fs, shape (n_atoms, 3).

    The centre of mass rests; a single atom keeps its velocity. The expected kinetic energy is (3 n - 3) kT/2.

    Args:
        atoms: For their masses.
        temperature: K.
        rng: The only source of randomness.
        exact: Scale the velocities so that the kinetic temperature (3 n - 3 degrees of freedom) is met exactly.
        momentum: Leave the random momentum of the centre of mass, as Langevin's bath does: (3 n) kT/2 on average.
    """
    masses = MASS * atoms.get_masses()[:, None]
    velocities = rng.standard_normal((len(atoms), 3)) * np.sqrt(BOLTZMANN * temperature / masses)
    if len(atoms) == 1:
        return velocities
    if not momentum:
        velocities -= (masses * velocities).sum(axis=0) / masses.sum()
    if exact and temperature > 0:
        dof = 3 * len(atoms) - (0 if momentum else 3)
        velocities *= np.sqrt(dof * BOLTZMANN * temperature / float((masses * velocities**2).sum()))
    return velocities
