"""Ranks, rank intervals and tie groups: hand-made boards, laws, and no false leader among equals."""

import math

import numpy as np
import pytest
from scipy import stats

from matdisc.metrics import group_totals, metrics_from_totals, row_terms
from matdisc.metrics.board_ranking import (
    pairwise_p_values,
    probability_first,
    rank_board,
    rank_intervals,
    rank_models,
    tie_groups,
)
from matdisc.metrics.bootstrap import bootstrap_sums


def _board(rng, spreads, n_groups=150):
    """F1 of models with independent errors of the given sizes: on all materials, and on shared resamples."""
    groups = np.repeat(np.arange(n_groups), rng.integers(1, 9, n_groups))
    true = 0.1 * rng.normal(size=n_groups)[groups] + 0.1 * rng.normal(size=len(groups))
    tables = []
    for spread in spreads:
        pred = true + spread * (rng.normal(size=n_groups)[groups] + rng.normal(size=len(groups)))
        tables.append(group_totals(row_terms(true <= 0, pred <= 0, true, pred), groups))
    sums = bootstrap_sums(tables, replicates=400, seed=int(rng.integers(2**31)))
    values = metrics_from_totals(np.stack([table.sum(axis=0) for table in tables]))["f1"]
    return values, metrics_from_totals(sums)["f1"]


def _spread_around(values, size=0.01, n=999):
    """Replicates that scatter independently and evenly around each value."""
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return np.column_stack([v + size * np.random.default_rng(i).permutation(z) for i, v in enumerate(values)])


def test_ranks_by_hand():
    assert rank_models([0.9, 0.5, 0.9, np.nan, 0.7], higher_is_better=True).tolist() == [1, 4, 1, 5, 3]
    assert rank_models([0.9, 0.5, 0.9, np.nan, 0.7], higher_is_better=False).tolist() == [3, 1, 3, 5, 2]
    assert rank_models([np.nan, 0.5, np.inf], higher_is_better=False).tolist() == [2, 1, 2]
    assert rank_models([0.1 + 0.2, 0.3], higher_is_better=True).tolist() == [1, 1]
    assert rank_models([[1, 2], [2, 1]], higher_is_better=True).tolist() == [[2, 1], [1, 2]]


def test_scipy_agrees_on_ranks():
    values = np.random.default_rng(0).integers(0, 6, (50, 8)).astype(float)
    expected = stats.rankdata(values, method="min", axis=1)
    np.testing.assert_array_equal(rank_models(values, higher_is_better=False), expected)


def test_chances_of_leading_are_shared_and_add_up_to_one():
    replicates = [[3.0, 3.0, 1.0], [1.0, 2.0, 0.0], [np.nan, 1.0, 0.0], [5.0, 1.0, np.nan]]
    assert probability_first(replicates, higher_is_better=True).tolist() == [0.375, 0.625, 0.0]
    assert probability_first(replicates, higher_is_better=False).tolist() == [0.0, 0.25, 0.75]
    assert probability_first([[np.nan, np.nan]], higher_is_better=True).tolist() == [0.0, 0.0]


def test_a_rank_interval_spans_the_ranks_of_the_replicates():
    replicates = np.array([[3.0, 2.0, 1.0]] * 90 + [[2.0, 3.0, 1.0]] * 10)
    low, high = rank_intervals([3.0, 2.0, 1.0], replicates, higher_is_better=True)
    assert low.tolist() == [1, 1, 3]
    assert high.tolist() == [2, 2, 3]
    low, high = rank_intervals([3.0, 2.0, 1.0], replicates, higher_is_better=True, level=0.5)
    assert low.tolist() == high.tolist() == [1, 2, 3]


def test_rank_intervals_contain_the_point_rank():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values, replicates = rng.normal(size=6), rng.normal(size=(100, 6))  # replicates that know nothing of it
        low, high = rank_intervals(values, replicates, higher_is_better=True, level=0.3)
        rank = rank_models(values, higher_is_better=True)
        assert ((low <= rank) & (rank <= high)).all()


def test_a_metric_undefined_in_a_replicate_ranks_last_there():
    replicates = np.array([[2.0, 1.0]] * 60 + [[np.nan, 1.0]] * 40)
    low, high = rank_intervals([2.0, 1.0], replicates, higher_is_better=True)
    assert (low[0], high[0]) == (1, 2)


def test_pairwise_p_values_are_symmetric_and_holm_corrected():
    values = [0.50, 0.51, 0.60, 0.70]
    found = pairwise_p_values(_spread_around(values))
    np.testing.assert_array_equal(found, found.T)
    assert found.diagonal().tolist() == [1] * 4
    assert found[0, 1] == pytest.approx(2 * stats.norm.sf(1 / math.sqrt(2)), rel=0.15)  # the largest of six: times 1
    assert found[0, 3] < 1e-30  # far below what counting replicates could show


def test_a_pair_often_undefined_has_no_p_value_and_costs_the_others_nothing():
    replicates = _spread_around([0.5, 0.53])
    gappy = np.where(np.arange(999) < 60, np.nan, replicates[:, 0])
    found = pairwise_p_values(np.column_stack([replicates, gappy]))
    assert np.isnan(found[:2, 2]).all()
    assert found[0, 1] == pairwise_p_values(replicates)[0, 1]


