"""Leakage in a result: with and without the overlap, unknown never clean, looked-up labels found."""

import pytest

from matdisc import predictions
from matdisc.datasets import load
from matdisc.errors import DataError
from matdisc.leaderboard.leakage import forbidden_inputs
from matdisc.leaderboard.results import score_file
from matdisc.schema import Prediction

SET = "emt-alloys"


@pytest.fixture
def samples(board):
    return load(board, SET).samples


@pytest.fixture
def file(samples, tmp_path):
    """Right for everything with gold, 0.2 eV/atom too high or too low elsewhere."""
    rows = []
    for i, s in enumerate(samples):
        error = 0.0 if "Au" in s.material_id else 0.2 * (-1) ** i
        rows.append(Prediction(s.material_id, {"e_form_per_atom": s.target["e_form_per_atom"] + error}))
    predictions.write(tmp_path / "p.csv", rows, ["e_form_per_atom"])
    return tmp_path / "p.csv"


def declare(tmp_path, column, values):
    path = tmp_path / "training.csv"
    path.write_text("\n".join([column, *values, ""]))
    return path


def test_metrics_are_given_with_and_without_the_overlap(board, samples, file, tmp_path):
    gold = sorted({s.crystal.formula for s in samples if "Au" in s.material_id})
    report = score_file(board, file, "discovery", SET, training=declare(tmp_path, "formula", gold))["leakage"]
    n_gold = sum("Au" in s.material_id for s in samples)
    assert report["level_counts"]["same formula"] == n_gold == report["with_overlap"]["n"]
    assert report["without_overlap"]["n"] == len(samples) - n_gold
    assert report["n_unknown"] == 0
    assert report["with_overlap"]["metrics"]["mae"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert report["without_overlap"]["metrics"]["mae"]["value"] == pytest.approx(0.2)


def test_ids_alone_leave_the_rest_unknown_and_not_clean(board, samples, file, tmp_path):
    ids = [s.material_id for s in samples[:10]]
    report = score_file(board, file, "discovery", SET, training=declare(tmp_path, "material_id", ids))["leakage"]
    assert report["with_overlap"]["n"] == 10
    assert report["n_unknown"] == len(samples) - 10
    assert report["without_overlap"] is None


def test_a_model_without_declared_training_sets_is_unknown(board, file):
    card = board.model("emt").model_copy(update={"training_sets": ()})
    assert score_file(board, file, "discovery", SET, model=card)["leakage"]["declared"] == "unknown"


def test_a_training_set_that_the_board_has_is_looked_through_by_itself(board, samples, file):
    card = board.model("emt").model_copy(update={"training_sets": (SET,)})
    report = score_file(board, file, "discovery", SET, model=card)["leakage"]
    assert report["declaration"] == SET
    assert report["level_counts"]["same id"] == len(samples)
    assert report["without_overlap"] is None


def test_a_declaration_that_cannot_be_read_stops_the_scoring(board, file, tmp_path):
    with pytest.raises(DataError, match="none of the columns"):
        score_file(board, file, "discovery", SET, training=declare(tmp_path, "shoe_size", ["43"]))


def test_looked_up_hull_distances_are_flagged_and_honest_ones_are_not(board, samples, tmp_path):
    formulas = sorted({s.crystal.formula for s in samples})
    constant = {formula: -0.001 * i for i, formula in enumerate(formulas)}
    rows = [
        Prediction(s.material_id, {"e_form_per_atom": s.target["e_above_hull"] + constant[s.crystal.formula]})
        for s in samples
    ]
    path = tmp_path / "leaky.csv"
    predictions.write(path, rows, ["e_form_per_atom"])
    assert any(flag.startswith("leaky inputs") for flag in score_file(board, path, "discovery", SET)["flags"])
    import numpy as np

    noise = np.random.default_rng(0).normal(0, 0.01, len(samples))
    rows = [
        Prediction(s.material_id, {"e_form_per_atom": s.target["e_form_per_atom"] + e})
        for s, e in zip(samples, noise, strict=True)
    ]
    predictions.write(path, rows, ["e_form_per_atom"])
    assert not score_file(board, path, "discovery", SET)["flags"]


def test_labels_among_the_input_columns_are_named(board, tmp_path):
    table = tmp_path / "features.csv"
    table.write_text("material_id,X_mean,e_above_hull,Ef,bandgap\n1,2,3,4,5\n")
    found = forbidden_inputs(table, board.dataset(SET))
    assert [line.split(":")[0] for line in found][:1] == ["e_above_hull"]
    assert not any(line.startswith("X_mean") for line in found)
    with pytest.raises(DataError, match="cannot be read"):
        forbidden_inputs(tmp_path / "none.csv", board.dataset(SET))
