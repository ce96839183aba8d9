"""Potentials with known answers, and how to drive work with them."""

import numpy as np
from ase import Atoms

from matdisc.physics.evaluation import Evaluation


def driven(steps, answer):
    """Do work with a function from structures to evaluations."""
    try:
        atoms = next(steps)
        while True:
            atoms = steps.send(answer(atoms))
    except StopIteration as stop:
        return stop.value


def gas(n=20, edge=20.0, seed=0, symbol="Ar"):
    places = np.random.default_rng(seed).uniform(0, edge, (n, 3))
    return Atoms(f"{symbol}{n}", places, cell=[edge] * 3, pbc=True)


def no_forces(atoms):
    return Evaluation(0.0, np.zeros((len(atoms), 3)), np.zeros(6))


def wells(places, k):
    """Each atom on a spring of k eV/Å^2 to its place; no stress."""

    def answer(atoms):
        away = atoms.positions - places
        return Evaluation(0.5 * k * float((away**2).sum()), -k * away, None)

    return answer


def ring(n=16, spacing=3.0, symbol="Cu"):
    """Atoms in a row along x, repeated without end."""
    places = np.zeros((n, 3))
    places[:, 0] = spacing * np.arange(n)
    return Atoms(f"{symbol}{n}", places, cell=[n * spacing, 10, 10], pbc=True)


def springs(spacing, k, quartic=0.0):
    """Springs between neighbours of a ring, in all three directions, with an isotropic part of the stress."""

    def answer(atoms):
        x, length = atoms.positions, np.array([atoms.cell[0, 0], 0, 0])
        between = np.roll(x, -1, axis=0) - x
        between[-1] += length
        stretch = between - [spacing, 0, 0]
        pull = k * stretch + quartic * stretch**3
        energy = float((0.5 * k * stretch**2 + 0.25 * quartic * stretch**4).sum())
        virial = pull.T @ between
        virial = 0.5 * (virial + virial.T) / atoms.get_volume()
        return Evaluation(energy, pull - np.roll(pull, 1, axis=0), virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])

    return answer


def bulk_only(volume, modulus):
    """A gas in an elastic cell: the energy is quadratic in the volume; modulus in eV/Å^3."""

    def answer(atoms):
        excess = (atoms.get_volume() - volume) / volume
        stress = np.array([1, 1, 1, 0, 0, 0]) * modulus * excess
        return Evaluation(0.5 * modulus * volume * excess**2, np.zeros((len(atoms), 3)), stress)

    return answer
