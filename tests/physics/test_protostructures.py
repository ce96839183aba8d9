"""What sits where by symmetry: hand-counted crystals, every way to write them down, spglib's letters, bad input."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.spacegroup import crystal as spacegroup_crystal

from matdisc.formats.atoms import to_crystal
from matdisc.physics.protostructure import Orbit, protostructure
from matdisc.schema import Crystal

CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
ROCK_SALT = bulk("NaCl", "rocksalt", a=5.64)
CRYSTALS = {
    "rock salt": ROCK_SALT,
    "zinc blende": bulk("ZnS", "zincblende", a=5.41),
    "wurtzite": bulk("ZnO", "wurtzite", a=3.25, c=5.2),
    "caesium chloride": bulk("CsCl", "cesiumchloride", a=4.12),
    "magnesium": bulk("Mg", "hcp", a=3.21, c=5.21),
    "rutile": spacegroup_crystal(
        ("Ti", "O"), [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.59, 4.59, 2.96, 90, 90, 90]
    ),
    "spinel": spacegroup_crystal(
        ("Mg", "Al", "O"), [(0.125,) * 3, (0.5,) * 3, (0.263,) * 3], spacegroup=227, setting=2,
        cellpar=[8.08, 8.08, 8.08, 90, 90, 90],
    ),
    "cementite": spacegroup_crystal(
        ("C", "Fe", "Fe"), [(0.89, 0.25, 0.45), (0.036, 0.25, 0.852), (0.186, 0.063, 0.328)], spacegroup=62,
        cellpar=[5.09, 6.74, 4.53, 90, 90, 90]
    ),
    "monoclinic": spacegroup_crystal(
        ("Cu", "O"), [(0.25, 0.25, 0), (0, 0.418, 0.25)], spacegroup=15, cellpar=[4.68, 3.42, 5.13, 90, 99.5, 90]
    ),
}  # fmt: skip


def _found(atoms):
    return protostructure(to_crystal(atoms))


def test_rock_salt_is_two_sites_of_full_symmetry_and_either_may_be_called_a():
    found = _found(ROCK_SALT)
    assert (found.group, found.lattice) == (225, "cF")
    cl, na = (lambda letter, element=element: Orbit(element, letter, 4, "m-3m", 0) for element in ("Cl", "Na"))
    assert found.descriptions == ((cl("a"), na("b")), (cl("b"), na("a")))


def test_exchanging_cation_and_anion_of_rock_salt_in_place_changes_nothing():
    exchanged = ROCK_SALT.copy()
    exchanged.symbols = ["Cl", "Na"]
    assert _found(exchanged) == _found(ROCK_SALT)


def test_ions_of_zinc_blende_are_called_a_or_b_and_c_or_d_and_never_a_and_b():
    letters = [{orbit.letter for orbit in way} for way in _found(CRYSTALS["zinc blende"]).descriptions]
    assert len(letters) == 8
    assert all(len(pair & set("ab")) == 1 and len(pair & set("cd")) == 1 for pair in letters)


def test_two_orbits_of_an_element_on_positions_of_one_letter_stay_two():
    inverted = np.array([(0.1, 0.2, 0.3), (0.25, 0.6, 0.1)])
    atoms = Atoms("Se4", scaled_positions=[*inverted, *(-inverted)], cell=[4, 5.5, 7, 80, 95, 110], pbc=True)
    found = _found(atoms)
    assert (found.group, found.lattice) == (2, "aP")
    assert found.descriptions == ((Orbit("Se", "i", 2, "1", 3),) * 2,)


@pytest.mark.parametrize("name", CRYSTALS)
def test_neither_origin_nor_axes_nor_cell_nor_order_of_atoms_matters(name):
    atoms = CRYSTALS[name]
    rng = np.random.default_rng(0)
    shifted = atoms.copy()
    shifted.set_scaled_positions((atoms.get_scaled_positions() + rng.random(3)) % 1)
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    others = [
        shifted, turned, atoms[rng.permutation(len(atoms))], atoms.repeat((1, 2, 1)),
        make_supercell(atoms, [[1, 1, 0], [0, 1, -1], [0, 0, 1]]),
        make_supercell(shifted, [[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    ]  # fmt: skip
    assert [_found(other) for other in others] == [_found(atoms)] * len(others)


@pytest.mark.parametrize("name", CRYSTALS)
def test_letters_of_spglib_are_one_of_the_descriptions(name):
    atoms = CRYSTALS[name]
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    theirs = spglib.get_symmetry_dataset(cell, symprec=0.1)
    shares = sorted((atoms.symbols[i], theirs.wyckoffs[i]) for i in range(len(atoms)))
    per_cell = len(atoms) / len(theirs.std_types)
    found = _found(atoms)
    ours = [sorted((o.element, o.letter) for o in way for _ in range(round(o.multiplicity * per_cell)))
            for way in found.descriptions]  # fmt: skip
    assert found.group == theirs.number
    assert shares in ours


def test_a_displacement_smaller_than_the_tolerance_changes_nothing():
    atoms = CRYSTALS["rutile"].copy()
    atoms.rattle(0.01, seed=1)
    assert _found(atoms) == _found(CRYSTALS["rutile"])


@pytest.mark.parametrize(
    "crystal",
    [
        Crystal((), (), CUBE),
        Crystal(("Na", "Na"), ((0.0, 0.0, 0.0),) * 2, CUBE),
        Crystal(("Na",), ((0.0, 0.0, 0.0),), (CUBE[0], CUBE[1], (4.0, 4.0, 0.0))),
        Crystal(("Na",), ((0.0, 0.0, float("nan")),), CUBE),
        Crystal(("Xx",), ((0.0, 0.0, 0.0),), CUBE),
    ],
    ids=["no atoms", "overlapping", "flat cell", "not finite", "no element"],
)
def test_bad_input_has_no_protostructure(crystal):
    assert protostructure(crystal) is None


def test_an_atom_alone_in_a_large_cell_has_one():
    found = protostructure(Crystal(("Ar",), ((0.3, 0.3, 0.3),), tuple(tuple(30 * x for x in row) for row in CUBE)))
    assert (found.group, found.lattice) == (221, "cP")
    assert [way[0].letter for way in found.descriptions] == ["a", "b"]
    assert logging.getLogger("moyo").level == logging.ERROR
