"""Shapes under symmetry: how many numbers describe a crystal, and that none of its shapes breaks its space group."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.spacegroup import crystal as ase_crystal

from matdisc.formats.atoms import to_atoms, to_crystal
from matdisc.physics.shapes import shapes
from matdisc.physics.symmetry import symmetry
from matdisc.schema import Crystal

RUTILE = ase_crystal(("Ti", "O"), [(0, 0, 0), (0.3, 0.3, 0)], spacegroup=136, cellpar=[4.6, 4.6, 2.96, 90, 90, 90])
QUARTZ = ase_crystal(
    ("Si", "O"), [(0.47, 0, 1 / 3), (0.41, 0.27, 0.12)], spacegroup=152, cellpar=[4.9, 4.9, 5.4, 90, 90, 120]
)
CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))


def _lopsided(n=4):
    rng = np.random.default_rng(1)
    cell = 5 * np.eye(3) + rng.random((3, 3))
    return Atoms(["Na", "Cl", "O", "H"][:n], scaled_positions=rng.random((n, 3)), cell=cell, pbc=True)


KNOWN = [
    pytest.param(bulk("NaCl", "rocksalt", a=5.6), 1, 0, id="rocksalt: a"),
    pytest.param(bulk("Cu", "fcc", a=3.6), 1, 0, id="fcc: a"),
    pytest.param(bulk("Mg", "hcp", a=3.2, c=5.2), 2, 0, id="hcp: a, c"),
    pytest.param(bulk("ZnO", "wurtzite", a=3.25, c=5.2), 2, 1, id="wurtzite: a, c, u (the origin is free along c)"),
    pytest.param(RUTILE, 2, 1, id="rutile: a, c, x"),
    pytest.param(QUARTZ, 2, 4, id="quartz: a, c, x of silicon, x y z of oxygen"),
    pytest.param(_lopsided(), 6, 9, id="P1: six lattice parameters, all coordinates but three of the origin"),
    pytest.param(_lopsided(1), 6, 0, id="one atom: P-1 with nothing to move"),
]


@pytest.mark.parametrize(("atoms", "n_strains", "n_moves"), KNOWN)
def test_free_parameters_are_those_of_the_textbook(atoms, n_strains, n_moves):
    found = shapes(to_crystal(atoms))
    assert (len(found.strains), len(found.moves), found.n_free) == (n_strains, n_moves, n_strains + n_moves)


@pytest.mark.parametrize(("atoms", "n_strains", "n_moves"), KNOWN)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_shape_keeps_the_space_group(atoms, n_strains, n_moves, seed):
    found = shapes(to_crystal(atoms)).within(0.1, 0.2)
    values = np.random.default_rng(seed).uniform(-1, 1, n_strains + n_moves)
    before, after = symmetry(to_crystal(atoms), 0.01), symmetry(found.crystal(values), 1e-4)
    assert after.number == before.number


@pytest.mark.parametrize("atoms", [bulk("NaCl", "rocksalt", a=5.6, cubic=True), RUTILE, QUARTZ, _lopsided()])
def test_zeros_are_the_crystal_itself(atoms):
    found = shapes(to_crystal(atoms))
    same = to_atoms(found.crystal(np.zeros(found.n_free)))
    assert same.get_volume() / len(same) == pytest.approx(atoms.get_volume() / len(atoms))
    radius = 6.0
    ours, theirs = (np.sort(_distances(a, radius)) / len(a) for a in (same, atoms))
    assert len(ours) / len(same) == len(theirs) / len(atoms)
    assert ours.sum() == pytest.approx(theirs.sum())


def _distances(atoms, radius):
    from ase.neighborlist import neighbor_list

    return neighbor_list("d", atoms, radius)


def test_a_strain_of_a_tenth_is_ten_percent_of_the_length_and_a_move_as_long_as_said():
    cube = shapes(to_crystal(bulk("NaCl", "rocksalt", a=5.6))).within(0.1, 0.2)
    cell = np.array(cube.crystal(np.ones(1)).cell)
    np.testing.assert_allclose(cell, np.exp(0.1) * cube.cell, rtol=1e-9)
    rutile = shapes(to_crystal(RUTILE)).within(0.1, 0.2)
    moved = np.array(rutile.crystal(np.array([0, 0, 1.0])).positions) - rutile.positions
    assert np.linalg.norm(moved @ rutile.cell, axis=1).max() == pytest.approx(0.2)


def test_what_has_a_limit_of_zero_is_not_free():
    rutile = shapes(to_crystal(RUTILE))
    assert rutile.within(0.0, 0.2).n_free == 1
    assert rutile.within(0.1, 0.0).n_free == 2
    assert rutile.within(0.0, 0.0).crystal(np.zeros(0)) == rutile.crystal(np.zeros(3))


@pytest.mark.parametrize("change", ["turned", "moved", "supercell"])
def test_shapes_do_not_depend_on_frame_origin_or_cell(change):
    atoms = RUTILE.copy()
    if change == "turned":
        atoms.rotate(37, (1, 2, 3), rotate_cell=True)
    elif change == "moved":
        atoms.positions += (0.3, -7.0, 1.1)
    else:
        atoms = make_supercell(atoms, [[1, 1, 0], [-1, 1, 0], [0, 0, 2]])
    one, other = (shapes(to_crystal(a)).within(0.1, 0.2) for a in (RUTILE, atoms))
    for values in 0.5 * np.eye(3):
        volumes = [abs(np.linalg.det(s.crystal(values).cell)) for s in (one, other)]
        assert volumes[0] == pytest.approx(volumes[1], rel=1e-6)
    distances = [np.sort(_distances(to_atoms(s.crystal(np.array([0.3, -0.2, 0.0]))), 5.0)) for s in (one, other)]
    np.testing.assert_allclose(*distances, rtol=1e-6)


def test_atoms_that_are_nearly_symmetric_are_made_so():
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.rattle(0.01, seed=0)
    found = shapes(to_crystal(atoms))
    assert found.n_free == 1
    assert symmetry(found.crystal(np.zeros(1)), 1e-5).number == 225


@pytest.mark.parametrize(
    "crystal",
    [
        Crystal((), (), CUBE),
        Crystal(("Na",), ((0.0, 0.0, float("nan")),), CUBE),
        Crystal(("Qq",), ((0.0, 0.0, 0.0),), CUBE),
        Crystal(("Na",), ((0.0, 0.0, 0.0),), (CUBE[0], CUBE[0], CUBE[2])),
    ],
    ids=["no atom", "not a number", "no element", "flat"],
)
def test_what_is_no_crystal_has_no_shapes(crystal):
    assert shapes(crystal) is None


def test_coinciding_atoms_are_free_in_everything():
    found = shapes(Crystal(("Na", "Cl"), ((0.0, 0.0, 0.0),) * 2, CUBE))
    assert found.n_free == 6 + 3
