"""What is the same for all families: unseen elements, ensembles and their spread, too little to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from matdisc.models.families.family import Z_90, predictor
from matdisc.models.load import Question
from matdisc.schema import Crystal, Sample, Unsupported

CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
ASKED, DISCOVERY = Question("learning", 0.0), Question("discovery", 0.0)


def _sample(name, symbols, energy=None):
    positions = tuple((i / len(symbols), 0.0, 0.0) for i in range(len(symbols)))
    target = {} if energy is None else {"e_form_per_atom": energy}
    return Sample(name, {"crystal": Crystal(tuple(symbols), positions, CUBE)}, target, "-".join(sorted(set(symbols))))


TRAIN = [_sample(f"t{i}", ["Na", "Cl"], -2.0 + 0.01 * i) for i in range(20)]
TEST = [_sample("seen", ["Na", "Cl"]), _sample("new", ["Na", "Br", "I"])]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))


def _mean_plus_seed(training):
    return lambda crystals: np.full(len(crystals), training.energies.mean() + training.seed)


def test_elements_outside_the_training_part_are_declared():
    seen, new = predictor("toy", _mean_plus_seed)(TRAIN, TEST, ASKED)
    assert seen["e_form_per_atom"] == pytest.approx(-1.905)
    assert new == Unsupported("not in the training part: Br, I")


def test_a_family_that_reads_properties_of_elements_answers_for_unseen_ones():
    answers = predictor("toy", _mean_plus_seed, reads_properties=True)(TRAIN, TEST, ASKED)
    assert [answer["e_form_per_atom"] for answer in answers] == pytest.approx([-1.905] * 2)


def test_the_spread_of_members_makes_the_interval():
    (answer, _) = predictor("toy", _mean_plus_seed, members=3, seed=4)(TRAIN, TEST, ASKED)
    assert answer["e_form_per_atom"] == pytest.approx(-1.905 + 5)
    assert answer["e_form_high"] - answer["e_form_low"] == pytest.approx(2 * Z_90)
    assert set(predictor("toy", _mean_plus_seed, members=3)(TRAIN, TEST, DISCOVERY)[0]) == {"e_form_per_atom"}


def test_one_member_that_draws_makes_its_own_interval():
    def fit(training):
        return lambda crystals: np.tile([[-1.0], [-2.0], [-3.0]], len(crystals))

    answer, _ = predictor("toy", fit)(TRAIN, TEST, ASKED)
    ends = {"e_form_low": pytest.approx(-2 - Z_90), "e_form_high": pytest.approx(-2 + Z_90)}
    assert {**answer, "training_seconds": 0} == {"e_form_per_atom": -2.0, **ends, "training_seconds": 0}


@pytest.mark.parametrize("train", [[], TRAIN[:9], [_sample("no label", ["Na"])] * 30])
def test_too_little_to_learn_from_is_no_answer(train):
    answers = predictor("toy", _mean_plus_seed)(train, TEST, ASKED)
    assert all(isinstance(answer, Unsupported) and "needs 10" in answer.reason for answer in answers)


def test_one_crystal_without_an_answer_leaves_the_others():
    def fit(training):
        return lambda crystals: np.array([np.nan if "Cl" not in c.symbols else -1.0 for c in crystals])

    sodium = _sample("sodium", ["Na"])
    answers = predictor("toy", fit)(TRAIN, [*TEST[:1], sodium], DISCOVERY)
    assert answers == [{"e_form_per_atom": -1.0}, Unsupported("toy has no answer for this crystal")]


def test_what_was_learnt_lies_in_a_folder_of_its_own_crystals_labels_seed_and_settings():
    folders = []

    def fit(training):
        folders.append(training.folder)
        return lambda crystals: np.zeros(len(crystals))

    predictor("toy", fit)(TRAIN, TEST, ASKED)
    predictor("toy", fit)(TRAIN, TEST, ASKED)
    assert folders[0] == folders[1]
    predictor("toy", fit, members=2)(TRAIN, TEST, ASKED)
    predictor("toy", fit, width=64)(TRAIN, TEST, ASKED)
    predictor("toy", fit)(TRAIN[1:], TEST, ASKED)
    predictor("toy", fit)([_sample("t0", ["Na", "Cl"], -2.5), *TRAIN[1:]], TEST, ASKED)
    assert len(set(folders)) == 5


def test_the_cost_of_a_training_is_told_again_when_what_was_learnt_is_used_again():
    def fit(training):
        sum(range(200_000))
        return lambda crystals: np.zeros(len(crystals))

    first, again = (predictor("toy", fit)(TRAIN, TEST, ASKED)[0]["training_seconds"] for _ in range(2))
    assert first > 0
    assert again == first
    three = predictor("toy", fit, members=3)(TRAIN, TEST, ASKED)[0]["training_seconds"]
    assert three > first


def test_a_family_that_learnt_elsewhere_ignores_the_training_part():
    seen = []

    def fit(training):
        seen.append(training)
        return lambda crystals: np.zeros(len(crystals))

    toy = predictor("toy", fit, trained_on="emt-alloys")
    salt, copper = toy(TRAIN, [TEST[0], _sample("Cu", ["Cu"])], ASKED)
    toy(TRAIN[:12], TEST, ASKED)
    assert [len(training.crystals) for training in seen] == [221 + 370], "once for all folds"
    assert not {symbol for crystal in seen[0].crystals for symbol in crystal.symbols} & {"Na", "Cl"}
    assert salt == Unsupported("not in the training part: Cl, Na")
    assert copper["e_form_per_atom"] == 0.0
