"""Private labels stay private: what is rounded, refused, compared; and what counts as better or as a copy."""

import random

import pytest

from matdisc.errors import ServiceError, SubmissionError
from matdisc.service import guards
from matdisc.service.settings import Guards

pytestmark = pytest.mark.service

RESULT = {
    "schema": "matdisc.result/2",
    "entry": "mine",
    "model": "mine",
    "task": "discovery",
    "dataset": "secret",
    "origin": "submission",
    "subset": None,
    "n": 1000,
    "n_groups": 400,
    "n_positive": 261,
    "prevalence": 0.261,
    "daf_max": 3.83,
    "metrics": {
        "f1": {"value": 0.712349, "low": 0.70001, "high": 0.72249},
        "mae": {"value": 0.0412345, "low": 0.04, "high": 0.0421},
        "tp": {"value": 201.0, "low": None, "high": None},
        "coverage": {"value": 0.9987, "low": None, "high": None},
        "hits": {"value": 17.0, "low": None, "high": None},
    },
    "secondary": [
        {"name": "threshold 0.1 eV/atom", "n": 1000, "n_positive": 400, "metrics": {"f1": {"value": 0.6543210}}}
    ],
    "baseline": {"f1": 0.4141531, "tp": 261.0},
    "bounds": {"pessimistic": {"f1": 0.70001}},
    "leakage": {"declared": "likely", "notes": ["a note"], "with_overlap": {"f1": 0.7}},
    "coverage": {"expected": 1000, "answered": 995, "ok": 990, "unconverged": 5, "absurd": 2,
                 "absent": 3, "surplus": 1},
    "surplus_ids": ["mp-1"],
    "cost": {"seconds_total": 3.0, "hits_per_cpu_hour": 67.0},
    "flags": ["nearly all 1.234 of the labels"],
    "provenance": {"predictions_sha256": "0" * 64, "run": {"cost": 1}},
}  # fmt: skip
SIDE = {"counts": ["hits"], "flags": ["another level of theory"]}


@pytest.fixture
def shown():
    return guards.quantised(RESULT, SIDE, Guards(digits=3), secondary=True)


def test_metrics_and_their_intervals_are_rounded(shown):
    assert shown["metrics"] == {
        "f1": {"value": 0.712, "low": 0.7, "high": 0.722},
        "mae": {"value": 0.041, "low": 0.04, "high": 0.042},
    }
    assert shown["secondary"][0]["metrics"] == {"f1": {"value": 0.654}}
    assert shown["baseline"] == {"f1": 0.414}


def test_nothing_that_counts_labels_or_materials_by_their_labels_is_left(shown):
    assert not {"n_positive", "prevalence", "daf_max", "bounds"} & shown.keys()
    assert "n_positive" not in shown["secondary"][0]
    assert shown["leakage"] == {"declared": "likely", "notes": ["a note"]}
    assert shown["cost"] == {"seconds_total": 3.0}
    assert shown["flags"] == ["another level of theory"]
    assert shown["provenance"]["run"] is None


def test_coverage_says_what_the_file_holds_and_not_how_far_off_it_is(shown):
    assert shown["coverage"] == {"expected": 1000, "absent": 3, "surplus": 1, "answered": 997}


def test_a_result_without_its_other_parts_keeps_the_headline_alone():
    assert guards.quantised(RESULT, SIDE, Guards(), secondary=False)["secondary"] == []


def test_a_quantised_result_is_still_a_result():
    from matdisc.leaderboard.schema.result import Result

    found = Result.model_validate(guards.quantised(RESULT, SIDE, Guards(), secondary=True))
    assert found.value("f1").value == 0.712


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [(0.123456, 3, 0.123), (-0.0004, 3, 0.0), (9.87654, 3, 9.877), (12.3456, 3, 12.35), (1234.567, 3, 1235.0)],
)
def test_a_number_keeps_so_many_decimals_and_fewer_where_it_is_large(value, digits, expected):
    assert guards.rounded(value, digits) == expected


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_undefined_stays_so(value):
    assert guards.rounded(value, 3) is None


