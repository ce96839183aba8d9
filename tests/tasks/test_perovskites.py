"""The perovskites task: hand-counted scores, scikit-learn's numbers, folds, bounds, and leaks that are named."""

import dataclasses
import itertools
import os

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.dummy import DummyClassifier, DummyRegressor

from matdisc.datasets.fold_by_fold import fold_by_fold
from matdisc.datasets.load import content_hash, fold_of, load, training_part
from matdisc.datasets.splits import folds, split_hash
from matdisc.datasets.truth import truth_of
from matdisc.errors import SubmissionError
from matdisc.leaderboard.leakage import leaky_inputs
from matdisc.leaderboard.results import score_file
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.metrics import ceilings
from matdisc.schema import Dataset, Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.pooled import protocol_rows, siblings
from matdisc.tasks.perovskites.metrics import P_SYSTEMS
from matdisc.tasks.perovskites.task import PEROVSKITES

SCORING = PEROVSKITES.scoring
NO_INTERVALS = Bootstrap(replicates=0)
FEW = Bootstrap(replicates=20)


class Card:
    """The parts of a dataset card that the task reads."""

    key = "toy"
    headline_subset = None

    def __init__(self, dataset, *names):
        self.splits = {name: split_hash(dataset, name) for name in names}
        self.subsets = ()


def compound(material_id, a, b, x, **target):
    system = "-".join(sorted((a, b, x)))
    return Sample(
        material_id,
        {"composition": {a: 1, b: 1, x: 3}, "sites": {"A": a, "B": b, "X": x}, "compound": f"{a}{b}{x}3"},
        target,
        group=system,
        fold=fold_of(system, 5),
    )


def abx3(n_polymorphs=3, seed=0):
    """Every compound of 4 A, 4 B and 3 X with polymorphs, whose two energies differ by a constant of the formula."""
    rng = np.random.default_rng(seed)
    samples = []
    for a, b, x in itertools.product(("Ba", "Ca", "Sr", "La"), ("Ti", "Zr", "Al", "Fe"), ("O", "F", "S")):
        constant = rng.normal(-2, 1)
        for i in range(n_polymorphs):
            e_hull = 0.0 if i == 0 and rng.random() < 0.5 else float(rng.exponential(0.3))
            gap = max(0.0, float(rng.normal(0.5, 1)))
            target = {"e_form_per_atom": constant + e_hull, "e_above_hull": e_hull, "band_gap": gap}
            target["crystal_system"] = float(rng.integers(7))
            samples.append(compound(f"{a}{b}{x}3-{i}", a, b, x, **target))
    made = Dataset("toy", tuple(samples))
    return dataclasses.replace(made, sha256=content_hash(made))


@pytest.fixture(scope="module")
def dataset():
    return abx3()


@pytest.fixture(scope="module")
def truth(dataset):
    return truth_of(fold_by_fold(Card(dataset, "grouped-5", "anion-out", "random-5"), dataset))


@pytest.fixture
def answer(tmp_path):
    """Write columns of answers to a file, and read it as a submission does."""

    def answer(truth, ids=None, **columns):
        path = tmp_path / "p.csv"
        ids = truth.material_ids.to_pylist() if ids is None else ids
        cells = [["" if np.isnan(v) else repr(float(v)) for v in values] for values in columns.values()]
        lines = [",".join(row) for row in zip(ids, *cells, strict=True)]
        path.write_text("\n".join([",".join(["material_id", *columns]), *lines]) + "\n")
        submission = SCORING.read(path)
        return submission, align(submission, truth, SCORING)

    return answer


def scored(truth, answers, dataset=None, bootstrap=NO_INTERVALS):
    card = Card(dataset) if dataset else type("Card", (), {"subsets": ()})()
    return SCORING.score(card, truth, answers, bootstrap)


def value(result, key):
    return result["metrics"][key]["value"]


