"""The learning task: hand-counted scores, protocols of what is new, gaps, learning curves, families side by side."""

import dataclasses
import hashlib
import itertools

import numpy as np
import pytest

from matdisc.datasets.fold_by_fold import fold_by_fold
from matdisc.datasets.load import content_hash, fold_of
from matdisc.datasets.splits import folds, split_hash
from matdisc.datasets.truth import truth_of
from matdisc.schema import Crystal, Dataset, Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.pooled import protocol_rows
from matdisc.tasks.learning.compare import compare
from matdisc.tasks.learning.figures import gap_table
from matdisc.tasks.learning.gaps import gap
from matdisc.tasks.learning.task import LEARNING

SCORING = LEARNING.scoring
NO_INTERVALS = Bootstrap(replicates=0)
FEW = Bootstrap(replicates=50)
CATIONS, ANIONS = ("Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr"), ("F", "Cl", "Br", "I", "O", "S")
CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))


class Card:
    """The parts of a dataset card that the task reads."""

    key = "toy"
    headline_subset = None
    subsets = ()

    def __init__(self, dataset, *names):
        self.splits = {name: split_hash(dataset, name) for name in names}


def binary(cation, anion, prototype, energy):
    crystal = Crystal((cation, anion), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), CUBE)
    inputs = {"crystal": crystal, "compound": crystal.formula, "elements": tuple(crystal.composition)}
    group = crystal.chemical_system
    name = f"{cation}{anion}-{prototype[-3:]}"
    return Sample(name, {**inputs, "prototype": prototype}, {"e_form_per_atom": energy}, group, fold_of(group, 5))


@pytest.fixture(scope="module")
def dataset():
    """Every compound of 8 cations and 6 anions in one of 7 prototypes, energies from -3 to -1 eV/atom."""
    pairs = itertools.product(CATIONS, ANIONS)
    rng = np.random.default_rng(0)
    samples = [binary(a, x, f"AB, {221 + i % 7}", float(rng.uniform(-3, -1))) for i, (a, x) in enumerate(pairs)]
    made = Dataset("toy", tuple(samples))
    return dataclasses.replace(made, sha256=content_hash(made))


@pytest.fixture(scope="module")
def truth(dataset):
    return truth_of(fold_by_fold(Card(dataset, *PROTOCOLS), dataset))


PROTOCOLS = ("grouped-5", "grouped-5-tenth", "grouped-5-third", "prototypes-5", "elements-5")


@pytest.fixture
def answer(tmp_path):
    """Write columns of answers to a file, and read it as a submission does."""

    def answer(truth, **columns):
        path = tmp_path / "p.csv"
        cells = [["" if np.isnan(v) else repr(float(v)) for v in values] for values in columns.values()]
        lines = [",".join(row) for row in zip(truth.material_ids.to_pylist(), *cells, strict=True)]
        path.write_text("\n".join([",".join(["material_id", *columns]), *lines]) + "\n")
        return align(SCORING.read(path), truth, SCORING)

    return answer


def off_by(truth, **errors):
    """Answers that are too high by the error of their protocol, eV/atom; nan leaves a protocol without answers."""
    said = truth.target("e_form_per_atom").copy()
    for protocol, rows in protocol_rows(truth).items():
        said[rows] += errors[protocol.replace("-", "_")] if errors else 0.1
    return said


def same(error):
    return dict.fromkeys((name.replace("-", "_") for name in PROTOCOLS), error)


def scored(truth, answers):
    return SCORING.score(Card(None), truth, answers, NO_INTERVALS)


# what is asked


def test_no_prototype_is_learnt_from_and_tested(dataset):
    found = list(folds(dataset, "prototypes-5"))
    for fold in found:
        learnt, tested = ({dataset.samples[i].inputs["prototype"] for i in part} for part in (fold.train, fold.test))
        assert learnt
        assert tested
        assert not learnt & tested
        assert len(fold.train) + len(fold.test) == len(dataset)
    assert sorted(int(i) for fold in found for i in fold.test) == list(range(len(dataset)))


def test_a_prototype_is_tested_in_the_fold_of_its_hash(dataset):
    for fold in folds(dataset, "prototypes-5"):
        for i in fold.test:
            digest = hashlib.sha256(f"prototype|{dataset.samples[i].inputs['prototype']}".encode()).hexdigest()
            assert int(digest, 16) % 5 == int(fold.name)


