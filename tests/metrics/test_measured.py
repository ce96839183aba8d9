"""Means and medians of weighted materials, against plain lists."""

import numpy as np
import pytest

from matdisc.metrics.weighted import draws_of_materials, weighted_mean, weighted_median


@pytest.mark.parametrize(("measure", "plain"), [(weighted_mean, np.mean), (weighted_median, np.median)])
def test_a_weight_repeats_its_value(measure, plain):
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=7), rng.integers(0, 4, size=(20, 7))
    expected = [plain(np.repeat(values, row)) for row in weights]
    np.testing.assert_allclose(measure(values, weights), expected)


@pytest.mark.parametrize("measure", [weighted_mean, weighted_median])
def test_what_says_nothing_takes_no_part(measure):
    assert measure([1.0, np.nan, 3.0, np.inf], np.ones(4)) == pytest.approx(2.0)
    assert np.isnan(measure([np.nan, 5.0], np.array([1.0, 0.0])))
    assert np.isnan(measure([np.nan], np.ones((3, 1)))).all()


def test_a_median_between_two_values_is_their_mean():
    assert weighted_median([4.0, 1.0, 2.0, 9.0], np.ones(4)) == pytest.approx(3.0)


def test_materials_of_one_group_are_drawn_together():
    drawn = draws_of_materials(np.array([0, 0, 1, 2]), replicates=50, seed=1)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    np.testing.assert_allclose(drawn[:, 1:].sum(axis=1), 3)
    assert draws_of_materials(np.zeros(4), replicates=50) is None


def test_values_and_weights_have_to_fit():
    with pytest.raises(ValueError, match="do not fit"):
        weighted_mean([1.0, 2.0], np.ones(3))