def test_a_small_private_set_takes_no_submissions_and_a_public_one_does(board, settings):
    card = board.dataset("emt-alloys")
    guards.check_dataset(card, settings)
    small = settings.model_copy(update={"guards": Guards(private=("emt-alloys",), min_size=1000)})
    with pytest.raises(ServiceError, match="has 221 materials; private labels of fewer than 1,000"):
        guards.check_dataset(card, small)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"private": ("emt",)}, "names the dataset 'emt', which is not on the board"),
        ({"holdout": {"emt-alloys": "last"}}, "the labels of 'emt-alloys' are public"),
        ({"private": ("emt-alloys",), "holdout": {"emt-alloys": "last"}}, "no subset of its card; subsets: none"),
        (
            {"private": ("wbm-crystals",), "holdout": {"wbm-crystals": "with a hull distance"}},
            "'headline_subset' has to name another subset",
        ),
    ],
)
def test_guards_that_cannot_hold_are_refused_when_a_worker_starts(board, settings, given, said):
    with pytest.raises(ServiceError, match=said):
        guards.check_guards(board, settings.model_copy(update={"guards": Guards(**given)}))


def test_a_file_that_answers_too_little_of_a_private_set_is_refused_and_of_a_public_one_is_not():
    coverage = {"expected": 1000, "absent": 51, "absurd": 900}
    guards.check_coverage(coverage, "open", Guards(private=("secret",)))
    with pytest.raises(SubmissionError, match=r"answers 949 of the 1,000 materials .* at least 950 \(95%\)"):
        guards.check_coverage(coverage, "secret", Guards(private=("secret",)))
    guards.check_coverage(coverage | {"absent": 50}, "secret", Guards(private=("secret",)))


@pytest.mark.parametrize(
    ("value", "best", "better", "expected"),
    [
        (0.72, 0.70, "higher", True),
        (0.705, 0.70, "higher", False),
        (0.68, 0.70, "higher", False),
        (0.68, 0.70, "lower", True),
        (0.72, 0.70, "lower", False),
        (None, 0.70, "lower", False),
        (0.9, None, "lower", True),
        (None, None, "lower", False),
    ],
)
def test_better_means_by_more_than_one_standard_error_in_the_right_direction(value, best, better, expected):
    assert guards.improves(value, best, 0.01, better) is expected


def test_a_fingerprint_is_of_the_same_materials_in_whatever_order_they_come():
    ids = [f"mp-{n}" for n in range(2000)]
    mixed = random.Random(0).sample(ids, 2000)
    assert len(guards.chosen(ids)) == guards.FINGERPRINT
    assert [ids[i] for i in guards.chosen(ids)] == [mixed[i] for i in guards.chosen(mixed)]


def test_spearman_agrees_with_scipy_where_values_tie():
    from scipy.stats import spearmanr

    drawn = random.Random(1)
    first = [round(drawn.random(), 1) for _ in range(200)]
    second = [round(x + drawn.random(), 1) for x in first]
    assert guards.spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


def test_rank_correlation_is_over_what_both_answer_and_needs_enough_of_it():
    first = [float(n) for n in range(40)]
    assert guards.spearman(first, [None, *first[1:]]) == pytest.approx(1.0)
    assert guards.spearman(first, [*first[:19], *[None] * 21]) is None
    assert guards.spearman([n % 2 for n in first], first) is None


def test_a_rescaled_copy_is_found_and_a_model_of_its_own_is_not():
    drawn = random.Random(2)
    truth = [drawn.gauss(0, 1) for _ in range(512)]
    mine = [x + drawn.gauss(0, 0.05) for x in truth]
    copy, other = [1.001 * x + 1e-6 * drawn.random() for x in mine], [x + drawn.gauss(0, 0.05) for x in truth]

    def alike(answers, column="e"):
        return guards.alike({"column": "e", "answers": mine}, {"column": column, "answers": answers}, 0.9999)

    assert alike(copy) > 0.9999
    assert alike(other) is None
    assert alike(copy, column="p_stable") is None
