"""Bootstrap intervals: deterministic, honest about groups, and covering what they promise."""

import math

import numpy as np
import pytest

from matdisc.metrics import bootstrap_intervals, group_totals, metrics_from_totals, row_terms


def _mean(totals):
    totals = np.asarray(totals)
    return {"mean": totals[..., 0] / totals[..., 1]}


def test_group_totals_add_up_rows_of_a_group():
    terms = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    assert group_totals(terms, ["b", "a", "b"]).tolist() == [[10.0, 20.0], [101.0, 202.0]]


def test_a_group_for_each_row_is_needed():
    with pytest.raises(ValueError, match="groups"):
        group_totals(np.zeros((3, 2)), ["a"])


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    totals = np.column_stack([np.random.default_rng(0).normal(size=50), np.ones(50)])
    assert bootstrap_intervals(totals, _mean, seed=3) == bootstrap_intervals(totals, _mean, seed=3)
    assert bootstrap_intervals(totals, _mean, seed=3) != bootstrap_intervals(totals, _mean, seed=4)


def test_one_group_says_nothing_about_spread():
    low, high = bootstrap_intervals(np.array([[1.0, 2.0]]), _mean)["mean"]
    assert math.isnan(low)
    assert math.isnan(high)


def test_a_metric_that_is_often_undefined_has_no_interval():
    nothing = np.full(4, np.nan)
    terms = row_terms([True, False, False, False], [True, False, False, False], nothing, nothing)
    intervals = bootstrap_intervals(group_totals(terms, list("abcd")), metrics_from_totals)
    assert math.isnan(intervals["precision"][0])
    assert intervals["accuracy"] == (1.0, 1.0)


def test_identical_rows_in_one_group_do_not_narrow_the_interval():
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    once = np.column_stack([values, np.ones(40)])
    thrice = group_totals(np.repeat(once, 3, axis=0), [i // 3 for i in range(120)])
    one = bootstrap_intervals(group_totals(once, list(range(40))), _mean)["mean"]
    three = bootstrap_intervals(thrice, _mean)["mean"]
    assert np.subtract(*three) == pytest.approx(np.subtract(*one), rel=0.15)


def test_ninety_five_percent_intervals_cover_about_ninety_five_percent():
    rng = np.random.default_rng(0)
    hits, trials = 0, 800
    for trial in range(trials):
        totals = np.column_stack([rng.normal(1.0, 2.0, 200), np.ones(200)])
        low, high = bootstrap_intervals(totals, _mean, replicates=400, seed=trial)["mean"]
        hits += low <= 1.0 <= high
    assert 0.92 <= hits / trials <= 0.97  # three standard errors (0.008) around 0.945
