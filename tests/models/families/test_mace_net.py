"""A small MACE from scratch: invariant answers, resumed training, atoms without neighbours, a missing package."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.errors import ExtraError
from matdisc.models.load import load_predictor
from matdisc.schema import Crystal

torch = pytest.importorskip("torch", reason="MACE needs torch")

SALT = Crystal(("Na", "Cl"), ((0.0,) * 3, (0.5,) * 3), tuple(map(tuple, 3.3 * np.eye(3))))


@pytest.mark.skipif(find_spec("mace") is not None, reason="mace is installed")
def test_a_missing_package_is_one_line_that_says_what_to_install():
    card = Board(shipped_board()).model("mace-small")
    with pytest.raises(ExtraError) as caught:
        load_predictor(card)
    assert str(caught.value) == (
        "model 'mace-small' needs the package 'mace', which is not installed; run: pip install 'matdisc[mace]'"
    )


def _network():
    pytest.importorskip("mace", reason="needs mace")
    from matdisc.models.families import mace_net

    torch.manual_seed(0)
    return mace_net, mace_net.Energies(mace_net.small(channels=8, angular=1, correlation=2, cutoff=4.0)).eval()


def _energies(crystals):
    mace_net, network = _network()
    return network(mace_net.graph(network, crystals)).detach().numpy()


def test_energies_stay_when_a_crystal_is_moved_turned_doubled_or_listed_in_another_order():
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    positions = np.array([[0.1, 0.2, 0.3], [0.55, 0.7, 0.8]])
    cell = 3.3 * np.eye(3)

    def crystal(symbols, places, box):
        return Crystal(tuple(symbols), tuple(map(tuple, places)), tuple(map(tuple, box)))

    doubled = np.concatenate([positions / [2, 1, 1], positions / [2, 1, 1] + [0.5, 0, 0]])
    same = [
        crystal(["Na", "Cl"], positions, cell),
        crystal(["Na", "Cl"], positions + 0.37, cell),
        crystal(["Na", "Cl"], positions, cell @ turn),
        crystal(["Cl", "Na"], positions[::-1], cell),
        crystal(["Na", "Cl"] * 2, doubled, cell * [[2], [1], [1]]),
    ]
    found = _energies(same)
    assert found == pytest.approx(np.full(5, found[0]), rel=1e-4)
    assert _energies([SALT])[0] != pytest.approx(found[0], rel=5e-3)


def test_an_atom_without_neighbours_is_named():
    lonely = Crystal(("Na",), ((0.0,) * 3,), tuple(map(tuple, 30 * np.eye(3))))
    with pytest.raises(ValueError, match="an atom of Na has no neighbour"):
        _energies([lonely])
    with pytest.raises(ValueError, match="no element of atomic number"):
        _energies([Crystal(("Lr", "Na"), SALT.positions, SALT.cell)])


def test_a_killed_training_goes_on_to_the_same_answers(tmp_path, monkeypatch):
    mace_net, _ = _network()
    from matdisc.models.families.family import Training
    from matdisc.models.families.neural import Recipe

    crystals = tuple(
        Crystal(SALT.symbols, SALT.positions, tuple(map(tuple, a * np.eye(3)))) for a in np.linspace(3, 4, 12)
    )
    recipe = Recipe(epochs=3, batch=4, rate=0.01, every=1)

    def model(name):
        training = Training(crystals, np.linspace(-1, 1, 12), 0, tmp_path / name)
        return mace_net.fit(training, recipe, channels=4, angular=1, correlation=2, cutoff=4.0)(crystals)

    whole, asked, forward = model("whole"), 0, mace_net.Energies.forward

    def dying(self, graph):
        nonlocal asked
        asked += 1
        if asked == 5:
            raise KeyboardInterrupt
        return forward(self, graph)

    monkeypatch.setattr(mace_net.Energies, "forward", dying)
    with pytest.raises(KeyboardInterrupt):
        model("killed")
    assert model("killed").tolist() == whole.tolist()
