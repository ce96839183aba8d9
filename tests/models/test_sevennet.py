"""SevenNet with the weights in its package; skipped where the package is not installed."""

import pytest

pytest.importorskip("sevenn", reason="needs the package sevenn (matdisc[sevennet])")

from batches import assert_same, perovskites

from matdisc.models import load_potential
from matdisc.models.potentials.sevennet import load
from matdisc.physics.evaluation import BatchCalculator, evaluate
from matdisc.testing import check_potential

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its package warns of itself
KEYS = ["sevennet-0", "sevennet-l3i5", "sevennet-mf-0-pbe", "sevennet-mf-0-r2scan"]


@pytest.mark.parametrize("key", KEYS)
def test_it_keeps_the_contract(board, key):
    check_potential(load_potential(board.model(key)), force_tolerance=5e-2)


@pytest.mark.parametrize("key", KEYS)
def test_many_at_once_are_what_the_package_says_of_each(board, key):
    from sevenn.calculator import SevenNetCalculator

    card = board.model(key)
    ours = load_potential(card)
    assert isinstance(ours, BatchCalculator)
    theirs = SevenNetCalculator(card.options["model"], device="cpu", modal=card.options.get("modality"))
    structures = perovskites()
    assert_same(ours.evaluate_many(structures), theirs, structures)


@pytest.mark.parametrize("key", KEYS)
def test_the_card_says_what_the_model_is(board, key):
    from ase.data import chemical_symbols
    from sevenn.util import load_checkpoint

    card = board.model(key)
    network = load_checkpoint(card.options["model"]).build_model()
    assert card.n_params == sum(weight.numel() for weight in network.parameters())
    assert card.cutoff == network.cutoff
    assert set(card.elements) == {chemical_symbols[z] for z in network.type_map}


def test_company_and_order_do_not_change_an_answer(board):
    calculator = load_potential(board.model("sevennet-0"))
    structures = perovskites()
    forwards, backwards = calculator.evaluate_many(structures), calculator.evaluate_many(structures[::-1])[::-1]
    for atoms, one, other in zip(structures, forwards, backwards, strict=True):
        run_single = evaluate(calculator, atoms).energy
        assert one.energy == pytest.approx(run_single, abs=1e-5)
        assert other.energy == pytest.approx(run_single, abs=1e-5)


def test_the_modalities_are_two_levels_of_theory(board):
    (atoms, *_) = perovskites(1)
    pbe, r2scan = (evaluate(load_potential(board.model(f"sevennet-mf-0-{m}")), atoms) for m in ("pbe", "r2scan"))
    assert abs(pbe.energy - r2scan.energy) > 1.0


@pytest.mark.parametrize(("model", "modality"), [("7net-mf-0", ""), ("7net-mf-0", "LDA"), ("7net-0", "PBE")])
def test_a_modality_that_the_model_lacks_is_refused(model, modality):
    with pytest.raises(ValueError, match="option 'modality'"):
        load(model, modality)


def test_an_element_that_it_does_not_know_is_named(board):
    from ase.build import bulk

    with pytest.raises(ValueError, match=r"atomic number \[84\]"):
        evaluate(load_potential(board.model("sevennet-0")), bulk("Po", "sc", a=3.3))
