"""Metrics by category: sums per slice, memberships, and the rule of anion classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.metrics import group_totals, metrics_from_totals, row_terms, stability_metrics
from matdisc.metrics.slices import (
    ANION_CLASSES,
    ANIONS,
    anion_class,
    anion_labels,
    arity,
    multi_label_totals,
    slice_metrics,
    sliced_totals,
)
from matdisc.metrics.stability import is_stable

SYMBOLS = ("Na", "Cl", "O", "Bi", "H", "Fe", "C", "F", "Te")
compounds = st.lists(st.sets(st.sampled_from(range(len(SYMBOLS))), min_size=1, max_size=4), min_size=1, max_size=20)


def _terms(n, seed=0):
    rng = np.random.default_rng(seed)
    true, pred = rng.normal(0.1, 0.2, (2, n))
    return true, pred, row_terms(is_stable(true), is_stable(pred), true, pred)


def _csr(memberships):
    sizes = [len(labels) for labels in memberships]
    return np.cumsum([0, *sizes]), np.array([i for labels in memberships for i in sorted(labels)], int)


def test_rows_of_a_category_add_up():
    terms = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0], [5.0, 5.0]])
    assert sliced_totals(terms, [1, 0, 1, -1], 3).tolist() == [[10, 20], [101, 202], [0, 0]]


def test_rows_with_several_categories_count_fully_in_each():
    terms = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    found = multi_label_totals(terms, [0, 2, 2, 3], [0, 1, 1], 3)
    assert found.tolist() == [[1, 2], [101, 202], [0, 0]]


def test_slices_are_the_group_totals_of_the_bootstrap():
    _, _, terms = _terms(200)
    labels = np.random.default_rng(1).integers(0, 5, 200)
    np.testing.assert_allclose(sliced_totals(terms, labels, 5), group_totals(terms, [str(i) for i in labels]))


def test_metrics_of_a_slice_are_those_of_its_rows():
    true, pred, terms = _terms(300)
    labels = np.random.default_rng(1).integers(0, 3, 300)
    found = slice_metrics(sliced_totals(terms, labels, 4))
    for i in range(3):
        rows = labels == i
        alone = stability_metrics(true[rows], pred[rows])
        assert found["n"][i] == found["n_error"][i] == rows.sum()
        assert found["n_stable"][i] == (true[rows] <= 0).sum()
        for key, value in alone.items():
            assert found[key][i] == pytest.approx(value), key
    assert found["n"][3] == 0
    assert np.isnan([found[key][3] for key in alone]).all()


def test_all_slices_together_are_the_whole():
    _, _, terms = _terms(100)
    labels = np.arange(100) % 7
    np.testing.assert_allclose(sliced_totals(terms, labels, 7).sum(axis=0), terms.sum(axis=0))
    whole = metrics_from_totals(terms.sum(axis=0))
    assert slice_metrics(sliced_totals(terms, np.zeros(100, int), 1))["f1"][0] == pytest.approx(float(whole["f1"]))


@pytest.mark.parametrize("labels", [[0, 3], [-2, 0], [0], [0.0, 1.0], [[0, 1]]])
def test_labels_fit_the_rows_and_the_range(labels):
    with pytest.raises(ValueError, match="label"):
        sliced_totals(np.zeros((2, 2)), labels, 3)


@pytest.mark.parametrize(
    ("index_ptr", "indices"),
    [([0, 1], [0]), ([0, 2, 1], [0]), ([1, 1, 1], [0]), ([0, 1, 2], [0, 3]), ([0, 1, 1], [-1])],
)
def test_memberships_fit_the_rows_and_the_range(index_ptr, indices):
    with pytest.raises(ValueError, match="ind"):
        multi_label_totals(np.zeros((2, 2)), index_ptr, indices, 3)


@settings(deadline=None)
@given(compounds, st.randoms())
def test_row_order_changes_no_slice(memberships, random):
    _, _, terms = _terms(len(memberships))
    order = random.sample(range(len(memberships)), len(memberships))
    one = multi_label_totals(terms, *_csr(memberships), len(SYMBOLS))
    other = multi_label_totals(terms[order], *_csr([memberships[i] for i in order]), len(SYMBOLS))
    np.testing.assert_allclose(one, other, atol=1e-12)
    for i in range(len(SYMBOLS)):
        np.testing.assert_allclose(one[i], terms[[i in labels for labels in memberships]].sum(axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        (("Na", "Cl"), "halide"),
        (("Ca", "F"), "fluoride"),
        (("Ba", "Ti", "O"), "oxide"),
        (("Ca", "C", "O"), "oxide"),
        (("Bi", "O", "Cl"), "oxide"),
        (("La", "O", "F"), "fluoride"),
        (("Zn", "S"), "chalcogenide"),
        (("Bi", "Te"), "chalcogenide"),
        (("Sb", "Te"), "chalcogenide"),
        (("Ga", "N"), "pnictide"),
        (("Ga", "As"), "pnictide"),
        (("Zr", "Ni", "Sb"), "pnictide"),
        (("N", "H"), "pnictide"),
        (("Mg", "H"), "hydride"),
        (("Ni", "Al"), "intermetallic"),
        (("Ti", "C"), "intermetallic"),
        (("Ni", "Bi"), "intermetallic"),
        (("O",), "element"),
        (("Fe",), "element"),
    ],
)
def test_the_most_electronegative_anion_names_the_class(elements, kind):
    assert anion_class(elements) == anion_class(elements[::-1] + elements) == kind


def test_every_anion_class_has_its_place():
    assert {*ANIONS.values(), "intermetallic", "element"} == set(ANION_CLASSES)


@pytest.mark.parametrize("elements", ["NaCl", "O", (), set()])
def test_a_compound_is_a_collection_of_symbols(elements):
    with pytest.raises(ValueError, match="symbol"):
        anion_class(elements)


def test_arity_counts_different_elements():
    assert arity(("Na", "Cl")) == arity(("Cl", "Na", "Cl")) == 2


@settings(deadline=None)
@given(compounds)
def test_labels_of_many_are_the_classes_of_each(memberships):
    index_ptr, indices = _csr(memberships)
    one_by_one = [anion_class({SYMBOLS[i] for i in labels}) for labels in memberships]
    assert [ANION_CLASSES[i] for i in anion_labels(index_ptr, indices, SYMBOLS)] == one_by_one
    assert np.diff(index_ptr).tolist() == [arity(labels) for labels in memberships]


def test_a_material_without_element_has_no_class():
    with pytest.raises(ValueError, match="1 materials have no element"):
        anion_labels([0, 1, 1], [0], SYMBOLS)
    assert len(anion_labels([0], [], SYMBOLS)) == 0
