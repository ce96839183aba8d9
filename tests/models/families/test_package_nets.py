"""MEGNet, M3GNet and ALIGNN from their packages: what does not change an answer, bad crystals, the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.errors import ExtraError
from matdisc.models.load import Question, installed, load_predictor
from matdisc.schema import Crystal, Sample, Unsupported

CARDS = {key: Board(shipped_board()).model(key) for key in ("megnet-small", "m3gnet-small", "alignn-small")}
ASKED = Question("learning", 0.0)
CUBE = ((4.2, 0.0, 0.0), (0.0, 4.2, 0.0), (0.0, 0.0, 4.2))
CELL = ((3.0, 0.2, 0.0), (0.1, 3.6, 0.3), (0.0, -0.4, 4.4))
CRYSTAL = Crystal(("Na", "Cl", "K"), ((0.0, 0.0, 0.0), (0.5, 0.45, 0.4), (0.1, 0.6, 0.8)), CELL)
FLAT = Crystal(("Na",), ((0.0, 0.0, 0.0),), (CUBE[0], CUBE[1], CUBE[1]))
ALONE = Crystal(("Na",), ((0.0, 0.0, 0.0),), tuple(tuple(row) for row in (20.0 * np.eye(3)).tolist()))
HALIDES = [(a, x) for a in ("Li", "Na", "K", "Rb", "Cs") for x in ("F", "Cl", "Br", "I")]


def _rows(array):
    return tuple(map(tuple, np.asarray(array).tolist()))


def _sample(name, pair, energy=None):
    crystal = Crystal(pair, ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), CUBE)
    return Sample(name, {"crystal": crystal}, {} if energy is None else {"e_form_per_atom": energy}, "-".join(pair))


TRAIN = [_sample(f"t{i}", pair, -3.0 + ["F", "Cl", "Br", "I"].index(pair[1])) for i, pair in enumerate(HALIDES)]

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


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))


@pytest.fixture(params=CARDS)
def family(request):
    card = CARDS[request.param]
    if not installed(card):
        pytest.skip(f"needs the package of {card.requirements[0]} (matdisc[{card.extra}])")
    return lambda **options: load_predictor(card.model_copy(update={"options": {"width": 16, "epochs": 2, **options}}))


inside_the_packages = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # they warn of themselves


def _asked(predictor, *crystals, train=TRAIN):
    answers = predictor(train, [Sample(str(i), {"crystal": c}, {}, "x") for i, c in enumerate(crystals)], ASKED)
    return [answer["e_form_per_atom"] if isinstance(answer, dict) else answer for answer in answers]


@pytest.mark.parametrize("key", CARDS)
def test_a_missing_package_is_named_with_the_command_that_installs_it(key):
    if installed(CARDS[key]):
        pytest.skip("its package is installed here")
    with pytest.raises(ExtraError, match=rf"{key}.*pip install 'matdisc\[{CARDS[key].extra}\]'"):
        load_predictor(CARDS[key])


class TestInsideThePackages:
    pytestmark = inside_the_packages

    def test_the_energy_an_atom_of_a_crystal_does_not_depend_on_how_it_is_written_nor_on_what_else_is_asked(
        self, family
    ):
        predictor = family()
        (alone,) = _asked(predictor, CRYSTAL)
        strained = Crystal(CRYSTAL.symbols, CRYSTAL.positions, _rows(1.05 * _cell))
        *same, other = _asked(predictor, *SAME.values(), strained)
        assert np.abs(np.subtract(same, alone)).max() < 0.2 * abs(other - alone)

    def test_what_depends_on_the_anion_alone_is_learnt_and_holds_for_pairs_that_were_never_seen(self, family):
        seen = [s for s in TRAIN if s.group not in ("K-F", "Na-Cl", "Cs-Br", "Rb-I")]
        asked = [_sample(x, (a, x)).crystal for a, x in (("K", "F"), ("Na", "Cl"), ("Cs", "Br"), ("Rb", "I"))]
        said = _asked(family(epochs=80, batch=8), *asked, train=seen)
        assert said == pytest.approx([-3, -2, -1, 0], abs=0.5)

    def test_the_same_seed_gives_the_same_answers_and_another_seed_others(self, family, tmp_path, monkeypatch):
        said = []
        for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
            monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / folder))
            said += _asked(family(seed=seed), CRYSTAL)
        assert said[0] == said[1] != said[2]

    def test_bad_crystals_are_declared_and_the_others_answered(self, family):
        wrong = Sample("flat", {"crystal": FLAT}, {"e_form_per_atom": 1.0}, "Na")
        flat, nothing, fine = _asked(family(), FLAT, Crystal((), (), CUBE), CRYSTAL, train=[wrong, *TRAIN])
        assert isinstance(flat, Unsupported)
        assert "has no answer for this crystal" in flat.reason
        assert isinstance(nothing, Unsupported)
        assert np.isfinite(fine)

    def test_single_atoms_far_apart_with_equal_energies_are_no_error(self, family):
        """Batches of no bonds, of one atom, of one crystal: 33 rows leave one for the last step."""
        train = [Sample(f"t{i}", {"crystal": ALONE}, {"e_form_per_atom": 0.5}, "Na") for i in range(33)]
        (said,) = _asked(family(batch=16), ALONE, train=train)
        assert isinstance(said, Unsupported) or said == pytest.approx(0.5, abs=1.0)

    def test_an_isolated_atom_changes_no_answer_of_its_batch(self, family):
        (alone,), (together, _) = _asked(family(), CRYSTAL), _asked(family(), CRYSTAL, ALONE)
        assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_matgl_asked_by_itself_says_the_same_of_a_crystal():
    pytest.importorskip("matgl", reason="needs the package matgl (matdisc[matgl])")
    import torch
    from matgl.models import M3GNet, MEGNet
    from pymatgen.core import Structure

    from matdisc.models.families.matgl_nets import OneNumber, graphs

    torch.manual_seed(0)
    elements, crystals = ("Cl", "K", "Na"), [CRYSTAL, SAME["rotated"], SAME["three times"]]
    for net in (MEGNet(element_types=elements, cutoff=4.0), M3GNet(element_types=elements, cutoff=4.0)):
        with torch.inference_mode():
            said = OneNumber(net.eval())(graphs(crystals, elements, 4.0)(np.arange(3)))
            by_itself = [float(net.predict_structure(Structure(c.cell, c.symbols, c.positions))) for c in crystals]
        assert said.tolist() == pytest.approx(by_itself, abs=1e-4)
