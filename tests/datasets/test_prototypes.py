"""Prototypes against ASE's builder and an independent symmetry finder."""

import numpy as np
import pytest

from matdisc.datasets.prototypes import PROTOTYPES, crystal, edge_for_distance, nearest_distance, perovskite

NUMBERS = {"Al": 13, "Cu": 29, "Ni": 28}


def elements_of(name):
    return ("Al", "Cu", "Ni")[: PROTOTYPES[name].n_elements]


def as_spglib(built):
    return np.array(built.cell), np.array(built.positions), [NUMBERS[el] for el in built.symbols]


def as_atoms(built):
    from ase import Atoms

    return Atoms(built.symbols, scaled_positions=built.positions, cell=built.cell, pbc=True)


def distances(atoms, cutoff=8.0):
    from ase.neighborlist import neighbor_list

    kinds, length = neighbor_list("id", atoms, cutoff)
    return sorted((atoms.symbols[k], round(float(d), 6)) for k, d in zip(kinds, length, strict=True))


@pytest.mark.parametrize("name", PROTOTYPES)
def test_a_prototype_has_its_space_group_and_a_primitive_cell(name):
    import spglib

    built = as_spglib(crystal(name, elements_of(name), 4.0))
    assert spglib.get_symmetry_dataset(built, symprec=1e-5).number == PROTOTYPES[name].space_group
    assert len(spglib.find_primitive(built, symprec=1e-5)[2]) == len(PROTOTYPES[name].sites)


@pytest.mark.parametrize("name", ["sc", "fcc", "bcc", "hcp", "diamond", "rocksalt", "zincblende", "cscl", "wurtzite"])
def test_a_prototype_has_the_neighbours_that_ase_builds(name):
    from ase.build import bulk

    symbols = elements_of(name)
    kind = "cesiumchloride" if name == "cscl" else name
    c = {"covera": PROTOTYPES[name].ideal_c} if PROTOTYPES[name].ideal_c else {}
    u = {"u": 3 / 8} if name == "wurtzite" else {}
    ours, theirs = as_atoms(crystal(name, symbols, 4.0)), bulk("".join(symbols), kind, a=4.0, **c, **u)
    assert len(ours) == len(theirs)
    assert distances(ours) == distances(theirs)


@pytest.mark.parametrize("name", ["sc", "fcc", "bcc", "hcp", "diamond", "rocksalt", "zincblende", "wurtzite", "cscl"])
def test_the_nearest_distance_is_the_one_in_the_crystal(name):
    shortest = min(d for _, d in distances(as_atoms(crystal(name, elements_of(name), 4.0))))
    assert nearest_distance(name, 4.0) == pytest.approx(shortest, abs=1e-5)
    assert edge_for_distance(name, shortest) == pytest.approx(4.0, abs=1e-5)


def test_hcp_counts_both_shells_of_a_stretched_metal():
    assert nearest_distance("hcp", 2.6649, c=4.9468) == pytest.approx((2.6649 + 2.9129) / 2, abs=1e-3)


def test_the_majority_comes_first():
    assert crystal("D0_22", ("Al", "Ni"), 3.8).formula == "Al3Ni"
    assert crystal("C15", ("Al", "Ni"), 7.0).formula == "Al2Ni"
    assert crystal("L2_1", ("Cu", "Al", "Ni"), 6.0).formula == "AlCu2Ni"


def test_the_perovskite_has_a_on_the_corner_and_b_in_the_octahedron():
    built = perovskite("Ba", "Ti", "O", 4.0)
    sites = {el: position for el, position in zip(built.symbols, built.positions, strict=True) if el != "O"}
    assert sites == {"Ba": (0.0, 0.0, 0.0), "Ti": (0.5, 0.5, 0.5)}
    assert min(d for el, d in distances(as_atoms(built)) if el == "Ti") == 2.0
    assert built.chemical_system == "Ba-O-Ti"


def test_exchanging_a_and_b_changes_the_crystal_and_twice_restores_it():
    assert perovskite("Ba", "Ti", "O", 4.0) != perovskite("Ti", "Ba", "O", 4.0)


@pytest.mark.parametrize(
    ("arguments", "parameters", "words"),
    [
        (("fdd", ("Cu",), 3.6), {}, "no prototype 'fdd'"),
        (("fcc", ("Cu", "Ag"), 3.6), {}, "1 kinds"),
        (("fcc", ("Cu",), 3.6), {"c": 4.0}, "no free parameter c"),
        (("hcp", ("Cu",), 3.6), {"z": 0.1}, "no free parameter z"),
        (("fcc", ("Cu",), -1.0), {}, "positive"),
    ],
)
def test_an_impossible_crystal_is_refused(arguments, parameters, words):
    with pytest.raises(ValueError, match=words):
        crystal(*arguments, **parameters)
