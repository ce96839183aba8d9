"""scikit-learn's interface, and explanations: what they name is what made the answer."""

import json
from itertools import combinations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from matdisc.errors import DataError
from matdisc.models.evidence.descriptors import rule_table
from matdisc.models.evidence.estimator import EvidenceClassifier

METALS = "Co Cr Cu Fe Ni V"
ALLOYS = ["|".join(c) for c in combinations(METALS.split(), 3)]
LABELS = np.array(["High" if "Fe" in a or "Ni" in a else "Low" for a in ALLOYS])


@pytest.fixture(scope="module")
def fitted():
    return EvidenceClassifier(knowledge=(rule_table(),)).fit(ALLOYS[:14], LABELS[:14])


def test_classes_stand_in_scikit_learns_order_and_probabilities_in_theirs(fitted):
    numbers = EvidenceClassifier(knowledge=(rule_table(),)).fit(ALLOYS[:14], (LABELS[:14] == "High").astype(int))
    assert list(fitted.classes_) == ["High", "Low"]
    assert list(numbers.classes_) == [0, 1]
    by_name, by_number = fitted.predict_proba(ALLOYS[14:]), numbers.predict_proba(ALLOYS[14:])
    np.testing.assert_array_equal(by_name, by_number[:, ::-1])
    np.testing.assert_allclose(by_name.sum(axis=1), 1)
    np.testing.assert_array_equal(by_name[:, 0], fitted.predict_belief(ALLOYS[14:]).p_high)


def test_the_pignistic_probability_lies_between_belief_and_plausibility(fitted):
    beliefs = fitted.predict_belief(ALLOYS)
    assert (beliefs.belief <= beliefs.p_high).all()
    assert (beliefs.p_high <= beliefs.plausibility).all()
    np.testing.assert_allclose(beliefs.plausibility - beliefs.belief, beliefs.ignorance, atol=1e-15)


def test_abstentions_get_the_majority_class_and_are_flagged(fitted):
    strange = ["Al|Ti", "Mg|Zn"]
    assert fitted.majority_ == "High"
    assert list(fitted.predict(strange)) == ["High", "High"]
    assert fitted.predict_belief(strange).abstain.all()
    np.testing.assert_array_equal(fitted.predict_proba(strange), 0.5)


def test_no_label_of_a_test_alloy_can_matter():
    order = np.random.default_rng(0).permutation(len(ALLOYS))
    train, test = order[:12], order[12:]
    answers = []
    for labels in (LABELS, np.where(np.isin(np.arange(len(ALLOYS)), test), LABELS[::-1], LABELS)):
        model = EvidenceClassifier(knowledge=(rule_table(),)).fit([ALLOYS[i] for i in train], labels[train])
        answers.append(model.predict_belief([ALLOYS[i] for i in test]).masses)
    np.testing.assert_array_equal(*answers)


def test_it_takes_part_in_cross_validation_and_can_be_cloned(fitted):
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    p = cross_val_predict(clone(fitted), ALLOYS, LABELS, method="predict_proba", cv=3)
    assert p.shape == (len(ALLOYS), 2)
    assert fitted.score(ALLOYS[:14], LABELS[:14]) > 0.5


def test_strength_and_order_are_chosen_or_given():
    chosen = EvidenceClassifier(alpha=[0.01, 0.2]).fit(ALLOYS, LABELS)
    assert chosen.alpha_ in (0.01, 0.2)
    given = EvidenceClassifier(alpha=0.05, order=1).fit(ALLOYS, LABELS)
    assert (given.alpha_, given.order_) == (0.05, 1)


def test_one_class_in_training_is_a_defined_answer():
    model = EvidenceClassifier().fit(ALLOYS[:10], ["Low"] * 10)
    assert list(model.classes_) == ["High", "Low"]
    assert set(model.predict(ALLOYS[10:])) == {"Low"}
    assert (model.predict_proba(ALLOYS[10:])[:, 0] <= 0.5).all()


@pytest.mark.parametrize("labels", [["High", "Medium"], [0, 2], [[0], [1]]])
def test_other_labels_are_refused(labels):
    with pytest.raises(DataError, match="'High' or 'Low'"):
        EvidenceClassifier().fit(ALLOYS[:2], labels)


def test_asking_before_fitting_is_scikit_learns_error():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        EvidenceClassifier().predict(ALLOYS)


def test_an_explanation_names_neighbours_exchanges_and_what_they_rest_on(fitted):
    told = fitted.explain("Fe|Ni|V", limit=100)
    assert told.n_pieces == len(told.steps)
    for step in told.steps:
        known, target = set(step.alloy.split("|")), {"Fe", "Ni", "V"}
        assert known - target == set(step.removed.split("|")) - {""}
        assert target - known == set(step.added.split("|")) - {""}
        assert step.alloy in ALLOYS[:14]
        assert all({w.first, w.second} <= set(ALLOYS[:14]) for w in step.witnesses)
        assert len(step.witnesses) == min(3, step.n_agree + step.n_differ)
    strengths = [max(step.mass_high, step.mass_low) for step in told.steps]
    assert strengths == sorted(strengths, reverse=True)


def test_the_pieces_of_an_explanation_make_the_answer(fitted):
    from matdisc.models.evidence import combine

    told = fitted.explain("Fe|Ni|V", limit=100)
    pieces = [(s.mass_high, s.mass_low, 1 - s.mass_high - s.mass_low) for s in told.steps]
    p, n, _ = combine(pieces).masses
    assert p == pytest.approx(told.belief, abs=1e-12)
    assert 1 - n == pytest.approx(told.plausibility, abs=1e-12)


def test_the_text_says_what_the_numbers_say(fitted):
    text = fitted.explain("Fe|Ni|V").text()
    assert text.startswith("Fe|Ni|V: p_high ")
    assert "pairs of alloys: " in text
    assert "rules: similar " in text
    assert "no evidence, so no answer" in fitted.explain("Al|Ti").text()


def test_the_graph_is_plain_data_whose_edges_join_its_nodes(fitted):
    graph = json.loads(json.dumps(fitted.explain("Fe|Ni|V").graph()))
    ids = [node["id"] for node in graph["nodes"]]
    assert len(ids) == len(set(ids))
    assert ids.count("candidate:Fe|Ni|V") == 1
    assert all({edge["source"], edge["target"]} <= set(ids) for edge in graph["edges"])
    assert all(0 <= node["x"] <= 1 and 0 <= node["y"] <= 1 for node in graph["nodes"])
    assert {node["kind"] for node in graph["nodes"]} == {"candidate", "exchange", "alloy", "table"}
