"""Metrics of relaxed structures: hand-counted sums, missing answers, and cells that are the same lattice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.metrics.structures import (
    METRICS,
    TERMS,
    Compared,
    lattice_error,
    matbench_discovery_geometry,
    reduced_cell,
    rmsd_curve,
    structure_metrics,
    structure_terms,
    volume_error,
)

NAN = np.nan


def compared(rmsd, groups, operations, *, answered=None, volume=None, converged=None):
    """Space groups and operations are (answer, reference), the same at each of the three tolerances."""
    n = len(rmsd)
    answered = np.array(answered if answered is not None else [True] * n)
    volume = np.array(volume if volume is not None else [0.0] * n, float)
    repeat = np.repeat(np.array([groups, operations])[:, :, None, :], 3, axis=2)
    converged = np.array(converged if converged is not None else answered, float)
    return Compared(
        answered, converged, np.array(rmsd, float), volume, np.abs(volume) / 3, np.full(n, 0.04), np.full(n, NAN),
        repeat[0], repeat[1],
    )  # fmt: skip


def metrics(found):
    return {key: float(value) for key, value in structure_metrics(structure_terms(found).sum(axis=0)).items()}


FOUR = compared(
    [0.0, 0.02, NAN, NAN],
    [(221, 221), (123, 221), (225, 123), (0, 221)],
    [(48, 48), (16, 48), (192, 16), (0, 48)],
    answered=[True, True, True, False],
    volume=[0.0, 0.03, -0.06, NAN],
    converged=[1, 1, 0, 0],
)
"""Kept and exact; tetragonal and 0.02 off; more symmetric and unmatched; missing."""


def test_an_unmatched_and_a_missing_structure_count_an_rmsd_of_one():
    found = metrics(FOUR)
    assert found["rmsd"] == pytest.approx((0.0 + 0.02 + 1 + 1) / 4)
    assert found["rmsd_matched"] == pytest.approx(0.01)
    assert found["matched"] == 0.5


def test_symmetry_is_kept_lost_or_gained_and_missing_is_none_of_them():
    found = metrics(FOUR)
    for level in ("_loose", "", "_tight"):
        kinds = [found[f"symmetry_{kind}{level}"] for kind in ("match", "decrease", "increase")]
        assert kinds == [0.25, 0.25, 0.25]
        assert found["n_sym_ops_mae" + level] == pytest.approx((0 + 32 + 176) / 3)


def test_another_group_with_as_many_operations_is_neither_lost_nor_gained():
    found = metrics(compared([0.0], [(215, 200)], [(24, 24)]))
    assert [found[f"symmetry_{kind}"] for kind in ("match", "decrease", "increase")] == [0, 0, 0]


def test_errors_of_the_volume_are_in_per_cent_over_the_answered():
    found = metrics(FOUR)
    assert found["volume_error"] == pytest.approx(-1.0)
    assert found["volume_abs_error"] == pytest.approx(3.0)
    assert found["lattice_error"] == pytest.approx(1.0)
    assert found["converged"] == 0.5
    assert np.isnan(found["energy_mae"])


def test_every_metric_is_named_and_undefined_on_an_empty_set():
    found = structure_metrics(np.zeros(len(TERMS)))
    assert tuple(found) == METRICS
    assert all(np.isnan(value) for value in found.values())


def test_leaving_out_the_hard_materials_pays_in_the_compat_numbers_only():
    kept = compared([0.0, NAN], [(221, 221), (0, 221)], [(48, 48), (0, 48)], answered=[True, False])
    compat = matbench_discovery_geometry(kept)
    assert compat == {
        "rmsd": 0.0, "n_structures": 1.0, "symmetry_match": 1.0, "symmetry_decrease": 0.0, "symmetry_increase": 0.0,
        "n_sym_ops_mae": 0.0,
    }  # fmt: skip
    assert metrics(kept)["rmsd"] == 0.5
    assert metrics(kept)["symmetry_match"] == 0.5


def test_the_rmsd_curve_counts_matched_materials_among_all():
    np.testing.assert_allclose(rmsd_curve([0.0, 0.1, NAN, 0.3], [0.0, 0.1, 0.2, 1.0]), [0.25, 0.5, 0.5, 0.75])


def test_a_cell_three_per_cent_too_long_has_that_lattice_error():
    cell = np.diag([4.0, 4.0, 4.0])
    assert lattice_error(1.03 * cell, cell) == pytest.approx(0.03)
    assert volume_error(1.03 * cell, 1, cell, 1) == pytest.approx(1.03**3 - 1)
    assert lattice_error(cell @ np.diag([1.1, 1, 1]), cell) == pytest.approx(0.1 / 3)


def test_a_conventional_cell_has_the_volume_per_atom_of_its_primitive_cell():
    fcc = 2.0 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert volume_error(np.diag([4.0, 4.0, 4.0]), 4, fcc, 1) == pytest.approx(0, abs=1e-12)


MIXES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-4, 4)), max_size=6)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), MIXES)
def test_the_reduced_cell_does_not_depend_on_the_choice_of_cell(seed, mixes):
    basis = np.random.default_rng(seed).normal(size=(3, 3)) * 3 + 2 * np.eye(3)
    if abs(np.linalg.det(basis)) < 1:
        return
    other = basis.copy()
    for i, j, n in mixes:
        if i != j:
            other[i] += n * other[j]
    first, second = reduced_cell(basis), reduced_cell(other)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1), rtol=1e-8)
    assert abs(np.linalg.det(first)) == pytest.approx(abs(np.linalg.det(basis)), rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_reduced_edges_are_those_of_an_independent_reduction(seed):
    from ase.geometry.minkowski_reduction import minkowski_reduce

    cell = np.random.default_rng(seed).normal(size=(3, 3)) * 4
    theirs, _ = minkowski_reduce(cell)
    np.testing.assert_allclose(
        np.linalg.norm(reduced_cell(cell), axis=1), np.sort(np.linalg.norm(theirs, axis=1)), rtol=1e-9
    )
