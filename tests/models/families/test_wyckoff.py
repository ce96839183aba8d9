"""A crystal is what sits where by symmetry: equal protostructures have equal energies, and new words add nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="families of networks need torch")

from matdisc.models.families.family import Training  # noqa: E402
from matdisc.models.families.neural import Recipe  # noqa: E402
from matdisc.models.families.wyckoff import (  # noqa: E402
    Network,
    Shape,
    fitted,
    load,
    standardised_properties,
    tokens,
)
from matdisc.models.load import Question  # noqa: E402
from matdisc.physics.protostructure import Orbit, Protostructure, protostructure  # noqa: E402
from matdisc.schema import Crystal, Sample, Unsupported  # noqa: E402

CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
METALS, ANIONS = ("Li", "Na", "K", "Rb", "Cs"), ("F", "Cl", "Br", "I")
SHAPE, RECIPE = Shape(width=16, layers=1, heads=2), Recipe(epochs=3, batch=8)
ASKED = Question("learning", 0.0)
OVERLAPPING = Crystal(("Na", "Cl"), ((0.0, 0.0, 0.0),) * 2, CUBE)


def _rock_salt(first, second, a=5.6):
    half = a / 2
    return Crystal((first, second), ((0.0,) * 3, (0.5,) * 3), ((0.0, half, half), (half, 0.0, half), (half, half, 0.0)))


def _caesium_chloride(first, second):
    return Crystal((first, second), ((0.0,) * 3, (0.5,) * 3), CUBE)


CRYSTALS = tuple(make(m, x) for make in (_rock_salt, _caesium_chloride) for m in METALS for x in ANIONS)
ENERGIES = np.array([-2.0 - 0.1 * METALS.index(c.symbols[0]) + 0.2 * ANIONS.index(c.symbols[1]) for c in CRYSTALS])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return fitted(Training(CRYSTALS, ENERGIES, 0, tmp_path_factory.mktemp("trained")), SHAPE, RECIPE)


def test_equal_protostructures_have_equal_energies(model):
    base = _rock_salt("Na", "Cl")
    exchanged = _rock_salt("Cl", "Na")
    shifted = replace(base, positions=((0.3, 0.1, 0.2), (0.8, 0.6, 0.7)))
    listed = replace(base, symbols=("Cl", "Na"), positions=base.positions[::-1])
    larger = _rock_salt("Na", "Cl", a=5.9)
    energies = model([base, exchanged, shifted, listed, larger])
    assert energies == pytest.approx(np.full(5, energies[0]), abs=1e-6)


def test_other_elements_or_sites_have_other_energies(model):
    energies = model([_rock_salt("Na", "Cl"), _caesium_chloride("Na", "Cl"), _rock_salt("K", "Cl")])
    assert len(set(np.round(energies, 6))) == 3


def test_a_batch_holds_every_description_and_pads_to_the_longest():
    a, b = (Orbit("Na", letter, 1, "m-3m", 0) for letter in "ab")
    one = Protostructure(221, "cP", ((a,), (b,)))
    two = Protostructure(
        1, "aP", ((Orbit("O", "a", 1, "1", 3), Orbit("O", "a", 1, "1", 3), Orbit("U", "a", 2, "?", 3)),)
    )
    batch = tokens([one, two], {"1": 1, "m-3m": 2}).batch(np.array([1, 0]))
    assert batch.crystal.tolist() == [0, 1, 1]
    assert batch.there.tolist() == [[True] * 3, [True, False, False], [True, False, False]]
    assert batch.words[0].tolist() == [[8, 1, 1, 1, 1], [8, 1, 1, 1, 1], [92, 1, 0, 1, 1]]
    assert batch.words[1:, 0].tolist() == [[11, 1, 2, 221, 12], [11, 2, 2, 221, 12]]
    assert batch.numbers[0].tolist() == [[0.25, 0.0, 3.0], [0.25, 0.0, 3.0], [0.5, 1.0, 3.0]]


def test_a_crystal_has_the_same_energy_beside_any_other():
    found = [protostructure(c) for c in CRYSTALS[:3]]
    long = Protostructure(1, "aP", ((Orbit("O", "a", 1, "1", 3),) * 9,))
    torch.manual_seed(0)
    net = Network(SHAPE, 2).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    both, alone = tokens([*found, long], {"m-3m": 1}), tokens(found, {"m-3m": 1})
    with torch.no_grad():
        beside = net(both.batch(np.arange(4)))[:3]
        assert beside.numpy() == pytest.approx(net(alone.batch(np.arange(3))).numpy(), abs=1e-5)
        assert len(set(np.round(beside.tolist(), 4))) == 3


def test_words_of_the_training_part_alone_are_learnt(tmp_path):
    fitted(Training(CRYSTALS, ENERGIES, 0, tmp_path), SHAPE, RECIPE)
    weights = torch.load(tmp_path / "weights.pt", weights_only=True)
    elements, letters, _, groups, lattices = (weights[f"words.{i}.weight"].abs().sum(1) for i in range(5))
    assert set(np.flatnonzero(elements)) == {3, 11, 19, 37, 55, 9, 17, 35, 53}
    assert set(np.flatnonzero(letters)) == {1, 2}
    assert set(np.flatnonzero(groups)) == {221, 225}
    assert set(np.flatnonzero(lattices)) == {12, 13}


def test_elements_and_groups_that_were_never_seen_get_a_finite_answer(model):
    zinc_blende = replace(_rock_salt("Zn", "S"), positions=((0.0,) * 3, (0.25,) * 3))
    assert np.isfinite(model([zinc_blende, _rock_salt("Ca", "O")])).all()


def test_crystals_without_symmetry_get_no_answer_and_disturb_nobody(model):
    alone = model([CRYSTALS[0]])
    assert model([OVERLAPPING, CRYSTALS[0]]) == pytest.approx([np.nan, *alone], nan_ok=True)
    assert np.isnan(model([OVERLAPPING])).all()
    assert len(model([])) == 0


def test_training_parts_with_hardly_any_symmetry_teach_nothing(tmp_path):
    crystals = (OVERLAPPING,) * 15 + CRYSTALS[:9]
    assert np.isnan(fitted(Training(crystals, np.zeros(24), 0, tmp_path), SHAPE, RECIPE)(CRYSTALS)).all()


def test_crystals_without_symmetry_in_the_training_part_are_passed_over(tmp_path):
    whole = fitted(Training(CRYSTALS, ENERGIES, 0, tmp_path / "whole"), SHAPE, RECIPE)(CRYSTALS)
    mixed = Training((OVERLAPPING, *CRYSTALS), np.array([99.0, *ENERGIES]), 0, tmp_path / "mixed")
    assert fitted(mixed, SHAPE, RECIPE)(CRYSTALS).tolist() == whole.tolist()


def test_equal_energies_are_learnt_as_they_are(tmp_path):
    said = fitted(Training(CRYSTALS, np.full(len(CRYSTALS), -1.5), 0, tmp_path), SHAPE, Recipe(epochs=30, batch=8))
    assert said(CRYSTALS) == pytest.approx(np.full(len(CRYSTALS), -1.5), abs=0.3)


def test_a_seed_gives_the_same_network_and_another_seed_another(tmp_path):
    first, again, other = (
        fitted(Training(CRYSTALS, ENERGIES, seed, tmp_path / name), SHAPE, RECIPE)(CRYSTALS).tolist()
        for seed, name in ((0, "first"), (0, "again"), (1, "other"))
    )
    assert first == again
    assert first != other


def test_properties_are_standardised_and_unknown_ones_are_zero():
    table = standardised_properties()
    assert table.shape == (119, 13)
    assert np.isfinite(table).all()
    assert (table[0] == 0).all()
    assert table[1, 0] == table[:, 0].min()


def test_a_card_trains_members_answers_with_intervals_and_declares_what_has_no_symmetry(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))
    train = [Sample(str(i), {"crystal": c}, {"e_form_per_atom": e}, c.chemical_system)
             for i, (c, e) in enumerate(zip(CRYSTALS, ENERGIES.tolist(), strict=True))]  # fmt: skip
    test = [
        Sample("x", {"crystal": OVERLAPPING}, {}, "Cl-Na"),
        Sample("y", {"crystal": _rock_salt("Ca", "O")}, {}, "Ca-O"),
    ]
    declared, answered = load(width=16, layers=1, epochs=2, members=2)(train, test, ASKED)
    assert declared == Unsupported("wyckoff-transformer has no answer for this crystal")
    assert answered["e_form_low"] < answered["e_form_per_atom"] < answered["e_form_high"]


@pytest.mark.slow
def test_energies_that_add_up_are_learnt_and_hold_for_unseen_pairs(tmp_path):
    learnt = np.arange(40) % 4 != 1
    crystals = tuple(c for c, seen in zip(CRYSTALS, learnt, strict=True) if seen)
    training = Training(crystals, ENERGIES[learnt], 0, tmp_path)
    said = fitted(training, Shape(width=32, hidden=0.0), Recipe(epochs=150, batch=8, apart=0.0))(CRYSTALS)
    assert np.abs(said - ENERGIES)[learnt].mean() < 0.05
    assert np.abs(said - ENERGIES)[~learnt].mean() < np.abs(ENERGIES - np.median(ENERGIES))[~learnt].mean()
