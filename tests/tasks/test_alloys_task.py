"""The alloys task: what is asked, what a fold may learn from, and scores that can be counted by hand."""

import dataclasses

import numpy as np
import pytest

from matdisc.datasets.load import content_hash, training_part
from matdisc.datasets.splits import folds, pool, split_hash
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError, SubmissionError
from matdisc.models import Question
from matdisc.models.evidence.predictors import evidence
from matdisc.schema import Dataset, Sample
from matdisc.scoring.align import align
from matdisc.scoring.fold_details import fold_artifacts
from matdisc.scoring.fold_figures import risk_coverage
from matdisc.scoring.folds import against, class_rate, protocols, score_beliefs
from matdisc.tasks.alloys.task import ALLOYS, fold_by_fold

FIVE = {"Co|Cr": (1, 0), "Cr|Fe": (0, 0), "Co|Ni": (1, 0), "Co|Fe": (1, 1), "Fe|Ni": (0, 1)}
"""Label and fold of each alloy. Fold 0 learns from one High and one Low, fold 1 from two High and one Low."""
SAID = {
    "Co|Cr@given-mine/0": (0.9, 0.8, 1.0),
    "Cr|Fe@given-mine/0": (0.4, 0.2, 0.6),
    "Co|Ni@given-mine/0": (0.5, 0.0, 1.0),
    "Fe|Ni@given-mine/1": (0.1, 0.1, 0.1),
}
"""p_high, belief, plausibility: Co|Ni is an abstention, and Co|Fe is not answered."""


class Card:
    """The parts of a dataset card that the task reads."""

    def __init__(self, dataset, *names):
        self.splits = {name: split_hash(dataset, name) for name in names}
        self.subsets = ()


@pytest.fixture
def five():
    samples = [
        Sample(name, {"elements": tuple(name.split("|")), "folds": {"mine": fold}}, {"high": float(high)}, name)
        for name, (high, fold) in FIVE.items()
    ]
    made = Dataset("five", tuple(samples))
    return dataclasses.replace(made, sha256=content_hash(made))


@pytest.fixture
def truth(five):
    return truth_of(fold_by_fold(Card(five, "given-mine"), five))


@pytest.fixture
def answered(tmp_path, truth):
    """Answers of a file with the given rows: `answered({id: (p_high, belief, plausibility)})`."""

    def answered(rows, header="material_id,p_high,belief,plausibility"):
        path = tmp_path / "p.csv"
        lines = [",".join([name, *map(str, values)]) for name, values in rows.items()]
        path.write_text("\n".join([header, *lines]) + "\n")
        return align(ALLOYS.scoring.read(path), truth, ALLOYS.scoring)

    return answered


def test_each_fold_is_asked_about_its_own_alloys_and_learns_from_the_others(five):
    asked = fold_by_fold(Card(five, "given-mine", "loeo"), five)
    of_fold = [fold for name in ("given-mine", "loeo") for fold in folds(five, name)]
    assert len(asked.training) == len(of_fold) > 2
    for number, fold in enumerate(of_fold):
        mine = [s.material_id.partition("@")[0] for s in asked.samples if s.fold == number]
        assert mine == [pool(five)[i].material_id for i in fold.test]
        assert training_part(asked, number) == [pool(five)[i] for i in fold.train]
        assert not {s.material_id for s in training_part(asked, number)} & set(mine)


def test_a_run_of_other_folds_is_another_run(five):
    hashes = {fold_by_fold(Card(five, *names), five).sha256 for names in (("loeo",), ("given-mine",))}
    assert len(hashes) == 2
    assert five.sha256 not in hashes


def test_folds_other_than_those_on_the_card_are_refused(five):
    card = Card(five, "loeo")
    card.splits["loeo"] = "0" * 64
    with pytest.raises(DataError, match="folds of 'loeo' hash to"):
        fold_by_fold(card, five)


