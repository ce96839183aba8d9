"""Curves and histograms: hand counts, scikit-learn as judge, and no row lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as judge

from matdisc.metrics import stability_metrics
from matdisc.metrics.curves import (
    hull_distance_histogram,
    parity_density,
    precision_recall_curve,
    roc_curve,
    rolling_mae,
    threshold_sweep,
)
from matdisc.metrics.screening import rank_materials

NAN = float("nan")
ALL_STEPS = 10**6
energies = st.one_of(st.sampled_from([-0.1, 0.0, 0.05, 0.1, NAN]), st.floats(-1, 1).map(lambda e: round(e, 6)))
rows = st.lists(st.tuples(st.booleans(), energies), min_size=1, max_size=30)
pairs_of_energies = st.lists(st.tuples(energies, energies), min_size=1, max_size=30)


def _sample(n, seed=0):
    """True and predicted hull distances with ties and a few rows without answer."""
    rng = np.random.default_rng(seed)
    true = rng.gamma(1.2, 0.13, n) - 0.05
    pred = np.round(true + rng.normal(0, 0.08, n), 2 if n < 10_000 else 6)
    pred[rng.random(n) < 0.01] = NAN
    return true, pred


def _scores(e_pred):
    """Scores of the same order for scikit-learn, which knows no nan."""
    return -np.where(np.isnan(e_pred), 100.0, e_pred)


def _columns(some):
    return tuple(np.array(column) for column in zip(*some, strict=True))


def test_hand_counted_roc_curve():
    found = roc_curve([True, False, True, False], [0.1, 0.2, 0.3, 0.4])
    assert found.tpr.tolist() == [0, 0.5, 0.5, 1, 1]
    assert found.fpr.tolist() == [0, 0, 0.5, 0.5, 1]
    assert found.e_pred.tolist() == [-np.inf, 0.1, 0.2, 0.3, 0.4]
    assert found.auc == 0.75  # 3 of 4 pairs in the right order


def test_hand_counted_precision_recall_curve():
    found = precision_recall_curve([True, False, True, False], [0.1, 0.2, 0.3, 0.4])
    assert found.recall.tolist() == [0, 0.5, 0.5, 1, 1]
    assert found.precision.tolist() == pytest.approx([1, 1, 1 / 2, 2 / 3, 1 / 2])
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_rows_without_answer_are_the_last_step():
    found = roc_curve([True, False, True, False], [0.1, NAN, NAN, 0.2])
    assert found.e_pred.tolist() == [-np.inf, 0.1, 0.2, np.inf]
    assert found.tpr.tolist() == [0, 0.5, 0.5, 1]
    assert found.auc == pytest.approx((1 + 0.5 + 1 + 0) / 4)


def test_scikit_learn_draws_the_same_curves():
    true, pred = _sample(3000)
    stable, ranking = true <= 0, rank_materials(true <= 0, pred)
    roc = roc_curve(stable, pred, n_points=ALL_STEPS, ranking=ranking)
    fpr, tpr, _ = judge.roc_curve(stable, _scores(pred), drop_intermediate=False)
    np.testing.assert_allclose([roc.fpr, roc.tpr], [fpr, tpr])
    assert roc.auc == pytest.approx(judge.roc_auc_score(stable, _scores(pred)))
    found = precision_recall_curve(stable, pred, n_points=ALL_STEPS, ranking=ranking)
    precision, recall, _ = judge.precision_recall_curve(stable, _scores(pred))
    np.testing.assert_allclose([found.recall, found.precision], [recall[::-1], precision[::-1]])
    assert found.average_precision == pytest.approx(judge.average_precision_score(stable, _scores(pred)))


def test_thinned_curves_keep_ends_areas_and_shape():
    true, pred = _sample(50_000)
    stable = true <= 0
    roc, full = roc_curve(stable, pred), roc_curve(stable, pred, n_points=ALL_STEPS)
    assert len(roc.fpr) <= 200 < 20_000 < len(full.fpr)
    assert roc.auc == full.auc == pytest.approx(np.trapezoid(roc.tpr, roc.fpr), abs=1e-4)
    assert (roc.fpr[0], roc.tpr[0], roc.fpr[-1], roc.tpr[-1]) == (0, 0, 1, 1)
    nearest = np.abs(full.fpr + full.tpr - (roc.fpr + roc.tpr)[:, None]).min(axis=0)
    assert nearest.max() <= 2 / 199
    short = precision_recall_curve(stable, pred)
    whole = precision_recall_curve(stable, pred, n_points=ALL_STEPS)
    assert len(short.recall) <= 200
    assert short.average_precision == whole.average_precision
    assert (short.recall[0], short.precision[0], short.recall[-1]) == (0, 1, 1)
    assert short.precision[-1] == pytest.approx(stable.mean())
    assert np.diff(short.recall).max() <= 2 / 199 + stable.mean()  # the step of the rows without answer


def test_random_scores_have_half_the_area():
    rng = np.random.default_rng(0)
    stable, e_pred = rng.random(20_000) < 0.2, rng.normal(size=20_000)
    assert roc_curve(stable, e_pred).auc == pytest.approx(0.5, abs=0.015)  # three standard errors
    assert precision_recall_curve(stable, e_pred).average_precision == pytest.approx(0.2, abs=0.015)


@pytest.mark.parametrize("e_pred", [[NAN] * 4, [0.1] * 4])
def test_equal_answers_are_worth_nothing(e_pred):
    stable = [True, False, False, False]
    assert roc_curve(stable, e_pred).auc == 0.5
    assert precision_recall_curve(stable, e_pred).average_precision == 0.25


def test_a_perfect_model_has_full_areas():
    e_true = np.array([-0.1, 0.0, 0.1, 0.2])
    assert roc_curve(e_true <= 0, e_true).auc == 1
    assert precision_recall_curve(e_true <= 0, e_true).average_precision == 1


def test_curves_of_one_class_are_undefined():
    none, everything = roc_curve([False, False], [0.1, 0.2]), roc_curve([True], [0.1])
    assert np.isnan([none.auc, everything.auc, *none.tpr, *everything.fpr]).all()
    assert none.fpr.tolist() == [0, 0.5, 1]
    assert np.isnan(precision_recall_curve([False], [0.1]).average_precision)
    assert precision_recall_curve([True, True], [0.1, NAN]).average_precision == 1


def test_no_rows_leave_everything_undefined():
    assert np.isnan([roc_curve([], []).auc, precision_recall_curve([], []).average_precision]).all()
    assert np.isnan(rolling_mae([], []).mae).all()
    assert np.isnan(threshold_sweep([], [])["f1"]).all()


def test_a_curve_needs_points():
    with pytest.raises(ValueError, match="2 points"):
        roc_curve([True], [0.0], n_points=1)


@settings(deadline=None)
@given(rows, st.randoms())
def test_areas_stay_within_bounds_agree_with_scikit_learn_and_ignore_row_order(some, random):
    stable, e_pred = _columns(some)
    again = _columns(random.sample(some, len(some)))
    roc, curve = roc_curve(stable, e_pred), precision_recall_curve(stable, e_pred)
    np.testing.assert_array_equal(roc.tpr, roc_curve(*again).tpr)
    np.testing.assert_array_equal(curve.precision, precision_recall_curve(*again).precision)
    if stable.any():
        assert 0 < curve.average_precision <= 1 + 1e-12
        assert curve.average_precision == pytest.approx(judge.average_precision_score(stable, _scores(e_pred)))
    if stable.any() and not stable.all():
        assert 0 <= roc.auc <= 1
        assert roc.auc == pytest.approx(judge.roc_auc_score(stable, _scores(e_pred)))


def test_rolling_mae_is_the_mean_of_its_window():
    true, pred = _sample(5000)
    found = rolling_mae(true, pred)
    assert found.e_hull[[0, 40, 100]].tolist() == [-0.4, 0.0, 0.6]
    for i, centre in enumerate(found.e_hull):
        near = (true > centre - 0.02) & (true <= centre + 0.02) & ~np.isnan(pred)
        assert found.count[i] == near.sum()
        assert np.isnan(found.mae[i]) == (near.sum() < 10)
        if near.sum() >= 10:
            assert found.mae[i] == pytest.approx(judge.mean_absolute_error(true[near], pred[near]))


def test_a_rolling_window_is_closed_on_the_right_in_spite_of_float_noise():
    found = rolling_mae([0.1 + 0.2], [0.4], min_count=1)  # 0.30000000000000004 is 0.3
    centres = found.e_hull[found.count > 0]
    assert centres.tolist() == [0.28, 0.29, 0.3, 0.31]
    assert found.mae[found.count > 0] == pytest.approx(0.1)


def test_the_sweep_equals_the_metrics_at_each_threshold():
    true, pred = np.round(_sample(500), 2)
    found = threshold_sweep(true, pred)
    assert len(found["threshold"]) == 61
    assert found["threshold"][[0, 20, 60]].tolist() == [-0.1, 0.0, 0.2]
    for i, threshold in enumerate(found["threshold"]):
        at = stability_metrics(true, pred, threshold=threshold)
        for key in ("f1", "precision", "recall", "daf", "prevalence"):
            np.testing.assert_allclose(found[key][i], at[key], err_msg=f"{key} at {threshold}")


def test_swept_thresholds_are_inclusive_and_blind_to_float_noise():
    noise = 0.1 + 0.2 - 0.3  # 5.6e-17
    assert threshold_sweep([noise, 0.1], [noise, 0.1], thresholds=[-0.05, 0.0, 0.1])["prevalence"].tolist() == [
        0,
        0.5,
        1,
    ]


@pytest.mark.parametrize("thresholds", [[0.1, 0.0], [0.0, NAN], [0.0, 0.0]])
def test_swept_thresholds_ascend(thresholds):
    with pytest.raises(ValueError, match="ascending"):
        threshold_sweep([0.0], [0.0], thresholds=thresholds)


def test_the_histogram_splits_rows_by_outcome():
    true, pred = [-0.1, -0.1, 0.1, 0.1, 0.1, 0.1], [-0.15, 0.005, 0.0, 0.5, 9.0, NAN]
    found = hull_distance_histogram(true, pred)
    assert found.counts["tp"][np.searchsorted(found.edges, -0.15)] == 1
    assert found.counts["fn"][np.searchsorted(found.edges, 0.005)] == 1
    assert found.counts["fp"][np.searchsorted(found.edges, 0.0)] == 1  # in (-0.01, 0], since 0 is stable
    assert found.counts["tn"][[0, np.searchsorted(found.edges, 0.5), -1]].tolist() == [0, 1, 1]
    assert {key: int(values.sum()) for key, values in found.counts.items()} == {"fn": 1, "tp": 1, "fp": 1, "tn": 2}
    assert found.missing == {"fn": 0, "tp": 0, "fp": 0, "tn": 1}


def test_no_bin_of_the_histogram_holds_both_answers():
    true, pred = _sample(5000)
    found = hull_distance_histogram(true, pred, threshold=0.05)
    predicted, left = (found.counts[a] + found.counts[b] for a, b in (("tp", "fp"), ("tn", "fn")))
    assert predicted.sum() == (pred <= 0.05 + 1e-9).sum()
    assert not np.any((predicted > 0) & (left > 0))


def test_the_histogram_axis_is_predicted_or_true():
    assert hull_distance_histogram([-0.1], [0.3], axis="true").counts["fn"].argmax() == 30
    with pytest.raises(ValueError, match="axis"):
        hull_distance_histogram([-0.1], [0.3], axis="error")


@settings(deadline=None)
@given(pairs_of_energies, st.sampled_from([0.0, 0.05]), st.sampled_from(["pred", "true"]))
def test_histograms_lose_no_row(some, threshold, axis):
    true, pred = _columns(some)
    histogram = hull_distance_histogram(true, pred, threshold=threshold, axis=axis)
    assert sum(values.sum() for values in histogram.counts.values()) + sum(histogram.missing.values()) == len(some)
    parity = parity_density(true, pred)
    assert parity.count.sum() + parity.outside + parity.missing == len(some)


def test_parity_density_is_numpys_two_dimensional_histogram():
    true, pred = np.add(_sample(20_000), 3e-7)  # so that no value lies on an edge
    found, known = parity_density(true, pred), ~np.isnan(pred)
    dense = np.zeros((60, 60))
    dense[found.true_bin, found.pred_bin] = found.count
    expected, _, _ = np.histogram2d(true[known], pred[known], bins=(found.edges, found.edges))
    assert found.missing == (~known).sum()
    np.testing.assert_array_equal(dense, expected)
    assert np.all(found.count > 0)


@settings(deadline=None)
@given(pairs_of_energies, st.randoms())
def test_row_order_changes_no_histogram(some, random):
    one, other = _columns(some), _columns(random.sample(some, len(some)))
    np.testing.assert_allclose(rolling_mae(*one, min_count=1).mae, rolling_mae(*other, min_count=1).mae)
    np.testing.assert_array_equal(threshold_sweep(*one)["f1"], threshold_sweep(*other)["f1"])
    np.testing.assert_array_equal(parity_density(*one).count, parity_density(*other).count)


def test_shapes_have_to_agree():
    for function in (rolling_mae, threshold_sweep, hull_distance_histogram, parity_density):
        with pytest.raises(ValueError, match="equal length"):
            function([0.0], [0.0, 0.1])
