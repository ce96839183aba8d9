"""Packed boxes and clusters: the right density and charge, whole molecules, no overlaps, the same for a seed."""

import numpy as np
import pytest

from matdisc.errors import DataError
from matdisc.physics.molecules.packing import closest_contact, cluster, liquid
from matdisc.physics.molecules.species import species

MIXTURE = {"EC": 4, "DMC": 3, "Li+": 1, "PF6-": 1}


@pytest.fixture(scope="module")
def box():
    return liquid(MIXTURE, 1.25, seed=3)


def test_a_box_is_a_cube_with_the_density_asked_for(box):
    gram_per_cm3 = box.get_masses().sum() / box.get_volume() / 0.602214076
    assert gram_per_cm3 == pytest.approx(1.25, rel=1e-6)
    assert box.pbc.all()
    np.testing.assert_allclose(box.cell, box.cell[0, 0] * np.eye(3))


def test_a_box_is_neutral_and_its_molecules_lie_in_the_order_asked_for(box):
    assert box.info["charge"] == 0
    assert np.bincount(box.arrays["molecule"]).tolist() == [10] * 4 + [12] * 3 + [1, 7]
    assert box.get_chemical_symbols()[:10] == list(species("EC").symbols)
    assert box.get_chemical_symbols()[-8] == "Li"


def test_molecules_keep_their_shape_and_are_not_mirrored(box):
    for m, name in enumerate(["EC"] * 4 + ["DMC"] * 3 + ["Li+", "PF6-"]):
        found, asked = box.positions[box.arrays["molecule"] == m], species(name).positions
        found, asked = found - found.mean(axis=0), asked - asked.mean(axis=0)
        np.testing.assert_allclose(found @ found.T, asked @ asked.T, atol=1e-9)  # distances
        if name == "EC":
            assert np.linalg.det(found[[1, 3, 6]]) == pytest.approx(np.linalg.det(asked[[1, 3, 6]]))


def test_no_two_molecules_of_a_box_are_closer_than_asked_for_images_included(box):
    from ase.data.vdw import vdw_radii

    # independent of the packing's own search: ASE's minimum images
    apart = box.get_all_distances(mic=True)
    ids = box.arrays["molecule"]
    radii = np.where(box.numbers == 3, 0.95, vdw_radii[box.numbers])
    ratio = apart / (radii[:, None] + radii)
    assert ratio[ids[:, None] != ids].min() >= 0.8
    assert closest_contact(box) == pytest.approx(ratio[ids[:, None] != ids].min())


def test_a_long_molecule_keeps_away_from_its_own_image():
    box = liquid({"TFSI-": 2, "Li+": 2}, 1.0, seed=0)
    assert np.ptp(species("TFSI-").positions, axis=0).max() > box.cell[0, 0] / 2
    tripled = box.repeat((3, 1, 1))
    apart = tripled.get_all_distances(mic=True)
    n = len(box)
    assert apart[:n, n:].min() > 0.8 * 1.9


def test_equal_seeds_give_equal_boxes_and_others_do_not(box):
    np.testing.assert_array_equal(liquid(MIXTURE, 1.25, seed=3).positions, box.positions)
    assert not np.allclose(liquid(MIXTURE, 1.25, seed=4).positions, box.positions)


def test_a_box_of_hundreds_of_atoms_can_be_packed():
    box = liquid({"EC": 24, "EMC": 8, "Li+": 2, "PF6-": 2}, 1.3, seed=0)
    assert len(box) == 24 * 10 + 8 * 15 + 2 + 2 * 7
    assert closest_contact(box) >= 0.8


def test_a_cluster_has_no_cell_its_own_charge_and_no_overlap():
    found = cluster({"EC": 2, "Li+": 1}, seed=5)
    assert found.info["charge"] == 1.0
    assert not found.pbc.any()
    assert np.linalg.norm(found.positions, axis=1).max() < 7
    assert closest_contact(found) >= 0.8


@pytest.mark.parametrize(
    ("counts", "density", "message"),
    [
        ({"EC": 8, "Li+": 1}, 1.2, r"8 EC \+ 1 Li\+: the charges add up to \+1 e"),
        ({"EC": 8}, 3.0, "no packing found in 6 tries.* lower the density"),
        ({"EC": 1}, 1.3, "too small to know an atom's neighbours"),
        ({"EC": 8}, -1.0, "is not positive"),
        ({"EC": -8}, 1.2, "whole numbers"),
        ({"EC": 0}, 1.2, "at least one above 0"),
        ({"water": 8}, 1.2, "species 'water' is unknown"),
    ],
)
def test_what_cannot_be_packed_is_named(counts, density, message):
    with pytest.raises(DataError, match=message):
        liquid(counts, density, seed=0)