def test_five_alloys_are_scored_as_one_counts_them_by_hand(truth, answered):
    found = protocols(truth, answered(SAID))
    result = score_beliefs(found, {}, 0, 0)
    value = {key: metric["value"] for key, metric in result["metrics"].items()}
    assert value["brier"] == pytest.approx(((0.01 + 0.16 + 0.25) / 3 + (0.25 + 0.01) / 2) / 2)
    assert value["accuracy"] == pytest.approx((2 / 3 + 1) / 2)  # Co|Ni counts as Low, the missing Co|Fe as High
    assert value["coverage"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert value["accuracy_answered"] == 1
    assert value["f1_high"] == pytest.approx((2 / 3 + 1) / 2)
    assert (result["n"], result["n_positive"], result["n_groups"]) == (5, 3, 5)
    mine = found["given-mine"]
    assert (mine.answered, mine.n_abstained) == (4, 1)
    assert class_rate(mine)["brier"] == pytest.approx((0.25 + (1 / 9 + 4 / 9) / 2) / 2)


def test_a_probability_alone_is_an_interval_without_width(truth, answered):
    rows = {name: (values[0],) for name, values in SAID.items()}
    fold = protocols(truth, answered(rows, "material_id,p_high"))["given-mine"].folds[0]
    assert fold.belief.tolist() == fold.plausibility.tolist() == [0.9, 0.4, 0.5]
    assert not fold.abstained.any()


def test_a_protocol_without_any_answer_is_undefined_and_not_bad(five, tmp_path):
    truth = truth_of(fold_by_fold(Card(five, "given-mine", "loeo"), five))
    path = tmp_path / "p.csv"
    path.write_text("material_id,p_high\nCo|Cr@given-mine/0,0.9\n")
    found = protocols(truth, align(ALLOYS.scoring.read(path), truth, ALLOYS.scoring))
    made = fold_artifacts(ALLOYS.metrics, ALLOYS.ranked, found, None, 0, 0)
    first, second = (table for table in made.tables if table.key == "metrics")
    assert dict(row[:2] for row in first.rows)["Brier"] == "0.210"  # ((0.01 + 0.25 + 0.25) / 3 + 0.25) / 2
    assert {row[0]: row[-1] for row in first.rows}["Brier"] == "2"
    assert first.note.startswith("given-mine (headline): 5 answers on 5 alloys in 2 folds, 60.0 % High")
    assert ", 4 missing" in first.note
    assert dict(row[:2] for row in second.rows)["Brier"] == "–"
    assert f"loeo: {found['loeo'].n} answers" in second.note
    assert f", {found['loeo'].n} missing" in second.note
    assert {figure.section for figure in made.figures} == {first.section}


def test_figures_agree_with_the_metrics(truth, answered):
    found = protocols(truth, answered(SAID))
    metrics = score_beliefs(found, {}, 0, 0)["metrics"]
    curve = risk_coverage(found["given-mine"].folds)
    assert curve["by_u"].mean() == pytest.approx(metrics["risk_area_by_u"]["value"])
    assert [curve["by_p"][-1], curve["least"][-1]] == pytest.approx([1 - metrics["accuracy"]["value"]] * 2)
    assert (curve["least"] <= np.minimum(curve["by_u"], curve["by_p"]) + 1e-12).all()
    made = fold_artifacts(ALLOYS.metrics, ALLOYS.ranked, found, None, 0, 0)
    figures = {figure.key: figure for figure in made.figures}
    assert list(figures["risk-ignorance"].lines[0].y) == pytest.approx(curve["by_u"], abs=1e-6)
    stated, inside, outside = figures["intervals"].lines
    assert list(stated.labels) == ["1 answer", "1 answer", "2 answers", "1 answer"]
    assert (stated.y_low, stated.y_high) == ((0.1, 0.2, 0, 0.8), (0.1, 0.6, 1, 1))
    assert (inside.x, inside.y) == ((0.5, 0.9), (1, 1))
    assert (outside.x, outside.y) == ((0.1, 0.4), (0, 0))
    assert figures["intervals"].note == "3 of 5 answers lie in bins that hit"
    assert figures["reliability"].lines[0].y == (0, 0, 1, 1)
    assert "conflict" not in figures  # none is stated
    assert {table.key for table in made.tables} == {"metrics", "other-metrics"}  # all alloys have two elements


def test_a_difference_to_the_control_is_a_star_only_where_its_interval_leaves_out_zero(truth, answered):
    found = protocols(truth, answered(SAID))
    same = fold_artifacts(ALLOYS.metrics, ALLOYS.ranked, found, ("the constant", found), 20, 0)
    table = next(table for table in same.tables if table.key == "metrics")
    assert table.head[3] == "Difference to the constant"
    assert {row[0]: row[3] for row in table.rows}["Brier"] == "0.000 (0.000 to 0.000)"
    assert "cannot be told apart from the control row, the constant" in table.note
    right = {name: (float(FIVE[name[:5]][0]),) * 3 for name in SAID} | {"Co|Fe@given-mine/1": (1.0, 1.0, 1.0)}
    best = protocols(truth, answered(right))
    brier = [score_beliefs(one, {}, 0, 0)["metrics"]["brier"]["value"] for one in (best, found)]
    difference = against(best["given-mine"], found["given-mine"], 20, 0)["brier"]["value"]
    assert difference == pytest.approx(brier[0] - brier[1])
    better = fold_artifacts(ALLOYS.metrics, ALLOYS.ranked, best, ("the constant", found), 20, 0)
    table = next(table for table in better.tables if table.key == "metrics")
    assert {row[0]: row[3] for row in table.rows}["Brier"].startswith("−0.135* (")
    assert "In Brier it is better than the control row, the constant (−0.135; " in table.note


def test_sizes_and_elements_are_tables_that_one_counts_by_hand(tmp_path):
    labels = {"Co|Cr": 1, "Co|Fe": 0, "Co|Ni": 1, "Cr|Fe": 1, "Cr|Ni": 0, "Fe|Ni": 0, "Co|Cr|Fe": 1}
    samples = [
        Sample(name, {"elements": tuple(name.split("|"))}, {"high": float(high)}, name) for name, high in labels.items()
    ]
    dataset = Dataset("seven", tuple(samples), sha256="d" * 64)
    truth = truth_of(fold_by_fold(Card(dataset, "loeo"), dataset))
    path = tmp_path / "p.csv"
    path.write_text("material_id,p_high\n" + "".join(f"{name},0.9\n" for name in truth.material_ids.to_pylist()))
    found = protocols(truth, align(ALLOYS.scoring.read(path), truth, ALLOYS.scoring))
    tables = {table.key: table for table in fold_artifacts(ALLOYS.metrics, ALLOYS.ranked, found, None, 0, 0).tables}
    two, three = (dict(zip(tables["by-size"].head, row, strict=True)) for row in tables["by-size"].rows)
    assert (two["Elements"], two["Answers"], two["High"]) == ("2", 12, 6)  # each alloy once for each of its elements
    assert (two["Accuracy"], two["F1 of High"]) == pytest.approx((6 / 12, 2 * 6 / (6 + 12)), abs=1e-6)
    assert (three["Answers"], three["High"], three["Brier"]) == (3, 3, pytest.approx(0.01))
    table = tables["elements"]
    assert table.layout == "periodic"
    rows = {row[0]: dict(zip(table.head, row, strict=True)) for row in table.rows}
    assert set(rows) == {"Co", "Cr", "Fe", "Ni"}
    assert (rows["Co"]["Alloys with it"], rows["Co"]["High, %"]) == (4, 75)
    assert rows["Co"]["High in training, %"] == pytest.approx(100 / 3, abs=1e-3)  # Cr|Fe among the three without Co
    assert rows["Co"]["Brier"] == pytest.approx((3 * 0.01 + 0.81) / 4)


@pytest.mark.parametrize(
    ("p_high", "belief", "plausibility", "said"),
    [
        (1.5, 0.2, 1.5, "p_high 1.5 is greater than 1"),
        (-0.1, "", "", "0 is greater than p_high -0.1"),
        (0.4, 0.6, 0.7, "belief 0.6 is greater than p_high 0.4"),
        (0.4, 0.3, 0.35, "p_high 0.4 is greater than plausibility 0.35"),
        (0.4, -0.2, 0.5, "0 is greater than belief -0.2"),
        (0.4, 0.2, 1.2, "plausibility 1.2 is greater than 1"),
    ],
)
def test_an_impossible_belief_is_refused_by_name(answered, p_high, belief, plausibility, said):
    with pytest.raises(SubmissionError, match=f"'Cr.Fe@given-mine/0'.*{said}"):
        answered(SAID | {"Cr|Fe@given-mine/0": (p_high, belief, plausibility)})


@pytest.mark.parametrize("name", ["Co|Cr", "Co|Cr@given-mine/7", "Co|Cr@loeo/Co", "Zr|Ni@given-mine/0"])
def test_an_alloy_outside_its_protocol_is_refused_with_an_example(answered, name):
    with pytest.raises(SubmissionError, match=r"they look like 'Co.Cr@given-mine/0'"):
        answered(SAID | {name: (0.5, 0.5, 0.5)})


def test_nan_is_counted_and_is_no_abstention(truth, answered):
    answers = answered(SAID | {"Co|Fe@given-mine/1": ("nan", "", "")})
    assert answers.coverage["non_finite"] == 1
    assert protocols(truth, answers)["given-mine"].n_abstained == 1


def test_an_element_never_seen_leaves_the_data_without_any_opinion():
    names = [f"{a}|{b}|{c}" for a, b, c in ((x, y, z) for x in "BCF" for y in "NOP" for z in "SUV")]
    samples = [
        Sample(n, {"elements": tuple(n.split("|"))}, {"high": float(i % 3 == 0)}, n) for i, n in enumerate(names)
    ]
    dataset = Dataset("toy", tuple(samples))
    asked = fold_by_fold(Card(dataset, "loeo"), dataset)
    for number in asked.training:
        mine = [s.without_target() for s in asked.samples if s.fold == number]
        said = evidence("data")(training_part(asked, number), mine, Question("alloys", 0.0))
        assert all((a["belief"], a["p_high"], a["plausibility"]) == (0.0, 0.5, 1.0) for a in said)
