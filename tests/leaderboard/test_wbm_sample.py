"""The published predictions on the sample of WBM: rows, published values, approaches, and runs against each other."""

import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error, precision_score

from matdisc import predictions
from matdisc.board import init_board
from matdisc.datasets import load, load_truth
from matdisc.errors import SubmissionError
from matdisc.leaderboard.agreement import agreement_tables, reason
from matdisc.leaderboard.approaches import approach_report, discordant, numbers
from matdisc.leaderboard.population import Estimate, population_tables
from matdisc.leaderboard.ranking import rank
from matdisc.leaderboard.results import compat_file, publish_new, score_file
from matdisc.leaderboard.submission import load_submission
from matdisc.schema import Prediction
from matdisc.scoring.base import Bootstrap

SET = "wbm-sample"
FEW = Bootstrap(replicates=200)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The board as `matdisc init` makes it, with the published predictions."""
    return init_board(tmp_path_factory.mktemp("board") / "board")


def file_of(board, key, dataset=SET):
    return board.predictions_dir / "discovery" / dataset / f"{key}.csv.gz"


def rows_of(board):
    return sorted(
        path.name.removesuffix(".csv.gz") for path in (board.predictions_dir / "discovery" / SET).glob("*.gz")
    )


def test_the_shipped_board_has_a_card_for_each_of_the_23_published_rows(shipped):
    rows = rows_of(shipped)
    assert len(rows) == 23
    for key in rows:
        card = shipped.model(key)
        assert card.approach
        assert card.training_sets
        assert card.licence.code


def test_the_sample_has_the_size_and_the_stable_materials_that_its_card_names(shipped):
    truth = load_truth(shipped, SET)
    assert len(truth) == 1000
    assert int((truth.target("e_above_hull") <= 0).sum()) == 152
    assert len(set(truth.material_ids.to_pylist())) == 1000


@pytest.mark.parametrize("key", ["chgnet-0.3.0", "orb-v2", "voronoi-rf", "gnome"])
def test_scores_are_those_of_scikit_learn(shipped, key):
    found = score_file(shipped, file_of(shipped, key), "discovery", SET, bootstrap=Bootstrap(0))["metrics"]
    truth = load_truth(shipped, SET)
    submission = predictions.read(file_of(shipped, key), ["e_form_per_atom"])
    given = dict(zip(submission.material_ids.to_pylist(), submission.values, strict=True))
    p = np.array([given[i] for i in truth.material_ids.to_pylist()])
    e, f = truth.target("e_above_hull"), truth.target("e_form_per_atom")
    stable, predicted = e <= 1e-9, np.nan_to_num(e + (p - f), nan=1.0) <= 1e-9
    assert found["f1"]["value"] == pytest.approx(f1_score(stable, predicted))
    assert found["daf"]["value"] == pytest.approx(precision_score(stable, predicted) / stable.mean())
    known = np.isfinite(p)
    assert found["mae"]["value"] == pytest.approx(mean_absolute_error(f[known], p[known]))


def test_published_values_stand_in_the_result_and_rounding_is_scored_beside(shipped):
    found = score_file(shipped, file_of(shipped, "chgnet-0.3.0"), "discovery", SET, entry="chgnet-0.3.0", bootstrap=FEW)
    assert found["published"]["f1"] == 0.612
    assert found["published"]["mae"] == 0.061
    rounded = next(part for part in found["secondary"] if part["name"] == "energies rounded to 3 decimals")
    assert (found["n_positive"], rounded["n_positive"]) == (152, 159)
    theirs = compat_file(shipped, file_of(shipped, "chgnet-0.3.0"), "discovery", SET)
    assert list(theirs) == ["full_test_set"]
    assert theirs["full_test_set"]["F1"] == pytest.approx(rounded["metrics"]["f1"]["value"], abs=5e-3)
    assert theirs["full_test_set"]["TP"] + theirs["full_test_set"]["FN"] == 159


def test_a_model_that_nobody_published_has_no_published_values(shipped):
    found = score_file(shipped, file_of(shipped, "orb-v1"), "discovery", SET, entry="orb-v1", bootstrap=Bootstrap(0))
    assert "published" not in found


def test_all_rows_are_ranked_and_the_findings_lie_beside(shipped):
    found = rank(shipped, "discovery", SET, bootstrap=FEW)
    assert len(found["entries"]) == 23
    assert [table["key"] for table in found["tables"]] == [
        "approaches",
        "near-hull",
        "published-held",
        "published-rows",
    ]
    assert [figure["key"] for figure in found["figures"]] == ["mae-f1", "near-hull"]
    means = found["tables"][0]["rows"]
    assert [row[0] for row in means] == [
        "Universal potentials", "One-shot predictors", "Bayesian optimisers", "Fingerprint forests",
    ]  # fmt: skip
    assert [row[1] for row in means] == [17, 4, 1, 1]
    held = {row[0]: row[1] for row in found["tables"][2]["rows"]}
    assert held["F1"].endswith("of 20")


def test_means_of_an_approach_are_means_over_its_rows(shipped):
    keys = ["megnet", "alignn", "orb-v2"]
    rows = [
        (key, shipped.model(key).approach, load_submission(shipped, file_of(shipped, key), "discovery", SET))
        for key in keys
    ]
    found = numbers([checked for *_, checked in rows], FEW)
    single = [score_file(shipped, file_of(shipped, key), "discovery", SET, bootstrap=Bootstrap(0)) for key in keys]
    np.testing.assert_allclose(found.point["f1"], [s["metrics"]["f1"]["value"] for s in single])
    np.testing.assert_allclose(found.point["fpr"], [s["metrics"]["fpr"]["value"] for s in single])
    _, tables = approach_report(rows, FEW)
    mean = np.mean([s["metrics"]["f1"]["value"] for s in single[:2]])
    assert tables[0].rows[1][2].startswith(f"{mean:.3f} (")


def test_one_approach_alone_is_compared_with_nothing(shipped):
    files = [load_submission(shipped, file_of(shipped, key), "discovery", SET) for key in ("orb-v2", "gnome")]
    rows = [(str(n), "universal potential", checked) for n, checked in enumerate(files)]
    assert approach_report(rows, FEW) == ([], [])


def test_an_approach_whose_model_calls_nothing_stable_has_no_mean_f1(shipped, tmp_path):
    truth = load_truth(shipped, SET)
    up = np.random.default_rng(0).uniform(0.6, 2.4, len(truth))  # no material so far below the hull
    timid = load_submission(shipped, _written(tmp_path, truth, truth.target("e_form_per_atom") + up), "discovery", SET)
    good = load_submission(shipped, file_of(shipped, "orb-v2"), "discovery", SET)
    _, tables = approach_report([("T", "one-shot predictor", timid), ("O", "universal potential", good)], FEW)
    assert [row[0] for row in tables[0].rows] == ["Universal potentials", "One-shot predictors"]
    assert tables[0].rows[1][2] is None
    assert tables[0].rows[1][-1] is None


def test_false_positives_are_counted_by_distance_to_the_hull(shipped):
    checked = load_submission(shipped, file_of(shipped, "orb-v2"), "discovery", SET)
    found = numbers([checked], FEW)
    e = checked.truth.target("e_above_hull")
    q = e + checked.answers.values - checked.truth.target("e_form_per_atom")
    near = (e > 0) & (e <= 0.025)
    assert found.band[0, 0] == pytest.approx((q[near] <= 1e-9).mean())


@pytest.mark.parametrize(
    ("mae", "f1", "share"),
    [
        ([0.1], [0.2], 1.0),
        ([0.1], [-0.2], 0.0),
        ([0.1, 0.1], [0.2, -0.2], 0.5),
        ([0.0], [0.3], 0.5),
        ([np.nan], [1.0], np.nan),
    ],
)
def test_pairs_are_discordant_where_the_lower_error_has_the_lower_f1(mae, f1, share):
    np.testing.assert_equal(float(discordant(np.array(mae), np.array(f1))), share)


def test_an_interval_holds_its_ends_and_nothing_beyond():
    estimate = Estimate(0.6, 0.5, 0.7)
    assert [estimate.holds(x) for x in (0.499, 0.5, 0.7, 0.701)] == [False, True, True, False]
    assert estimate.text == "0.600 (0.500–0.700)"


def test_no_table_of_published_values_where_nothing_is_published(shipped):
    checked = load_submission(shipped, file_of(shipped, "orb-v1"), "discovery", SET)
    assert population_tables([("ORB v1", "orb-v1", checked)], {}, FEW) == []


def test_a_file_of_the_whole_set_is_scored_on_the_ids_of_the_sample(shipped, tmp_path):
    rows = [
        Prediction(p.material_id, p.values)
        for p in predictions.read(file_of(shipped, "orb-v2"), ["e_form_per_atom"]).rows
    ]
    more = [Prediction(f"wbm-9-{i}", {"e_form_per_atom": 0.0}) for i in range(500)]
    predictions.write(tmp_path / "all.csv", [*more, *rows], ["e_form_per_atom"])
    whole = score_file(shipped, tmp_path / "all.csv", "discovery", SET, bootstrap=Bootstrap(0))
    sample = score_file(shipped, file_of(shipped, "orb-v2"), "discovery", SET, bootstrap=Bootstrap(0))
    assert whole["metrics"] == sample["metrics"]
    assert whole["coverage"]["surplus"] == 500


WRONG = {
    "hull distances": lambda t, p: t.target("e_above_hull") + p - t.target("e_form_per_atom"),
    "sign reversed": lambda t, p: -p,
    "meV/atom": lambda t, p: 1000 * p,
    "Hartree": lambda t, p: p / 27.2114,
    "Rydberg": lambda t, p: p / 13.6057,
    "kcal/mol": lambda t, p: p * 23.061,
    "eV per cell": lambda t, p: p * t.n_atoms,
    "shifted by -4": lambda t, p: p - 4,
}


@pytest.mark.parametrize("said", WRONG)
def test_values_that_mean_something_else_are_named(shipped, tmp_path, said):
    truth = load_truth(shipped, SET)
    p = load_submission(shipped, file_of(shipped, "mace-mpa-0-medium"), "discovery", SET).answers.values
    with pytest.raises(SubmissionError, match=said):
        load_submission(shipped, _written(tmp_path, truth, WRONG[said](truth, p)), "discovery", SET)


@pytest.mark.parametrize(
    ("factor", "said"), [(-1, "lack the MP2020 corrections"), (1, "hold the MP2020 corrections twice")]
)
@pytest.mark.parametrize("dataset", ["wbm-crystals"])
def test_values_without_or_with_twice_the_corrections_are_named(shipped, tmp_path, dataset, factor, said):
    truth = load_truth(shipped, dataset)
    noise = np.random.default_rng(0).normal(0, 0.05, len(truth))
    values = truth.target("e_form_per_atom") + noise + factor * truth.corrections
    with pytest.raises(SubmissionError, match=said):
        load_submission(shipped, _written(tmp_path, truth, values), "discovery", dataset)
    honest = _written(tmp_path, truth, truth.target("e_form_per_atom") + noise)
    assert load_submission(shipped, honest, "discovery", dataset).answers.coverage["answered"] == 1000


def test_a_file_whose_ids_are_row_numbers_is_refused_although_surplus_ids_are_reported(shipped, tmp_path):
    rows = [Prediction(str(i), {"e_form_per_atom": 0.0}) for i in range(1000)]
    predictions.write(tmp_path / "rows.csv", rows, ["e_form_per_atom"])
    with pytest.raises(
        SubmissionError, match=r"none of its 1,000 ids .* look like row numbers; ids look like 'wbm-1-84'"
    ):
        load_submission(shipped, tmp_path / "rows.csv", "discovery", SET)


def _written(folder, truth, values):
    rows = [Prediction(i, {"e_form_per_atom": float(v)} if np.isfinite(v) else {}, "ok" if np.isfinite(v) else "failed")
            for i, v in zip(truth.material_ids.to_pylist(), values, strict=True)]  # fmt: skip
    predictions.write(folder / "predictions.csv", rows, ["e_form_per_atom"])
    return folder / "predictions.csv"


def test_unknown_hull_distances_leave_classification_and_count_in_errors(shipped, tmp_path):
    truth = load_truth(shipped, "wbm-crystals")
    known = np.isfinite(truth.target("e_above_hull"))
    values = truth.target("e_form_per_atom") + np.where(known, 0.0, 0.1)  # perfect where labelled, 0.1 off elsewhere
    found = score_file(shipped, _written(tmp_path, truth, values), "discovery", "wbm-crystals", bootstrap=FEW)
    assert (found["n"], found["n_labelled"], found["n_positive"]) == (1000, 206, 32)
    assert found["metrics"]["f1"]["value"] == 1.0
    assert found["daf_max"] == pytest.approx(206 / 32)
    assert found["metrics"]["mae"]["value"] == pytest.approx(0.0794)
    assert found["metrics"]["r2"]["value"] is None
    part = next(p for p in found["secondary"] if p["name"] == "with a hull distance")
    assert (part["n"], part["metrics"]["mae"]["value"]) == (206, pytest.approx(0.0, abs=1e-12))
    assert "n_labelled" not in part


def test_two_runs_of_one_model_are_compared_crystal_by_crystal(shipped, tmp_path):
    truth = load_truth(shipped, "wbm-crystals")
    dataset = load(shipped, "wbm-crystals")
    base = truth.target("e_form_per_atom")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    place = {i: n for n, i in enumerate(truth.material_ids.to_pylist())}
    theirs = base.copy()
    mine = base + 0.0005
    fixed = place["wbm-2-22997"]  # K2Se5, whose label holds a correction of -2.36 eV over 7 atoms
    mine[fixed], theirs[fixed] = base[fixed], base[fixed] + 2.36 / 7
    lower = 0 if fixed else 1
    mine[lower] = theirs[lower] - 0.2
    first = load_submission(shipped, _written(tmp_path / "a", truth, mine), "discovery", "wbm-crystals")
    second = load_submission(shipped, _written(tmp_path / "b", truth, theirs), "discovery", "wbm-crystals")
    summary, listed = agreement_tables([("M", first, second)], dataset.corrections, {"M": "pbe_raw"})
    assert summary.rows[0][:5] == ("M", 1000.0, pytest.approx(0.5), "99.8 %", "99.8 %")
    reasons = {row[0]: row[-1] for row in listed.rows}
    assert reasons["wbm-2-22997 (M)"] == "theirs lacks the correction of the label"
    assert "ended higher" in reasons[f"{truth.material_ids[lower].as_py()} (M)"]
    apart = first.answers.values - second.answers.values
    assert reason(first, apart, fixed, {}) == "other start, theirs ended higher"
    assert agreement_tables([], {}, {}) == []


def test_files_on_the_board_are_scored_once_and_again_when_they_change(shipped, tmp_path):
    root = tmp_path / "board"
    shutil.copytree(shipped.root, root)
    board = type(shipped)(root)
    for path in (board.predictions_dir / "discovery" / SET).glob("*"):
        if path.name.split(".csv")[0] not in ("orb-v2", "megnet"):
            path.unlink()
    assert publish_new(board, "discovery", SET) == ["megnet", "orb-v2"]
    assert publish_new(board, "discovery", SET) == []
    shutil.copy(file_of(board, "megnet"), file_of(board, "orb-v2"))
    assert publish_new(board, "discovery", SET) == ["orb-v2"]
    results = [
        json.loads((board.results_dir / "discovery" / SET / f"{k}.json").read_text()) for k in ("megnet", "orb-v2")
    ]
    assert results[0]["metrics"] == results[1]["metrics"]
