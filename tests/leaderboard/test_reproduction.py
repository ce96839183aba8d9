"""Two sets of answers to the same materials: what counts as float noise, what has moved, and what that means."""

from dataclasses import replace

import pytest

from matdisc.leaderboard.reproduction import MetricPair, moved, overall, structures_apart
from matdisc.schema import Crystal, Prediction

ROCKSALT = Crystal(
    ("Na", "Cl"), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), ((0.0, 2.82, 2.82), (2.82, 0.0, 2.82), (2.82, 2.82, 0.0))
)


def energy(material_id, value, **others):
    return Prediction(material_id, {"e_form_per_atom": value}, **others)


def pair(verdict):
    return MetricPair("mae", 0.1, 0.1, 0.0, -0.01, 0.01, verdict)


def test_energies_within_a_ten_thousandth_of_an_ev_are_the_same_and_others_are_sorted_by_size():
    row = [energy("a", -1.0), energy("b", -1.0), energy("c", -1.0)]
    rerun = [energy("a", -1.00009), energy("b", -1.01), energy("c", -1.2)]
    found = moved(row, rerun)
    assert [(one.material_id, one.what) for one in found] == [("c", "e_form_per_atom"), ("b", "e_form_per_atom")]
    assert found[1].apart == pytest.approx(0.01)


def test_noise_grows_with_the_size_of_a_number():
    assert moved([energy("a", 1000.0)], [energy("a", 1000.05)]) == []
    assert len(moved([energy("a", 1000.0)], [energy("a", 1000.2)])) == 1


def test_a_material_that_ends_otherwise_has_moved_however_equal_its_numbers():
    (found,) = moved([energy("a", -1.0)], [energy("a", -1.0, status="unconverged")])
    assert (found.what, found.row, found.rerun) == ("status", "ok", "unconverged")


def test_a_material_that_the_row_lacks_has_moved():
    (found,) = moved([], [energy("a", -1.0)])
    assert (found.row, found.rerun) == ("absent", "ok")


def test_forces_differ_by_their_largest_difference():
    row = Prediction("a", arrays={"forces": (0.0, 0.0, 1.0)})
    assert moved([row], [replace(row, arrays={"forces": (0.0, 0.0, 1.00005)})]) == []
    (found,) = moved([row], [replace(row, arrays={"forces": (0.0, 0.02, 1.0)})])
    assert (found.what, found.apart) == ("forces", pytest.approx(0.02))


def test_what_an_answer_costs_is_no_answer():
    row, rerun = (Prediction("a", {"training_seconds": seconds}) for seconds in (1.0, 2.0))
    assert moved([row], [rerun], costs=["training_seconds"]) == []
    assert len(moved([row], [rerun])) == 1


def test_an_atom_on_the_other_side_of_a_cell_has_not_moved():
    shifted = replace(ROCKSALT, positions=((0.0, 1.0, 0.0), (0.5, 0.5, -0.5)))
    assert structures_apart(ROCKSALT, shifted) == pytest.approx(0.0, abs=1e-12)


def test_structures_are_as_far_apart_as_the_farthest_atom_or_edge():
    atom = replace(ROCKSALT, positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.6)))
    assert structures_apart(ROCKSALT, atom) == pytest.approx(0.1 * 2.82 * 2**0.5)  # along one lattice vector
    cell = replace(ROCKSALT, cell=((0.0, 2.82, 2.85), *ROCKSALT.cell[1:]))
    assert structures_apart(ROCKSALT, cell) == pytest.approx(0.03)
    assert structures_apart(ROCKSALT, replace(ROCKSALT, symbols=("Cl", "Na"))) == float("inf")


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        (["float noise", "within the interval"], "within the interval"),
        (["float noise", "float noise"], "within the interval"),
        (["within the interval", "beyond the interval"], "beyond the interval"),
        (["undefined", "float noise"], "within the interval"),
        (["undefined"], "undefined"),
    ],
)
def test_the_whole_is_as_good_as_its_worst_defined_metric_once_a_material_has_moved(said, whole):
    assert overall([moved([], [energy("a", 1.0)])[0]], [pair(verdict) for verdict in said]) == whole
    assert overall([], [pair(verdict) for verdict in said]) == "float noise"
