"""Ranking metrics: hand counts, ties by expected share, laws."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.metrics.screening import cumulative_curve, expected_hits, precision_at_k, rank_materials

NAN = float("nan")
rows = st.lists(
    st.tuples(st.booleans(), st.one_of(st.sampled_from([-0.1, -0.0, 0.0, 0.1, NAN]), st.floats(-1, 1))),
    min_size=1,
    max_size=30,
)


def _columns(pairs):
    stable, e_pred = zip(*pairs, strict=True)
    return np.array(stable), np.array(e_pred)


def test_hand_counted_table():
    found = precision_at_k([True, False, True, False], [0.3, 0.1, -0.2, 0.4], [1, 2, 3, 4])
    assert found.hits.tolist() == [1, 1, 2, 2]
    assert found.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])
    assert found.daf.tolist() == pytest.approx([2, 1, 4 / 3, 1])
    assert found.ceiling.tolist() == pytest.approx([2, 2, 4 / 3, 1])


def test_a_tie_across_k_counts_by_its_stable_share():
    found = precision_at_k([True, True, False, False, False], [-1.0, 0.0, 0.0, 0.0, 1.0], [1, 2, 3, 4])
    assert found.hits.tolist() == pytest.approx([1, 1 + 1 / 3, 1 + 2 / 3, 2])


def test_expected_hits_are_the_mean_over_all_ways_to_break_the_ties():
    stable, e_pred = np.array([1, 0, 1, 0, 0], bool), np.array([0.0, 0.0, 0.0, 0.1, 0.1])
    hits = []
    for order in itertools.permutations(range(5)):
        order = sorted(order, key=lambda i: e_pred[i])  # a stable sort keeps the order of the permutation in ties
        hits.append(np.cumsum(stable[order]))
    assert precision_at_k(stable, e_pred, [1, 2, 3, 4, 5]).hits == pytest.approx(np.mean(hits, axis=0))


@pytest.mark.parametrize("nothing", [NAN, np.inf, -np.inf])
def test_rows_without_prediction_rank_last_as_one_tie(nothing):
    found = precision_at_k([True, True, False, True], [nothing, nothing, 9.0, nothing], [1, 2, 3, 4])
    assert found.hits.tolist() == [0, 1, 2, 3]


def test_without_any_prediction_each_k_is_as_good_as_chance():
    found = precision_at_k([True, False, False, False], [NAN] * 4, [1, 2, 4])
    assert found.daf.tolist() == pytest.approx([1, 1, 1])


def test_default_ks_are_those_within_the_set_and_the_number_of_stable_rows():
    found = precision_at_k(np.arange(1500) < 220, np.arange(1500.0))
    assert found.k.tolist() == [100, 220, 300, 1000]
    assert found.daf[1] == found.ceiling[1] == pytest.approx(1500 / 220)


def test_a_perfect_ranking_reaches_the_ceiling():
    e_true = np.random.default_rng(0).normal(0.1, 0.2, 500)
    found = precision_at_k(e_true <= 0, e_true, [1, 10, 100, 300, 500])
    np.testing.assert_allclose(found.daf, found.ceiling)


def test_a_random_ranking_finds_as_many_as_chance():
    rng = np.random.default_rng(0)
    found = precision_at_k(rng.random(20_000) < 0.3, rng.normal(size=20_000), [3000, 10_000, 20_000])
    assert found.daf.tolist() == pytest.approx([1, 1, 1], abs=0.08)  # three standard errors at k = 3000


def test_without_stable_rows_the_acceleration_is_undefined():
    found = precision_at_k([False, False], [0.1, 0.2], [1, 2])
    assert found.precision.tolist() == [0, 0]
    assert np.isnan([found.daf, found.ceiling]).all()
    assert np.isnan(cumulative_curve([False, False], [0.1, 0.2]).recall).all()


def test_where_all_is_stable_nothing_beats_chance():
    found = precision_at_k([True, True], [0.1, NAN], [1, 2])
    assert found.daf.tolist() == found.ceiling.tolist() == found.precision.tolist() == [1, 1]


def test_one_row_is_enough():
    assert precision_at_k([True], [0.3]).k.tolist() == [1]
    assert cumulative_curve([True], [0.3]).recall.tolist() == [1]


def test_no_rows_give_empty_arrays():
    assert len(precision_at_k([], []).daf) == len(cumulative_curve([], []).screened) == 0


@pytest.mark.parametrize("ks", [[0], [5], [1.5], [True]])
def test_k_is_a_whole_number_from_one_to_the_number_of_rows(ks):
    with pytest.raises(ValueError, match="whole number from 1 to 4"):
        precision_at_k([True] * 4, [0.0] * 4, ks)


def test_shapes_have_to_agree():
    with pytest.raises(ValueError, match="equal length"):
        rank_materials([True], [0.1, 0.2])
    with pytest.raises(ValueError, match="one-dimensional"):
        rank_materials([[True]], [[0.1]])


def test_a_ranking_can_be_shared_but_not_between_different_rows():
    stable, e_pred = [True, False, False], [0.1, 0.0, 0.1]
    ranking = rank_materials(stable, e_pred)
    shared = precision_at_k(stable, e_pred, [1, 2], ranking=ranking)
    np.testing.assert_array_equal(shared.hits, precision_at_k(stable, e_pred, [1, 2]).hits)
    with pytest.raises(ValueError, match="3 rows"):
        precision_at_k([True, True, False], e_pred, ranking=ranking)


def test_the_cumulative_curve_is_short_and_keeps_its_ends():
    rng = np.random.default_rng(0)
    stable, e_pred = rng.random(30_000) < 0.2, rng.normal(size=30_000)
    found = cumulative_curve(stable, e_pred)
    assert 150 < len(found.screened) <= 200
    assert found.screened[[0, -1]].tolist() == [1, 30_000]
    assert found.recall[-1] == 1
    assert np.all(found.screened[1:] <= 30_000 ** (1 / 99) * found.screened[:-1] + 1.1)
    order = np.argsort(e_pred)
    np.testing.assert_allclose(found.recall, np.cumsum(stable[order])[found.screened - 1] / stable.sum())


def test_a_curve_needs_points():
    with pytest.raises(ValueError, match="4 points"):
        cumulative_curve([True], [0.0], 3)


@settings(deadline=None)
@given(rows, st.randoms())
def test_row_order_changes_nothing(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    one, other = (rank_materials(*_columns(some)) for some in (pairs, shuffled))
    for name in ("e_pred", "screened", "hits"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@settings(deadline=None)
@given(rows)
def test_precision_stays_within_its_bounds_and_hits_never_fall(pairs):
    stable, e_pred = _columns(pairs)
    found = precision_at_k(stable, e_pred, list(range(1, len(pairs) + 1)))
    assert np.all((found.precision >= 0) & (found.precision <= 1 + 1e-12))
    assert np.all(np.diff(found.hits) >= -1e-12)
    assert found.hits[-1] == stable.sum()
    if stable.any():
        assert np.all(found.daf <= found.ceiling + 1e-12)


@settings(deadline=None)
@given(rows, st.integers(1, 30))
def test_hits_follow_the_formula_of_expected_shares(pairs, k):
    stable, e_pred = _columns(pairs)
    k = min(k, len(pairs))
    energies = np.where(np.isnan(e_pred), np.inf, e_pred)
    edge = np.sort(energies)[k - 1]
    below, tied = energies < edge, energies == edge
    expected = stable[below].sum() + (k - below.sum()) * stable[tied].sum() / tied.sum()
    assert expected_hits(rank_materials(stable, e_pred), np.array([k]))[0] == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40), st.data())
def test_sorting_the_top_alone_changes_no_number_within_it(rows, data):
    stable, e_pred = np.array([s for s, _ in rows]), np.array([e / 10 for _, e in rows])
    k = data.draw(st.integers(1, len(rows)))
    whole = precision_at_k(stable, e_pred, [k], ranking=rank_materials(stable, e_pred))
    top = precision_at_k(stable, e_pred, [k])
    np.testing.assert_allclose(top.hits, whole.hits)
    np.testing.assert_allclose(top.daf, whole.daf)
