"""Every potential keeps the contract; a broken one is found out; errors say what to install."""

import pytest

from matdisc.cards import ModelCard
from matdisc.errors import CardError, ExtraError
from matdisc.models import installed, load_potential
from matdisc.physics.relaxation.relax import crystal_energy
from matdisc.protocols import PROTOCOLS
from matdisc.testing import check_potential, cubic_crystal, misbehaving


def test_emt_keeps_the_contract(board):
    check_potential(load_potential(board.model("emt")))


@pytest.mark.slow
@pytest.mark.parametrize("key", ["chgnet-0.3.0", "chgnet-0.2.0"])
def test_chgnet_keeps_the_contract(board, key):
    check_potential(load_potential(board.model(key)), force_tolerance=5e-2)


@pytest.mark.slow
def test_chgnet_gives_the_energies_that_its_own_predictor_gives(board):
    import numpy as np
    from chgnet.model import CHGNet
    from pymatgen.core import Lattice, Structure

    crystal = cubic_crystal(["Cs", "Cl"], 4.2)
    ours = crystal_energy(load_potential(board.model("chgnet-0.3.0")), crystal, PROTOCOLS["single-point"]).energy
    structure = Structure(Lattice.cubic(4.2), ["Cs", "Cl"], np.array(crystal.positions))
    theirs = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False).predict_structure(structure)["e"]
    assert ours / 2 == pytest.approx(float(theirs), abs=1e-5)


def test_the_contract_finds_a_false_force():
    from ase.calculators.emt import EMT

    class Wrong(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = 0.9 * self.results["forces"]

    with pytest.raises(AssertionError, match="not minus the gradient"):
        check_potential(Wrong())


def test_the_contract_finds_a_stress_of_the_wrong_sign():
    from ase.calculators.emt import EMT

    class Wrong(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["stress"] = -self.results["stress"]

    with pytest.raises(AssertionError, match="strain derivative"):
        check_potential(Wrong())


def test_relaxing_lowers_the_energy_and_finds_the_known_lattice_constant(board):
    calculator = load_potential(board.model("emt"))
    h = 3.75 / 2
    from matdisc.schema import Crystal

    copper = Crystal(("Cu",), ((0.0, 0.0, 0.0),), ((0.0, h, h), (h, 0.0, h), (h, h, 0.0)))
    stretched = crystal_energy(calculator, copper, PROTOCOLS["single-point"])
    relaxed = crystal_energy(calculator, copper, PROTOCOLS["relax"])
    assert relaxed.converged
    assert 0 < relaxed.steps <= 500
    assert relaxed.energy < stretched.energy


def test_an_exploding_cell_is_an_error_and_no_answer():
    from ase.calculators.calculator import Calculator, all_changes

    class Repulsive(Calculator):
        implemented_properties = ("energy", "forces", "stress")

        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            import numpy as np

            super().calculate(atoms, properties, system_changes)
            volume = self.atoms.get_volume()
            pull = np.eye(3)[[0, 1, 2], [0, 1, 2]]
            stress = np.concatenate([-50.0 / volume * pull, np.zeros(3)])
            self.results = {"energy": -50 * np.log(volume), "forces": np.zeros((len(self.atoms), 3)), "stress": stress}

    with pytest.raises(ArithmeticError, match="volume changed"):
        crystal_energy(Repulsive(), cubic_crystal(["Cu"], 3.0), PROTOCOLS["relax"])


def test_nan_is_an_error_and_no_answer():
    with pytest.raises(ArithmeticError, match="not finite"):
        crystal_energy(misbehaving("nan", "Cu"), cubic_crystal(["Cu"], 2.5), PROTOCOLS["single-point"])


def _card(board, **changes) -> ModelCard:
    return board.model("emt").model_copy(update=changes)


def test_a_missing_package_is_named_with_the_command_that_installs_it(board):
    card = _card(board, requirements=("no-such-package>=1",), extra="chgnet")
    assert not installed(card)
    with pytest.raises(ExtraError, match=r"no_such_package.*pip install 'matdisc\[chgnet\]'"):
        load_potential(card)


def test_a_card_without_loader_says_what_to_do_instead(board):
    with pytest.raises(CardError, match="score its predictions file"):
        load_potential(_card(board, loader=None))


def test_a_loader_that_does_not_exist_is_named(board):
    with pytest.raises(CardError, match="no_such"):
        load_potential(_card(board, loader="matdisc.models.no_such:load"))