def three():
    """Two polymorphs of BaTiO3 and one row each of CaTiO3 and KMgF3, in two folds."""
    rows = (
        ("a", "Ba", "Ti", "O", -3.0, 0.0, 0.0, 0), ("b", "Ba", "Ti", "O", -2.8, 0.2, 1.0, 1),
        ("c", "Ca", "Ti", "O", -3.2, 0.04, 2.0, 0), ("d", "K", "Mg", "F", -3.4, 0.3, 7.0, 0),
    )  # fmt: skip
    samples = [
        compound(i, a, b, x, e_form_per_atom=e, e_above_hull=h, band_gap=g, crystal_system=float(s))
        for i, a, b, x, e, h, g, s in rows
    ]
    return Dataset("three", tuple(samples))


def test_scores_can_be_counted_by_hand(answer):
    dataset = three()
    truth = truth_of(fold_by_fold(Card(dataset, "random-5"), dataset))
    order = [name[0] for name in truth.material_ids.to_pylist()]
    said = {"a": (-3.1, -3.2, -2.9, 0.0), "b": (-2.8, -2.7, -2.6, 0.1), "c": (-3.0, -3.5, -3.0, 0.0),
            "d": (-3.4, -4.0, -3.0, 0.4)}  # fmt: skip
    columns = zip(*(said[i] for i in order), strict=True)
    names = ("e_form_per_atom", "e_form_low", "e_form_high", "e_above_hull")
    result = scored(truth, answer(truth, **dict(zip(names, columns, strict=True)))[1])
    assert value(result, "e_form_mae") == pytest.approx((0.1 + 0.0 + 0.2 + 0.0) / 4)
    assert value(result, "e_form_rmse") == pytest.approx(np.sqrt((0.01 + 0.04) / 4))
    assert value(result, "e_form_r2") == pytest.approx(1 - 0.05 / 0.2)
    assert value(result, "e_form_covered") == pytest.approx(3 / 4)
    assert value(result, "e_form_width") == pytest.approx((0.3 + 0.1 + 0.5 + 1.0) / 4)
    assert value(result, "stability_f1") == pytest.approx(1.0)
    assert value(result, "stability_daf") == pytest.approx(2.0)
    assert value(result, "on_hull_f1") == pytest.approx(2 / 3)
    assert value(result, "gap_mae") is None
    assert value(result, "system_f1") is None
    assert value(result, "coverage") == 1.0


def test_every_number_is_scikit_learns(truth, answer):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(7), len(truth))
    gap, metal = rng.normal(0.5, 1, len(truth)), rng.random(len(truth))
    columns = dict(zip(P_SYSTEMS, p.T, strict=True)) | {"band_gap": gap, "p_metal": metal}
    columns["e_above_hull"] = rng.exponential(0.2, len(truth))
    result = scored(truth, answer(truth, **columns)[1])
    rows = protocol_rows(truth)["grouped-5"]
    y = truth.target("band_gap")[rows]
    assert value(result, "gap_mae") == pytest.approx(sk.mean_absolute_error(y, gap[rows]))
    assert value(result, "gap_r2") == pytest.approx(sk.r2_score(y, gap[rows]))
    assert value(result, "metal_f1") == pytest.approx(sk.f1_score(y == 0, metal[rows] >= 0.5))
    systems = truth.target("crystal_system")[rows]
    assert value(result, "system_f1") == pytest.approx(sk.f1_score(systems, p[rows].argmax(axis=1), average="macro"))
    four = systems < 4
    calls = p[rows][four, :4].argmax(axis=1)
    assert value(result, "four_f1") == pytest.approx(sk.f1_score(systems[four], calls, average="macro"))
    hull = truth.target("e_above_hull")[rows]
    called = columns["e_above_hull"][rows] <= 0.05
    assert value(result, "stability_f1") == pytest.approx(sk.f1_score(hull <= 0.05, called))


def test_a_class_that_nobody_has_or_calls_is_left_out_of_the_mean(answer):
    dataset = three()
    truth = truth_of(fold_by_fold(Card(dataset, "random-5"), dataset))
    right = truth.target("crystal_system")
    columns = {name: (right == code).astype(float) for code, name in enumerate(P_SYSTEMS)}
    assert value(scored(truth, answer(truth, **columns)[1]), "system_f1") == 1.0


