"""Scores of belief, with numbers that can be counted by hand and scikit-learn as a second opinion."""

from itertools import permutations

import numpy as np
import pytest
from sklearn import metrics as sk

from matdisc.metrics.belief import METRICS, answers, belief_metrics, interval_quality, weighted_metrics
from matdisc.metrics.belief_bootstrap import fold_differences, resample, scores


def names(n):
    return [f"a{i:04d}" for i in range(n)]


def of(high, p_high, *, majority_high=False, **more):
    return answers(names(len(high)), high, p_high, majority_high=majority_high, **more)


def random_answers(n=400, seed=0, *, labels_seed=99, majority_high=False):
    rng = np.random.default_rng(seed)
    high = np.random.default_rng(labels_seed).random(n) < 0.35
    p = np.clip(0.25 * high + np.round(rng.random(n) * 0.75, 2), 0, 1)
    spread = rng.random(n) * 0.4
    low, up = np.maximum(0, p - spread), np.minimum(1, p + spread)
    return of(high, p, belief=low, plausibility=up, conflict=rng.random(n), majority_high=majority_high)


def test_every_metric_has_its_key():
    assert tuple(belief_metrics(random_answers())) == METRICS


def test_four_alloys_are_scored_as_counted_by_hand():
    found = belief_metrics(of([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1]))
    assert found["f1_high"] == found["macro_f1"] == found["balanced_accuracy"] == found["accuracy"] == 0.5
    assert found["mcc"] == 0
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert found["roc_auc"] == 0.75
    assert found["daf"] == 1.0
    assert found["daf_max"] == 2.0


