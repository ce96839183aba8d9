"""Predictors of the task alloys: the contract, what the trivial ones must say, and missing tables."""

from itertools import combinations

import numpy as np
import pytest

from matdisc.errors import DataError
from matdisc.models import Question
from matdisc.models.evidence import predictors
from matdisc.schema import Sample
from matdisc.testing import check_predictor

METALS = "Co Cr Cu Fe Mn Ni V"
QUESTION = Question("alloys", 0.0)
EVERY = {
    "prior": predictors.prior,
    "always_high": predictors.always_high,
    "null": predictors.constant_similarity,
    "permuted": predictors.permuted,
    "data": predictors.evidence,
    "data, v2": lambda: predictors.evidence(version="v2"),
    "rules": lambda: predictors.evidence("rules"),
    "fused": lambda: predictors.evidence("data+rules"),
    "fused, cautious": lambda: predictors.evidence("data+rules", rule="cautious", alpha=0.1, order=1),
    "logistic": predictors.logistic_regression,
    "logistic, one-hot": lambda: predictors.logistic_regression("one-hot"),
    "forest": lambda: predictors.random_forest(trees=10),
    "forest, one-hot": lambda: predictors.random_forest("one-hot", trees=10),
    "boosting": predictors.gradient_boosting,
}


def samples(lengths=(2, 3)):
    rng = np.random.default_rng(0)
    alloys = [c for m in lengths for c in combinations(METALS.split(), m)]
    return [Sample("|".join(a), {"elements": a}, {"high": float(rng.random() < 0.5)}, "|".join(a)) for a in alloys]


@pytest.mark.parametrize("name", EVERY)
def test_every_predictor_keeps_the_contract(name):
    some = samples()
    predictor, asked = EVERY[name](), [s.without_target() for s in some[40:]]
    check_predictor(predictor, some[:40], asked, QUESTION)
    for answer in predictor(some[:40], asked, QUESTION):
        assert 0 <= answer["belief"] <= answer["p_high"] <= answer["plausibility"] <= 1
        assert 0 <= answer["conflict"] <= 1
        assert all(type(value) is float for value in answer.values())


@pytest.mark.parametrize("name", EVERY)
def test_training_without_alloys_or_with_one_class_is_a_defined_answer(name):
    some = samples()
    asked = [s.without_target() for s in some[40:]]
    for train in ([], [s for s in some[:40] if s.target["high"] == 1.0]):
        answers = EVERY[name]()(train, asked, QUESTION)
        assert len(answers) == len(asked)
        assert all(np.isfinite(a["p_high"]) for a in answers)


@pytest.mark.parametrize("name", [n for n in EVERY if n != "always_high"])
def test_elements_that_nobody_knows_are_answered(name):
    some = samples()
    (answer,) = EVERY[name]()(some, [Sample("Lr|No", {"elements": ("Lr", "No")}, {}, "x")], QUESTION)
    assert 0 <= answer["p_high"] <= 1


def test_the_prior_is_the_share_of_high_alloys_in_training():
    train = [Sample("a", {"elements": ("Co", "Fe")}, {"high": h}, "a") for h in (1.0, 0.0, 0.0, 0.0)]
    assert predictors.prior()(train, train, QUESTION)[0]["p_high"] == 0.25


def test_no_evidence_is_an_abstention():
    answers = predictors.evidence()(samples(), [Sample("x", {"elements": ("Al", "Ti")}, {}, "x")], QUESTION)
    assert answers == [{"p_high": 0.5, "belief": 0.0, "plausibility": 1.0, "conflict": 0.0}]


def test_a_table_is_found_by_its_path_or_below_the_mirror(tmp_path, monkeypatch):
    file = tmp_path / "alloys" / "table.csv"
    file.parent.mkdir()
    file.write_text("element_1,element_2,substitutability\nFe,Ni,High\nCo,Fe,Low\n")
    asked = [s.without_target() for s in samples()[40:]]
    by_path = predictors.evidence("table", str(file))(samples()[:40], asked, QUESTION)
    monkeypatch.setenv("MATDISC_MIRROR", str(tmp_path))
    assert predictors.evidence("table", "alloys/table.csv")(samples()[:40], asked, QUESTION) == by_path
    predictors.permuted("alloys/table.csv")


def test_a_missing_table_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.delenv("MATDISC_MIRROR", raising=False)
    for name in ("", "alloys/none.csv"):
        with pytest.raises(DataError, match="MATDISC_MIRROR"):
            predictors.evidence("data+table", name)


def test_unknown_sources_and_features_are_refused():
    with pytest.raises(ValueError, match="rules"):
        predictors.evidence("gossip")
    with pytest.raises(ValueError, match="one-hot"):
        predictors.random_forest("fingerprints")