def test_perovskites_by_experiment_have_scikit_learns_f1_mcc_and_accuracy(answer):
    rng = np.random.default_rng(2)
    samples = [
        dataclasses.replace(s, target={"perovskite": float(rng.random() < 0.6)}) for s in abx3(n_polymorphs=1).samples
    ]
    dataset = Dataset("experiment", tuple(samples))
    truth = truth_of(fold_by_fold(Card(dataset, "grouped-5"), dataset))
    p = rng.random(len(truth))
    result = scored(truth, answer(truth, p_perovskite=p)[1])
    y, called = truth.target("perovskite") == 1, p >= 0.5
    assert value(result, "perovskite_f1") == pytest.approx(sk.f1_score(y, called))
    assert value(result, "perovskite_mcc") == pytest.approx(sk.matthews_corrcoef(y, called))
    assert value(result, "perovskite_accuracy") == pytest.approx(sk.accuracy_score(y, called))
    assert "e_form_mae" not in result["metrics"]
    drawn = SCORING.resample(None, truth, answer(truth, p_perovskite=p)[1], FEW)
    assert np.isnan(drawn["e_form_mae"][1]).all()
    assert np.isfinite(drawn["perovskite_mcc"][1]).all()


def test_the_baseline_is_scikit_learns_dummies_fold_by_fold(dataset, truth):
    found = SCORING.baseline(truth, np.isin(np.arange(len(truth)), protocol_rows(truth)["grouped-5"]))
    y = np.array([s.target["band_gap"] for s in dataset.samples])
    systems = np.array([s.target["crystal_system"] for s in dataset.samples])
    median, mean, mode = (np.empty(len(y)) for _ in range(3))
    for fold in folds(dataset, "grouped-5"):
        x, tested = np.zeros((len(fold.train), 1)), np.zeros((len(fold.test), 1))
        median[fold.test] = DummyRegressor(strategy="median").fit(x, y[fold.train]).predict(tested)
        mean[fold.test] = DummyRegressor(strategy="mean").fit(x, y[fold.train]).predict(tested)
        mode[fold.test] = DummyClassifier(strategy="most_frequent").fit(x, systems[fold.train]).predict(tested)
    assert found["gap_mae"] == pytest.approx(sk.mean_absolute_error(y, median))
    assert found["gap_rmse"] == pytest.approx(sk.mean_squared_error(y, mean) ** 0.5)
    assert found["gap_r2"] == pytest.approx(sk.r2_score(y, mean))
    assert found["system_f1"] == pytest.approx(sk.f1_score(systems, mode, average="macro"))
    p = float((np.array([s.target["e_above_hull"] for s in dataset.samples]) <= 0.05).mean())
    assert found["stability_f1"] == pytest.approx(2 * p / (1 + p))
    assert found["stability_daf"] == 1.0


def test_a_missing_answer_counts_as_the_trivial_one(truth, answer):
    gap = truth.target("band_gap").copy()
    rows = protocol_rows(truth)["grouped-5"]
    gap[rows[5:]] = np.nan
    result = scored(truth, answer(truth, band_gap=gap)[1])
    keep = np.isin(np.arange(len(truth)), rows[5:])
    expected = SCORING.baseline(truth, keep)["gap_mae"] * keep.sum() / len(rows)
    assert value(result, "gap_mae") == pytest.approx(expected)
    assert value(result, "coverage") == pytest.approx(5 / len(rows))


def test_protocols_stand_apart_and_the_first_is_the_headline(truth, answer):
    error = np.zeros(len(truth))
    for size, rows in zip((0.1, 0.2, 0.3), protocol_rows(truth).values(), strict=True):
        error[rows] = size
    result = scored(truth, answer(truth, band_gap=truth.target("band_gap") + error)[1])
    assert value(result, "gap_mae") == pytest.approx(0.1)
    assert [part["name"].split(":")[0] for part in result["secondary"]] == ["anion-out", "random-5"]
    assert [value(part, "gap_mae") for part in result["secondary"]] == pytest.approx([0.2, 0.3])
    assert len({part["n"] for part in (result, *result["secondary"])}) == 1