def test_no_element_of_a_fifth_is_learnt_from_and_every_tested_crystal_holds_one(dataset):
    found = list(folds(dataset, "elements-5"))
    everything = {el for sample in dataset.samples for el in sample.inputs["elements"]}
    part_of = {el: int(hashlib.sha256(f"element|{el}".encode()).hexdigest(), 16) % 5 for el in everything}
    for fold in found:
        apart = {el for el, part in part_of.items() if part == int(fold.name)}
        assert all(not apart & set(dataset.samples[i].inputs["elements"]) for i in fold.train)
        assert all(apart & set(dataset.samples[i].inputs["elements"]) for i in fold.test)
        assert len(fold.train) + len(fold.test) == len(dataset)
    assert {int(i) for fold in found for i in fold.test} == set(range(len(dataset)))


def test_a_fold_without_training_part_is_no_fold():
    """Every crystal holds chlorine, so nothing is left where chlorine is held out."""
    one = Dataset("chlorides", tuple(binary(a, "Cl", "AB, 225", -2.0) for a in CATIONS))
    names = [fold.name for fold in folds(one, "elements-5")]
    assert str(int(hashlib.sha256(b"element|Cl").hexdigest(), 16) % 5) not in names
    assert names


# scores


def test_scores_of_the_headline_can_be_counted_by_hand(dataset, answer):
    two = dataclasses.replace(dataset, samples=dataset.samples[:12])
    truth = truth_of(fold_by_fold(Card(two, "grouped-5"), two))
    e = truth.target("e_form_per_atom")
    error = np.where(np.arange(12) < 9, 0.1, -0.3)
    found = scored(truth, answer(truth, e_form_per_atom=e + error, e_form_low=e + error - 0.2,
                                 e_form_high=e + error + 0.2))["metrics"]  # fmt: skip
    assert found["e_form_mae"]["value"] == pytest.approx((9 * 0.1 + 3 * 0.3) / 12)
    assert found["e_form_rmse"]["value"] == pytest.approx(np.sqrt((9 * 0.01 + 3 * 0.09) / 12))
    assert found["e_form_covered"]["value"] == pytest.approx(9 / 12)
    assert found["e_form_width"]["value"] == pytest.approx(0.4)


def test_a_missing_answer_counts_as_the_median_of_the_training_part(truth, answer):
    said = off_by(truth, **same(0.0))
    fold = truth.tested[0]
    place = fold.rows[0]
    said[place] = np.nan
    found = scored(truth, answer(truth, e_form_per_atom=said))["metrics"]
    by_hand = abs(np.median(fold.learnt["e_form_per_atom"]) - truth.target("e_form_per_atom")[place])
    n = len(protocol_rows(truth)["grouped-5"])
    assert found["e_form_mae"]["value"] == pytest.approx(by_hand / n)
    assert found["coverage"]["value"] == pytest.approx((n - 1) / n)


def test_other_protocols_stand_beside_and_are_not_ranked(truth, answer):
    errors = {**same(0.1), "prototypes_5": 0.4, "elements_5": 0.8}
    found = scored(truth, answer(truth, e_form_per_atom=off_by(truth, **errors)))
    parts = {part["name"]: part["metrics"]["e_form_mae"]["value"] for part in found["secondary"]}
    assert found["metrics"]["e_form_mae"]["value"] == pytest.approx(0.1)
    assert parts["prototypes-5"] == pytest.approx(0.4)
    assert parts["elements-5"] == pytest.approx(0.8)


# the gap to what is new


def test_the_gap_is_the_difference_of_errors_on_the_crystals_answered_both_ways(truth, answer):
    said = off_by(truth, **{**same(0.1), "prototypes_5": 0.3})
    rows = protocol_rows(truth)["prototypes-5"]
    said[rows[:20]] = np.nan
    found = gap(truth, answer(truth, e_form_per_atom=said), "prototypes-5", FEW)
    assert (found.n, found.known, found.new) == (len(rows) - 20, pytest.approx(0.1), pytest.approx(0.3))
    assert found.low == pytest.approx(0.2) == found.high
    assert found.text == "+0.200 (+0.200 to +0.200)"


def test_a_crystal_that_two_folds_test_counts_once_with_its_mean_error(dataset, truth, answer):
    said = off_by(truth, **same(0.0))
    rows = protocol_rows(truth)["elements-5"]
    names = [truth.material_ids[int(i)].as_py().partition("@")[0] for i in rows]
    twice = next(name for name in names if names.count(name) == 2)
    first, second = (row for row, name in zip(rows, names, strict=True) if name == twice)
    said[first] += 0.2
    said[second] -= 0.6
    found = gap(truth, answer(truth, e_form_per_atom=said), "elements-5", NO_INTERVALS)
    assert found.n == len(dataset)
    assert found.new == pytest.approx(0.4 / len(dataset))
    assert np.isnan(found.low)
    assert "to" not in found.text


