"""Bootstrap intervals: deterministic, honest about groups, and covering what they promise."""

import math
import time

import numpy as np
import pytest

from matdisc.metrics import bootstrap_intervals, group_totals, metrics_from_totals, row_terms
from matdisc.metrics.bootstrap import MAX_BLOCKS, bootstrap_sums, percentile_interval, pool_groups, resampling_weights


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


@pytest.mark.slow
def test_ninety_five_percent_intervals_cover_about_ninety_five_percent():
    rng = np.random.default_rng(0)
    hits, trials = 0, 800
    for trial in range(trials):
        totals = np.column_stack([rng.normal(1.0, 2.0, 200), np.ones(200)])
        low, high = bootstrap_intervals(totals, _mean, replicates=400, seed=trial)["mean"]
        hits += low <= 1.0 <= high
    assert 0.92 <= hits / trials <= 0.97  # three standard errors (0.008) around 0.945


def _unpooled(totals, replicates, seed):
    return resampling_weights.__wrapped__(len(totals), replicates, seed) @ totals


def test_integer_groups_give_the_same_sums_as_named_ones():
    rng = np.random.default_rng(0)
    codes, terms = rng.integers(0, 40, 500), rng.normal(size=(500, 3))
    named = group_totals(terms, [f"{code:02d}" for code in codes])
    np.testing.assert_array_equal(group_totals(terms, codes), named)
    np.testing.assert_array_equal(group_totals(terms, 10**12 * codes - 5), named)


def test_a_number_without_rows_is_no_group():
    assert group_totals(np.ones((3, 1)), np.array([0, 5, 5])).tolist() == [[1.0], [2.0]]
    assert group_totals(np.ones((0, 2)), np.array([], int)).shape == (0, 2)


def test_terms_of_several_models_are_added_up_one_by_one():
    terms = np.arange(24.0).reshape(4, 2, 3)
    together = group_totals(terms, np.array([1, 0, 1, 0]))
    assert together.shape == (2, 2, 3)
    np.testing.assert_array_equal(together[:, 1], group_totals(terms[:, 1], np.array([1, 0, 1, 0])))


def test_pooling_keeps_the_sum_and_deals_evenly():
    pooled = pool_groups(np.ones((10_000, 1)), seed=1)
    assert pooled.shape == (MAX_BLOCKS, 1)
    assert set(pooled[:, 0]) == {2.0, 3.0}
    assert pooled.sum() == 10_000
    few = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(pool_groups(few, seed=1), few)


def test_the_deal_follows_the_seed():
    totals = np.arange(5000.0)[:, None]
    np.testing.assert_array_equal(pool_groups(totals, seed=1), pool_groups(totals, seed=1))
    assert (pool_groups(totals, seed=1) != pool_groups(totals, seed=2)).any()


@pytest.mark.parametrize("draw", ["normal", "heavy"])
@pytest.mark.parametrize("n_groups", [4500, 9000, 40_000])
def test_pooling_moves_the_standard_error_by_about_one_percent_and_not_to_one_side(draw, n_groups):
    rng = np.random.default_rng(0)
    influence = rng.normal(size=n_groups) if draw == "normal" else rng.pareto(2.5, n_groups)
    influence = (influence - influence.mean())[:, None]
    ratio = [
        np.sqrt((pool_groups(influence, seed=s) ** 2).sum() / (influence**2).sum()) for s in range(200)
    ]  # the standard error of the sum, exactly, without drawing
    assert np.std(ratio) < 1.15 / np.sqrt(2 * MAX_BLOCKS)
    assert np.mean(ratio) == pytest.approx(1.0, abs=4 * 0.011 / np.sqrt(200))


def test_pooled_and_single_groups_give_the_same_interval_within_monte_carlo_noise():
    rng = np.random.default_rng(0)
    totals = np.column_stack([rng.normal(1.0, 2.0, 6000), rng.integers(1, 4, 6000)])
    single = _mean(_unpooled(totals, 3000, 0))["mean"]
    pooled = _mean(bootstrap_sums(totals, replicates=3000))["mean"]
    assert pooled.std() == pytest.approx(single.std(), rel=0.065)  # 3 x sqrt(1.3 %^2 + 1.3 %^2 + 1.1 %^2)
    noise = 2.7 * single.std() / np.sqrt(3000)  # standard error of a 2.5 % quantile of a normal sample
    gap = np.subtract(percentile_interval(single), percentile_interval(pooled))
    assert np.abs(gap).max() < 4.5 * np.hypot(noise, 0.011 * 1.96 * single.std())