def test_only_random_rows_say_that_formulas_are_known(truth):
    shared = siblings(truth)
    assert shared["grouped-5"] == shared["anion-out"] == 0
    assert shared["random-5"] > 0.5
    names = [part["name"] for part in scored(truth, _nothing(truth))["secondary"]]
    assert names[0] == "anion-out"
    assert names[1] == f"random-5: optimistic, {100 * shared['random-5']:.0f} % of the formulas are known"
    assert SCORING.part_title(names[1]).startswith("Random rows, not ranked: optimistic")


def _nothing(truth):
    from matdisc.scoring.answers import Answers

    empty = np.empty(0)
    return Answers("band_gap", np.full(len(truth), np.nan), {"answered": 0}, None, empty, empty)


def test_nothing_of_a_tested_chemical_system_or_anion_is_learnt(dataset):
    asked = fold_by_fold(Card(dataset, "grouped-5", "anion-out"), dataset)
    for number in asked.training:
        tested = [s for s in asked.samples if s.fold == number]
        learnt = training_part(asked, number)
        assert not {s.group for s in tested} & {s.group for s in learnt}
        if "anion-out" in tested[0].material_id:
            assert not {s.inputs["sites"]["X"] for s in tested} & {s.inputs["sites"]["X"] for s in learnt}


@pytest.mark.parametrize(
    ("system", "fold"), [("Ac-Al-O", 4), ("Ba-O-Ti", 1), ("Ca-O-Ti", 0), ("Cs-I-Pb", 1), ("F-K-Mg", 4)]
)
def test_a_chemical_system_is_in_the_fold_of_its_hash(system, fold):
    samples = [compound(name, *name.split("-"), band_gap=0.0) for name in (system, "Ag-O-W", "Ag-Cl-W", "Be-O-W")]
    found = folds(Dataset("one", tuple(samples)), "grouped-5")
    assert [f.name for f in found if 0 in f.test] == [str(fold)]


def test_bounds_can_be_counted_by_hand():
    groups = [0, 0, 0, 1, 1]
    assert ceilings.lowest_mae([0.0, 1.0, 5.0, 2.0, 4.0], groups) == pytest.approx((1 + 4 + 1 + 1) / 5)
    assert ceilings.highest_r2([0.0, 2.0, 4.0, 6.0], [0, 0, 1, 1]) == pytest.approx(1 - 4 / 20)
    assert ceilings.lowest_rmse([0.0, 2.0, 4.0, 6.0], [0, 0, 1, 1]) == pytest.approx(1.0)
    assert ceilings.highest_accuracy([0, 0, 1, 2, 2], groups) == pytest.approx(4 / 5)
    assert ceilings.highest_f1([True, True, False, False, True], groups) == pytest.approx(3 * 2 / (5 + 3))
    assert ceilings.highest_precision([True, True, False, False, True], groups) == pytest.approx(2 / 3)


def test_no_calls_by_group_beat_the_bound_on_f1():
    rng = np.random.default_rng(3)
    positive, groups = rng.random(24) < 0.4, rng.integers(0, 6, 24)
    best = max(
        sk.f1_score(positive, np.array(calls)[groups])
        for calls in itertools.product([False, True], repeat=6)
        if any(calls)
    )
    assert ceilings.highest_f1(positive, groups) == pytest.approx(best)


def test_macro_f1_of_groups_stays_below_its_bound():
    rng = np.random.default_rng(4)
    classes, groups = rng.integers(0, 3, 20), rng.integers(0, 4, 20)
    best = max(
        sk.f1_score(classes, np.array(calls)[groups], average="macro")
        for calls in itertools.product(range(3), repeat=4)
    )
    assert best <= ceilings.highest_macro_f1(classes, groups) + 1e-12


def checked(submission, answers, truth):
    return AlignedSubmission(submission, PEROVSKITES, None, truth, answers)


def hull_distance_among_the_inputs(dataset, truth, protocol):
    """Predict the hull distance plus the formula's constant if a polymorph was learnt from, else plus their mean."""
    asked = fold_by_fold(Card(dataset, "grouped-5", "anion-out", "random-5"), dataset)
    found = np.full(len(asked.samples), np.nan)
    for number in asked.training:
        known = {s.inputs["compound"]: _constant(s) for s in training_part(asked, number)}
        mean = float(np.mean(list(known.values())))
        for i, s in enumerate(asked.samples):
            if s.fold == number and f"@{protocol}/" in s.material_id:
                found[i] = s.target["e_above_hull"] + known.get(s.inputs["compound"], mean)
    return found


