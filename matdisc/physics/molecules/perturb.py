"""Structures of molecules made unlikely: atoms moved at random, molecules turned, scaled or pushed together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from matdisc.arrays import Floats
from matdisc.physics.molecules.packing import closest_contact

if TYPE_CHECKING:
    from ase import Atoms

Ids = NDArray[Any]


def rattled(positions: Floats, molecule: Ids, *, noise: float, stretch: float, rng: np.random.Generator) -> Floats:
    """Return positions with each molecule scaled about its centre by up to a share, and normal noise (Å) on atoms."""
    moved = positions + rng.normal(scale=noise, size=positions.shape)
    for m in np.unique(molecule):
        rows = molecule == m
        centre = positions[rows].mean(axis=0)
        moved[rows] += rng.uniform(-stretch, stretch) * (positions[rows] - centre)
    return moved


def turned_at_random(positions: Floats, molecule: Ids, rng: np.random.Generator) -> Floats:
    """Return positions with each molecule turned about its centre."""
    moved = positions.copy()
    for m in np.unique(molecule):
        rows = molecule == m
        centre = positions[rows].mean(axis=0)
        moved[rows] = centre + Rotation.from_quat(rng.normal(size=4)).apply(positions[rows] - centre)
    return moved


def squeezed(atoms: Atoms, contact: float) -> Atoms:
    """Return a cluster whose molecules are moved, rigidly and in proportion, so that the closest contact is `contact`.

    Raises:
        ValueError: If the structure is periodic or holds a single molecule.
    """
    ids = atoms.arrays["molecule"]
    if atoms.pbc.any() or len(np.unique(ids)) < 2:
        raise ValueError("squeezing needs a cluster of two molecules or more")
    centres = np.array([atoms.positions[ids == m].mean(axis=0) for m in range(ids.max() + 1)])

    def at(scale: float) -> Atoms:
        moved = atoms.copy()
        moved.positions += (scale - 1) * centres[ids]
        return moved

    low, high = 0.0, 3.0  # the outermost scale at which the contact is reached: search from far away
    while closest_contact(at(high)) < contact:
        high *= 2
    for scale in np.linspace(high, 0, 200):
        if closest_contact(at(scale)) < contact:
            low = float(scale)
            break
        high = float(scale)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if closest_contact(at(middle)) < contact else (low, middle)
    return at(high)
