"""Neighbours are those of ASE's search, in cells of any shape, periodic or not, and every image counts."""

import numpy as np
import pytest
from ase.neighborlist import primitive_neighbor_list

from matdisc.physics.neighbours import neighbours


def _pairs(i, j, shift):
    return sorted(zip(i.tolist(), j.tolist(), map(tuple, shift.tolist()), strict=True))


@pytest.mark.parametrize("pbc", [True, False, (True, False, True), (False, False, True)])
@pytest.mark.parametrize(("edge", "cutoff"), [(9.0, 2.5), (3.0, 7.0)], ids=["one image", "many images"])
def test_neighbours_in_triclinic_cells_are_those_of_ase(pbc, edge, cutoff):
    rng = np.random.default_rng(1)
    for _ in range(5):
        cell = edge * (np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3)))
        positions = rng.uniform(-2 * edge, 2 * edge, (12, 3))  # far outside the cell
        i, j, shift, lengths = neighbours(positions, cutoff, cell, pbc)
        periodic = np.broadcast_to(pbc, 3)
        assert _pairs(i, j, shift) == _pairs(*primitive_neighbor_list("ijS", periodic, cell, positions, cutoff))
        np.testing.assert_allclose(np.linalg.norm(positions[j] + shift @ cell - positions[i], axis=1), lengths)


def test_half_of_the_pairs_and_their_reverse_are_all_pairs():
    rng = np.random.default_rng(2)
    positions, cell = rng.uniform(0, 4, (6, 3)), np.diag([3.0, 4.0, 5.0])
    i, j, shift, _ = neighbours(positions, 6.0, cell, half=True)
    both = _pairs(np.r_[i, j], np.r_[j, i], np.r_[shift, -shift])
    assert both == _pairs(*neighbours(positions, 6.0, cell)[:3])


def test_an_atom_in_a_cube_has_six_of_its_images_around_it():
    i, j, shift, lengths = neighbours(np.zeros((1, 3)), 4.0, np.eye(3) * 3.0)
    assert not i.any()
    assert not j.any()
    assert (np.abs(shift).sum(axis=1) == 1).all()
    assert lengths.tolist() == [3.0] * 6


def test_a_left_handed_cell_has_the_neighbours_of_its_mirror_image():
    positions, cell = np.random.default_rng(3).uniform(0, 5, (4, 3)), np.array([[4.0, 0, 0], [1, 5, 0], [0, 2, 6]])
    one, other = neighbours(positions, 5.0, cell), neighbours(positions, 5.0, cell[[1, 0, 2]])
    np.testing.assert_allclose(np.sort(one[3]), np.sort(other[3]))


def test_neighbours_of_a_molecule_are_close_atoms_in_both_directions():
    i, j, shift, lengths = neighbours(np.array([[0.0, 0, 0], [1, 0, 0], [3.5, 0, 0]]), 3.0)
    assert _pairs(i, j, shift) == [(0, 1, (0, 0, 0)), (1, 0, (0, 0, 0)), (1, 2, (0, 0, 0)), (2, 1, (0, 0, 0))]
    assert lengths.tolist() == [1.0, 1.0, 2.5, 2.5]
