"""Predictors: the contract, what dummies must score, and what the forest may know."""

from dataclasses import replace

import numpy as np
import pytest

from matdisc.datasets import load, training_part
from matdisc.models import Question, load_predictor
from matdisc.models.composition import element_properties, features
from matdisc.schema import Unsupported
from matdisc.testing import check_predictor

PREDICTORS = ["composition-rf", "dummy-all-stable", "dummy-mean", "dummy-random"]
ASKED = [("discovery", "emt-alloys"), ("polymorphs", "elements")]


@pytest.mark.parametrize("key", PREDICTORS)
@pytest.mark.parametrize(("task", "dataset"), ASKED)
def test_every_predictor_keeps_the_contract(board, key, task, dataset):
    data = load(board, dataset)
    fold = data.samples[0].fold
    asked = [s.without_target() for s in data.samples if s.fold == fold][:40]
    check_predictor(load_predictor(board.model(key)), training_part(data, fold), asked, Question(task, 0.0))


def test_the_random_dummy_draws_at_the_rate_of_the_train_part(board):
    data = load(board, "emt-alloys")
    answers = load_predictor(board.model("dummy-random"))
    rate = np.mean([s.target["e_above_hull"] <= 0.05 for s in data.train])
    drawn = np.mean([a["p_stable"] for a in answers(data.train, data.samples, Question("discovery", 0.05))])
    assert drawn == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / len(data.samples)))


def test_the_random_dummy_draws_at_the_rate_of_materials_whose_label_is_known(board):
    data = load(board, "emt-alloys")
    answers = load_predictor(board.model("dummy-random"))
    unknown = [replace(s, target={"e_form_per_atom": 0.0}) for s in data.train]
    one = replace(data.train[0], target={"e_form_per_atom": 0.0, "e_above_hull": 0.0})
    question = Question("discovery", 0.05)
    assert {a["p_stable"] for a in answers([*unknown, one], data.samples[:20], question)} == {1.0}
    assert {a["p_stable"] for a in answers(unknown, data.samples, question)} == {0.0, 1.0}  # at one half


def test_the_mean_dummy_knows_the_train_part_only(board):
    data = load(board, "emt-alloys")
    (answer,) = load_predictor(board.model("dummy-mean"))(data.train, data.samples[:1], Question("discovery", 0.0))
    assert answer["e_form_per_atom"] == pytest.approx(np.mean([s.target["e_form_per_atom"] for s in data.train]))


def test_features_depend_on_fractions_and_not_on_the_cell():
    np.testing.assert_allclose(features({"Cu": 1, "Au": 3}), features({"Cu": 2, "Au": 6}))
    np.testing.assert_allclose(features({"Cu": 1, "Au": 3}), features({"Au": 3, "Cu": 1}))


def test_features_of_one_element_are_its_properties_without_spread():
    n = len(element_properties("Cu"))
    found = features({"Cu": 4})
    np.testing.assert_allclose(found[:n], element_properties("Cu"))
    np.testing.assert_allclose(found[n : 2 * n], 0, atol=1e-9)


def test_a_property_that_nobody_knows_is_nan_and_no_warning():
    assert np.isnan(element_properties("He")).any()


def test_without_training_data_the_forest_declines(board):
    data = load(board, "emt-alloys")
    answers = load_predictor(board.model("composition-rf"))([], data.samples[:3], Question("discovery", 0.0))
    assert all(isinstance(a, Unsupported) for a in answers)


@pytest.mark.slow
def test_the_forest_cannot_tell_polymorphs_of_one_composition_apart(board):
    data = load(board, "emt-alloys")
    answers = load_predictor(board.model("composition-rf"))(data.train, data.samples, Question("discovery", 0.0))
    by_formula = {}
    for sample, answer in zip(data.samples, answers, strict=True):
        by_formula.setdefault(sample.crystal.formula, set()).add(round(answer["e_form_per_atom"], 12))
    assert len(by_formula) < len(data.samples)
    assert all(len(values) == 1 for values in by_formula.values())