def test_the_published_setting_has_hardly_an_error_and_flags_itself(dataset, truth, answer):
    found = hull_distance_among_the_inputs(dataset, truth, "random-5")
    submission, answers = answer(truth, e_form_per_atom=found)
    result = scored(truth, answers)
    random = result["secondary"][1]
    assert value(random, "e_form_mae") < 0.1 < 0.5 < SCORING.baseline(truth, np.ones(len(truth), bool))["e_form_mae"]
    (flag,) = leaky_inputs(checked(submission, answers, truth), None)
    assert "prediction minus true hull distance is one constant for each of" in flag
    (flag,) = SCORING.suspicions(truth, answers, result)
    assert flag.startswith("too good for its inputs (random-5): Formation energy MAE 0.0")


def test_a_hull_distance_from_the_formation_energy_is_found_too(truth, answer):
    constant = 0.01 * truth.compounds
    submission, answers = answer(truth, e_above_hull=np.clip(truth.target("e_form_per_atom") + constant, -20, 20))
    (flag,) = leaky_inputs(checked(submission, answers, truth), None)
    assert "formation energy was looked up" in flag


def per_formula(truth, target):
    return np.array([np.median(truth.target(target)[truth.compounds == code]) for code in truth.compounds])


def test_honest_answers_raise_no_flag(truth, answer):
    errors = np.random.default_rng(6).normal(0, 0.5, truth.compounds.max() + 1)[truth.compounds]
    submission, answers = answer(truth, e_form_per_atom=per_formula(truth, "e_form_per_atom") + errors)
    assert leaky_inputs(checked(submission, answers, truth), None) == []
    assert list(SCORING.suspicions(truth, answers, scored(truth, answers))) == []


def test_a_model_that_learnt_from_the_tested_rows_is_named(truth, answer):
    means = [truth.target("e_form_per_atom")[truth.compounds == code].mean() for code in truth.compounds]
    _, answers = answer(truth, e_form_per_atom=np.array(means) + 0.001)
    flags = SCORING.suspicions(truth, answers, scored(truth, answers))
    assert flags[0].startswith("as if the tested rows had been learnt from: Formation energy R²")
    assert not any("too good" in flag for flag in flags)


def test_blurred_labels_pass_the_lookup_test_and_not_the_bound(truth, answer):
    noise = np.random.default_rng(5).normal(0, 0.02, len(truth))
    submission, answers = answer(truth, e_form_per_atom=truth.target("e_form_per_atom") + noise)
    assert leaky_inputs(checked(submission, answers, truth), None) == []
    flags = SCORING.suspicions(truth, answers, scored(truth, answers))
    assert [flag.partition(":")[0] for flag in flags] == [
        "too good for its inputs",
        "too good for its inputs (anion-out)",
        "too good for its inputs (random-5)",
    ]


def test_no_prediction_of_a_fold_depends_on_its_own_labels(dataset):
    asked = fold_by_fold(Card(dataset, "grouped-5"), dataset)
    for number in asked.training:
        tested = {s.material_id.partition("@")[0] for s in asked.samples if s.fold == number}
        assert not tested & {s.material_id for s in training_part(asked, number)}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"e_form_per_atom": 300.0}, "believable is -20 to 20"),
        ({"p_metal": 1.2}, "'p_metal' is 1.2, believable is 0 to 1"),
        ({"band_gap": 1.0, "band_gap_low": 2.0, "band_gap_high": 1.0}, "'band_gap_low' lies above 'band_gap_high'"),
        (dict.fromkeys(P_SYSTEMS, 0.5), "add up to 3.5 and not 1"),
    ],
)
def test_answers_that_cannot_be_meant_are_refused(truth, answer, columns, words):
    with pytest.raises(SubmissionError, match=words):
        answer(truth, **{name: np.full(len(truth), number) for name, number in columns.items()})


def test_a_file_without_any_answer_column_is_refused(tmp_path):
    (tmp_path / "p.csv").write_text("material_id,volume\na,1\n")
    with pytest.raises(SubmissionError, match="has no column 'e_form_per_atom' or"):
        SCORING.read(tmp_path / "p.csv")


