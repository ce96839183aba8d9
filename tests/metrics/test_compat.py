"""Matbench Discovery's numbers: hand counts, its published table, and a plain pandas evaluation as judge."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from matdisc.metrics.matbench_discovery import (
    METRICS,
    SUBSETS,
    UNIQUE_PREVALENCE,
    drop_outliers,
    matbench_discovery,
    most_stable,
)

PUBLISHED = [  # unique prototypes: F1, DAF, TP, FP
    ("eqv2-m-omat-salex-mp", 0.917, 6.047, 30_372, 2_481),
    ("orb-v2", 0.880, 6.041, 28_055, 2_323),
    ("mace-mpa-0", 0.852, 5.582, 28_417, 4_886),
    ("gnome", 0.829, 5.523, 27_178, 5_009),
    ("sevennet-0", 0.724, 4.252, 27_304, 14_703),
    ("grace-2l-mptrj", 0.691, 4.163, 25_255, 14_425),
    ("mace-mp-0", 0.669, 3.777, 26_582, 19_457),
    ("chgnet-0.3.0", 0.613, 3.361, 25_313, 23_955),
    ("bowsr", 0.423, 1.964, 23_963, 55_843),
    ("voronoi-rf", 0.333, 1.579, 17_854, 56_122),
]


def _alone(hull, guess, formation=None, unique=None, **options):
    """Metrics from hull distances, with formation energy 0 unless given."""
    formation = np.zeros(len(hull)) if formation is None else np.asarray(formation, float)
    pred = formation + np.asarray(guess, float) - np.asarray(hull, float)
    return matbench_discovery(formation, hull, pred, np.ones(len(hull)) if unique is None else unique, **options)


def _judge(formation, hull, predicted, unique):
    """The same by pandas, row by row where that is plainest."""
    table = pd.DataFrame({"F": formation, "E": hull, "p": predicted, "u": unique})
    table.loc[(table.p - table.F).abs() > 5, "p"] = np.nan
    table[["F", "E", "p"]] = table[["F", "E", "p"]].round(3)
    table["q"] = table.E + table.p - table.F
    prototypes = table[table.u]
    lowest = prototypes.sort_values("q", kind="stable", na_position="last").head(10_000)
    found = {}
    for name, part in zip(SUBSETS, (table, prototypes, lowest), strict=True):
        labels = pd.crosstab(part.E <= 0, part.q <= 0)
        tp, fn, fp, tn = (
            int(labels.get(predicted, pd.Series(dtype=int)).get(stable, 0))
            for stable, predicted in ((True, True), (True, False), (False, True), (False, False))
        )
        both = part.dropna(subset=["E", "q"])
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        base = (tp + fn) / len(part) if name == "full_test_set" else 32942 / 215488
        numbers = {
            "F1": 2 * precision * recall / (precision + recall), "DAF": precision / base, "Precision": precision,
            "Recall": recall, "Accuracy": (tp + tn) / len(part), "TPR": recall,
            "FPR": fp / (fp + tn), "TNR": tn / (fp + tn), "FNR": fn / (tp + fn),
            "MAE": (both.E - both.q).abs().mean(), "RMSE": ((both.E - both.q) ** 2).mean() ** 0.5,
            "R2": r2_score(both.E, both.q),
        }  # fmt: skip
        found[name] = {key: round(float(value), 3) for key, value in numbers.items()}
        found[name] |= {"TP": tp, "FP": fp, "TN": tn, "FN": fn, "missing_preds": int(part.p.isna().sum())}
    return found


def _hard_data(seed, n):
    """Energies full of ties at 0, halves of a meV, outliers of exactly 5 eV/atom, nan and infinities."""
    rng = np.random.default_rng(seed)
    formation = np.round(rng.normal(-1, 1, n), rng.choice([2, 4, 6]))
    hull = np.round(rng.normal(0.1, 0.15, n), 6)
    hull[rng.random(n) < 0.1] = 0.0
    hull[rng.random(n) < 0.1] = rng.choice([0.0005, 0.0015, -0.0005, 0.0025, 0.0004999])
    predicted = np.round(formation + rng.normal(0, 0.08, n), 4)
    exact = rng.random(n) < 0.2
    predicted[exact] = (formation - hull)[exact]  # q is 0 but for noise
    for value in (np.nan, np.inf, -np.inf, -2.468e33):
        predicted[rng.random(n) < 0.02] = value
    edge = rng.random(n) < 0.03
    formation[edge] = np.round(formation[edge] * 4) / 4
    predicted[edge] = formation[edge] + rng.choice([5.0, -5.0, 5.0004, -4.9996], edge.sum())
    return formation, hull, predicted, rng.random(n) < 0.8


@pytest.mark.parametrize(("seed", "n"), [*((seed, 500) for seed in range(20)), (20, 40_000), (21, 40_000)])
def test_a_plain_pandas_evaluation_agrees_to_the_last_digit(seed, n):
    data = _hard_data(seed, n)
    found, expected = matbench_discovery(*data), _judge(*data)
    for name in SUBSETS:
        assert found[name] == expected[name]


@pytest.mark.parametrize(("model", "f1", "daf", "tp", "fp"), PUBLISHED)
def test_published_counts_give_published_scores(model, f1, daf, tp, fp):
    stable, predicted = np.zeros(215_488, bool), np.zeros(215_488, bool)
    stable[:33_374] = True
    predicted[:tp] = predicted[33_374 : 33_374 + fp] = True
    found = _alone(np.where(stable, -0.1, 0.1), np.where(predicted, -0.1, 0.1))["unique_prototypes"]
    assert (found["F1"], found["DAF"], found["TP"], found["FP"]) == (f1, daf, tp, fp)
    assert (found["TP"] + found["FN"], found["FP"] + found["TN"]) == (33_374, 182_114)


def test_hand_counted_table():
    found = _alone([-0.1, 0.0, 0.1, 0.2, 0.3], [-0.2, 0.1, -0.1, 0.3, 0.4], unique=[1, 1, 1, 0, 0])
    assert tuple(found) == SUBSETS
    full = found["full_test_set"]
    assert tuple(full) == METRICS
    assert [full[key] for key in ("TP", "FP", "TN", "FN", "missing_preds")] == [1, 1, 2, 1, 0]
    assert (full["F1"], full["Accuracy"], full["DAF"], full["MAE"]) == (0.5, 0.6, 1.25, 0.12)
    assert (full["TPR"], full["FPR"], full["TNR"], full["FNR"]) == (0.5, 0.333, 0.667, 0.5)
    unique = found["unique_prototypes"]
    assert [unique[key] for key in ("TP", "FP", "TN", "FN")] == [1, 1, 0, 1]
    assert unique["DAF"] == round(0.5 / UNIQUE_PREVALENCE, 3)
    assert unique == found["most_stable_10k"]


def test_counts_are_integers():
    found = _alone([-0.1, 0.1], [-0.1, np.nan])["full_test_set"]
    assert all(type(found[key]) is int for key in ("TP", "FP", "TN", "FN", "missing_preds"))
    assert all(type(found[key]) is float for key in METRICS if key not in ("TP", "FP", "TN", "FN", "missing_preds"))


def test_labels_are_rounded_half_to_even_before_they_are_read():
    found = _alone([0.0005, 0.0015, 0.0004, -0.0004], [1.0, 1.0, 1.0, 1.0])["full_test_set"]
    assert (found["FN"], found["TN"]) == (3, 1)  # 0.0015 becomes 0.002, the others 0


def test_stored_numbers_are_rounded_as_decimals():
    found = _alone([0.0, 0.0], [0.001, 0.0])["full_test_set"]
    assert found["MAE"] == 0.001  # of 0.0005; array rounding would say 0.0
    assert np.round(0.0005, 3) == 0.0


def test_float_noise_is_kept():
    assert 0.1 + 0.2 - 0.3 > 0
    found = matbench_discovery([0.3], [0.1], [0.2], [True])["full_test_set"]
    assert (found["TN"], found["FP"]) == (1, 0)  # the hull distance of 0 is called unstable
    other = matbench_discovery([0.5], [0.25], [0.25], [True])["full_test_set"]
    assert (other["TN"], other["FP"]) == (0, 1)


def test_outliers_are_judged_before_rounding_and_five_itself_is_kept():
    kept = drop_outliers([0.0, 0.0, 0.0, 0.4996, 0.0, 0.0], [5.0, -5.0, 5.0001, 5.5, np.inf, -2.468e33])
    np.testing.assert_array_equal(kept, [5.0, -5.0, np.nan, np.nan, np.nan, np.nan])
    assert _alone([0.1] * 3, [5.1, 5.1001, 0.1])["full_test_set"]["missing_preds"] == 1


def test_a_missing_answer_is_unstable_and_left_out_of_the_errors():
    found = _alone([-0.1, -0.1, 0.2], [-0.1, np.nan, 0.3])["full_test_set"]
    assert (found["Recall"], found["missing_preds"], found["MAE"]) == (0.5, 1, 0.05)


def test_a_missing_truth_counts_in_no_cell():
    found = matbench_discovery([0.0] * 3, [-0.1, np.nan, 0.2], [0.0] * 3, [True] * 3)["full_test_set"]
    assert [found[key] for key in ("TP", "FP", "TN", "FN")] == [1, 0, 1, 0]
    assert found["DAF"] == 2.0


def test_the_most_stable_rows_break_ties_in_row_order_and_take_missing_ones_last():
    predicted = [0.2, np.nan, 0.1, -0.3, 0.1, np.nan, 0.1]
    unique = [True, True, True, False, True, True, True]
    assert np.flatnonzero(most_stable(predicted, unique, count=2)).tolist() == [2, 4]
    assert np.flatnonzero(most_stable(predicted, unique, count=5)).tolist() == [0, 1, 2, 4, 6]
    assert np.flatnonzero(most_stable(predicted, unique, count=99)).tolist() == [0, 1, 2, 4, 5, 6]


def test_a_full_set_of_ten_thousand_holds_no_negatives_if_enough_are_called_stable():
    rng = np.random.default_rng(0)
    found = _alone(rng.normal(0, 0.1, 30_000), rng.normal(-0.05, 0.1, 30_000))["most_stable_10k"]
    assert found["TP"] + found["FP"] == 10_000
    assert (found["Recall"], found["FPR"]) == (1.0, 1.0)
    assert found["Accuracy"] == found["Precision"]


def test_a_perfect_model_reaches_each_ceiling():
    hull = np.repeat([-0.1, 0.1], [1, 4])
    found = _alone(hull, hull)
    assert found["full_test_set"]["DAF"] == 5.0
    assert found["unique_prototypes"]["DAF"] == 6.541
    assert _alone(hull, hull, unique_prevalence=0.25)["unique_prototypes"]["DAF"] == 4.0
    assert found["full_test_set"]["R2"] == found["full_test_set"]["F1"] == 1.0


@pytest.mark.parametrize(
    ("hull", "guess", "undefined"),
    [
        ([0.1, 0.2], [0.1, 0.2], {"F1", "DAF", "Precision", "Recall", "TPR", "FNR"}),
        ([-0.1, 0.2], [0.1, -0.2], {"F1"}),
        ([-0.1], [-0.1], {"FPR", "TNR", "R2"}),
        ([-0.1, 0.2], [np.nan, np.nan], {"F1", "DAF", "Precision", "MAE", "RMSE", "R2"}),
        ([], [], set(METRICS) - {"TP", "FP", "TN", "FN", "missing_preds"}),
    ],
)
def test_undefined_metrics_are_nan_and_the_others_are_not(hull, guess, undefined):
    found = _alone(hull, guess)["full_test_set"]
    assert {key for key, value in found.items() if math.isnan(value)} == undefined


def test_equal_true_values_have_the_r2_of_scikit_learn():
    assert _alone([0.25, 0.25], [0.25, 0.25])["full_test_set"]["R2"] == 1.0
    assert _alone([0.25, 0.25], [0.25, 0.5])["full_test_set"]["R2"] == r2_score([0.25, 0.25], [0.25, 0.5]) == 0.0


def test_the_order_of_rows_changes_nothing_where_no_tie_is_cut():
    formation, hull, predicted, unique = _hard_data(0, 500)
    order = np.random.default_rng(0).permutation(500)
    shuffled = matbench_discovery(formation[order], hull[order], predicted[order], unique[order])
    assert shuffled == matbench_discovery(formation, hull, predicted, unique)


def test_inputs_are_not_changed():
    data = _hard_data(0, 100)
    copies = [array.copy() for array in data]
    matbench_discovery(*data)
    for array, copy in zip(data, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("unique", [[True], [[True, False]]])
def test_shapes_have_to_agree(unique):
    with pytest.raises(ValueError, match="shapes"):
        matbench_discovery([0.0, 0.0], [0.0, 0.0], [0.0, 0.0], unique)


def test_a_prevalence_has_to_be_a_share():
    with pytest.raises(ValueError, match="prevalence"):
        matbench_discovery([0.0], [0.0], [0.0], [True], unique_prevalence=0.0)
