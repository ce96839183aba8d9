import ase.units
import pytest
from scipy import constants

from matdisc import units

EV, MOL = constants.e, constants.N_A
KNOWN = {
    "BOLTZMANN": (ase.units.kB, constants.k / EV),
    "MASS": (ase.units.fs**-2, constants.u * 1e10 / EV),
    "GRAMS_PER_CM3": (1e27 * ase.units._amu, 1e27 * constants.u),
    "BAR": (ase.units.bar, constants.bar * 1e-30 / EV),
    "GIGAPASCALS": (1 / ase.units.GPa, EV * 1e21),
    "KJ_PER_MOL": (ase.units.mol / ase.units.kJ, EV * MOL / 1e3),
    "KCAL_PER_MOL": (ase.units.mol / ase.units.kcal, EV * MOL / 1e3 / constants.calorie),
    "GAS_CONSTANT": (ase.units.kB * ase.units.mol / ase.units.kJ, constants.R / 1e3),
    "HARTREE": (ase.units.Hartree, constants.value("Hartree energy in eV")),
    "BOHR": (ase.units.Bohr, constants.value("Bohr radius") * 1e10),
    "COULOMB": (ase.units.Hartree * ase.units.Bohr, EV / (4 * constants.pi * constants.epsilon_0) * 1e10),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_constant_is_that_of_ase_and_of_scipy(name):
    of_ase, of_scipy = KNOWN[name]
    assert getattr(units, name) == pytest.approx(of_ase, rel=2e-6)  # ASE's are CODATA 2014
    assert getattr(units, name) == pytest.approx(of_scipy, rel=2e-9)


def test_no_constant_is_without_its_counterpart():
    assert {name for name in vars(units) if name.isupper()} == KNOWN.keys()
