"""Comparisons, rankings and details: what is the same ties, what differs is found, and nothing depends on row order."""

import json

import numpy as np
import pytest

from matdisc import predictions
from matdisc.datasets import load
from matdisc.errors import SubmissionError
from matdisc.leaderboard.compare import common_datasets, compare
from matdisc.leaderboard.ranking import rank, write_ranking
from matdisc.leaderboard.results import detail_file, publish
from matdisc.schema import Prediction

SET = "emt-alloys"
CARD = """
key = "{key}"
name = "{key}"
version = "1"
kind = "predictor"
summary = "A row for tests."
gives = ["formation energy"]
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""


@pytest.fixture
def add_row(board):
    """Put a row on the board that errs by normal noise: `add_row("key", sigma, seed)`."""
    samples = load(board, SET).samples

    def add(key, sigma, seed=0):
        folder = board.models_dir / key
        folder.mkdir(exist_ok=True)
        (folder / "model.toml").write_text(CARD.format(key=key))
        noise = np.random.default_rng(seed).normal(0, sigma, len(samples)) if sigma else np.zeros(len(samples))
        rows = [
            Prediction(s.material_id, {"e_form_per_atom": s.target["e_form_per_atom"] + e})
            for s, e in zip(samples, noise, strict=True)
        ]
        path = board.predictions_dir / "discovery" / SET / f"{key}.csv.gz"
        predictions.write(path, rows, ["e_form_per_atom"])
        return path

    return add


def test_a_model_does_not_differ_from_itself(board, add_row):
    add_row("one", 0.05)
    add_row("twin", 0.05)
    found = compare(board, "one", "twin", "discovery", SET)
    assert found["flips"]["gained"] == found["flips"]["lost"] == 0
    assert found["mcnemar"]["p_value"] == 1.0
    for difference in found["differences"].values():
        assert difference["value"] == 0.0
        assert difference["p_value"] == 1.0


def test_a_clearly_better_model_is_found_and_its_flips_add_up(board, add_row):
    add_row("good", 0.005)
    add_row("bad", 0.15)
    found = compare(board, "bad", "good", "discovery", SET)
    f1 = found["differences"]["f1"]
    assert f1["value"] == pytest.approx(f1["first"] - f1["second"], abs=1e-5)
    assert f1["high"] < 0
    assert f1["p_value"] < 0.01
    flips = found["flips"]
    assert flips["gained"] > flips["lost"]
    assert (flips["gained"], flips["lost"]) == (found["mcnemar"]["only_second"], found["mcnemar"]["only_first"])
    assert sum(flips["anion"]["gained"]) == flips["gained"]
    assert sum(flips["e_above_hull"]["lost"]) == flips["lost"]


def test_turning_the_comparison_round_turns_the_signs(board, add_row):
    add_row("one", 0.03, seed=1)
    add_row("other", 0.05, seed=2)
    here, there = compare(board, "one", "other", "discovery", SET), compare(board, "other", "one", "discovery", SET)
    for key, difference in here["differences"].items():
        back = there["differences"][key]
        assert difference["value"] == -back["value"]
        assert difference["low"] == pytest.approx(-back["high"])


def test_a_row_that_does_not_exist_is_answered_with_those_that_do(board, add_row):
    add_row("one", 0.05)
    with pytest.raises(SubmissionError, match=r"'two' has no predictions .*; rows there: one"):
        compare(board, "one", "two", "discovery", SET)
    with pytest.raises(SubmissionError, match="no dataset in common"):
        common_datasets(board, "one", "two", "discovery")


def test_equal_models_share_a_tie_group_and_a_worse_one_does_not(board, add_row):
    add_row("a-twin", 0.02, seed=1)
    add_row("b-twin", 0.02, seed=1)
    add_row("worse", 0.3, seed=2)
    found = rank(board, "discovery", SET)
    place = {entry: i for i, entry in enumerate(found["entries"])}
    groups = [found["metrics"]["f1"]["tie_group"][place[key]] for key in ("a-twin", "b-twin", "worse")]
    assert groups == [1, 1, 2]
    assert found["metrics"]["f1"]["p_values"][place["a-twin"]][place["b-twin"]] == 1.0
    assert found["metrics"]["mae"]["rank"][place["worse"]] == 3


def test_a_model_s_place_does_not_depend_on_the_names_of_others(board, add_row):
    add_row("m", 0.04, seed=1)
    add_row("n", 0.05, seed=2)
    before = rank(board, "discovery", SET)
    add_row("a", 0.5, seed=3)
    after = rank(board, "discovery", SET)
    assert after["entries"] == ["a", *before["entries"]]
    assert after["metrics"]["f1"]["rank"][1:] == before["metrics"]["f1"]["rank"]


def test_one_row_makes_no_ranking_and_removes_an_old_one(board, add_row):
    add_row("one", 0.04)
    path = add_row("two", 0.05)
    written = write_ranking(board, "discovery", SET)
    assert json.loads(written.read_text())["entries"] == ["one", "two"]
    path.unlink()
    assert write_ranking(board, "discovery", SET) is None
    assert not written.exists()


def drawn(found):
    """Return the figures of a details file by key, and of each table its columns by head."""
    tables = {
        table["key"]: dict(zip(table["head"], zip(*table["rows"], strict=True), strict=True))
        for table in found["tables"]
    }
    return {figure["key"]: figure for figure in found["figures"]}, tables


def test_figures_and_tables_of_a_perfect_model_are_perfect(board, add_row):
    figures, tables = drawn(detail_file(board, add_row("perfect", 0.0), "discovery", SET, "perfect"))
    assert figures["roc"]["note"].startswith("area under the curve 1.000")
    assert figures["precision-recall"]["note"].startswith("average precision 1.000")
    assert set(figures["rolling-mae"]["lines"][0]["y"]) <= {0.0, None}
    first = tables["precision-at-k"]
    assert first["DAF@k"] == pytest.approx(first["Highest possible DAF"], rel=1e-5)
    elements = tables["slice-element"]
    assert set(elements["Element"]) == {"Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt"}
    assert set(elements["F1"]) <= {1.0, None}


def test_a_table_of_elements_starts_with_symbol_error_and_number_of_materials(board, add_row):
    found = detail_file(board, add_row("m", 0.05), "discovery", SET, "m")
    table = next(table for table in found["tables"] if table["key"] == "slice-element")
    assert table["head"][:3] == ["Element", "MAE, eV/atom", "Materials"]
    assert (table["layout"], table["better"]) == ("periodic", "lower")
    assert "darker is a larger error" in table["note"]


def noted(figure, what):
    """Return the number that stands before `what` in the note of a figure; 0 without."""
    return next((int(part.split()[0]) for part in figure["note"].split("; ") if part.endswith(what)), 0)


def test_figures_count_every_material_once(board, add_row):
    path = add_row("m", 0.3)
    rows = predictions.read(path, ("e_form_per_atom",)).rows
    predictions.write(path, rows[3:], ["e_form_per_atom"])
    found = detail_file(board, path, "discovery", SET, "m")
    figures, tables = drawn(found)
    assert sum(tables["slice-n_elements"]["Materials"]) == found["n"]
    hull, parity = figures["hull-histogram"], figures["parity"]
    inside = sum(sum(bars["heights"]) for bars in hull["bars"])
    assert inside + noted(hull, "beyond the ends") + noted(hull, "without answer") == found["n"]
    inside = sum(map(sum, parity["density"]["count"]))
    assert inside + noted(parity, "outside") + noted(parity, "without answer") == found["n"]
    assert noted(hull, "without answer") == noted(parity, "without answer") == 3


def calibration(found):
    """Return the scores of stated uncertainties or probabilities by name."""
    _, tables = drawn(found)
    return dict(zip(tables["calibration"]["Score"], tables["calibration"]["Value"], strict=True))


def test_stated_uncertainties_are_judged(board, add_row, tmp_path):
    path = add_row("m", 0.05)
    rows = predictions.read(path, ("e_form_per_atom",)).rows
    text = "material_id,e_form_per_atom,uncertainty\n"
    text += "".join(f"{p.material_id},{p.values['e_form_per_atom']},0.05\n" for p in rows)
    honest = tmp_path / "honest.csv"
    honest.write_text(text)
    found = calibration(detail_file(board, honest, "discovery", SET, "m"))
    assert found["Share within the central interval 0.68"] == pytest.approx(0.68, abs=0.1)
    bold = tmp_path / "bold.csv"
    bold.write_text(text.replace(",0.05\n", ",0.005\n"))
    worse = calibration(detail_file(board, bold, "discovery", SET, "m"))
    assert worse["Miscalibration area"] > 3 * found["Miscalibration area"]
    assert worse["Negative log likelihood, nats"] > found["Negative log likelihood, nats"]
    bold.write_text(text.replace(",0.05\n", ",-0.05\n"))
    with pytest.raises(SubmissionError, match=r"row 1: 'uncertainty' is -0\.05"):
        detail_file(board, bold, "discovery", SET, "m")


def test_probabilities_are_judged(board, tmp_path):
    samples = load(board, SET).samples
    path = tmp_path / "p.csv"
    path.write_text(
        "material_id,p_stable\n"
        + "".join(f"{s.material_id},{float(s.target['e_above_hull'] <= 0.02)}\n" for s in samples)
    )
    found = detail_file(board, path, "discovery", SET, "m")
    assert calibration(found)["Brier score"] == 0.0
    figures, _ = drawn(found)
    assert figures["roc"]["lines"][0]["name"] == "AUC 1.000"
    assert "rolling-mae" not in figures


def test_publishing_writes_result_and_details_side_by_side(board, add_row):
    path = add_row("m", 0.05)
    publish(board, path, "discovery", SET, "m")
    for folder in (board.results_dir, board.details_dir):
        assert json.loads((folder / "discovery" / SET / "m.json").read_text())["entry"] == "m"


def test_bounds_bracket_the_headline_and_meet_it_when_nothing_is_missing(board, add_row):
    from matdisc.leaderboard.results import score_file

    path = add_row("m", 0.05)
    full = score_file(board, path, "discovery", SET)
    assert len({full["bounds"][k]["f1"] for k in full["bounds"]}) == 1
    rows = predictions.read(path, ("e_form_per_atom",)).rows
    predictions.write(path, rows[::2], ["e_form_per_atom"])
    bounds = score_file(board, path, "discovery", SET)["bounds"]
    f1 = [bounds[k]["f1"] for k in ("pessimistic", "headline", "complete_case", "optimistic")]
    assert f1 == sorted(f1)
    assert f1[0] < f1[1] < f1[3]
    assert bounds["pessimistic"]["mae"] > 2 > bounds["complete_case"]["mae"]