def test_tie_groups_start_where_a_model_differs_from_the_leader():
    p_values = np.ones((5, 5))
    for pair in ((0, 2), (0, 3), (0, 4), (1, 2), (2, 4), (3, 4)):
        p_values[pair] = p_values[pair[::-1]] = 0.01
    assert tie_groups([5, 4, 3, 2, 1], p_values, higher_is_better=True).tolist() == [1, 1, 2, 2, 3]
    assert tie_groups([5, 4, 3, 2, 1], p_values, higher_is_better=True, alpha=0.001).tolist() == [1] * 5
    assert tie_groups([1, 2, 3, 4, 5], p_values, higher_is_better=False).tolist() == [1, 1, 2, 2, 3]
    assert tie_groups([5, 4, 3, 2, 1], p_values, higher_is_better=False).tolist() == [3, 2, 2, 2, 1]


def test_a_group_closes_at_the_first_model_that_differs():
    p_values = np.ones((3, 3))
    p_values[0, 1] = p_values[1, 0] = 0.01  # the third is like both, but the present group is the second's
    assert tie_groups([3, 2, 1], p_values, higher_is_better=True).tolist() == [1, 2, 2]


def test_models_without_a_metric_form_a_last_group_and_an_unknown_p_value_parts_nobody():
    p_values = np.full((4, 4), np.nan)
    assert tie_groups([0.5, np.nan, 0.4, np.nan], p_values, higher_is_better=True).tolist() == [1, 2, 1, 2]
    assert tie_groups([np.nan], [[1.0]], higher_is_better=True).tolist() == [1]
    with pytest.raises(ValueError, match="square"):
        tie_groups([1.0, 2.0], np.ones((3, 3)), higher_is_better=True)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_models_that_answer_alike_tie_in_everything(higher_is_better):
    values, replicates = _board(np.random.default_rng(0), (0.02, 0.1, 0.3))
    values, replicates = values[[0, 1, 1, 2]], replicates[:, [0, 1, 1, 2]]
    found = rank_board(values, replicates, higher_is_better=higher_is_better)
    assert found.rank[1] == found.rank[2] == 2
    assert found.p_values[1, 2] == 1.0
    for column in (found.low, found.high, found.first, found.tie_group):
        assert column[1] == column[2]


def test_clearly_different_models_keep_to_their_ranks():
    found = rank_board(*_board(np.random.default_rng(0), (0.3, 0.02, 0.1)), higher_is_better=True)
    assert found.rank.tolist() == found.low.tolist() == found.high.tolist() == found.tie_group.tolist() == [3, 1, 2]
    assert found.first.tolist() == [0.0, 1.0, 0.0]
    assert (found.p_values[np.triu_indices(3, 1)] < 0.05).all()


def test_the_order_of_models_changes_nothing():
    values, replicates = _board(np.random.default_rng(0), (0.1, 0.1, 0.12, 0.2, 0.02))
    order = np.array([3, 0, 4, 2, 1])
    one = rank_board(values, replicates, higher_is_better=True)
    other = rank_board(values[order], replicates[:, order], higher_is_better=True)
    for name in ("rank", "low", "high", "first", "tie_group"):
        np.testing.assert_array_equal(getattr(one, name)[order], getattr(other, name))
    np.testing.assert_allclose(one.p_values[np.ix_(order, order)], other.p_values, rtol=1e-9)


def test_a_board_of_one_model_is_its_own_leader():
    found = rank_board([0.5], np.full((10, 1), 0.5), higher_is_better=True)
    assert (found.rank[0], found.low[0], found.high[0], found.first[0], found.tie_group[0]) == (1, 1, 1, 1.0, 1)


def test_shapes_and_levels_are_checked():
    with pytest.raises(ValueError, match="shapes"):
        rank_board([1.0, 2.0], np.ones((5, 3)), higher_is_better=True)
    with pytest.raises(ValueError, match="level"):
        rank_board([1.0, 2.0], np.ones((5, 2)), higher_is_better=True, level=95)


@pytest.mark.slow
def test_equal_models_are_split_in_about_five_percent_of_boards():
    rng, trials = np.random.default_rng(1), 300
    false = sum(
        (rank_board(*_board(rng, [0.1] * 6), higher_is_better=True).p_values <= 0.05).any() for _ in range(trials)
    )
    assert false <= stats.binom.ppf(0.999, trials, 0.05)  # 27 boards of 300; Holm may reject less


@pytest.mark.slow
def test_rank_intervals_contain_the_true_rank_of_distinct_models():
    rng, trials, hits = np.random.default_rng(2), 150, np.zeros(4)
    for _ in range(trials):
        found = rank_board(*_board(rng, (0.08, 0.09, 0.10, 0.115)), higher_is_better=True)
        hits += (found.low <= [1, 2, 3, 4]) & (found.high >= [1, 2, 3, 4])
    assert (hits / trials >= stats.binom.ppf(0.001, trials, 0.95) / trials).all()
