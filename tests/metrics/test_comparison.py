"""Two models on the same materials: differences with intervals, p-values that keep their level, Holm, McNemar."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from matdisc.metrics import group_totals, metrics_from_totals, row_terms
from matdisc.metrics.bootstrap import bootstrap_intervals, resampling_weights
from matdisc.metrics.comparison import (
    bootstrap_p_value,
    holm,
    mcnemar,
    minimum_detectable_difference,
    paired_differences,
    subtract,
)


def _clusters(rng, n_groups=150, spread=(0.1, 0.1), share=0.7):
    """Clustered truth and two models whose errors have the given standard deviations, `share` of the variance shared
    by all materials of a cluster: terms of both models and the groups. Equal spreads are exchangeable models."""
    groups = np.repeat(np.arange(n_groups), rng.integers(1, 9, n_groups))
    n = len(groups)
    true = 0.05 + 0.1 * rng.normal(size=n_groups)[groups] + 0.1 * rng.normal(size=n)
    tables = []
    for sigma in spread:
        error = np.sqrt(share) * rng.normal(size=n_groups)[groups] + np.sqrt(1 - share) * rng.normal(size=n)
        pred = true + sigma * error
        tables.append(row_terms(true <= 0, pred <= 0, true, pred))
    return tables, groups


def _compare(tables, groups, **options):
    first, second = (group_totals(terms, groups) for terms in tables)
    return paired_differences(first, second, metrics_from_totals, **options)


def test_the_difference_is_first_minus_second():
    true = np.array([-0.1, -0.1, 0.2, 0.2])
    good, bad = true, np.array([-0.1, 0.1, 0.2, 0.2])
    tables = [row_terms(true <= 0, pred <= 0, true, pred) for pred in (good, bad)]
    found = _compare(tables, np.arange(4))
    assert found["recall"].value == 0.5
    assert found["accuracy"].value == 0.25
    assert found["mae"].value == pytest.approx(-0.05)
    swapped = _compare(tables[::-1], np.arange(4))
    assert (swapped["mae"].low, swapped["mae"].high) == pytest.approx((-found["mae"].high, -found["mae"].low))
    assert swapped["accuracy"].p_value == found["accuracy"].p_value


def test_a_model_does_not_differ_from_itself():
    tables, groups = _clusters(np.random.default_rng(0))
    for found in _compare([tables[0], tables[0].copy()], groups, replicates=200).values():
        assert (found.value, found.low, found.high, found.standard_error, found.p_value) == (0, 0, 0, 0, 1)


def test_pairing_sees_what_two_separate_intervals_cannot():
    rng = np.random.default_rng(0)
    tables, groups = _clusters(rng)
    worse = tables[0].copy()
    worse[:, 5] += 0.01 * rng.random(len(worse))  # the same errors, each a little larger
    mae = _compare([tables[0], worse], groups)["mae"]
    assert mae.p_value < 0.01
    apart = [bootstrap_intervals(group_totals(t, groups), metrics_from_totals)["mae"] for t in (tables[0], worse)]
    assert apart[0][1] > apart[1][0]  # they overlap
    assert mae.high - mae.low < 0.2 * (apart[0][1] - apart[0][0])


def test_the_detectable_difference_is_2_8_paired_standard_errors():
    assert minimum_detectable_difference(1.0) == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    assert minimum_detectable_difference(0.01) == pytest.approx(0.028, abs=1e-4)
    found = _compare(*_clusters(np.random.default_rng(0)), replicates=200)["f1"]
    assert found.detectable == minimum_detectable_difference(found.standard_error)
    assert math.isnan(minimum_detectable_difference(float("nan")))
    with pytest.raises(ValueError, match="between 0 and 1"):
        minimum_detectable_difference(1.0, power=1.0)


def test_one_group_gives_a_difference_without_uncertainty():
    tables, groups = _clusters(np.random.default_rng(0), spread=(0.1, 0.2))
    found = _compare(tables, np.zeros(len(groups), int))["mae"]
    assert found.value < 0
    assert all(math.isnan(x) for x in (found.low, found.high, found.standard_error, found.p_value, found.detectable))


def test_a_difference_to_an_undefined_metric_is_undefined():
    tables, groups = _clusters(np.random.default_rng(0))
    silent = tables[1].copy()
    silent[:, 2:4] += silent[:, [1, 0]]
    silent[:, :2] = 0  # calls nothing stable
    found = _compare([tables[0], silent], groups, replicates=100)
    assert math.isnan(found["precision"].value)
    assert math.isnan(found["precision"].p_value)
    assert found["recall"].p_value < 0.01


def test_models_on_different_groups_are_refused():
    with pytest.raises(ValueError, match="equal shapes"):
        paired_differences(np.ones((3, 9)), np.ones((4, 9)), metrics_from_totals)


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(0)
    tables, groups = _clusters(rng, spread=(0.1, 0.12))
    order = rng.permutation(len(groups))
    one = _compare(tables, groups, replicates=100)
    other = _compare([terms[order] for terms in tables], groups[order], replicates=100)
    for key, found in one.items():
        for name in ("value", "low", "high", "standard_error", "p_value"):
            assert getattr(other[key], name) == pytest.approx(getattr(found, name), rel=1e-6, abs=1e-12)


def test_p_values_count_the_replicates_on_the_rarer_side_of_zero():
    differences = np.array([-1.0] * 20 + [1.0] * 79)
    assert bootstrap_p_value(differences) == pytest.approx(2 * 21 / 100)
    assert bootstrap_p_value(-differences) == pytest.approx(2 * 21 / 100)
    assert bootstrap_p_value(np.array([0.0] * 30 + [1.0] * 69)) == pytest.approx(2 * 31 / 100)
    assert bootstrap_p_value(np.zeros(99)) == 1.0


def test_rare_tails_follow_the_normal_curve():
    z = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    assert bootstrap_p_value(z + 5) == pytest.approx(2 * stats.norm.cdf(-5), rel=0.2)
    assert bootstrap_p_value(z + 2) == pytest.approx(2 * (1 + 23) / 1001)  # 23 below 0 are counted
    shifts = np.linspace(0, 6, 200)
    p_values = bootstrap_p_value(z[:, None] + shifts)
    assert (np.diff(p_values) <= 0.001).all()  # no jump where counting ends


def _equal_models(rng, n_groups, n_boards, skewed):
    """Replicates of the difference in mean error of two equal models on many boards, shape (1000, n_boards)."""
    shape = (2, n_groups, n_boards)
    errors = rng.exponential(size=shape) if skewed else np.abs(rng.normal(size=shape))
    return resampling_weights(n_groups, 1000, 0).astype(float) @ (errors[0] - errors[1]) / n_groups


@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("n_groups", [20, 40, 80])
def test_equal_models_on_few_groups_are_told_apart_in_five_of_a_hundred_boards(n_groups, skewed):
    replicates = _equal_models(np.random.default_rng(n_groups), n_groups, 3000, skewed)
    alarms = np.mean(bootstrap_p_value(replicates, n_groups) <= 0.05)
    assert 0.04 <= alarms <= 0.065
    assert alarms < np.mean(bootstrap_p_value(replicates) <= 0.05)  # what is counted is too eager


@pytest.mark.parametrize("n_groups", [8, 30])
def test_the_p_value_of_a_mean_is_that_of_the_t_test(n_groups):
    differences = np.random.default_rng(1).normal(size=n_groups)
    for shift in (0.5, 1.0, 3.0):
        moved = differences - differences.mean() + shift
        z = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)  # what the bootstrap would give with endless replicates
        found = bootstrap_p_value(shift + moved.std() / np.sqrt(n_groups) * z, n_groups)
        assert found == pytest.approx(stats.ttest_1samp(moved, 0).pvalue, rel=0.03)


def test_a_p_value_widens_with_fewer_groups_and_stays_with_many():
    replicates = np.random.default_rng(0).normal(2.2, 1, 999)
    counted, *widened = (float(bootstrap_p_value(replicates, n)) for n in (None, 1_000_000, 100, 10, 3))
    assert widened[0] == pytest.approx(counted, rel=1e-3)
    assert widened == sorted(widened)
    assert bootstrap_p_value(np.zeros(99), 5) == 1.0


def test_a_difference_that_never_varies_is_no_stronger_than_the_replicates_allow():
    assert bootstrap_p_value(np.full(999, 0.1)) == pytest.approx(2 / 1000)


def test_a_p_value_survives_five_percent_undefined_replicates_and_no_more():
    differences = np.array([-1.0] * 48 + [1.0] * 47 + [np.nan] * 5)
    assert bootstrap_p_value(differences) == 1.0
    assert math.isnan(bootstrap_p_value(np.where(np.arange(100) == 0, np.nan, differences)))
    with pytest.raises(ValueError, match="replicate"):
        bootstrap_p_value([])


def test_float_noise_is_no_difference():
    assert subtract([0.1 + 0.2, 1.0, np.nan, 1e6], [0.3, 0.9, 1.0, 1e6 + 1e-8])[[0, 1, 3]].tolist() == [
        0.0, pytest.approx(0.1), 0.0,
    ]  # fmt: skip
    assert math.isnan(subtract(np.inf, np.inf))


def test_mcnemar_counts_what_only_one_model_gets_right():
    stable = np.array([True, True, True, False, False])
    found = mcnemar(stable, [True, True, False, False, True], [False, False, False, True, False])
    assert (found.only_first, found.only_second) == (3, 1)
    assert found.p_value == pytest.approx(2 * (1 + 4) / 16)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (5, 0), (10, 20), (400, 460), (500, 500)])
def test_mcnemar_is_scipys_binomial_test_for_few_flips(b, c):
    first = np.repeat([True, False], [b, c])
    found = mcnemar(np.ones(b + c, bool), first, ~first)
    assert found.p_value == pytest.approx(stats.binomtest(b, b + c).pvalue)


def test_mcnemar_is_chi_square_with_continuity_correction_for_many_flips():
    first = np.repeat([True, False], [5000, 5200])
    found = mcnemar(np.ones(10_200, bool), first, ~first)
    assert found.p_value == pytest.approx(stats.chi2.sf(199**2 / 10_200, 1))
    assert found.p_value == pytest.approx(stats.binomtest(5000, 10_200).pvalue, rel=0.01)


def test_mcnemar_of_equal_models_is_one_and_shapes_have_to_agree():
    assert mcnemar([True, False], [True, True], [True, True]) == (0, 0, 1.0)
    with pytest.raises(ValueError, match="shapes"):
        mcnemar([True], [True, False], [True])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
    np.testing.assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])


@pytest.mark.parametrize("wrong", [[1.5], [-0.1], [[0.5]]])
def test_holm_wants_a_row_of_p_values(wrong):
    with pytest.raises(ValueError, match="p-values"):
        holm(wrong)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_value_and_bonferroni_and_keeps_the_order(p_values):
    corrected, p_values = holm(p_values), np.array(p_values)
    assert (corrected >= p_values).all()
    assert (corrected <= np.minimum(1, len(p_values) * p_values) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(p_values, kind="stable")]) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("key", ["f1", "mae", "accuracy"])
def test_equal_models_are_called_different_in_about_five_percent_of_trials(key):
    rng, trials = np.random.default_rng(1), 500
    rejected = sum(
        _compare(*_clusters(rng), replicates=400, seed=trial)[key].p_value <= 0.05 for trial in range(trials)
    )
    assert stats.binom.ppf(0.001, trials, 0.05) <= rejected <= stats.binom.ppf(0.999, trials, 0.055)  # 12 to 44


@pytest.mark.slow
def test_the_paired_interval_covers_the_true_difference_and_row_resampling_does_not():
    rng, trials, truth = np.random.default_rng(2), 500, (0.1 - 0.13) * math.sqrt(2 / math.pi)
    by_group = by_row = 0
    for trial in range(trials):
        tables, groups = _clusters(rng, spread=(0.1, 0.13))
        found = _compare(tables, groups, replicates=400, seed=trial)["mae"]
        by_group += found.low <= truth <= found.high
        if trial < 200:
            rows = _compare(tables, np.arange(len(groups)), replicates=300, seed=trial)["mae"]
            by_row += rows.low <= truth <= rows.high
    low, high = stats.binom.ppf([0.001, 0.999], trials, 0.945) / trials
    assert low <= by_group / trials <= high  # 0.912 to 0.974
    assert by_row / 200 < 0.85


@pytest.mark.slow
def test_a_difference_of_the_detectable_size_is_found_in_about_eighty_percent_of_trials():
    rng, trials, found = np.random.default_rng(3), 400, 0
    for trial in range(trials):
        differences = rng.normal(2.802, 1.0)  # an estimate whose standard error is 1
        found += bootstrap_p_value(differences + np.random.default_rng(trial).normal(size=400)) <= 0.05
    assert 0.73 <= found / trials <= 0.86  # three binomial standard errors (0.02) around 0.80


def test_mcnemar_is_too_sure_when_materials_come_in_clusters():
    rng, trials = np.random.default_rng(4), 200
    stable, mcnemar_rejects, cluster_rejects = np.ones(240, bool), 0, 0
    groups = np.repeat(np.arange(40), 6)
    energies = np.zeros(240)
    for trial in range(trials):
        predicted = [(rng.random(40) < 0.5)[groups] for _ in range(2)]  # a cluster is right or wrong as a whole
        mcnemar_rejects += mcnemar(stable, *predicted).p_value <= 0.05
        tables = [row_terms(stable, c, energies, energies) for c in predicted]
        cluster_rejects += _compare(tables, groups, replicates=200, seed=trial)["accuracy"].p_value <= 0.05
    assert mcnemar_rejects / trials > 0.25
    assert cluster_rejects <= stats.binom.ppf(0.999, trials, 0.07)