def test_better_on_what_is_new_is_told_with_a_minus_sign(truth, answer):
    said = off_by(truth, **{**same(0.3), "elements_5": 0.1})
    table = gap_table(truth, answer(truth, e_form_per_atom=said), NO_INTERVALS)
    assert [row[-1] for row in table.rows] == ["+0.000", "−0.200"]


def test_without_an_answer_to_what_is_new_there_is_no_gap(truth, answer):
    said = off_by(truth, **{**same(0.1), "elements_5": np.nan})
    answers = answer(truth, e_form_per_atom=said)
    assert gap(truth, answers, "elements-5", FEW) is None
    assert [row[0] for row in gap_table(truth, answers, FEW).rows] == ["new prototypes"]


# families side by side


def families(truth, answer, **errors):
    """Answers of a family a name, each with its error in all protocols but those with less to learn from."""
    found = []
    for name, error in errors.items():
        all_of = {**same(error), "grouped_5_tenth": 3 * error, "grouped_5_third": 2 * error}
        columns = {"e_form_per_atom": off_by(truth, **all_of), "training_seconds": np.full(len(truth), error)}
        found.append((name, answer(truth, **columns)))
    return found


def test_the_figure_has_a_line_a_family_against_the_crystals_learnt_from(truth, answer):
    named = families(truth, answer, worse=0.2, better=0.1)
    (figure,) = compare(SCORING, Card(None), truth, named, FEW).figures
    assert [line.name for line in figure.lines] == ["better", "worse"]
    learnt = {name: [len(f.learnt["e_form_per_atom"]) for f in truth.tested if f.protocol == name] for name in
              ("grouped-5-tenth", "grouped-5-third", "grouped-5")}  # fmt: skip
    for line, error in zip(figure.lines, (0.1, 0.2), strict=True):
        assert list(line.x) == pytest.approx([np.mean(sizes) for sizes in learnt.values()], abs=0.01)
        assert list(line.y) == pytest.approx([3 * error, 2 * error, error])
        assert all(low <= y <= high for low, y, high in zip(line.y_low, line.y, line.y_high, strict=True))


def test_the_table_puts_the_best_first_and_says_who_is_told_apart(truth, answer):
    (table,) = compare(SCORING, Card(None), truth, families(truth, answer, worse=0.2, better=0.1), FEW).tables
    by_head = [dict(zip(table.head, row, strict=True)) for row in table.rows]
    assert [row["Family"] for row in by_head] == ["better", "worse"]
    assert by_head[0]["Chemical systems apart"] == "0.100 (0.100–0.100)"
    assert by_head[1]["Prototypes apart"] == "0.200 (0.200–0.200)"
    assert by_head[1]["Worse on new elements, eV/atom"] == "+0.000 (+0.000 to +0.000)"
    assert by_head[0]["Against the best"] == "the best"
    assert by_head[1]["Against the best"].startswith("worse, p ")
    assert [row["CPU s of training a crystal"] for row in by_head] == [0.1, 0.2]


def test_equal_families_are_not_told_apart(truth, answer):
    rng = np.random.default_rng(1)
    e = truth.target("e_form_per_atom")
    named = [(name, answer(truth, e_form_per_atom=e + rng.normal(0, 0.1, len(e)))) for name in ("one", "other")]
    (table,) = compare(SCORING, Card(None), truth, named, FEW).tables
    told = {row[table.head.index("Against the best")] for row in table.rows}
    assert "the best" in told
    assert any(text.startswith("not told apart, p = ") for text in told)


def test_a_family_that_says_nothing_stands_last_without_numbers(truth, answer):
    nothing = np.full(len(truth), np.nan)
    silent = ("silent", answer(truth, e_form_per_atom=nothing, training_seconds=nothing))
    (table,) = compare(SCORING, Card(None), truth, [silent, *families(truth, answer, speaks=0.1)], FEW).tables
    assert [row[0] for row in table.rows] == ["speaks", "silent"]
    assert set(table.rows[1][1:]) == {None}


def test_protocols_that_a_card_lacks_have_no_column(dataset, answer):
    truth = truth_of(fold_by_fold(Card(dataset, "grouped-5"), dataset))
    found = compare(SCORING, Card(None), truth, [("one", answer(truth, e_form_per_atom=off_by(truth)))], FEW)
    assert list(found.figures) == []
    assert list(found.tables[0].head) == [
        "Family", "Chemical systems apart", "Against the best", "CPU s of training a crystal",
    ]  # fmt: skip
