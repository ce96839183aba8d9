"""Tasks: hand-counted verdicts, perfect models, ties, and what missing answers mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.datasets.truth import truth_of
from matdisc.physics.formation import formation_energy_per_atom
from matdisc.schema import Dataset, Sample
from matdisc.tasks.discovery.task import DISCOVERY
from matdisc.tasks.polymorphs.task import POLYMORPHS
from matdisc.testing import cubic_crystal


def material(name, e_form, e_hull):
    inputs = {"crystal": cubic_crystal(["Cu", "Au"], 4.0)}
    return Sample(name, inputs, {"e_form_per_atom": e_form, "e_above_hull": e_hull}, name)


def candidate(compound, prototype, stable):
    inputs = {"crystal": cubic_crystal(["Cu"], 3.0), "compound": compound, "prototype": prototype}
    return Sample(f"{compound}-{prototype}", inputs, {"stable": stable}, compound)


MATERIALS = truth_of(Dataset("d", (material("a", -0.5, 0.0), material("b", -0.2, 0.1), material("c", 0.3, 0.4))))


def test_the_error_of_the_hull_distance_is_that_of_the_formation_energy():
    found = DISCOVERY.scoring.judge(MATERIALS, "e_form_per_atom", np.array([-0.4, -0.35, 0.3]), 0.0)
    np.testing.assert_allclose(found.e_pred, [0.1, -0.05, 0.4])
    assert found.stable.tolist() == [True, False, False]
    assert found.predicted.tolist() == [False, True, False]


def test_a_missing_answer_is_not_called_stable():
    found = DISCOVERY.scoring.judge(MATERIALS, "e_form_per_atom", np.array([np.nan, -0.2, 0.3]), 0.0)
    assert found.predicted.tolist() == [False, False, False]
    assert np.isnan(found.e_pred[0])


def test_a_probability_of_one_half_calls_a_material_stable_and_gives_no_energy():
    found = DISCOVERY.scoring.judge(MATERIALS, "p_stable", np.array([0.5, 0.49, np.nan]), 0.0)
    assert found.predicted.tolist() == [True, False, False]
    assert np.isnan(found.e_pred).all()


FOUR = [candidate("Cu", "fcc", 1), candidate("Cu", "bcc", 0), candidate("Fe", "fcc", 0), candidate("Fe", "bcc", 1)]
TWO = truth_of(Dataset("two compounds", tuple(FOUR)))


def test_the_lowest_candidate_of_each_compound_is_called_stable():
    found = POLYMORPHS.scoring.judge(TWO, "energy_per_atom", np.array([-3.0, -2.9, -8.1, -8.2]), 0.0)
    assert found.predicted.tolist() == [True, False, False, True]
    assert found.stable.tolist() == [True, False, False, True]
    np.testing.assert_allclose(found.e_pred, [0, 0.1, 0.1, 0])
    assert np.isnan(found.e_true).all()


def test_ties_are_all_called():
    found = POLYMORPHS.scoring.judge(TWO, "energy_per_atom", np.zeros(4), 0.0)
    assert found.predicted.all()


def test_the_highest_probability_wins():
    found = POLYMORPHS.scoring.judge(TWO, "p_stable", np.array([0.2, 0.1, 0.3, 0.3]), 0.0)
    assert found.predicted.tolist() == [True, False, True, True]


def test_a_compound_without_any_answer_has_no_stable_candidate():
    found = POLYMORPHS.scoring.judge(TWO, "energy_per_atom", np.array([np.nan, np.nan, -1.0, np.nan]), 0.0)
    assert found.predicted.tolist() == [False, False, True, False]


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=4, max_size=4), st.floats(-100, 100))
def test_the_energy_zero_of_a_compound_does_not_matter(energies, zero):
    values = np.round(np.array(energies), 3)
    moved = values + np.round(np.array([zero, zero, 0, 0]), 3)
    here, there = (POLYMORPHS.scoring.judge(TWO, "energy_per_atom", v, 0.0) for v in (values, moved))
    assert here.predicted.tolist() == there.predicted.tolist()


def test_a_formation_energy_counts_atoms_and_correction():
    mu = {"Ba": -2.0, "Ti": -8.0, "O": -5.0}
    found = formation_energy_per_atom(-40.0, {"Ba": 1, "Ti": 1, "O": 3}, mu.__getitem__)
    assert found == pytest.approx((-40 + 2 + 8 + 15) / 5)
    again = formation_energy_per_atom(-40.0, {"Ba": 1, "Ti": 1, "O": 3}, mu.__getitem__, 3 * -0.687)
    assert again - found == pytest.approx(-0.4122)
    with pytest.raises(KeyError):
        formation_energy_per_atom(-1.0, {"Po": 1}, mu.__getitem__)
