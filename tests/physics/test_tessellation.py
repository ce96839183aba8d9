"""Voronoi cells of crystals: known polyhedra, cells that fill the crystal, an independent code, cells that are none."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from matdisc.physics.tessellation import tessellate

CUBE = 4 * np.eye(3)


def _faces(atoms):
    return tessellate(atoms.get_positions(), np.array(atoms.cell))


def _random(n, seed=0, side=6.0):
    rng = np.random.default_rng(seed)
    cell = side * (np.eye(3) + 0.2 * rng.random((3, 3)))
    return Atoms(f"Cu{n}", scaled_positions=rng.random((n, 3)), cell=cell, pbc=True)


@pytest.mark.parametrize(
    ("atoms", "n", "volume"),
    [
        (bulk("Po", "sc", a=3.0), 6, 27.0),
        (bulk("Cu", "fcc", a=4.0), 12, 16.0),
        (bulk("Fe", "bcc", a=3.0), 14, 13.5),
        (bulk("NaCl", "rocksalt", a=6.0), 6, 27.0),
    ],
    ids=["cube", "rhombic dodecahedron", "truncated octahedron", "rocksalt"],
)
def test_cells_of_simple_crystals_have_the_faces_of_the_known_polyhedra(atoms, n, volume):
    faces = _faces(atoms)
    assert np.bincount(faces.site[faces.areas > 1e-6]).tolist() == [n] * len(atoms)
    np.testing.assert_allclose(faces.volumes(len(atoms)), volume)


def test_a_truncated_octahedron_has_eight_hexagons_and_six_squares():
    faces = _faces(bulk("Fe", "bcc", a=4.0))
    near = faces.lengths < 3.9
    np.testing.assert_allclose(faces.areas[near], [3 * np.sqrt(3)] * 8)  # of edges as long as sqrt(2)
    np.testing.assert_allclose(faces.areas[~near], [2.0] * 6)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_cells_fill_the_crystal_and_each_face_has_two_sides(n, seed):
    atoms = _random(n, seed, side=3.0 * n ** (1 / 3))
    faces = _faces(atoms)
    assert faces.volumes(n).sum() == pytest.approx(atoms.get_volume())
    back = faces.opposite
    assert (faces.site[back] == faces.neighbour).all()
    assert (faces.shifts[back] == -faces.shifts).all()
    np.testing.assert_allclose(faces.areas[back], faces.areas, atol=1e-6)
    away = atoms.positions[faces.neighbour] + faces.shifts @ atoms.cell[:] - atoms.positions[faces.site]
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), faces.lengths)


def test_pymatgen_finds_the_same_faces():
    from pymatgen.analysis.local_env import VoronoiNN
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = _random(6, seed=3)
    structure, faces = AseAtomsAdaptor.get_structure(atoms), _faces(atoms)
    for i in range(6):
        theirs = VoronoiNN(tol=0, cutoff=15, compute_adj_neighbors=False).get_voronoi_polyhedra(structure, i).values()
        ours = faces.areas[(faces.site == i) & (faces.areas > 1e-6)]
        np.testing.assert_allclose(np.sort(ours), np.sort([f["area"] for f in theirs if f["area"] > 1e-6]), rtol=1e-6)


def test_a_sheared_cell_of_the_same_crystal_has_the_same_faces():
    cube = bulk("NaCl", "rocksalt", a=6.0, cubic=True)
    sheared = make_supercell(cube, [[1, 0, 0], [3, 1, 0], [-2, 4, 1]])
    np.testing.assert_allclose(np.sort(_faces(sheared).areas), np.sort(_faces(cube).areas), atol=1e-6)


def test_a_lone_atom_in_a_long_box_has_the_box_as_its_cell():
    faces = tessellate(np.zeros((1, 3)), np.diag([3.0, 3.0, 15.0]))
    assert sorted(faces.areas[faces.areas > 1e-6].round(6)) == [9.0] * 2 + [45.0] * 4


@pytest.mark.parametrize(
    ("positions", "cell"),
    [
        (np.empty((0, 3)), CUBE),
        (np.zeros((2, 3)), CUBE),
        (np.full((1, 3), np.nan), CUBE),
        (np.zeros((1, 3)), np.zeros((3, 3))),
        (np.zeros((1, 3)), np.diag([4.0, 4.0, 0.01])),
        (np.zeros((1, 3)), np.array([[4.0, 0, 0], [8.0, 0, 0], [0, 0, 4.0]])),
        (np.zeros((1, 3)), np.diag([2.0, 2.0, 5000.0])),
    ],
    ids=["no atom", "coinciding", "not a number", "no cell", "flat", "in a plane", "endless vacuum"],
)
def test_what_has_no_cells_is_told(positions, cell):
    assert tessellate(positions, cell) is None
