"""The evidence model against the slow way, and the laws that keep it honest: no leak, no order, no silent answer."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from naive_evidence import judged, substitutability

from matdisc.elements import ELEMENTS as PERIODIC_TABLE
from matdisc.errors import DataError
from matdisc.models.evidence import RULES, EvidenceModel, PairTable, Settings, TotalConflict, combine
from matdisc.models.evidence.groups import Groups
from matdisc.models.evidence.inference import by_pieces, queries_of, speaking_keys
from matdisc.models.evidence.sources import Fusion, constant_table, fuse

METALS = "Co Cr Cu Fe Mn Ni V"
ELEMENTS = METALS.split()
FIXED = {"alphas": (0.1,), "orders": (2,)}


def alloys_and_labels(lengths=(2, 3, 4), share=0.5, seed=0):
    rng = np.random.default_rng(seed)
    every = [frozenset(c) for m in lengths for c in combinations(ELEMENTS, m)]
    chosen = [every[i] for i in rng.permutation(len(every))[: int(share * len(every))]]
    return chosen, rng.random(len(chosen)) < 0.4, [a for a in every if a not in chosen]


def table(seed=0, name="expert", discount=None):
    rng = np.random.default_rng(seed)
    pairs = {p: tuple(rng.dirichlet([1, 1, 1])[:2]) for p in combinations(ELEMENTS, 2)}
    return PairTable(name, pairs, discount)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("lengths", [(4,), (2, 3), (1, 2, 3, 4, 5)])
def test_similarities_equal_those_of_one_pair_after_another(lengths, n):
    alloys, high, _ = alloys_and_labels(lengths, 0.6)
    model = EvidenceModel(Settings(alphas=(0.1,), orders=(n,))).fit(alloys, high)
    view = model.view()
    masses, groups = model.similarity(view).masses, [view.groups.decode(m) for m in view.groups.masks]
    slow = substitutability(alloys, high, 0.1, n)
    for i, t in enumerate(groups):
        for j, v in enumerate(groups):
            expected = slow.pop(frozenset({t, v}), None) if i <= j else slow.get(frozenset({t, v}))
            if expected is None and i > j:
                continue
            np.testing.assert_allclose(masses[i, j], expected or (0, 0, 1), atol=1e-12)
            np.testing.assert_array_equal(masses[i, j], masses[j, i])
    assert not slow


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("lengths", [(4,), (2, 3), (1, 2, 3, 4, 5)])
def test_beliefs_equal_those_of_one_piece_after_another(lengths, version):
    alloys, high, asked = alloys_and_labels(lengths, 0.6)
    beliefs = EvidenceModel(Settings(**FIXED, version=version)).fit(alloys, high).predict(asked)
    similarity = substitutability(alloys, high, 0.1)
    for i, x in enumerate(asked):
        masses, n_pieces = judged(x, alloys, high, similarity, version, 0.1)
        np.testing.assert_allclose(beliefs.masses[i], masses, atol=1e-12)
        assert beliefs.n_pieces[i] == n_pieces


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_very_strong_evidence_gives_the_answer_of_exact_fractions(version):
    alloys, high, asked = alloys_and_labels((3, 4), 0.8)
    strength = Fraction(99, 100)
    beliefs = EvidenceModel(Settings(alphas=(0.99,), orders=(2,), version=version)).fit(alloys, high).predict(asked)
    similarity = substitutability(alloys, high, strength)
    assert max(float(s) for s, _, _ in similarity.values()) == 1.0  # nearly certain: 1 as a float
    for i, x in enumerate(asked):
        masses, _ = judged(x, alloys, high, similarity, version, strength)
        np.testing.assert_allclose(beliefs.masses[i], [float(m) for m in masses], atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_both_ways_to_combine_pieces_agree(rule):
    alloys, high, asked = alloys_and_labels()
    model = EvidenceModel(Settings(**FIXED, rule=rule)).fit(alloys, high)
    beliefs, view = model.predict(asked), model.view(asked)
    keys = speaking_keys(view.groups, model.similarity(view).masses, 2)
    queries = queries_of(view.hosts, view.groups.splits(view.groups.encode(asked)), len(asked))
    combined, n_pieces = by_pieces(view.hosts, keys, queries, "v1", 0.1, rule)
    np.testing.assert_allclose(beliefs.masses, combined.masses, atol=1e-12)
    np.testing.assert_allclose(beliefs.conflict, combined.conflict, atol=1e-12)
    np.testing.assert_array_equal(beliefs.n_pieces, n_pieces)


def test_alloys_of_weight_one_count_as_without_weights_and_of_weight_zero_not_at_all():
    alloys, high, asked = alloys_and_labels()
    plain = EvidenceModel(Settings(**FIXED)).fit(alloys, high).predict(asked)
    ones = EvidenceModel(Settings(**FIXED)).fit(alloys, high, np.ones(len(alloys))).predict(asked)
    np.testing.assert_allclose(ones.masses, plain.masses, atol=1e-12)
    half = EvidenceModel(Settings(**FIXED)).fit(alloys, high, np.zeros(len(alloys)))
    assert half.predict(asked).abstain.all()


def test_pieces_with_weights_have_the_strength_alpha_times_both():
    model = EvidenceModel(Settings(alphas=(0.2,), orders=(2,))).fit(["Fe|Ni", "Fe|Co"], [True, True], [0.5, 1.0])
    view = model.view()
    co, ni = (1 + view.groups.elements.index(el) for el in ("Co", "Ni"))
    np.testing.assert_allclose(model.similarity(view).masses[co, ni], [0.1, 0, 0.9])


def test_the_answer_to_one_alloy_does_not_depend_on_the_others_that_are_asked():
    alloys, high, asked = alloys_and_labels()
    model = EvidenceModel(Settings(knowledge=(table(),))).fit(alloys, high)
    strangers = ["Al|Fe|Ti", "Ag|Au|Fe", "Fe|Zr"]
    run_batched = model.predict([*strangers, *asked]).masses
    apart = EvidenceModel(Settings(knowledge=(table(),))).fit(alloys, high)
    for i, alloy in enumerate([*strangers, *asked][::-1]):
        np.testing.assert_array_equal(apart.predict([alloy]).masses[0], run_batched[-1 - i])


def test_the_order_of_the_training_alloys_changes_no_similarity():
    alloys, high, _ = alloys_and_labels()
    settings = Settings(**FIXED, knowledge=(table(), table(1)), reliability=False)
    one = EvidenceModel(settings).fit(alloys, high)
    other = EvidenceModel(settings).fit(alloys[::-1], high[::-1])
    np.testing.assert_allclose(
        one.similarity(one.view()).masses, other.similarity(other.view()).masses, atol=1e-15, rtol=0
    )


def test_a_source_is_discounted_once_however_many_pairs_it_has_seen():
    alloys, high, _ = alloys_and_labels()
    settings = Settings(**FIXED, knowledge=(table(discount=0.0),), reliability=False)
    run_single, beside = EvidenceModel(Settings(**FIXED)).fit(alloys, high), EvidenceModel(settings).fit(alloys, high)
    undiscounted, discounted = run_single.similarity(run_single.view()).masses, beside.similarity(beside.view()).masses
    np.testing.assert_allclose(discounted[..., :2], 2 / 3 * undiscounted[..., :2], atol=1e-15)


@pytest.mark.parametrize("swap", [{"Fe": "Ni", "Ni": "Fe"}, {"Co": "V", "V": "Co"}])
def test_swapping_the_names_of_two_elements_swaps_the_answers_and_nothing_else(swap):
    alloys, high, asked = alloys_and_labels()

    def renamed(alloy):
        return frozenset(swap.get(el, el) for el in alloy)

    pairs = {(swap.get(a, a), swap.get(b, b)): m for (a, b), m in table().pairs.items()}
    one = EvidenceModel(Settings(knowledge=(table(),))).fit(alloys, high)
    other = EvidenceModel(Settings(knowledge=(PairTable.from_pairs("renamed", pairs),)))
    other.fit([renamed(a) for a in alloys], high)
    assert (one.alpha, one.order) == (other.alpha, other.order)
    np.testing.assert_allclose(other.predict([renamed(a) for a in asked]).masses, one.predict(asked).masses, atol=1e-12)


def test_leaving_an_element_out_leaves_the_data_without_a_word_about_it():
    alloys, high, _ = alloys_and_labels(share=1.0)
    without = [i for i, a in enumerate(alloys) if "Fe" not in a]
    model = EvidenceModel().fit([alloys[i] for i in without], high[without])
    beliefs = model.predict([a for a in alloys if "Fe" in a])
    assert beliefs.abstain.all()
    np.testing.assert_array_equal(beliefs.masses, np.tile([0.0, 0.0, 1.0], (len(beliefs.masses), 1)))
    np.testing.assert_array_equal(beliefs.p_high, 0.5)


def test_a_table_speaks_about_an_element_that_no_training_alloy_has():
    beliefs = EvidenceModel(Settings(use_data=False, knowledge=(table(),))).fit(["Co|Cr"], [True]).predict(["Cr|Fe"])
    assert not beliefs.abstain[0]
    assert beliefs.belief[0] == pytest.approx(table().pairs["Co", "Fe"][0] / 3)


def test_the_null_counts_neighbours_by_hand():
    train = ["Co|Cr|Fe", "Co|Cr|Ni", "Co|Fe|Ni", "Cu|Fe|Mn", "Co|Cr"]
    model = EvidenceModel(Settings(use_data=False, knowledge=(constant_table(ELEMENTS),)))
    beliefs = model.fit(train, [True, True, False, False, True]).predict(["Cr|Fe|Ni"])
    # One element away: the first three, two High and one Low; see the hand check of equation (2).
    np.testing.assert_allclose(beliefs.masses[0], [0.171 / 0.981, 0.081 / 0.981, 0.729 / 0.981], atol=1e-15)
    assert beliefs.n_pieces[0] == 3


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_without_evidence_the_answer_is_one_half_under_any_hash_seed(hash_seed):
    code = (
        "from matdisc.models.evidence import EvidenceModel\n"
        "m = EvidenceModel().fit(['Fe|Ni', 'Co|Ni', 'Co|Fe'], [True, False, True])\n"
        "b = m.predict(['Al|Ti', 'Fe|Ni'])\n"
        "print(b.abstain[0], b.p_high[0], b.belief[0], b.plausibility[0], repr(b.p_high[1]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    expected = EvidenceModel().fit(["Fe|Ni", "Co|Ni", "Co|Fe"], [True, False, True]).predict(["Fe|Ni"]).p_high[0]
    assert done.stdout.split(maxsplit=4) == ["True", "0.5", "0.0", "1.0", f"{expected!r}\n"]


def test_an_alloy_says_nothing_about_itself():
    model = EvidenceModel(Settings(**FIXED)).fit(["Co|Fe", "Co|Ni", "Cu|Mn"], [True, True, False])
    beliefs = model.predict(["Cu|Mn", "Co|Fe"])
    np.testing.assert_array_equal(beliefs.n_pieces, [0, 1])


def test_certain_pieces_work_without_conflict_and_raise_with_it():
    settings = Settings(alphas=(1.0,), orders=(2,))
    beliefs = EvidenceModel(settings).fit(["Co|Fe", "Co|Ni", "Cr|Fe"], [True] * 3).predict(["Cr|Ni"])
    np.testing.assert_array_equal(beliefs.masses, [[1, 0, 0]])
    with pytest.raises(TotalConflict, match="alpha"):
        EvidenceModel(settings).fit(["Co|Fe", "Co|Ni", "Cr|Fe", "Cr|Ni"], [True, True, True, False])


def test_one_class_gives_evidence_for_that_class_alone():
    alloys, _, asked = alloys_and_labels()
    beliefs = EvidenceModel(Settings(knowledge=(table(),))).fit(alloys, np.zeros(len(alloys))).predict(asked)
    assert (beliefs.belief == 0).all()
    assert (beliefs.plausibility < 1).any()
    assert (beliefs.conflict == 0).all()


def test_experts_who_contradict_each_other_leave_a_conflict_that_is_shown():
    pairs = {("Co", "Fe"): (1.0, 0.0)}, {("Co", "Fe"): (0.0, 1.0)}
    experts = tuple(PairTable(f"expert {i}", p, discount=0.5) for i, p in enumerate(pairs))
    model = EvidenceModel(Settings(use_data=False, knowledge=experts, reliability=False)).fit(["Co|Ni"], [True])
    view = model.view([frozenset({"Fe", "Ni"})])
    i, j = (1 + view.groups.elements.index(el) for el in ("Co", "Fe"))
    fused = model.similarity(view)
    np.testing.assert_allclose(fused.masses[i, j], [1 / 3, 1 / 3, 1 / 3])
    assert fused.conflict[i, j] == pytest.approx(0.25)


def test_experts_without_any_doubt_who_contradict_each_other_are_a_named_error():
    pairs = {("Co", "Fe"): (1.0, 0.0)}, {("Co", "Fe"): (0.0, 1.0)}
    experts = tuple(PairTable(f"expert {i}", p, discount=1.0) for i, p in enumerate(pairs))
    settings = Settings(use_data=False, knowledge=experts, reliability=False, fusion=Fusion(expert_rule="dempster"))
    with pytest.raises(TotalConflict):
        EvidenceModel(settings).fit(["Co|Ni"], [True]).predict(["Fe|Ni"])


def test_five_equal_experts_count_once_by_the_cautious_rule():
    same = tuple(PairTable(f"expert {i}", table().pairs, discount=0.2) for i in range(5))
    model = EvidenceModel(Settings(use_data=False, knowledge=same, reliability=False)).fit(["Co|Ni"], [True])
    one = EvidenceModel(Settings(use_data=False, knowledge=same[:1])).fit(["Co|Ni"], [True])
    np.testing.assert_allclose(model.predict(["Fe|Ni"]).masses, one.predict(["Fe|Ni"]).masses, atol=1e-12)


def test_rules_that_do_not_associate_combine_all_sources_at_once():
    groups = Groups(("Co", "Fe"), 1)
    rng = np.random.default_rng(0)
    data, said = rng.dirichlet([1, 1, 1], (3, 3)), rng.dirichlet([1, 1, 1], (2, 2, 2))
    fused = fuse(groups, data, said, (1.0, 1.0, 1.0), Fusion("yager", "yager", data_share=1.0))
    expected = combine([data[1, 2], said[0, 0, 1], said[1, 0, 1]], "yager")
    np.testing.assert_allclose(fused.masses[1, 2], expected.masses, atol=1e-12)


def test_reliabilities_come_from_the_training_part_and_lie_between_0_and_1():
    alloys, high, _ = alloys_and_labels(share=0.7)
    model = EvidenceModel(Settings(knowledge=(table(), table(1)))).fit(alloys, high)
    assert len(model.reliabilities) == 3
    assert all(0 <= r <= 1 for r in model.reliabilities)
    small = EvidenceModel(Settings(knowledge=(table(),))).fit(alloys[:8], high[:8])
    assert all(r * 8 == pytest.approx(round(r * 8)) for r in small.reliabilities)  # shares of eight left out


def test_the_strength_with_the_lowest_brier_score_in_training_is_taken():
    alloys = [frozenset(c) for c in combinations(ELEMENTS, 3)]
    high = np.array(["Fe" in a for a in alloys])
    strong = EvidenceModel(Settings(alphas=(0.001, 0.3), orders=(1,))).fit(alloys, high)
    assert strong.alpha == 0.3  # labels that follow a rule deserve strong evidence


PAIRS_OF_64 = [frozenset(PERIODIC_TABLE.split()[i : i + 2]) for i in range(0, 64, 2)]


@pytest.mark.slow
def test_sixty_four_elements_can_be_told_apart():
    labels = np.arange(32) % 2 == 0
    assert EvidenceModel(Settings(**FIXED)).fit(PAIRS_OF_64, labels).predict(["H|Li"]).abstain[0]


def test_more_than_sixty_four_elements_are_refused():
    model = EvidenceModel(Settings(alphas=(0.1,), orders=(1,))).fit(PAIRS_OF_64, np.ones(32))
    with pytest.raises(DataError, match="at most 64"):
        model.predict(["Lr|No"])


@pytest.mark.parametrize(
    ("alloys", "high", "words"),
    [
        (["Co|Fe", "Fe|Co"], [True, False], "occurs twice, as High and Low"),
        (["Co|Fe", "Fe|Co"], [True, True], "occurs twice, as High"),
        (["Co|Xx"], [True], "'Xx' is no element"),
        (["Co|Co"], [True], "once"),
        ([frozenset()], [True], "at least one"),
        ([], [], "at least one"),
        (["Co|Fe"], [True, False], "one label an alloy"),
    ],
)
def test_impossible_training_alloys_are_refused_by_name(alloys, high, words):
    with pytest.raises(DataError, match=words):
        EvidenceModel().fit(alloys, high)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"use_data": False}, "source"),
        ({"version": "v3"}, "v1"),
        ({"version": "v2", "knowledge": (table(),)}, "alone"),
        ({"rule": "bayes"}, "dempster"),
        ({"alphas": (1.5,)}, "alpha"),
        ({"orders": (3,)}, "order"),
        ({"folds": 1}, "folds"),
    ],
)
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Settings(**options)
