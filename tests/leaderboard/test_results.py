"""Scoring files: perfect models, dummies, intervals, coverage, and what is refused."""

import json
import math

import numpy as np
import pytest

from matdisc import predictions
from matdisc.datasets import load
from matdisc.errors import CardError, SubmissionError
from matdisc.leaderboard.results import rescore, same_numbers, score_file, write_result
from matdisc.run import predict
from matdisc.schema import Prediction

SET = "emt-alloys"


@pytest.fixture
def truth(board):
    return load(board, SET).samples


@pytest.fixture
def write(tmp_path):
    def write(values, column="e_form_per_atom", name="p.csv"):
        rows = [Prediction(key, {column: value}) for key, value in values.items()]
        predictions.write(tmp_path / name, rows, [column])
        return tmp_path / name

    return write


def e_form(samples):
    return {s.material_id: s.target["e_form_per_atom"] for s in samples}


def test_a_perfect_submission_scores_perfectly(board, truth, write):
    result = score_file(board, write(e_form(truth)), "discovery", SET)
    metrics = result["metrics"]
    for key in ("f1", "precision", "recall", "accuracy", "r2", "coverage"):
        assert metrics[key]["value"] == pytest.approx(1.0)
    assert metrics["mae"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert metrics["daf"]["value"] == pytest.approx(result["daf_max"])
    assert (metrics["f1"]["low"], metrics["f1"]["high"]) == (1.0, 1.0)


def test_intervals_hold_their_value_and_repeat_exactly(board, truth, write):
    rng = np.random.default_rng(0)
    path = write({key: value + rng.normal(0, 0.05) for key, value in e_form(truth).items()})
    result = score_file(board, path, "discovery", SET)
    for key in ("f1", "precision", "recall", "accuracy", "mae", "rmse"):
        metric = result["metrics"][key]
        assert metric["low"] < metric["value"] < metric["high"]
    assert result == score_file(board, path, "discovery", SET)
    assert result["n_groups"] == len({s.group for s in truth})


def test_the_order_of_rows_changes_nothing(board, truth, write):
    values = e_form(truth)
    one = score_file(board, write(values), "discovery", SET)
    other = score_file(board, write(dict(reversed(values.items())), name="q.csv"), "discovery", SET)
    assert one["metrics"] == other["metrics"]


def test_the_all_stable_dummy_scores_its_formula(board):
    run = predict(board, "dummy-all-stable", "discovery", SET, workers=0)
    result = score_file(board, run.out, "discovery", SET)
    p = result["prevalence"]
    assert result["metrics"]["f1"]["value"] == pytest.approx(2 * p / (1 + p))
    assert result["metrics"]["daf"]["value"] == pytest.approx(1.0)
    assert result["metrics"]["f1"]["value"] == pytest.approx(result["baseline"]["f1"])
    assert result["metrics"]["mae"]["value"] is None


def test_every_missing_answer_is_counted_in_exactly_one_way(board, truth, tmp_path):
    ids = [s.material_id for s in truth]
    rows = [
        Prediction(ids[0], {"e_form_per_atom": truth[0].target["e_form_per_atom"]}),
        Prediction(ids[1], {"e_form_per_atom": math.nan}),
        Prediction(ids[2], {"e_form_per_atom": -math.inf}),
        Prediction(ids[3], {"e_form_per_atom": 1e22}),
        Prediction(ids[4], status="timed_out"),
        Prediction(ids[5], status="failed"),
        Prediction(ids[6], status="unsupported"),
        Prediction(ids[7], {"e_form_per_atom": truth[7].target["e_form_per_atom"]}, "unconverged"),
    ]
    predictions.write(tmp_path / "p.csv", rows, ["e_form_per_atom"])
    coverage = score_file(board, tmp_path / "p.csv", "discovery", SET)["coverage"]
    assert coverage == {
        "expected": len(ids), "answered": 2, "ok": 1, "unconverged": 1, "unsupported": 1, "timed_out": 1,
        "failed": 1, "absent": len(ids) - 8, "non_finite": 2, "absurd": 1, "surplus": 0,
    }  # fmt: skip
    assert sum(n for kind, n in coverage.items() if kind not in ("expected", "answered", "surplus")) == len(ids)


def test_unknown_repeated_and_training_ids_are_refused(board, truth, write, tmp_path):
    values = e_form(truth)
    with pytest.raises(SubmissionError, match="'no-such-crystal' is not one of them"):
        score_file(board, write({**values, "no-such-crystal": 0.0}), "discovery", SET)
    train = load(board, SET).train[0].material_id
    with pytest.raises(SubmissionError, match="belongs to the train part"):
        score_file(board, write({**values, train: 0.0}), "discovery", SET)
    rows = [Prediction(k, {"e_form_per_atom": v}) for k, v in values.items()]
    predictions.write(tmp_path / "twice.csv", [*rows, rows[0]], ["e_form_per_atom"])
    with pytest.raises(SubmissionError, match="more than once"):
        score_file(board, tmp_path / "twice.csv", "discovery", SET)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda s: s.target["e_form_per_atom"] * len(s.crystal.symbols), "per cell"),
        (lambda s: s.target["e_form_per_atom"] * 96.485, "kJ/mol"),
        (lambda s: s.target["e_form_per_atom"] - 4.0, "shifted by -4"),
        (lambda s: -s.target["e_form_per_atom"], "sign reversed"),
        (lambda s: s.target["e_form_per_atom"] / 27.2114, "Hartree"),
        (lambda s: s.target["e_form_per_atom"] * (len(s.crystal.symbols) if "Au" in s.material_id else 1), "per cell"),
    ],
)
def test_a_column_on_another_scale_is_explained(board, truth, write, wrong, said):
    path = write({s.material_id: wrong(s) for s in truth})
    with pytest.raises(SubmissionError, match=said):
        score_file(board, path, "discovery", SET)