def test_each_replicate_draws_as_many_groups_as_there_are():
    weights = resampling_weights(300, 50, 0)
    assert (weights.sum(axis=1) == 300).all()
    assert not weights.flags.writeable
    assert weights.dtype == np.uint16
    with pytest.raises(ValueError, match="at least 1"):
        resampling_weights(0, 10, 0)


def test_weights_count_draws_like_the_multinomial_law_says():
    weights = resampling_weights(100, 4000, 0).astype(float)
    assert weights.var(axis=0).mean() == pytest.approx(0.99, rel=0.02)
    assert np.cov(weights[:, 0], weights[:, 1])[0, 1] == pytest.approx(-0.01, abs=0.05)


@pytest.mark.parametrize("n_groups", [60, 5000])
def test_a_model_gets_the_same_resamples_alone_and_among_others(n_groups):
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(n_groups, 9)) for _ in range(3)]
    together = bootstrap_sums([*tables, tables[0]], replicates=50, seed=2)
    assert together.shape == (50, 4, 9)
    for i, table in enumerate(tables):
        np.testing.assert_array_equal(together[:, i], bootstrap_sums(table, replicates=50, seed=2))
        np.testing.assert_array_equal(together[:, i], bootstrap_sums(pool_groups(table, 2), replicates=50, seed=2))
    np.testing.assert_array_equal(together[:, 0], together[:, 3])
    np.testing.assert_array_equal(together, bootstrap_sums(np.stack([*tables, tables[0]], 1), replicates=50, seed=2))


def test_sums_of_one_group_are_undefined_and_bad_shapes_refused():
    assert np.isnan(bootstrap_sums(np.ones((1, 4)), replicates=5)).all()
    with pytest.raises(ValueError, match="shape"):
        bootstrap_sums(np.ones(4))
    with pytest.raises(ValueError, match="level"):
        percentile_interval([1.0], level=95)


@pytest.mark.parametrize("n", [300, 30_000])
def test_the_order_of_rows_changes_no_interval(n):
    rng = np.random.default_rng(0)
    true = rng.normal(0.1, 0.2, n)
    pred, groups = true + rng.normal(0, 0.1, n), rng.integers(0, n // 3, n)
    terms, order = row_terms(true <= 0, pred <= 0, true, pred), rng.permutation(n)
    one = bootstrap_intervals(group_totals(terms, groups), metrics_from_totals, replicates=100)
    other = bootstrap_intervals(group_totals(terms[order], groups[order]), metrics_from_totals, replicates=100)
    for key in one:
        np.testing.assert_allclose(one[key], other[key], rtol=1e-9)


@pytest.mark.slow
def test_intervals_of_the_full_test_set_take_under_a_second():
    rng = np.random.default_rng(0)
    n = 256_963
    true, groups = rng.normal(0.1, 0.2, n), rng.integers(0, 150_000, n)
    pred = true + rng.normal(0, 0.1, n)
    terms = row_terms(true <= 0, pred <= 0, true, pred)
    resampling_weights.cache_clear()
    started = time.process_time()
    for keep in (np.ones(n, bool), rng.random(n) < 0.84, rng.random(n) < 0.04):
        bootstrap_intervals(group_totals(terms[keep], groups[keep]), metrics_from_totals)
    assert time.process_time() - started < 1.0  # about 0.4 s on a free core


@pytest.mark.slow
def test_pooled_intervals_cover_about_ninety_five_percent():
    rng = np.random.default_rng(0)
    hits, trials = 0, 300
    weights = resampling_weights(MAX_BLOCKS, 400, 0)  # one set of weights for all trials: the data vary
    for trial in range(trials):
        totals = pool_groups(np.column_stack([rng.exponential(1.0, 9000), np.ones(9000)]), trial)
        low, high = percentile_interval(_mean(weights @ totals)["mean"])
        hits += low <= 1.0 <= high
    assert 0.912 <= hits / trials <= 0.988  # three standard errors (0.0126) around 0.95
