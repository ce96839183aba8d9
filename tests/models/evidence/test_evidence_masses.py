"""Combining masses: closed forms against Dempster subset by subset, and the laws of each rule."""

import numpy as np
import pytest
from naive_evidence import dempster

from matdisc.models.evidence import RULES, TotalConflict, combine, combine_counts, combine_segments
from matdisc.models.evidence.masses import discount


def random_triples(*shape):
    return np.random.default_rng(sum(shape)).dirichlet([1.0, 1.0, 1.0], shape)


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_the_closed_form_equals_dempster_subset_by_subset(n):
    for triples in random_triples(50, n):
        np.testing.assert_allclose(combine(triples).masses, dempster(triples), atol=1e-12)


def test_two_for_and_one_against_by_hand():
    done = combine_counts(2, 1, 0.1)
    np.testing.assert_allclose(done.masses, [0.171 / 0.981, 0.081 / 0.981, 0.729 / 0.981], atol=1e-15)
    assert done.conflict == pytest.approx(1 - 0.981)


@pytest.mark.parametrize(("support", "against"), [(0, 0), (3, 0), (0, 2), (4, 7)])
def test_counting_equal_pieces_equals_combining_them(support, against):
    pieces = [(0.2, 0, 0.8)] * support + [(0, 0.2, 0.8)] * against or [(0, 0, 1)]
    np.testing.assert_allclose(combine_counts(support, against, 0.2).masses, dempster(pieces), atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_pieces_never_matters(rule):
    triples = random_triples(20, 8)
    one, other = combine(triples, rule), combine(triples[:, ::-1], rule)
    np.testing.assert_allclose(one.masses, other.masses, atol=1e-12)
    np.testing.assert_allclose(one.conflict, other.conflict, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_masses_stay_masses_and_conflict_a_share(rule):
    done = combine(random_triples(100, 5), rule)
    assert (done.masses >= 0).all()
    np.testing.assert_allclose(done.masses.sum(axis=-1), 1, atol=1e-12)
    assert ((done.conflict >= 0) & (done.conflict <= 1)).all()


@pytest.mark.parametrize("rule", RULES)
def test_one_piece_is_left_as_it_is(rule):
    triples = random_triples(10, 1)
    np.testing.assert_allclose(combine(triples, rule).masses, triples[:, 0], atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_no_piece_means_nothing_is_known(rule):
    done = combine(np.zeros((0, 3)), rule)
    np.testing.assert_array_equal(done.masses, [0, 0, 1])
    assert str(done.conflict) == "0.0"


@pytest.mark.parametrize("rule", RULES)
def test_swapping_the_hypotheses_swaps_the_answer(rule):
    triples = random_triples(30, 4)
    one, other = combine(triples, rule).masses, combine(triples[..., [1, 0, 2]], rule).masses
    np.testing.assert_allclose(one[..., [1, 0, 2]], other, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_segments_equal_one_combination_after_another(rule):
    triples, sizes = random_triples(12), [3, 0, 5, 1, 3]
    segment = np.repeat(np.arange(5), sizes)
    done = combine_segments(triples, segment, 5, rule)
    for i in range(5):
        run_single = combine(triples[segment == i], rule)
        np.testing.assert_allclose(done.masses[i], run_single.masses, atol=1e-12)
        np.testing.assert_allclose(done.conflict[i], run_single.conflict, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_pieces_that_take_no_part_do_not_matter(rule):
    triples = random_triples(6)
    some = np.array([True, False, True, True, False, False])
    np.testing.assert_allclose(
        combine(triples, rule, where=some).masses, combine(triples[some], rule).masses, atol=1e-12
    )


def test_cautious_counts_a_repeated_opinion_once_and_dempster_twice():
    piece = (0.3, 0.1, 0.6)
    np.testing.assert_allclose(combine([piece, piece], "cautious").masses, piece, atol=1e-12)
    assert combine([piece, piece]).masses[2] < 0.6


def test_cautious_takes_the_strongest_piece_for_each_hypothesis():
    pieces = [(0.2, 0, 0.8), (0.5, 0, 0.5), (0, 0.4, 0.6), (0, 0.1, 0.9)]
    np.testing.assert_allclose(combine(pieces, "cautious").masses, dempster([pieces[1], pieces[2]]), atol=1e-12)


def test_yager_turns_conflict_into_ignorance():
    done = combine([(0.5, 0, 0.5), (0, 0.4, 0.6)], "yager")
    np.testing.assert_allclose(done.masses, [0.3, 0.2, 0.5])  # 0.5 * 0.6, 0.5 * 0.4, 0.5 * 0.6 + conflict 0.2
    assert done.conflict == pytest.approx(0.2)


def test_dubois_and_prade_is_yager_on_two_hypotheses():
    triples = random_triples(10, 3)
    np.testing.assert_array_equal(combine(triples, "yager").masses, combine(triples, "dubois-prade").masses)


def test_murphy_combines_the_average_with_itself():
    pieces = [(0.6, 0, 0.4), (0, 0.2, 0.8), (0, 0, 1.0)]
    mean = np.mean(pieces, axis=0)
    np.testing.assert_allclose(combine(pieces, "murphy").masses, dempster([mean] * 3), atol=1e-12)


def test_ten_thousand_pieces_do_not_underflow():
    done = combine_counts(10_000, 10_002, 0.3)
    ratio = 0.7**2  # P/N: both products are far below the smallest number
    np.testing.assert_allclose(done.masses, [ratio / (1 + ratio), 1 / (1 + ratio), 0], atol=1e-9)
    assert done.conflict == 1


def test_however_many_pieces_without_certainty_never_become_certain():
    certain, opposite = combine_counts(10**6, 0, 0.5), combine_counts(0, 10**6, 0.5)
    assert certain.masses[2] > 0
    np.testing.assert_allclose(combine([certain.masses, opposite.masses]).masses, [0.5, 0.5, 0], atol=1e-12)


def test_total_conflict_is_a_named_error():
    with pytest.raises(TotalConflict, match="certain of both"):
        combine([(1, 0, 0), (0, 1, 0)])
    with pytest.raises(TotalConflict):
        combine_counts(1, 1, 1.0)
    with pytest.raises(TotalConflict, match="cautious"):
        combine([(1, 0, 0), (0.5, 0, 0.5)], "cautious")


def test_total_conflict_is_ignorance_for_yager():
    np.testing.assert_allclose(combine([(1, 0, 0), (0, 1, 0)], "yager").masses, [0, 0, 1])


def test_certainty_without_conflict_works():
    np.testing.assert_array_equal(combine([(1, 0, 0), (0.2, 0.3, 0.5)]).masses, [1, 0, 0])
    np.testing.assert_array_equal(combine_counts(3, 0, 1.0).masses, [1, 0, 0])
    np.testing.assert_array_equal(combine_counts(0, 0, 1.0).masses, [0, 0, 1])


def test_discounting_moves_mass_to_the_unknown():
    np.testing.assert_allclose(discount(np.array([0.4, 0.2, 0.4]), 0.5), [0.2, 0.1, 0.7])


@pytest.mark.parametrize("wrong", [[(0.5, 0.6, 0.1)], [(-0.1, 0.1, 1.0)], [(np.nan, 0, 1)], [(1.0, 0.0)]])
def test_what_is_no_mass_function_is_refused(wrong):
    with pytest.raises(ValueError, match="mass"):
        combine(wrong)


def test_an_unknown_rule_a_wrong_strength_and_unsorted_segments_are_refused():
    with pytest.raises(ValueError, match="dempster"):
        combine([(0, 0, 1)], "bayes")
    with pytest.raises(ValueError, match="alpha"):
        combine_counts(1, 1, 1.5)
    with pytest.raises(ValueError, match="sorted"):
        combine_segments([(0, 0, 1), (0, 0, 1)], [1, 0], 2)