def test_labels_and_probabilities_agree_with_scikit_learn():
    found = random_answers()
    got, predicted = belief_metrics(found), found.p_high > 0.5
    assert got["macro_f1"] == pytest.approx(sk.f1_score(found.high, predicted, average="macro"))
    assert got["f1_high"] == pytest.approx(sk.f1_score(found.high, predicted))
    assert got["mcc"] == pytest.approx(sk.matthews_corrcoef(found.high, predicted))
    assert got["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(found.high, predicted))
    assert got["roc_auc"] == pytest.approx(sk.roc_auc_score(found.high, found.p_high))
    assert got["brier"] == pytest.approx(sk.brier_score_loss(found.high, found.p_high))


@pytest.mark.parametrize(("majority_high", "accuracy"), [(True, 0.75), (False, 0.5)])
def test_an_abstention_counts_as_the_majority_of_the_training_part(majority_high, accuracy):
    silent = of(
        [1, 1, 0, 1],
        [0.5, 0.5, 0.5, 0.8],
        belief=[0, 0, 0, 0.8],
        plausibility=[1, 1, 1, 0.8],
        majority_high=majority_high,
    )
    found = belief_metrics(silent)
    assert found["accuracy"] == accuracy
    assert found["coverage"] == 0.25
    assert found["accuracy_answered"] == 1.0


def test_a_model_that_never_answers_has_no_accuracy_on_answers():
    found = belief_metrics(of([1, 0], [0.5, 0.5], belief=[0, 0], plausibility=[1, 1]))
    assert found["coverage"] == 0
    assert np.isnan(found["accuracy_answered"])
    assert found["brier"] == 0.25
    assert found["roc_auc"] == 0.5


def test_undefined_is_nan_and_never_zero():
    only_low = belief_metrics(of([0, 0], [0.1, 0.2]))
    for key in ("f1_high", "macro_f1", "mcc", "balanced_accuracy", "roc_auc", "daf", "daf_max", "daf_at_20"):
        assert np.isnan(only_low[key]), key
    for key in ("conflict_median", "conflict_p90", "conflict_share"):
        assert np.isnan(only_low[key]), key
    nothing_called = belief_metrics(of([1, 0], [0.1, 0.2]))
    assert np.isnan(nothing_called["daf"])
    assert nothing_called["f1_high"] == 0


@pytest.mark.parametrize("high", [[1, 1, 0], [1, 0, 1]])
def test_the_first_fifth_of_ten_holds_two_alloys_of_which_one_is_drawn_from_the_tied(high):
    found = belief_metrics(of([*high, *[0] * 7], [0.9, 0.8, 0.8, *[0.1] * 7]))
    assert found["daf_at_20"] == pytest.approx((1 + 0.5) / 2 / 0.2)
    assert found["daf_at_1"] == pytest.approx(5.0)
    assert found["daf_max"] == pytest.approx(5.0)


def test_ties_count_with_the_mean_over_all_their_orders():
    high, p = np.array([1, 0, 1, 0, 0, 0, *[0] * 8, 1]), [0.9] * 2 + [0.6] * 4 + [0.3] * 9
    precision = [high[[0, 1, *then][:3]].mean() for then in permutations(range(2, 6))]
    assert belief_metrics(of(high, p))["daf_at_20"] == pytest.approx(np.mean(precision) / high.mean())
    assert np.mean(precision) == pytest.approx(1.25 / 3)


def test_the_same_probability_for_all_accelerates_nothing():
    found = belief_metrics(of([1, 0, 0, 1, 0, 0, 0], [0.4] * 7))
    assert found["daf_at_1"] == found["daf_at_5"] == found["daf_at_20"] == pytest.approx(1)


def test_the_maximum_at_k_falls_where_fewer_alloys_are_high_than_are_tried():
    found = belief_metrics(of([1, *[0] * 9], np.linspace(0.9, 0.1, 10)))
    assert found["daf_at_20_max"] == pytest.approx(5.0)
    assert found["daf_at_20"] == pytest.approx(5.0)
    assert found["daf_max"] == pytest.approx(10.0)


def test_the_certain_half_is_right_and_the_other_wrong():
    p = [0.95, 0.05, 0.6, 0.4]
    found = belief_metrics(of([1, 0, 0, 1], p, belief=np.array(p) - [0, 0, 0.3, 0.3], plausibility=p))
    for by in "up":
        assert found[f"accuracy_at_25_by_{by}"] == 1.0
        assert found[f"accuracy_at_50_by_{by}"] == 1.0
        assert found[f"accuracy_at_75_by_{by}"] == pytest.approx(2 / 3)
        assert found[f"accuracy_at_100_by_{by}"] == 0.5
    coverage = np.arange(1, 101) / 100
    by_hand = np.mean(np.maximum(0, coverage - 0.5) / coverage)
    assert found["risk_area_by_p"] == pytest.approx(by_hand)


def test_equal_certainty_gives_the_error_rate_at_every_coverage():
    found = belief_metrics(of([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1]))
    assert found["risk_area_by_u"] == pytest.approx(0.5)
    assert found["accuracy_at_25_by_u"] == pytest.approx(0.5)


def test_an_interval_of_width_one_always_hits():
    found = belief_metrics(of([1, 0, 1], [0.5] * 3, belief=[0] * 3, plausibility=[1] * 3))
    assert found["interval_hit_rate"] == 1
    assert found["interval_width"] == found["interval_score"] == 1


def test_an_interval_that_misses_by_a_fifth_pays_twenty_times_that():
    found = of([1, 1, 0, 1, 0], [0.35] * 5, belief=[0.3] * 5, plausibility=[0.4] * 5)
    got = {key: float(value[0]) for key, value in interval_quality(found, np.ones((1, 5))).items()}
    assert got["interval_hit_rate"] == 0
    assert got["interval_width"] == pytest.approx(0.1)
    assert got["interval_score"] == pytest.approx(0.1 + 20 * 0.2)
    assert got["ece"] == pytest.approx(0.25)


def test_bins_count_by_their_alloys():
    found = belief_metrics(of([1, 0, 0, 0], [0.95, 0.05, 0.05, 0.05]))
    assert found["ece"] == pytest.approx(0.05)
    assert found["interval_hit_rate"] == 0


def test_conflict_is_told_by_median_tail_and_share():
    found = belief_metrics(of([1] * 5 + [0] * 5, [0.4] * 10, conflict=np.arange(10) / 10))
    assert found["conflict_median"] == pytest.approx(0.4)
    assert found["conflict_p90"] == pytest.approx(0.8)
    assert found["conflict_share"] == pytest.approx(0.4)


def test_row_order_changes_nothing():
    found, order = random_answers(), np.random.default_rng(1).permutation(400)
    columns = {k: getattr(found, k)[order] for k in ("belief", "plausibility", "conflict")}
    shuffled = answers(
        np.array(found.names)[order], found.high[order], found.p_high[order], majority_high=False, **columns
    )
    assert belief_metrics(shuffled) == pytest.approx(belief_metrics(found))


def test_an_alloy_of_weight_two_counts_like_two_alloys():
    high, p = [1, 0, 1, 0, 1], [0.8, 0.3, 0.4, 0.6, 0.7]
    twice = answers([*names(5), "a0000b"], [*high, 1], [*p, 0.8], majority_high=False)
    got = {key: float(v[0]) for key, v in weighted_metrics(of(high, p), np.array([[2.0, 1, 1, 1, 1]])).items()}
    assert got == pytest.approx(belief_metrics(twice), nan_ok=True)


@pytest.mark.parametrize("ties", [2, 9])
@pytest.mark.parametrize("kind", [np.int32, float])
def test_a_draw_of_alloys_counts_each_as_often_as_it_was_drawn(kind, ties):
    found, times = random_answers(120, majority_high=True), np.random.default_rng(5).integers(0, 4, (3, 120))
    p = np.round(found.p_high, ties)
    found = of(found.high, p, belief=p / 2, plausibility=(1 + p) / 2, conflict=found.conflict, majority_high=True)
    got = weighted_metrics(found, times.astype(kind))
    for row, counts in enumerate(times):
        drawn = np.repeat(np.arange(120), counts)
        columns = {key: getattr(found, key)[drawn] for key in ("belief", "plausibility", "conflict")}
        repeated = of(found.high[drawn], p[drawn], majority_high=True, **columns)
        assert {key: float(v[row]) for key, v in got.items()} == pytest.approx(belief_metrics(repeated), nan_ok=True)


def test_a_replicate_without_alloys_is_undefined():
    got = weighted_metrics(random_answers(20), np.zeros((1, 20)))
    assert all(np.isnan(values[0]) for values in got.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"belief": [0.7, 0.1]},
        {"plausibility": [0.2, 0.1]},
        {"plausibility": [1.2, 1.0]},
        {"belief": [0.1]},
        {"conflict": [0.1]},
    ],
)
def test_answers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"does not hold|are needed"):
        of([1, 0], [0.6, 0.2], **wrong)