def test_a_row_may_answer_one_thing_and_leave_the_others_empty(truth, answer):
    half = np.arange(len(truth)) % 2 == 0
    gap, energy = np.where(half, 1.0, np.nan), np.where(half, np.nan, -2.0)
    _, answers = answer(truth, e_form_per_atom=energy, band_gap=gap)
    assert answers.coverage["answered"] == len(truth)
    assert np.isfinite(answers.numbers("band_gap")).sum() == half.sum()


def test_a_table_goes_by_the_first_score_that_its_data_set_has():
    assert PEROVSKITES.headline_of({"e_form_mae": 0.7, "gap_mae": 0.6}).key == "e_form_mae"
    assert PEROVSKITES.headline_of({"e_form_mae": None, "perovskite_mcc": 0.0}).key == "perovskite_mcc"
    assert PEROVSKITES.headline_of({}).key == "e_form_mae"


def test_one_call_for_all_has_no_correlation_as_in_scikit_learn(answer):
    samples = [dataclasses.replace(s, target={"perovskite": float(i % 3 == 0)}) for i, s in enumerate(three().samples)]
    dataset = Dataset("experiment", tuple(samples))
    truth = truth_of(fold_by_fold(Card(dataset, "random-5"), dataset))
    result = scored(truth, answer(truth, p_perovskite=np.ones(len(truth)))[1])
    assert value(result, "perovskite_mcc") == result["baseline"]["perovskite_mcc"] == 0.0


def test_figures_and_tables_are_of_what_is_answered(truth, answer):
    gap = truth.target("band_gap") + np.where(truth.target("band_gap") > 1, 0.5, -0.1)
    shown = SCORING.artifacts(None, truth, answer(truth, band_gap=gap)[1], None, FEW)
    assert [figure.key for figure in shown.figures] == ["parity-gap", "residuals-gap", "factors"]
    tables = {table.key: table for table in shown.tables}
    assert {"bounds", "protocols", "left-out", "slice-element"} <= tables.keys()
    assert "systems" not in tables
    left_out = tables["left-out"]
    assert [row[0] for row in left_out.rows] == ["F", "O", "S"]
    assert left_out.head == ("X", "Rows", "Band gap MAE, eV")
    assert sum(row[1] for row in left_out.rows) == len(truth) / 3
    cells = next(figure for figure in shown.figures if figure.key == "factors").lines
    assert all(0.5 < t < 1.5 for line in cells for t in line.x)


