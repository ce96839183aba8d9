"""What rows say of each material: hand-counted errors and flips, a sample that stays, and labels that stay private."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from matdisc import predictions
from matdisc.datasets import load
from matdisc.datasets import truth as labels
from matdisc.errors import DataError
from matdisc.leaderboard import materials as writer
from matdisc.leaderboard.compare import compare
from matdisc.leaderboard.materials import listing, materials_of, materials_path, sample_of, worst_of, write_materials
from matdisc.leaderboard.ranking import rows_of, write_ranking
from matdisc.leaderboard.schema.materials import Materials
from matdisc.leaderboard.schema.read import read_file
from matdisc.schema import Prediction
from matdisc.scoring.per_material import each_once, means
from matdisc.scoring.slices import elements_of

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
    """Put a row on the board that is off by given energies: `add_row("key", {id: eV/atom})`; others are right."""
    samples = load(board, SET).samples

    def add(key, off, *, leave_out=()):
        folder = board.models_dir / key
        folder.mkdir(exist_ok=True)
        (folder / "model.toml").write_text(CARD.format(key=key))
        rows = [
            Prediction(s.material_id, {"e_form_per_atom": s.target["e_form_per_atom"] + off.get(s.material_id, 0.0)})
            for s in samples
            if s.material_id not in leave_out
        ]
        predictions.write(board.predictions_dir / "discovery" / SET / f"{key}.csv.gz", rows, ["e_form_per_atom"])

    add.samples = samples
    return add


def found(board, task="discovery"):
    return materials_of([(row.entry, row.checked) for row in rows_of(board, task, SET)])


def noise(samples, seed):
    errors = np.random.default_rng(seed).normal(0, 0.05, len(samples))
    return {sample.material_id: error for sample, error in zip(samples, errors, strict=True)}


def test_a_prediction_that_is_off_by_a_tenth_has_an_error_of_a_tenth(board, add_row):
    add_row("one", {"AgAu-cscl": 0.1, "AgAu-rocksalt": -0.2})
    one = found(board)
    at = one.ids.index("AgAu-cscl")
    row = one.entries["one"]
    assert row.error[at] == pytest.approx(0.1, abs=1e-5)
    assert row.error[one.ids.index("AgAu-rocksalt")] == pytest.approx(-0.2, abs=1e-5)
    assert row.value[at] - one.truth[at] == pytest.approx(0.1, abs=1e-5)
    assert sum(abs(error) > 1e-5 for error in row.error) == 2
    assert (one.of, one.fair, one.sampled, one.signed) == (221, 221, False, True)


def test_a_missing_answer_has_no_number_and_counts_as_not_stable(board, add_row):
    stable = next(s.material_id for s in add_row.samples if s.target["e_above_hull"] <= 0)
    add_row("one", {}, leave_out=(stable,))
    one = found(board)
    at, row = one.ids.index(stable), one.entries["one"]
    assert (row.value[at], row.error[at], row.right[at]) == (None, None, "0")
    assert row.right.count("0") == 1


def test_flips_by_element_are_those_of_the_comparison(board, add_row):
    add_row("one", noise(add_row.samples, 1))
    add_row("other", noise(add_row.samples, 2))
    expected = compare(board, "one", "other", "discovery", SET)["flips"]
    one = found(board)
    kinds = list(zip(one.entries["one"].right, one.entries["other"].right, strict=True))
    assert kinds.count(("0", "1")) == expected["gained"] > 0
    assert kinds.count(("1", "0")) == expected["lost"] > 0
    for kind, name in ((("0", "1"), "gained"), (("1", "0"), "lost")):
        counted = Counter(el for f, k in zip(one.formulas, kinds, strict=True) if k == kind for el in elements_of(f))
        table = dict(zip(expected["element"]["name"], expected["element"][name], strict=True))
        assert counted == {element: n for element, n in table.items() if n}


def test_a_ranking_is_written_with_the_materials_and_taken_away_with_the_last_row(board, add_row):
    add_row("one", {})
    write_ranking(board, "discovery", SET)
    path = materials_path(board, "discovery", SET)
    again, _ = read_file(path, Materials)
    assert list(again.entries) == ["one"]
    assert again == found(board)
    write_materials(board, "discovery", SET, [])
    assert not path.exists()


def test_the_sample_follows_from_the_ids_alone():
    ids = [f"material-{i}" for i in range(50)]
    sample = {ids[i] for i in sample_of(ids, 10)}
    backwards = ids[::-1]
    assert len(sample) == 10
    assert {backwards[i] for i in sample_of(backwards, 10)} == sample
    fewer = [name for name in ids if name in sample or name < "material-3"]
    assert {fewer[i] for i in sample_of(fewer, 10)} == sample
    assert sample_of(ids, 50).tolist() == list(range(50))


def test_the_worst_of_each_row_follow_the_sample(monkeypatch):
    monkeypatch.setattr(writer, "MOST", 3)
    ids = [f"material-{i}" for i in range(8)]
    fair, alone = listing(ids, [])
    outside = [i for i in range(8) if i not in alone]
    fair, listed = listing(ids, [np.array(outside[:1]), np.array([outside[1], alone[0]])])
    assert fair == 3
    assert listed[:3].tolist() == alone.tolist()
    assert listed[3:].tolist() == outside[:2]


def test_the_worst_come_first_and_what_is_undefined_is_never_worst():
    assert worst_of(np.array([0.1, np.nan, -0.3, 0.2])).tolist() == [2, 3, 0]


def test_structures_of_a_large_set_are_those_of_the_worst(board, add_row):
    add_row("one", {"AgAu-cscl": 0.9, "AgAu-L1_0": 0.8})
    one = found(board)
    assert len(one.structures) == writer.WORST
    assert list(one.structures)[:2] == ["AgAu-cscl", "AgAu-L1_0"]
    assert one.structures["AgAu-cscl"].symbols == ("Ag", "Au")


@pytest.mark.parametrize("licence", ["none stated (use, do not redistribute)", "not stated (a thesis)"])
def test_labels_without_a_licence_are_not_passed_on(board, add_row, licence):
    add_row("one", {"AgAu-cscl": -0.1})
    rows = [
        (r.entry, replace(r.checked, card=r.checked.card.model_copy(update={"licence": licence})))
        for r in rows_of(board, "discovery", SET)
    ]
    one = materials_of(rows)
    row = one.entries["one"]
    assert (one.truth, one.what, row.value, row.right) == (None, None, None, None)
    assert (one.structures, one.signed) == ({}, False)
    assert row.error[one.ids.index("AgAu-cscl")] == pytest.approx(0.1, abs=1e-5)


def test_rows_of_other_predictions_than_the_results_are_left_out(board, add_row):
    add_row("one", {})
    add_row("other", {})
    one = found(board)
    now = {"one": one.entries["one"].sha256, "other": "of an older file"}
    assert list(one.current(now).entries) == ["one"]


def test_an_alloy_that_is_asked_in_many_folds_is_listed_once_with_the_mean_of_its_answers():
    import pyarrow as pa

    names = ["AlFe@p/0", "AlNi@p/0", "AlFe@p/1", "AlFe@q/0"]
    folds = tuple(labels.Tested(*f) for f in [("p", "0", np.array([0, 1])), ("p", "1", np.array([2]))])
    truth = labels.Truth("toy", pa.array(names), {}, np.zeros(4, np.int64), tested=folds)
    ids, places, which = each_once(truth, np.array([True, True, True, False]))
    assert ids == ("AlFe", "AlNi")
    assert places.tolist() == [0, 1]
    assert means(np.array([0.2, np.nan, 0.4]), which, 2) == pytest.approx([0.3, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ids": ["a", "a"]}, "a material is listed twice"),
        ({"truth": [1.0]}, "arrays of equal length"),
        ({"of": 1}, "no sample is larger"),
        ({"structures": {"b": {"cell": [[1, 0, 0]] * 3, "symbols": ["H"], "positions": [[0, 0, 0]]}}}, "not listed"),
        ({"entries": {"x": {"error": [0.1, 0.2], "right": "1?"}}}, "right"),
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path, change, said):
    content = {
        "schema": "matdisc.materials/1", "task": "t", "dataset": "d", "of": 2, "fair": 2, "ids": ["a", "c"],
        "error": {"label": "Error", "unit": "eV"}, "entries": {},
    }  # fmt: skip
    path = tmp_path / "d.json"
    path.write_text(json.dumps(content))
    assert read_file(path, Materials)[0].ids == ("a", "c")
    path.write_text(json.dumps(content | change))
    with pytest.raises(DataError, match=said) as caught:
        read_file(path, Materials)
    assert str(path) in str(caught.value)