def test_a_bad_model_is_scored_and_not_suspected(board, truth, write):
    mean = float(np.mean(list(e_form(truth).values())))
    assert (
        score_file(board, write(dict.fromkeys(e_form(truth), mean)), "discovery", SET)["metrics"]["mae"]["value"] > 0.1
    )


@pytest.mark.parametrize(
    ("of_one", "said"),
    [
        (lambda s: 100.0 * (s.target["e_above_hull"] <= 0), "p_stable 100 is greater than 1; if these are per cent"),
        (lambda s: 0.9 - 0.8 * (s.target["e_above_hull"] <= 0), "p_stable looks inverted"),
    ],
)
def test_probabilities_in_per_cent_or_of_the_contrary_are_refused(board, truth, write, of_one, said):
    path = write({s.material_id: of_one(s) for s in truth}, "p_stable")
    with pytest.raises(SubmissionError, match=said):
        score_file(board, path, "discovery", SET)


def test_a_table_scores_the_same_however_it_was_saved(board, truth, write, tmp_path):
    values = e_form(truth)
    plain = score_file(board, write(values), "discovery", SET)["metrics"]
    (tmp_path / "index.json").write_text(json.dumps({key: {"e_form_per_atom": v} for key, v in values.items()}))
    lines = ["\ufeffMaterial_ID;E_form_per_atom", *(f"{key};{v!r}" for key, v in values.items())]
    (tmp_path / "excel.csv").write_text("\n".join(lines), encoding="utf-8")
    for name in ("index.json", "excel.csv"):
        assert score_file(board, tmp_path / name, "discovery", SET)["metrics"] == plain


def test_secondary_thresholds_and_subsets_are_scored_apart(board, truth, write):
    result = score_file(board, write(e_form(truth)), "discovery", SET)
    assert [part["threshold"] for part in result["secondary"]] == [0.0]
    stable = sum(s.target["e_above_hull"] <= 0 for s in truth)
    assert result["secondary"][0]["n_positive"] == stable


def test_unknown_tasks_and_datasets_are_refused(board, truth, write):
    path = write(e_form(truth))
    with pytest.raises(CardError, match="tasks: discovery, polymorphs"):
        score_file(board, path, "alchemy", SET)
    with pytest.raises(CardError, match="its tasks: discovery"):
        score_file(board, path, "polymorphs", SET)


def test_own_runs_are_told_from_submissions_by_the_hash_alone(board, tmp_path):
    run = predict(board, "emt", "discovery", SET, workers=0)
    result = score_file(board, run.out, "discovery", SET)
    assert (result["origin"], result["entry"], result["protocol"]["key"]) == ("run", "emt", "relax")
    assert result["cost"]["seconds_total"] > 0
    rows = predictions.read(run.out, ("e_form_per_atom",)).rows
    predictions.write(run.out, rows[:-1], ["e_form_per_atom"])
    assert score_file(board, run.out, "discovery", SET)["origin"] == "submission"


def test_rescoring_finds_stale_numbers_and_mends_them(board):
    run = predict(board, "emt", "discovery", SET, workers=0)
    path = write_result(board, score_file(board, run.out, "discovery", SET))
    assert [said for _, said in rescore(board, write=False)] == ["same"]
    path.write_text(path.read_text().replace('"value": 1.0', '"value": 0.99'))
    assert [said for _, said in rescore(board, write=False)] == ["changed"]
    rescore(board)
    assert [said for _, said in rescore(board, write=False)] == ["same"]


def test_float_noise_is_no_difference_and_a_digit_is():
    assert same_numbers({"a": [0.1 + 0.2, None]}, {"a": [0.3, None]})
    assert not same_numbers({"a": 0.3001}, {"a": 0.3})
    assert not same_numbers({"a": 1.0}, {"b": 1.0})
