"""CGCNN: what does not change its answer, the same seed the same weights, copies that are strained and rattled."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="CGCNN needs torch")
pytest.importorskip("torch_geometric", reason="CGCNN needs torch-geometric")

from torch_geometric.nn import CGConv  # noqa: E402

from matdisc.models.families.cgcnn import (  # noqa: E402
    Convolution,
    CrystalGraphNet,
    Perturbation,
    Versions,
    element_table,
    load,
    perturbed,
)
from matdisc.models.families.graphs import graphs  # noqa: E402
from matdisc.models.load import Question  # noqa: E402
from matdisc.schema import Crystal, Sample, Unsupported  # noqa: E402

ASKED = Question("learning", 0.0)
CUBE = ((4.2, 0.0, 0.0), (0.0, 4.2, 0.0), (0.0, 0.0, 4.2))
CELL = ((4.0, 0.2, 0.0), (0.1, 5.0, 0.3), (0.0, -0.4, 6.0))
CRYSTAL = Crystal(("Na", "Cl", "Ti"), ((0.0, 0.0, 0.0), (0.5, 0.45, 0.4), (0.1, 0.6, 0.8)), CELL)
ALONE = Crystal(("Na",), ((0.0, 0.0, 0.0),), tuple(tuple(row) for row in (20.0 * np.eye(3)).tolist()))
HALIDES = [(a, x) for a in ("Li", "Na", "K", "Rb", "Cs") for x in ("F", "Cl", "Br", "I")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))


def _rows(array):
    return tuple(map(tuple, np.asarray(array).tolist()))


def _said(*crystals):
    net = CrystalGraphNet(16, 2, seed=0).eval()
    with torch.inference_mode():
        return net(graphs(crystals).batch(np.arange(len(crystals)))).numpy()


def _sample(name, pair, energy=None):
    crystal = Crystal(pair, ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), CUBE)
    return Sample(name, {"crystal": crystal}, {} if energy is None else {"e_form_per_atom": energy}, "-".join(pair))


TRAIN = [_sample(f"t{i}", pair, -3.0 + ["F", "Cl", "Br", "I"].index(pair[1])) for i, pair in enumerate(HALIDES)]
QUICK = {"width": 8, "layers": 1, "epochs": 3, "members": 1}

_turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
_cell, _positions = np.array(CELL), np.array(CRYSTAL.positions)
_sheared = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
_thrice = [np.add(p, (0, k, 0)) / (1, 3, 1) for k in range(3) for p in CRYSTAL.positions]
SAME = {
    "rotated": Crystal(CRYSTAL.symbols, CRYSTAL.positions, _rows(_cell @ _turn)),
    "shifted": Crystal(CRYSTAL.symbols, _rows(np.add(_positions, (0.3, 0.9, -2.4))), CELL),
    "in another order": Crystal(CRYSTAL.symbols[::-1], CRYSTAL.positions[::-1], CELL),
    "in another cell": Crystal(CRYSTAL.symbols, _rows(_positions @ np.linalg.inv(_sheared)), _rows(_sheared @ _cell)),
    "three times": Crystal(CRYSTAL.symbols * 3, _rows(_thrice), _rows(_cell * [[1], [3], [1]])),
}


@pytest.mark.parametrize("how", SAME)
def test_the_energy_an_atom_of_a_crystal_does_not_depend_on_how_it_is_written(how):
    assert _said(SAME[how]) == pytest.approx(_said(CRYSTAL), abs=1e-5)


def test_a_strained_crystal_has_another_energy():
    strained = Crystal(CRYSTAL.symbols, CRYSTAL.positions, _rows(1.03 * _cell))
    assert abs(_said(strained) - _said(CRYSTAL)).item() > 1e-4


def test_an_answer_does_not_depend_on_the_other_crystals_of_a_batch():
    together = _said(CRYSTAL, ALONE, SAME["three times"])
    assert together == pytest.approx(np.concatenate([_said(CRYSTAL), _said(ALONE), _said(CRYSTAL)]), abs=1e-5)


def test_our_layer_is_the_one_of_torch_geometric():
    torch.manual_seed(1)
    plain, ours = CGConv(5, 3, batch_norm=True), Convolution(5, 3, batch_norm=True)
    ours.load_state_dict(plain.state_dict())
    x, edges, features = torch.randn(6, 5), torch.randint(6, (2, 20)), torch.randn(20, 3)
    for mode in (True, False):
        torch.testing.assert_close(ours.train(mode)(x, edges, features), plain.train(mode)(x, edges, features))
    torch.testing.assert_close(ours.bn.running_var, plain.bn.running_var)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path, monkeypatch):
    answers = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / folder))
        answers.append(load(**QUICK, seed=seed, perturbed=True)(TRAIN, [_sample("x", ("Na", "Cl"))], ASKED))
    energies = [answer["e_form_per_atom"] for (answer,) in answers]
    assert energies[0] == energies[1] != energies[2]
    first, second = (torch.load(next((tmp_path / f).rglob("weights.pt")), weights_only=True) for f in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_depends_on_the_anion_alone_is_learnt_and_holds_for_cations_that_were_never_seen():
    seen = [s for s in TRAIN if s.group.partition("-")[0] != "K"]
    asked = [_sample(x, ("K", x)) for x in ("F", "Cl", "Br", "I")]
    answers = load(width=16, layers=2, epochs=150, members=1)(seen, asked, ASKED)
    assert [answer["e_form_per_atom"] for answer in answers] == pytest.approx([-3, -2, -1, 0], abs=0.5)


def test_bad_crystals_are_declared_and_the_others_answered():
    flat = Sample("flat", {"crystal": Crystal(("Na",), ((0.0,) * 3,), (CUBE[0], CUBE[1], CUBE[1]))}, {}, "Na")
    isolated = Sample("alone", {"crystal": ALONE}, {}, "Na")
    wrong = Sample("flat too", flat.inputs, {"e_form_per_atom": 1.0}, "Na")
    answers = load(**QUICK)([wrong, *TRAIN], [flat, isolated, _sample("x", ("Na", "Cl"))], ASKED)
    assert answers[0] == Unsupported("cgcnn has no answer for this crystal")
    assert all(np.isfinite(answer["e_form_per_atom"]) for answer in answers[1:])


def test_flat_cells_alone_teach_nothing():
    flat = Crystal(("Na",), ((0.0,) * 3,), (CUBE[0], CUBE[1], CUBE[1]))
    train = [Sample(f"t{i}", {"crystal": flat}, {"e_form_per_atom": 1.0}, "Na") for i in range(12)]
    assert load(**QUICK)(train, TRAIN[:1], ASKED) == [Unsupported("cgcnn has no answer for this crystal")]


def test_single_atoms_far_apart_with_equal_energies_are_no_error():
    """Batches of no edges, of one atom, of one crystal: 65 rows leave one for the last step."""
    train = [Sample(f"t{i}", {"crystal": ALONE}, {"e_form_per_atom": 0.5}, "Na") for i in range(65)]
    (answer,) = load(**QUICK)(train, [Sample("x", {"crystal": ALONE}, {}, "Na")], ASKED)
    assert answer["e_form_per_atom"] == pytest.approx(0.5, abs=1.0)


def test_three_members_state_an_interval():
    (answer,) = load(**{**QUICK, "members": 3})(TRAIN, [_sample("x", ("Na", "Cl"))], ASKED)
    assert answer["e_form_low"] < answer["e_form_per_atom"] < answer["e_form_high"]


def test_a_copy_is_strained_and_rattled_by_as_much_as_it_says():
    rng = np.random.default_rng(0)
    copies = [perturbed(CRYSTAL, 0.03, 0.0, rng) for _ in range(400)]
    strains = np.array([np.linalg.inv(_cell) @ np.array(copy.cell) - np.eye(3) for copy in copies])
    assert strains == pytest.approx(np.swapaxes(strains, 1, 2), abs=1e-12)
    assert strains.std(axis=0) == pytest.approx(np.full((3, 3), 0.03), rel=0.15)
    assert all(np.allclose(copy.positions, CRYSTAL.positions) for copy in copies)
    moved = [np.array(perturbed(CRYSTAL, 0.0, 0.05, rng).positions) - _positions for _ in range(400)]
    assert (np.array(moved) @ _cell).std(axis=0) == pytest.approx(np.full((3, 3), 0.05), rel=0.15)


def test_each_batch_draws_one_version_of_each_crystal():
    versions = Versions([CRYSTAL, ALONE], Perturbation(copies=4, strain=0.05, rattle=0.0), seed=0)
    assert len(versions.graphs) == 10
    torch.manual_seed(0)
    batches = [versions.batch(np.array([1, 0])) for _ in range(40)]
    assert all(batch.numbers.tolist() == [11, 11, 17, 22] for batch in batches)
    assert len({float(batch.lengths.sum()) for batch in batches}) == 5


def test_without_copies_a_batch_is_the_crystals_themselves():
    versions = Versions([CRYSTAL], Perturbation(copies=0), seed=0)
    assert versions.batch(np.array([0])).lengths.numpy() == pytest.approx(graphs([CRYSTAL]).lengths, rel=1e-6)


def test_elements_of_a_group_share_its_place_and_similar_ones_are_close():
    table = element_table()
    assert table.shape == (119, 18 + 9 + 80)
    assert not table[0].any()
    assert table[1:, 18:27].sum(axis=1).tolist() == [1] * 118
    sodium, potassium, chlorine = table[11], table[19], table[17]
    assert (sodium[:18].argmax(), sodium[18:27].argmax()) == (0, 2)
    assert sodium[:27].sum() == 2
    assert np.linalg.norm(sodium - potassium) < np.linalg.norm(sodium - chlorine)