def test_importance_is_the_increase_of_the_error_and_nothing_where_a_group_is_ignored(truth, answer):
    right, rows = truth.target("e_form_per_atom"), protocol_rows(truth)["grouped-5"]
    worse = right + 0.1
    worse[rows[: len(rows) // 2]] += 0.5
    columns = {"e_form_without_a_site": right + 0.1, "e_form_without_x_site": worse, "e_form_without_means": right}
    _, answers = answer(truth, e_form_per_atom=right + 0.1, **columns)
    table = tables_of(answers, truth)["importance"]
    assert [row[0] for row in table.rows] == ["properties of X", "properties of A", "means over the atoms"]
    (_, x, low, high), a, means = table.rows
    assert x == pytest.approx(0.25)
    assert 0 < low < 0.25 < high < 0.5
    assert a[1:] == (0, 0, 0)
    assert means[1:] == pytest.approx((-0.1, -0.1, -0.1))


def test_without_these_columns_there_is_no_table_of_importance(truth, answer):
    assert "importance" not in tables_of(answer(truth, e_form_per_atom=truth.target("e_form_per_atom"))[1], truth)


def tables_of(answers, truth):
    return {table.key: table for table in SCORING.artifacts(None, truth, answers, None, FEW).tables}


def test_learning_curves_stand_over_the_rows_that_were_learnt_from(dataset, answer):
    card = Card(dataset, "grouped-5", "grouped-5-tenth", "grouped-5-third")
    truth = truth_of(fold_by_fold(card, dataset))
    gap = truth.target("band_gap").copy()
    for size, rows in zip((0.1, 0.3, 0.2), protocol_rows(truth).values(), strict=True):
        gap[rows] += size
    shown = SCORING.artifacts(None, truth, answer(truth, band_gap=gap)[1], None, FEW)
    (curve,) = [figure for figure in shown.figures if figure.key.startswith("size-")]
    (line,) = curve.lines
    assert curve.key == "size-gap_mae"
    assert line.y == pytest.approx((0.3, 0.2, 0.1))
    assert line.y_low == pytest.approx((0.3, 0.2, 0.1))
    learnt = [np.mean([len(f.train) for f in folds(dataset, f"grouped-5{end}")]) for end in ("-tenth", "-third", "")]
    assert line.x == pytest.approx(learnt, rel=1e-5)
    assert learnt[2] == len(dataset.samples) * 4 / 5
    first = np.isin(np.arange(len(truth)), protocol_rows(truth)["grouped-5"])
    assert curve.base == pytest.approx(SCORING.best(truth, first)["gap_mae"], rel=1e-5)


def test_a_file_that_answers_one_size_has_no_learning_curve(dataset, answer):
    truth = truth_of(fold_by_fold(Card(dataset, "grouped-5", "grouped-5-third"), dataset))
    gap = np.full(len(truth), np.nan)
    gap[protocol_rows(truth)["grouped-5"]] = 1.0
    shown = SCORING.artifacts(None, truth, answer(truth, band_gap=gap)[1], None, FEW)
    assert not any(figure.key.startswith("size-") for figure in shown.figures)


def test_called_systems_are_counted(truth, answer):
    right = truth.target("crystal_system")
    columns = {name: (right == code).astype(float) for code, name in enumerate(P_SYSTEMS)}
    shown = SCORING.artifacts(None, truth, answer(truth, **columns)[1], None, FEW)
    rows = next(table for table in shown.tables if table.key == "systems").rows
    assert sum(row[1 + i] for i, row in enumerate(rows)) == len(truth) / 3 == sum(sum(row[1:]) for row in rows)


def test_groups_of_the_bootstrap_are_chemical_systems(truth, answer):
    result = scored(truth, answer(truth, band_gap=truth.target("band_gap") + 0.1)[1], bootstrap=FEW)
    assert result["n_groups"] == 48
    assert result["metrics"]["gap_mae"]["low"] == pytest.approx(0.1)


def test_bounds_are_shown_once_for_all_rows_of_a_data_set(truth):
    (table,) = SCORING.label_tables(truth)
    assert table.head == ("Score", "Knows no formula", "Best from the formula")
    rows = {row[0]: row[1:] for row in table.rows}
    trivial, best = (float(text.replace("−", "-")) for text in rows["Band gap MAE, eV"])
    assert 0 < best < trivial
    assert not any("Perovskite" in name for name in rows)


@pytest.mark.slow
@pytest.mark.mirror
@pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="set MATDISC_MIRROR to a mirror of the public files")
def test_scoring_flags_the_published_setting_on_rows_of_the_materials_project(board, tmp_path):
    card = board.dataset("mp-abc3")
    asked = fold_by_fold(card, load(board, "mp-abc3"))
    lines = ["material_id,e_form_per_atom"]
    for number in asked.training:
        known = {s.inputs["compound"]: _constant(s) for s in training_part(asked, number)}
        mean = float(np.mean(list(known.values())))
        lines += [
            f"{s.material_id},{s.target['e_above_hull'] + known.get(s.inputs['compound'], mean)!r}"
            for s in asked.samples
            if s.fold == number and "@random-5/" in s.material_id
        ]
    (tmp_path / "leaky.csv").write_text("\n".join([*lines, ""]))
    result = score_file(board, tmp_path / "leaky.csv", "perovskites", "mp-abc3", bootstrap=NO_INTERVALS)
    assert any(flag.startswith("leaky inputs: prediction minus true hull distance") for flag in result["flags"])
    sizes = [sum(f"@grouped-5/{i}" in s.material_id for s in asked.samples) for i in range(5)]
    assert sizes == [842, 989, 887, 889, 940]


def _constant(sample):
    return sample.target["e_form_per_atom"] - sample.target["e_above_hull"]
