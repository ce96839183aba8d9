"""Potentials without an adapter: a card names a class or function and the values it is called with."""

import pytest

from matdisc.errors import CardError, ExtraError
from matdisc.models import load_potential
from matdisc.models.potentials.ase_factory import load
from matdisc.testing import check_potential

CARD = """
key = "{key}"
name = "{key}"
version = "1"
kind = "potential"
summary = "A potential without an adapter."
gives = ["energy", "forces", "stress"]
loader = "matdisc.models.potentials.ase_factory:load"
options = {options}
protocol = "single-point"
level_of_theory = "pair potential"
energy_scale = "own"
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""
LENNARD_JONES = '{ factory = "ase.calculators.lj:LennardJones", sigma = 2.3, epsilon = 0.4, rc = 6.0, smooth = true }'
EMT = '{ factory = "ase.calculators.emt:EMT" }'


@pytest.fixture
def add(board):
    def add(key, options):
        (board.models_dir / key).mkdir()
        (board.models_dir / key / "model.toml").write_text(CARD.format(key=key, options=options))
        return board.model(key)

    return add


def test_lennard_jones_from_a_card_keeps_the_contract(add):
    calculator = load_potential(add("lj", LENNARD_JONES))
    assert calculator.parameters.epsilon == 0.4
    check_potential(calculator)


def test_emt_by_its_name_answers_as_emt_by_its_adapter(add, board):
    from ase.build import bulk

    copper = bulk("Cu", "fcc", a=3.7)
    energies = []
    for card in (add("emt-by-name", EMT), board.model("emt")):
        copper.calc = load_potential(card)
        energies.append(copper.get_potential_energy())
    assert energies[0] == energies[1]


def energy_only():
    from ase.calculators.calculator import Calculator

    class EnergyOnly(Calculator):
        implemented_properties = ("energy", "forces")

    return EnergyOnly()


@pytest.mark.parametrize(
    ("factory", "options", "error", "said"),
    [
        ("ase.calculators.lj:LennardJonez", {}, CardError, "nothing to call by the name 'LennardJonez'"),
        ("no_such_package.lj:Any", {}, ExtraError, "no module 'no_such_package' here"),
        (":Any", {}, CardError, "has to be 'module:callable'"),
        ("ase.calculators.lj:__doc__", {}, CardError, "nothing to call"),
        (f"{__name__}:energy_only", {"sigma": 2}, CardError, "cannot be called with sigma"),
        ("ase:Atoms", {}, CardError, "makes a Atoms and no ASE calculator"),
        (f"{__name__}:energy_only", {}, CardError, "lacks stress"),
    ],
)
def test_what_makes_no_calculator_is_named(factory, options, error, said):
    with pytest.raises(error, match=said):
        load(factory, **options)
