"""Compute C6 for liquid electrolytes: `python -m matdisc.generate.dispersion` (needs dftd4).

For each element the mean over its atoms in the built-in molecules and anions, by the method D4 (doi 10.1063/1.5090222).
A bare lithium ion is nothing that D4 knows; it stands among four EC whose carbonyl oxygens point at it. The means are
printed in eV Å^6 and, to compare with tables, in atomic units.
"""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import version

import numpy as np

from matdisc.arrays import Floats
from matdisc.physics.molecules.species import Species, built_in
from matdisc.units import BOHR, HARTREE

CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
"""Directions of the four neighbours of lithium."""
LI_O = 1.95
"""Å, from lithium to a carbonyl oxygen, as in solution."""


def c6_of(numbers: list[int], positions: Floats, charge: int) -> Floats:
    """Return C6 of each atom with its like, Hartree bohr^6, shape (n,)."""
    from dftd4.interface import DispersionModel

    model = DispersionModel(np.array(numbers), positions / BOHR, charge=float(charge))
    found: Floats = np.diag(model.get_properties()["c6 coefficients"]).copy()
    return found


def solvated_lithium(solvent: Species) -> tuple[list[int], Floats]:
    """Return lithium, first, among four carbonates whose carbonyl oxygen lies nearest, Å."""
    middle = solvent.positions.mean(axis=0)
    oxygens = np.flatnonzero(solvent.numbers == 8)
    carbon = solvent.positions[solvent.numbers == 6]
    nearest = [np.linalg.norm(carbon - solvent.positions[o], axis=1).min() for o in oxygens]
    carbonyl = int(oxygens[int(np.argmin(nearest))])
    axis = middle - solvent.positions[carbonyl]
    placed = [np.zeros((1, 3))]
    for corner in CORNERS:
        turned = (solvent.positions - solvent.positions[carbonyl]) @ _turn(axis / np.linalg.norm(axis), corner).T
        placed.append(turned + LI_O * corner)
    return [3, *(4 * solvent.numbers.tolist())], np.concatenate(placed)


def _turn(old: Floats, new: Floats) -> Floats:
    """Return the rotation that takes one unit vector to another, by two reflections."""
    first = np.eye(3) - 2 * np.outer(old, old)
    between = (-old - new) / np.linalg.norm(-old - new)
    found: Floats = (np.eye(3) - 2 * np.outer(between, between)) @ first
    return found


def means() -> dict[int, float]:
    """Return the mean C6 of each element, Hartree bohr^6."""
    values: dict[int, list[float]] = defaultdict(list)
    for one in built_in().values():
        if len(one) > 1:
            for number, c6 in zip(
                one.numbers.tolist(), c6_of(one.numbers.tolist(), one.positions, one.charge), strict=True
            ):
                values[number].append(float(c6))
    values[3] = [float(c6_of(*solvated_lithium(built_in()["EC"]), 1)[0])]
    return {number: float(np.mean(values[number])) for number in sorted(values)}


if __name__ == "__main__":
    print(f"dftd4 {version('dftd4')}")
    for number, mean in means().items():
        print(f"{number}: {mean * HARTREE * BOHR**6:.2f},  # {mean:.2f} in atomic units")
