"""Stability metrics against hand counts, laws and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from matdisc.metrics import (
    all_stable_baseline,
    discovery_acceleration_factor,
    f1_score,
    metrics_from_totals,
    row_terms,
    stability_metrics,
)
from matdisc.metrics.stability import is_stable


def test_hand_counted_table():
    true = [-0.1, 0.0, 0.1, 0.2, 0.3]
    pred = [-0.2, 0.1, -0.1, 0.3, 0.4]
    found = stability_metrics(true, pred)  # 1 TP, 1 FN, 1 FP, 2 TN
    assert found["precision"] == found["recall"] == found["f1"] == 0.5
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["daf"] == pytest.approx(0.5 / 0.4)
    assert found["fpr"] == pytest.approx(1 / 3)
    assert found["mae"] == pytest.approx(0.6 / 5)


def test_calling_everything_stable_is_no_better_than_chance():
    assert discovery_acceleration_factor([-0.1, 0.1, 0.2, 0.3], [-1.0] * 4) == pytest.approx(1.0)


def test_a_perfect_model_reaches_one_over_prevalence():
    e_hull = [-0.1, 0.1, 0.2, 0.3]
    assert discovery_acceleration_factor(e_hull, e_hull) == pytest.approx(4.0)
    assert stability_metrics(e_hull, e_hull)["f1"] == 1.0
    assert stability_metrics(e_hull, e_hull)["r2"] == 1.0


@pytest.mark.parametrize("prevalence", [0.159, 0.261, 0.5, 1.0])
def test_the_all_stable_dummy_is_two_p_over_one_plus_p(prevalence):
    stable = np.arange(1000) < 1000 * prevalence
    p = stable.mean()
    assert all_stable_baseline(p)["f1"] == pytest.approx(2 * p / (1 + p))
    assert f1_score(stable, np.ones(1000, bool)) == pytest.approx(all_stable_baseline(p)["f1"])


def test_the_threshold_is_inclusive_and_blind_to_float_noise():
    assert is_stable([0.05, 0.05 + 1e-12, 0.0501], 0.05).tolist() == [True, True, False]
    assert is_stable([0.1 + 0.2 - 0.3]).tolist() == [True]


def test_no_answer_is_read_as_unstable_and_left_out_of_the_errors():
    found = stability_metrics([-0.1, -0.1, 0.2], [-0.1, np.nan, 0.3])
    assert found["recall"] == 0.5
    assert found["mae"] == pytest.approx(0.05)


def test_a_threshold_has_to_be_a_number():
    with pytest.raises(ValueError, match="finite"):
        is_stable([0.0], float("nan"))


def test_shapes_have_to_agree():
    with pytest.raises(ValueError, match="shapes"):
        row_terms([True], [True, False], [0.0], [0.0])


@pytest.mark.parametrize(
    ("true", "pred", "undefined"),
    [
        ([0.1, 0.2], [0.1, 0.2], {"precision", "recall", "f1", "daf", "fnr"}),
        ([-0.1, 0.2], [0.1, 0.2], {"precision", "f1", "daf"}),
        ([-0.1, 0.2], [0.1, -0.2], {"f1"}),
        ([-0.1], [-0.1], {"fpr", "tnr", "r2"}),
        ([-0.1, 0.2], [np.nan, np.nan], {"precision", "f1", "daf", "mae", "rmse", "r2"}),
        ([0.1, 0.1], [0.2, 0.3], {"precision", "recall", "f1", "daf", "fnr", "r2"}),
    ],
)
def test_undefined_metrics_are_nan_and_the_others_are_not(true, pred, undefined):
    found = stability_metrics(true, pred)
    assert {key for key, value in found.items() if math.isnan(value)} == undefined


def test_scikit_learn_agrees():
    rng = np.random.default_rng(0)
    true = rng.normal(0.1, 0.2, 500)
    pred = true + rng.normal(0, 0.1, 500)
    found = stability_metrics(true, pred, threshold=0.05)
    stable, predicted = true <= 0.05, pred <= 0.05
    assert found["f1"] == pytest.approx(sklearn_metrics.f1_score(stable, predicted))
    assert found["precision"] == pytest.approx(sklearn_metrics.precision_score(stable, predicted))
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(stable, predicted))
    assert found["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(true, pred))
    assert found["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(true, pred))
    assert found["r2"] == pytest.approx(sklearn_metrics.r2_score(true, pred))


energies = st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=40)


@settings(deadline=None)
@given(energies, st.randoms())
def test_row_order_changes_nothing(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    one, other = (stability_metrics(*zip(*rows, strict=True)) for rows in (pairs, shuffled))
    for key, value in one.items():
        np.testing.assert_allclose(value, other[key], rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(energies, st.sampled_from([-0.5, 0.25, 1.0]))
def test_only_the_distance_to_the_threshold_matters(pairs, shift):
    true, pred = np.array(pairs).T
    true, pred = np.round(true, 3), np.round(pred, 3)
    here, there = stability_metrics(true, pred), stability_metrics(true + shift, pred + shift, threshold=shift)
    for key in ("f1", "daf", "precision", "recall", "accuracy"):
        np.testing.assert_allclose(here[key], there[key])


@settings(deadline=None)
@given(energies)
def test_metrics_stay_within_their_bounds(pairs):
    found = stability_metrics(*zip(*pairs, strict=True))
    for key in ("f1", "precision", "recall", "accuracy", "fpr", "tnr", "fnr", "prevalence"):
        assert math.isnan(found[key]) or 0 <= found[key] <= 1
    assert math.isnan(found["r2"]) or found["r2"] <= 1 + 1e-9


def test_many_sums_at_once_give_the_same_as_one_by_one():
    rng = np.random.default_rng(1)
    terms = row_terms(rng.random(30) < 0.4, rng.random(30) < 0.5, rng.normal(size=30), rng.normal(size=30))
    stacked = np.stack([terms[:10].sum(axis=0), terms[10:].sum(axis=0)])
    together = metrics_from_totals(stacked)
    for i in range(2):
        alone = metrics_from_totals(stacked[i])
        for key in alone:
            np.testing.assert_array_equal(together[key][i], alone[key])
