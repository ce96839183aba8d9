"""Pretrained potentials: references by least squares, zero-shot and fine-tuned answers, bad crystals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from matdisc.models.families import finetune  # noqa: E402
from matdisc.models.families.family import Training  # noqa: E402
from matdisc.models.families.finetune import Pretrained, fit, fitted_references, shares  # noqa: E402
from matdisc.models.families.graphs import atomic_number  # noqa: E402
from matdisc.models.families.neural import Recipe  # noqa: E402
from matdisc.models.load import Question  # noqa: E402
from matdisc.models.perovskites.prototype import mp_references  # noqa: E402
from matdisc.schema import Crystal, Sample, Unsupported  # noqa: E402

CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
NA, CL, BR = (atomic_number(symbol) for symbol in ("Na", "Cl", "Br"))
SHORT = Recipe(epochs=4, batch=4, rate=0.01, decay=0.0, every=1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))


def _crystal(*symbols, edge=4.0):
    cell = tuple(tuple(x * edge / 4 for x in row) for row in CUBE)
    return Crystal(symbols, tuple((i / len(symbols), 0.0, 0.0) for i in range(len(symbols))), cell)


class Toy(torch.nn.Module):
    """A potential whose energy per atom, eV, is a tenth of what the volume per atom, Å^3, has above 40."""

    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, graph):
        return self.slope * (graph - 40)


def _volumes(network, crystals):
    if any("Xe" in crystal.symbols for crystal in crystals):
        raise ValueError("no xenon")
    return torch.tensor([abs(np.linalg.det(c.cell)) / len(c.symbols) for c in crystals], dtype=torch.float32)


TOY = Pretrained("toy", ("torch",), Toy, _volumes)
CRYSTALS = tuple(
    _crystal(*symbols, edge=4 + 0.1 * i) for i in range(12) for symbols in (("Na", "Cl"), ("Na", "Na", "Cl"))
)
ENERGIES = np.array([-2.0 + 0.05 * i for i in range(len(CRYSTALS))])


def _training(folder, seed=0):
    return Training(CRYSTALS, ENERGIES, seed, folder)


def test_shares_of_elements_are_counted():
    (row,) = shares([_crystal("Na", "Na", "Cl")])
    assert row[NA] == pytest.approx(2 / 3)
    assert row[CL] == pytest.approx(1 / 3)
    assert row.sum() == pytest.approx(1)


def test_references_are_those_that_make_the_rows_exact():
    rows = shares([_crystal("Na"), _crystal("Cl"), _crystal("Na", "Cl")])
    found = fitted_references(rows, np.array([-1.0, -3.0, -2.0]), ridge=1e-9)
    assert found[[NA, CL]] == pytest.approx([-1.0, -3.0], abs=1e-6)


def test_an_element_that_was_never_seen_keeps_the_reference_of_the_materials_project():
    found = fitted_references(shares([_crystal("Na")]), np.array([-1.0]))
    assert found[BR] == pytest.approx(mp_references()["Br"])
    start = mp_references()["Na"]
    assert found[NA] == pytest.approx(start + (-1.0 - start) / 1.1)


def test_the_zero_of_a_release_does_not_matter(tmp_path):
    def shifted(network, crystals):
        return _volumes(network, crystals) + 10 * torch.tensor(
            [c.symbols.count("Na") / len(c.symbols) for c in crystals]
        )

    plain, other = TOY, replace(TOY, name="shifted", graph=shifted)
    many = Training(CRYSTALS * 500, np.tile(ENERGIES, 500), 0, tmp_path)
    first, second = (fit(many, one, Recipe(epochs=0))(CRYSTALS) for one in (plain, other))
    assert second == pytest.approx(first, abs=1e-3)


def test_zero_shot_answers_are_the_energies_less_the_references(tmp_path):
    asked = [_crystal("Na", "Cl", edge=5.0)]
    surplus = np.array([0.1 * (abs(np.linalg.det(c.cell)) / len(c.symbols) - 40) for c in CRYSTALS]) - ENERGIES
    references = fitted_references(shares(CRYSTALS), surplus)
    (answer,) = fit(_training(tmp_path), TOY, Recipe(epochs=0))(asked)
    assert answer == pytest.approx(0.1 * (125 / 2 - 40) - (references[NA] + references[CL]) / 2, abs=1e-5)


def test_tuning_begins_at_the_zero_shot_answer(tmp_path):
    still = replace(SHORT, rate=1e-12)
    zero = fit(_training(tmp_path / "zero"), TOY, Recipe(epochs=0))(CRYSTALS)
    assert fit(_training(tmp_path / "still"), TOY, still)(CRYSTALS) == pytest.approx(zero, abs=1e-4)


def test_tuning_learns_what_references_cannot(tmp_path):
    long = replace(SHORT, epochs=60, rate=0.003)
    zero, learnt = (fit(_training(tmp_path / str(r.epochs)), TOY, r)(CRYSTALS) for r in (Recipe(epochs=0), long))
    assert np.abs(learnt - ENERGIES).mean() < 0.5 * np.abs(zero - ENERGIES).mean()


def test_a_killed_tuning_goes_on_to_the_same_answers(tmp_path, monkeypatch):
    whole = fit(_training(tmp_path / "whole"), TOY, SHORT)(CRYSTALS)
    asked, forward = 0, finetune.Tuned.forward

    def dying(self, batch):
        nonlocal asked
        asked += 1
        if asked == 20:
            raise KeyboardInterrupt
        return forward(self, batch)

    monkeypatch.setattr(finetune.Tuned, "forward", dying)
    with pytest.raises(KeyboardInterrupt):
        fit(_training(tmp_path / "killed"), TOY, SHORT)
    assert (tmp_path / "killed" / "checkpoint.pt").is_file()
    assert fit(_training(tmp_path / "killed"), TOY, SHORT)(CRYSTALS).tolist() == whole.tolist()


@pytest.mark.parametrize("epochs", [0, 2])
def test_what_cannot_be_evaluated_has_no_answer_and_harms_no_other(tmp_path, epochs):
    bad = (_crystal("Xe"), Crystal(("Na",), ((0.0, 0.0, 0.0),), ((0.0,) * 3,) * 3), _crystal("Po"))
    training = Training((*bad, *CRYSTALS), np.concatenate([[9.0] * 3, ENERGIES]), 0, tmp_path / "with")
    recipe = replace(SHORT, epochs=epochs)
    answers = fit(training, TOY, recipe)([*CRYSTALS, *bad])
    assert np.isnan(answers).tolist() == [False] * len(CRYSTALS) + [True] * 3
    assert answers[:-3] == pytest.approx(fit(_training(tmp_path / "without"), TOY, recipe)(CRYSTALS))


def test_a_training_part_that_cannot_be_evaluated_gives_no_answer(tmp_path):
    bad = Training((_crystal("Xe"),) * 12, np.zeros(12), 0, tmp_path)
    assert np.isnan(fit(bad, TOY, SHORT)([_crystal("Xe")])).all()


def _samples(crystals, energies=None):
    targets = [{}] * len(crystals) if energies is None else [{"e_form_per_atom": float(e)} for e in energies]
    return [
        Sample(f"c{i}", {"crystal": crystal}, target, crystal.chemical_system)
        for i, (crystal, target) in enumerate(zip(crystals, targets, strict=True))
    ]


def _salts():
    pairs = [(a, x) for a in ("Li", "Na", "K", "Rb") for x in ("F", "Cl", "Br")]
    return [Crystal(pair, ((0.0,) * 3, (0.5,) * 3), tuple(map(tuple, 3.3 * np.eye(3)))) for pair in pairs]


@pytest.mark.slow
def test_chgnet_agrees_with_its_own_package_and_tunes_the_named_layers_only(tmp_path):
    pytest.importorskip("chgnet", reason="needs chgnet")
    from chgnet.model import CHGNet
    from pymatgen.core import Structure

    from matdisc.models.families import chgnet_tuned

    salts = _salts()
    network = chgnet_tuned.Energies("0.3.0", ["mlp."])
    found = network(chgnet_tuned._graph(network, salts)).detach().numpy()
    own = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)
    theirs = own.predict_structure([Structure(s.cell, s.symbols, s.positions) for s in salts], task="e")
    assert found == pytest.approx([float(one["e"]) for one in theirs], abs=2e-5)
    moved = {name.split(".")[1] for name, p in network.named_parameters() if p.requires_grad}
    assert moved == {"mlp"}
    network(chgnet_tuned._graph(network, salts)).sum().backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in network.parameters() if p.requires_grad and p.ndim == 2)


@pytest.mark.slow
def test_chgnet_answers_for_elements_that_the_training_part_lacks_and_refuses_lonely_atoms():
    pytest.importorskip("chgnet", reason="needs chgnet")
    from matdisc.models.families import chgnet_tuned

    salts = _salts()
    lonely = Crystal(("Na",), ((0.0,) * 3,), tuple(map(tuple, 30 * np.eye(3))))
    caesium = Crystal(("Cs", "Cl"), ((0.0,) * 3, (0.5,) * 3), tuple(map(tuple, 4.1 * np.eye(3))))
    train = _samples(salts, np.linspace(-3, -2, 12))
    for options in ({}, {"epochs": 1, "batch": 4}):
        answers = chgnet_tuned.load(**options)(train, _samples([caesium, lonely]), Question("learning", 0.0))
        assert -4 < answers[0]["e_form_per_atom"] < 0
        assert isinstance(answers[1], Unsupported)