def test_a_probability_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="does not hold"):
        of([1, 0], [np.nan, 0.2])


def test_nothing_cannot_be_scored():
    with pytest.raises(ValueError, match="no alloy"):
        of([], [])


def test_a_score_is_the_plain_mean_over_folds_and_undefined_folds_are_counted():
    folds = [of([1, 0], [0.9, 0.1]), of([1, 0], [0.1, 0.9]), of([0, 0], [0.1, 0.2])]
    found = scores(resample(folds, replicates=20))
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert (found["roc_auc"].value, found["roc_auc"].n_defined, found["roc_auc"].n_folds) == (0.5, 2, 3)
    assert np.isnan(found["conflict_median"].value)


def test_intervals_hold_the_value_and_follow_the_seed():
    folds = [random_answers(seed=i, labels_seed=i) for i in range(4)]
    one, same, other = (scores(resample(folds, replicates=100, seed=s)) for s in (1, 1, 2))
    for key, score in one.items():
        if np.isfinite(score.low) and not key.startswith(("interval", "ece", "daf_at")):
            assert score.low <= score.value <= score.high, key
    assert one["brier"] == same["brier"]
    assert one["brier"].low != other["brier"].low


def test_more_alloys_make_a_narrower_interval():
    small, large = (scores(resample([random_answers(n)], replicates=200))["accuracy"] for n in (100, 1600))
    assert large.high - large.low < 0.5 * (small.high - small.low)


def test_the_interval_of_one_fold_is_that_of_a_binomial():
    found = scores(resample([of([1] * 100, [0.9] * 70 + [0.1] * 30)], replicates=1000))["accuracy"]
    assert found.value == 0.7
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 100), rel=0.15)


def test_a_model_does_not_differ_from_itself():
    resampled = resample([random_answers(), random_answers(seed=1)], replicates=50)
    difference = fold_differences(resampled, resampled)["macro_f1"]
    assert (difference.value, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)


def test_a_better_model_is_told_from_the_null_and_signs_turn():
    high = np.random.default_rng(0).random(300) < 0.4
    good, null = resample([of(high, 0.2 + 0.6 * high)]), resample([of(high, np.full(300, 0.4))])
    forth, back = fold_differences(good, null)["brier"], fold_differences(null, good)["brier"]
    assert forth.value == -back.value < 0
    assert forth.high < 0
    assert forth.p_value < 0.01


def test_models_of_other_folds_are_not_compared():
    one, other = resample([of([1, 0], [0.9, 0.1])]), resample([of([0, 1], [0.9, 0.1])])
    with pytest.raises(ValueError, match="same folds"):
        fold_differences(one, other)


def test_no_fold_cannot_be_resampled():
    with pytest.raises(ValueError, match="at least one fold"):
        resample([])
