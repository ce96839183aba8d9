"""Disturbed structures: rigid where they should be, as close as asked for."""

import numpy as np
import pytest

from matdisc.physics.molecules.packing import closest_contact, cluster
from matdisc.physics.molecules.perturb import rattled, squeezed, turned_at_random
from matdisc.physics.molecules.species import species


def test_turning_keeps_molecules_rigid_in_place_and_rattling_without_noise_scales_them():
    rng = np.random.default_rng(1)
    positions = np.concatenate([species("EC").positions, species("PF6-").positions + 5])
    ids = np.repeat([0, 1], [10, 7])
    turned = turned_at_random(positions, ids, rng)
    scaled = rattled(positions, ids, noise=0.0, stretch=0.1, rng=rng)
    for m in (0, 1):
        before, after, wide = (x[ids == m] - x[ids == m].mean(axis=0) for x in (positions, turned, scaled))
        np.testing.assert_allclose(turned[ids == m].mean(axis=0), positions[ids == m].mean(axis=0), atol=1e-9)
        np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-9)
        factor = np.linalg.norm(wide) / np.linalg.norm(before)
        assert 0.9 <= factor <= 1.1
        np.testing.assert_allclose(wide, factor * before, atol=1e-9)


def test_a_cluster_is_squeezed_until_its_closest_contact_is_the_one_asked_for():
    found = cluster({"EC": 1, "DMC": 1, "Li+": 1}, seed=5)
    tight = squeezed(found, 0.55)
    assert closest_contact(tight) == pytest.approx(0.55, abs=1e-6)
    ids = found.arrays["molecule"]
    for m in range(3):  # molecules are moved as a whole
        moved = tight.positions[ids == m] - found.positions[ids == m]
        np.testing.assert_allclose(moved, moved[:1] + np.zeros_like(moved), atol=1e-12)


def test_a_single_molecule_cannot_be_squeezed():
    with pytest.raises(ValueError, match="two molecules"):
        squeezed(cluster({"EC": 1}, seed=0), 0.5)
