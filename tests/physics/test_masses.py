"""Hydrogen mass repartitioning moves mass within molecules and nothing else."""

import numpy as np
import pytest
from ase import Atoms

from matdisc.errors import RunError
from matdisc.physics.molecules.masses import repartitioned_masses
from matdisc.physics.molecules.packing import liquid


@pytest.fixture(scope="module")
def box():
    return liquid({"Li+": 1, "PF6-": 1, "EC": 3, "EMC": 4, "DEC": 2}, 1.1, seed=1)


def test_hydrogens_have_the_wanted_mass_and_molecules_their_own(box):
    masses = repartitioned_masses(box, 3.0)
    assert set(masses[box.numbers == 1]) == {3.0}
    ids = box.arrays["molecule"]
    np.testing.assert_allclose(np.bincount(ids, masses), np.bincount(ids, box.get_masses()), rtol=1e-12)


def test_only_carbons_with_hydrogens_become_lighter(box):
    lost = box.get_masses() - repartitioned_masses(box, 3.0)
    heavy = box.numbers != 1
    count = {round(x, 3) for x in (lost[heavy] / (3.0 - 1.008)).tolist()}
    assert count == {0.0, 2.0, 3.0}  # C=O, O, F, P, Li; CH2; CH3
    assert set(box.numbers[heavy & (lost > 0)]) == {6}


def test_methane_is_repartitioned_as_counted_by_hand():
    corner = 1.09 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    methane = Atoms("CH4", np.vstack([np.zeros(3), corner]))
    assert repartitioned_masses(methane, 2.0).tolist() == pytest.approx([12.011 - 4 * (2 - 1.008), 2, 2, 2, 2])


def test_hydrogen_alone_and_too_much_mass_are_refused():
    with pytest.raises(RunError, match=r"atom 0 is a hydrogen with 0 heavier atoms.*leave 'hydrogen_mass' out"):
        repartitioned_masses(Atoms("H2", [[0, 0, 0], [0, 0, 0.74]]), 3.0)
    with pytest.raises(RunError, match=r"leaves atom 0 \(C\).*give less"):
        repartitioned_masses(Atoms("CH", [[0, 0, 0], [0, 0, 1.1]]), 9.0)
