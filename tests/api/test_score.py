"""Predictions in whatever Python holds them, scored as the command line scores a file."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import matdisc
from matdisc.cli.app import app
from matdisc.errors import CardError, MatdiscError, SubmissionError, UnknownName
from matdisc.leaderboard.text import verdict

RIGHT = {"ag": 0.0, "au": 0.0, "cu": 0.2, "pd": 0.4}
ONE_WRONG = RIGHT | {"cu": -0.1}
"""Calls copper stable: two of three calls are right, so F1 = 2 * 2 / (2 * 2 + 1) = 0.8."""


def columns(values):
    return {"material_id": list(values), "e_form_per_atom": list(values.values())}


@pytest.fixture
def wrong(folder):
    return matdisc.score(ONE_WRONG, "discovery", folder)


def test_a_dict_of_ids_is_scored_by_hand_countable_numbers(wrong):
    assert wrong.metrics["f1"].value == pytest.approx(0.8)
    assert wrong.metrics["precision"].value == pytest.approx(2 / 3)
    assert wrong.metrics["recall"].value == 1.0
    assert wrong.metrics["mae"].value == pytest.approx(0.3 / 4)
    assert wrong.coverage["answered"] == wrong.coverage["expected"] == 4


@pytest.mark.parametrize(
    "shape",
    [
        columns,
        lambda values: pd.DataFrame(columns(values)),
        lambda values: pd.DataFrame(columns(values)).set_index("material_id"),
        lambda values: pd.DataFrame({"e_form_per_atom": values}),
        lambda values: pd.Series(values),
        lambda values: pd.Series(values, name="e_form_per_atom"),
        lambda values: {key: np.float32(value) for key, value in values.items()},
        lambda values: pd.DataFrame(columns(values)).rename(columns=str.upper),
    ],
    ids=["columns", "frame", "named index", "bare index", "series", "named series", "numpy numbers", "capitals"],
)
def test_every_shape_of_the_same_predictions_has_the_same_score(folder, wrong, shape):
    found = matdisc.score(shape(ONE_WRONG), "discovery", folder)
    assert found.metrics["f1"] == wrong.metrics["f1"]


def test_a_file_is_scored_to_what_the_command_line_prints(folder, tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame(columns(ONE_WRONG)).to_csv(path, index=False)
    (folder.parent.parent / "models").mkdir(exist_ok=True)
    command = ["score", str(path), "-t", "discovery", "-d", "metals", "--board", str(folder.parent.parent)]
    ours = matdisc.score(path, "discovery", folder)
    assert [line.rstrip() for line in CliRunner().invoke(app, command).stdout.splitlines()] == str(ours).splitlines()
    printed = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert printed["metrics"] == ours.to_dict()["metrics"]


def test_a_row_without_a_number_is_an_answer_that_is_missing(folder):
    found = matdisc.score(RIGHT | {"ag": np.nan}, "discovery", folder)
    assert found.coverage["answered"] == 3


def test_predictions_stand_beside_their_labels(wrong):
    copper = wrong.predictions.loc["cu"]
    assert (copper["formula"], copper["label"], copper["prediction"]) == ("Cu", 0.2, -0.1)
    assert copper["error"] == pytest.approx(-0.3)
    assert list(wrong.predictions.index) == list(RIGHT)


def test_a_frame_of_metrics_has_numbers_and_units(wrong):
    frame = wrong.to_frame()
    assert frame.loc["f1", "value"] == pytest.approx(0.8)
    assert frame.loc["mae", "unit"] == "eV/atom"
    assert frame[["value", "low", "high", "baseline"]].dtypes.eq(float).all()


def test_a_result_prints_what_it_is_of(wrong):
    assert str(wrong).startswith("this file on metals (discovery): 4 materials, 2 stable")
    assert "0.800" in str(wrong)
    html = wrong._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 1
    assert "0.800" in html
    assert repr(wrong) == "<Evaluation of predictions on metals (discovery): f1 0.8>"


def test_an_unknown_metric_is_told_its_neighbours(wrong):
    with pytest.raises(UnknownName, match="did you mean precision"):
        wrong.metrics["precison"]
    with pytest.raises(KeyError):
        wrong.metrics["precison"]
    assert "precison" not in wrong.metrics
    assert wrong.metrics.get("precison") is None


def test_a_result_cannot_be_changed(wrong):
    with pytest.raises(AttributeError):
        wrong.content = {}


def test_an_empty_list_and_other_things_are_refused(folder):
    for nothing in ([], 3.0, None):
        with pytest.raises(SubmissionError, match="give a path, a DataFrame"):
            matdisc.score(nothing, "discovery", folder)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (pd.DataFrame({"e_form_per_atom": [0.1, 0.2]}), "no column 'material_id'"),
        ({"ag": [0.1], "au": [0.2]}, "its values are no numbers"),
        ({"ag": 0.1, "lead": 0.2}, "the dict: 1 material ids are not among"),
        ({1: 0.1, 2: 0.2}, "the dict: 2 material ids are not among"),
        ({}, "the dict: is empty"),
        (pd.DataFrame({"e_form_per_atom": {("ag", 1): 0.1}}), "its index has 2 levels"),
        ({"material_id": ["ag"], "e_form_per_atom": [0.1, 0.2]}, "the dict: is no table"),
        (pd.DataFrame(columns(RIGHT) | {"e_form_per_atom": ["a"] * 4}), "the DataFrame"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line_without_a_temporary_path(folder, given, said):
    with pytest.raises(SubmissionError) as refused:
        matdisc.score(given, "discovery", folder)
    assert said in str(refused.value)
    assert "/matdisc-" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_data_set_is_told_its_neighbours():
    with pytest.raises(CardError, match="did you mean elements"):
        matdisc.score(RIGHT, "discovery", "element")


def test_a_task_that_the_data_set_does_not_have_is_named():
    with pytest.raises(CardError, match="its tasks: polymorphs, relaxation"):
        matdisc.score(RIGHT, "discovery", "elements")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MatdiscError, match=r"nothing\.csv: no such file"):
        matdisc.score(tmp_path / "nothing.csv", "polymorphs", "elements")
    with pytest.raises(MatdiscError, match=r"nothing\.toml: no such file"):
        matdisc.score({"Ag-fcc": 0.0}, "polymorphs", "elements", training=tmp_path / "nothing.toml")


def test_saved_predictions_are_a_row_of_the_board(board, wrong):
    with pytest.raises(CardError, match="give name="):
        wrong.save(board)
    path = wrong.save(board.root, name="My guess")
    content = json.loads(path.read_text())
    assert (content["entry"], content["model"]) == ("my-guess", "my-guess")
    assert content["metrics"] == wrong.to_dict()["metrics"]
    assert board.dataset("metals").n_samples == 4
    assert board.model("my-guess").gives == ("formation energy",)
    with pytest.raises(CardError, match="replace=True"):
        wrong.save(board, name="My guess")
    wrong.save(board, name="My guess", replace=True)
    with pytest.raises(CardError, match="give another name"):
        wrong.save(board, name="dummy-mean")


def test_predictions_that_changed_since_are_not_saved(board, folder, tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame(columns(RIGHT)).to_csv(path, index=False)
    found = matdisc.score(path, "discovery", folder, name="mine")
    pd.DataFrame(columns(ONE_WRONG)).to_csv(path, index=False)
    with pytest.raises(SubmissionError, match="has changed since it was scored"):
        found.save(board)


def test_two_predictions_are_compared_as_the_command_line_does(folder, wrong):
    found = matdisc.compare(RIGHT, wrong)
    assert found.content["mcnemar"]["only_first"] == 1
    assert found.content["flips"]["lost"] == 1
    assert found.to_frame().loc["f1", "value"] == pytest.approx(0.2)
    assert "first against second" in str(found)
    assert found.verdict in str(found)
    assert "<table>" in found._repr_html_()


def test_models_that_never_differ_are_said_to_be_the_same():
    never = {"value": 0.0, "p_value": 1.0, "detectable": 0.0}
    found = {"task": "discovery", "differences": {"f1": never}, "first": "a", "second": "b"}
    assert verdict(found) == "both have the same F1, however the materials are drawn"


def test_results_of_different_things_are_not_compared(wrong):
    other = matdisc.score({"Cu-fcc": -3.0}, "polymorphs", "elements")
    with pytest.raises(CardError, match="different tasks"):
        matdisc.compare(wrong, other)
    with pytest.raises(CardError, match="the data set is not said"):
        matdisc.compare(RIGHT, ONE_WRONG)
