"""Start structures: the same everywhere, as far off as the card says, and without a trace of the reference."""

import os
from dataclasses import replace

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.prototypes import perovskite
from matdisc.datasets.relaxation_starts import gaussian, perturbed, references_as_samples, relaxation_starts
from matdisc.errors import CardError, DataError

BOARD = Board(shipped_board())
CUBIC = perovskite("Ba", "Ti", "O", 4.0)
EMBEDDED = ("elements", "octet-binaries", "emt-alloys")


@pytest.fixture(params=EMBEDDED)
def asked(request):
    return relaxation_starts(BOARD.dataset(request.param), load(BOARD, request.param))


def test_numbers_depend_on_seed_name_and_place_only():
    assert gaussian(0, "elements/Cu-fcc", 0) == gaussian(0, "elements/Cu-fcc", 0)
    assert gaussian(0, "elements/Cu-fcc", 0) == pytest.approx(0.49339, abs=5e-6)
    assert len({gaussian(s, n, i) for s in (0, 1) for n in "ab" for i in range(3)}) == 12


def test_numbers_are_standard_normal():
    numbers = np.array([gaussian(0, "x", i) for i in range(20_000)])
    assert numbers.mean() == pytest.approx(0, abs=0.02)
    assert numbers.std() == pytest.approx(1, abs=0.02)
    assert (np.abs(numbers) < 1.96).mean() == pytest.approx(0.95, abs=0.01)


def test_the_cell_is_scaled_and_the_atoms_are_displaced():
    start = perturbed(CUBIC, scale=1.03, rattle=0.05, seed=0, name="x")
    np.testing.assert_allclose(start.cell, 1.03 * np.array(CUBIC.cell))
    shift = (np.array(start.positions) - CUBIC.positions) @ np.array(start.cell)
    np.testing.assert_allclose(shift.ravel(), [0.05 * gaussian(0, "x", i) for i in range(15)], atol=1e-12)


def test_without_a_rattle_only_the_cell_changes():
    start = perturbed(CUBIC, scale=1.1, rattle=0, seed=0, name="x")
    np.testing.assert_allclose(start.positions, CUBIC.positions, atol=1e-12)


def test_starts_do_not_carry_the_reference(asked):
    for sample in asked.samples:
        assert sample.crystal != asked.relaxed[sample.material_id]
        assert asked.relaxed[sample.material_id] not in sample.inputs.values()
    assert asked.train == ()


def test_the_polymorph_sets_ask_about_observed_structures_alone():
    for key in ("elements", "octet-binaries"):
        dataset = load(BOARD, key)
        stable = {s.material_id for s in dataset.samples if s.target["stable"] == 1}
        starts = {s.material_id for s in relaxation_starts(BOARD.dataset(key), dataset).samples}
        assert starts <= stable
        assert {s.rsplit("-", 1)[1] for s in stable - starts} <= {"wurtzite"}


def test_references_have_the_observed_edges():
    relaxed = load(BOARD, "elements").relaxed
    assert np.linalg.norm(relaxed["Be-hcp"].cell, axis=1).tolist() == pytest.approx([2.2858, 2.2858, 3.5843])
    assert load(BOARD, "octet-binaries").relaxed["LiF-rocksalt"].cell[0] == (0.0, 2.013, 2.013)


def test_asking_for_relaxations_leaves_the_hash_of_the_set_as_it_is(asked):
    assert load(BOARD, asked.key).sha256 == BOARD.dataset(asked.key).sha256
    assert asked.sha256 == BOARD.dataset(asked.key).relaxation.sha256 != BOARD.dataset(asked.key).sha256


def test_another_perturbation_is_told_from_the_one_on_the_card():
    card = BOARD.dataset("elements")
    other = card.model_copy(update={"relaxation": card.relaxation.model_copy(update={"seed": 1})})
    with pytest.raises(DataError, match=r"51 start and reference structures hash to .* the card says 51 and "):
        relaxation_starts(other, load(BOARD, "elements"))


def test_a_set_without_the_table_is_refused():
    card = BOARD.dataset("elements").model_copy(update={"relaxation": None})
    with pytest.raises(CardError, match="no table 'relaxation' on its card"):
        relaxation_starts(card, load(BOARD, "elements"))


def test_an_energy_is_known_where_formation_energy_and_references_are():
    card, dataset = BOARD.dataset("emt-alloys"), load(BOARD, "emt-alloys")
    metals = dict.fromkeys(dataset.reference_crystals, -3.0)
    known = relaxation_starts(card, replace(dataset, references=metals), verify=False).samples[0]
    label = next(s for s in dataset.samples if s.material_id == known.material_id).target["e_form_per_atom"]
    assert known.target == {"energy_per_atom": pytest.approx(label - 3.0)}
    assert relaxation_starts(card, dataset).samples[0].target == {}


def test_only_materials_near_the_hull_are_asked_about_where_the_card_says_so():
    card, dataset = BOARD.dataset("emt-alloys"), load(BOARD, "emt-alloys")
    near = card.relaxation.model_copy(update={"max_e_above_hull": 0.0})
    asked = relaxation_starts(card.model_copy(update={"relaxation": near}), dataset, verify=False)
    labels = {s.material_id: s.target["e_above_hull"] for s in dataset.samples}
    assert 0 < len(asked) < 174
    assert all(labels[s.material_id] <= 1e-9 for s in asked.samples)


def test_references_can_be_taken_as_samples_for_the_overlap_with_training_data():
    card, dataset = BOARD.dataset("octet-binaries"), load(BOARD, "octet-binaries")
    found = references_as_samples(card, dataset)
    assert all(s.crystal == dataset.relaxed[s.material_id] for s in found.samples)


@pytest.mark.mirror
@pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="MATDISC_MIRROR is not set")
def test_perovskites_on_the_hull_have_a_start_and_an_energy():
    dataset = load(BOARD, "mp-abc3-cubic")
    asked = relaxation_starts(BOARD.dataset("mp-abc3-cubic"), dataset)
    on_hull = {s.material_id for s in dataset.samples if s.target["e_above_hull"] == 0}
    assert {s.material_id for s in asked.samples} == on_hull
    assert len(asked) == 217
    assert all(-25 < s.target["energy_per_atom"] < 0 for s in asked.samples)
