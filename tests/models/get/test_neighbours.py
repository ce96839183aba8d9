"""The neighbour search finds what ASE's finds, and every image in boxes smaller than the cutoff."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from get_examples import salt

from matdisc.models.get.reference.neighbours import neighbours, one_of_each


def _pairs(i, j, shift):
    return sorted(zip(i.tolist(), j.tolist(), map(tuple, shift.tolist()), strict=True))


@pytest.mark.parametrize("cutoff", [2.0, 5.0, 9.0])
def test_neighbours_in_a_small_triclinic_box_are_those_of_ase(cutoff):
    atoms = salt()
    atoms.positions += [7.0, -30.0, 3.0]  # far outside the box
    i, j, shift = neighbours(atoms.positions, cutoff, atoms.cell.array)
    first, second, steps = neighbor_list("ijS", atoms, cutoff)
    assert _pairs(i, j, shift) == _pairs(first, second, steps)


def test_a_left_handed_box_has_the_neighbours_of_its_mirror_image():
    atoms = salt()
    one = neighbours(atoms.positions, 5.0, atoms.cell.array)
    other = neighbours(atoms.positions, 5.0, atoms.cell.array[[1, 0, 2]])
    assert len(one[0]) == len(other[0])


def test_neighbours_of_a_molecule_are_close_atoms_in_both_directions():
    i, j, shift = neighbours(np.array([[0.0, 0, 0], [1, 0, 0], [3.5, 0, 0]]), 3.0)
    assert _pairs(i, j, shift) == [(0, 1, (0, 0, 0)), (1, 0, (0, 0, 0)), (1, 2, (0, 0, 0)), (2, 1, (0, 0, 0))]


def test_one_of_each_keeps_half_and_no_pair_twice():
    atoms = Atoms("Na", cell=np.eye(3) * 3.0, pbc=True)
    i, j, shift = neighbours(atoms.positions, 4.0, atoms.cell.array)  # 6 neighbours at 3 Å
    once = one_of_each(i, j, shift)
    assert len(i) == 6
    assert once.sum() == 3
    assert not {tuple(s) for s in shift[once].tolist()} & {tuple(s) for s in (-shift[once]).tolist()}
