"""Small structures and a small network for tests of GET."""

from ase import Atoms
from ase.build import bulk, molecule

from matdisc.models.get.reference.potential import GET
from matdisc.models.get.settings import Settings

SIZES = {"features": 16, "heads": 4, "radial": 8}


def small_model(seed=0, **settings):
    """A network of random weights in double precision."""
    return GET(Settings(**(SIZES | settings)), seed=seed).double()


def water(charge=0.0, seed=1):
    atoms = molecule("H2O")
    atoms.rattle(0.1, seed=seed)
    atoms.info["charge"] = charge
    return atoms


def salt(seed=2):
    """A triclinic box with six atoms, smaller than the network's cutoff."""
    cell = [[4.1, 0.2, 0.0], [-0.5, 4.6, 0.3], [0.4, 0.7, 5.2]]
    places = [(0.1, 0.1, 0.1), (0.5, 0.6, 0.1), (0.6, 0.1, 0.5), (0.1, 0.6, 0.6), (0.3, 0.3, 0.9), (0.8, 0.8, 0.3)]
    atoms = Atoms("LiFLiFOH", scaled_positions=places, cell=cell, pbc=True)
    atoms.rattle(0.1, seed=seed)
    return atoms


def rock_salt(spacing):
    return bulk("NaCl", "rocksalt", a=2 * spacing)


def ask(model, *structures, **options):
    """The answer to structures, as double precision arrays."""
    return model.answer(model.graph(structures), **options)
