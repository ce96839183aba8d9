"""A pair potential that keeps every law, and can be made to break one of them."""

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from matdisc.physics.evaluation import Evaluation
from matdisc.physics.neighbours import neighbours

CUTOFF = 6.0


def bump(lengths, cutoff=CUTOFF, height=2.0):
    """Return a smooth repulsion and its slope: a (1 - r²/c²)³ within the cutoff c."""
    inside = np.maximum(1 - lengths**2 / cutoff**2, 0)
    return height * inside**3, -6 * height * lengths / cutoff**2 * inside**2


class Pairs(Calculator):
    """Atoms that repel each other.

    Args:
        law: Length to energy and slope of a pair.
        reach: Å, its cutoff.
        stretch: Factors by which the potential sees the three axes stretched.
        uneven: Share by which atoms of even place in the list weigh more than others.
        change: Evaluation and atoms to the evaluation that is given instead.
        stress: Whether it gives one.
    """

    def __init__(self, law=bump, reach=CUTOFF, stretch=(1, 1, 1), uneven=0.0, change=None, stress=True):
        super().__init__()
        self.law, self.reach, self.stretch, self.uneven, self.change = law, reach, np.array(stretch), uneven, change
        self.implemented_properties = ["energy", "forces"] + ["stress"] * stress

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        found = self.evaluated(atoms)
        if self.change:
            found = self.change(found, atoms)
        self.results = {"energy": found.energy, "forces": found.forces, "stress": found.stress}

    def evaluated(self, atoms):
        cell = np.array(atoms.cell)
        i, j, shift, lengths = neighbours(atoms.positions * self.stretch, self.reach, cell * self.stretch, atoms.pbc)
        vectors = atoms.positions[j] + shift @ cell - atoms.positions[i]
        weights = 1 + self.uneven * (np.arange(len(atoms)) % 2 == 0)
        weight = (weights[i] + weights[j]) / 4  # each pair stands there twice
        energies, slopes = self.law(lengths)
        pulls = (weight * slopes / lengths)[:, None] * vectors * self.stretch**2
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, pulls)
        np.add.at(forces, j, -pulls)
        virial = vectors.T @ pulls / atoms.get_volume()
        stress = (virial + virial.T)[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)] / 2
        return Evaluation(float((weight * energies).sum()), forces, stress)
