"""Families of models of ABX3 formulas: the contract, what they may know, and intervals that hold."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from matdisc.datasets.perovskites import SYSTEMS, sites_of
from matdisc.models import Question, load_predictor
from matdisc.models.perovskites.estimators import FAMILIES
from matdisc.models.perovskites.families import _permuted, conformal, family
from matdisc.models.perovskites.features import GROUPS, NAMES
from matdisc.schema import Sample, Unsupported
from matdisc.tasks.perovskites.metrics import PERMUTED
from matdisc.testing import check_predictor

QUESTION = Question("perovskites", 0.05)
A, B, X = ("Na", "K", "Rb", "Cs", "Ca", "Sr", "Ba", "La"), ("Ti", "Zr", "Nb", "Al", "Fe", "Mg"), ("O", "F", "Cl")
KEYS = [
    "perovskite-boosting", "perovskite-constant", "perovskite-extra-trees", "perovskite-forest",
    "perovskite-histogram-boosting", "perovskite-neighbours", "perovskite-svm",
]  # fmt: skip


def compound(number, a, b, x):
    """An invented compound whose labels follow from its elements."""
    composition = {a: 1, b: 1, x: 3}
    radius, charge = A.index(a), B.index(b)
    target = {
        "e_form_per_atom": -3.0 + 0.2 * radius - 0.1 * charge + 0.5 * X.index(x),
        "e_above_hull": 0.05 * charge,
        "band_gap": 0.0 if b == "Fe" else 1.0 + X.index(x),
        "crystal_system": float(radius // 3),
    }
    inputs = {"composition": composition, "sites": sites_of(composition), "compound": f"{a}{b}{x}3"}
    return Sample(f"{a}{b}{x}3-{number}", inputs, target, group="-".join(sorted(composition)))


@pytest.fixture(scope="module")
def halves():
    samples = [compound(0, a, b, x) for a, b, x in product(A, B, X)]
    samples += [replace(s, material_id=s.material_id + "b") for s in samples[::3]]  # polymorphs
    known = set(np.random.default_rng(0).permutation(sorted({s.group for s in samples}))[:100].tolist())
    return [s for s in samples if s.group in known], [s for s in samples if s.group not in known]


def asked(samples):
    return [sample.without_target() for sample in samples]


@pytest.fixture(scope="module")
def answers(halves):
    """Answers of each family to the second half."""
    return {name: family(name)(halves[0], asked(halves[1]), QUESTION) for name in FAMILIES}


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_every_card_keeps_the_contract(board, halves, key):
    check_predictor(load_predictor(board.model(key)), halves[0], asked(halves[1]), QUESTION)


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_are_whole_believable_and_in_order(answers, name):
    for answer in answers[name]:
        assert answer["e_form_low"] <= answer["e_form_per_atom"] <= answer["e_form_high"]
        assert 0 <= answer["band_gap_low"] <= answer["band_gap"] <= answer["band_gap_high"]
        assert answer["e_above_hull"] >= 0
        assert 0 <= answer["p_metal"] <= 1
        assert sum(answer[f"p_{system}"] for system in SYSTEMS) == pytest.approx(1.0, abs=1e-6)
        assert "p_perovskite" not in answer


@pytest.mark.parametrize("name", FAMILIES)
def test_labels_of_the_test_part_change_no_answer_even_where_they_reach_the_model(halves, answers, name):
    train, test = halves
    shuffled = [replace(s, target=other.target) for s, other in zip(test, test[::-1], strict=True)]
    assert family(name)(train, shuffled, QUESTION) == answers[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_polymorphs_of_a_formula_get_one_answer(halves, answers, name):
    seen = {}
    for sample, answer in zip(halves[1], answers[name], strict=True):
        assert seen.setdefault(sample.inputs["compound"], answer) == answer
    assert len(seen) < len(halves[1])


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "constant"])
def test_what_is_learned_beats_knowing_no_formula(halves, answers, name):
    true = np.array([s.target["e_form_per_atom"] for s in halves[1]])
    errors = [np.abs(true - [a["e_form_per_atom"] for a in answers[key]]).mean() for key in (name, "constant")]
    assert errors[0] < 0.5 * errors[1]


def test_the_constant_is_the_median_and_the_share_of_each_class(halves, answers):
    train, answer = halves[0], answers["constant"][0]
    energies = [s.target["e_form_per_atom"] for s in train]
    assert min(energies) < answer["e_form_per_atom"] < max(energies)
    assert answer["p_metal"] == pytest.approx(np.mean([s.target["band_gap"] == 0 for s in train]))
    for code, system in enumerate(SYSTEMS):
        assert answer[f"p_{system}"] == pytest.approx(np.mean([s.target["crystal_system"] == code for s in train]))


def test_experiments_get_the_probability_of_a_perovskite_alone(halves):
    labelled = [replace(s, target={"perovskite": float(s.inputs["sites"]["X"] == "O")}) for s in halves[0]]
    found = family("extra-trees")(labelled, asked(halves[1]), QUESTION)
    assert {tuple(answer) for answer in found} == {("p_perovskite",)}
    right = [
        (a["p_perovskite"] > 0.5) == (s.inputs["sites"]["X"] == "O") for a, s in zip(found, halves[1], strict=True)
    ]
    assert np.mean(right) > 0.95


def test_a_group_of_features_moves_round_among_the_compounds_and_the_others_stay():
    inputs = np.arange(3.0 * len(NAMES)).reshape(3, -1)
    found = _permuted(inputs, np.array([2, 0, 1]))
    moved = found["b_site"][:, GROUPS["b_site"]]
    np.testing.assert_array_equal(moved, inputs[[2, 0, 1]][:, GROUPS["b_site"]])
    rest = np.delete(np.arange(len(NAMES)), GROUPS["b_site"])
    np.testing.assert_array_equal(found["b_site"][:, rest], inputs[:, rest])


@pytest.mark.parametrize("name", FAMILIES)
def test_energies_with_permuted_features_differ_unless_the_model_reads_none(answers, name):
    columns = [f"e_form_without_{group}" for group in GROUPS]
    assert columns == list(PERMUTED)
    apart = {c: np.mean([abs(a[c] - a["e_form_per_atom"]) for a in answers[name]]) for c in columns}
    assert (max(apart.values()) == 0) if name == "constant" else (max(apart.values()) > 0.05)


@pytest.mark.parametrize("name", FAMILIES)
def test_one_class_and_one_compound_are_enough_to_answer(halves, name):
    (answer,) = family(name)(halves[0][:1], asked(halves[1][:1]), QUESTION)
    assert answer["e_form_per_atom"] == pytest.approx(halves[0][0].target["e_form_per_atom"])
    assert "e_form_low" not in answer
    assert answer[f"p_{SYSTEMS[int(halves[0][0].target['crystal_system'])]}"] == 1.0


def test_without_training_data_nothing_is_answered(halves):
    found = family("forest")([], asked(halves[1][:2]), QUESTION)
    assert [type(answer) for answer in found] == [Unsupported, Unsupported]


def test_an_unknown_family_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="'oracle'; allowed: svm, forest"):
        family("oracle")


def test_conformal_ends_hold_the_share_that_they_promise():
    generator = np.random.default_rng(0)
    held = []
    for _ in range(300):
        low, high = conformal(generator.normal(size=99))
        new = generator.normal(size=200)
        held.append(np.mean((low <= new) & (new <= high)))
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


def test_conformal_ends_of_nineteen_residuals_are_the_outermost_ones():
    assert conformal(np.arange(19.0)) == pytest.approx((0.0, 18.0), abs=1e-8)
    assert conformal(np.arange(39.0)) == pytest.approx((1.0, 37.0), abs=1e-8)
