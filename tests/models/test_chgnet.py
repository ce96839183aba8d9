"""Our pass through CHGNet gives the package's numbers, for one crystal, for many, and for none that is broken."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from matdisc.models.potentials import chgnet
from matdisc.physics.evaluation import BatchCalculator

pytestmark = pytest.mark.slow

VERSIONS = ("0.3.0", "0.2.0", "r2scan")


def perovskite(seed=0):
    places = [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)]
    atoms = Atoms("SrTiO3", scaled_positions=places, cell=[3.9, 4.0, 4.1], pbc=True)
    atoms.rattle(0.08, seed=seed)
    return atoms


def structures():
    """With angles, without angles (bonds of 3.7 Å), with one atom, with a skewed cell, with atoms out of the cell."""
    sheared = perovskite(3)
    sheared.set_cell(sheared.cell[:] @ (np.eye(3) + 0.05 * np.triu(np.ones((3, 3)), 1)), scale_atoms=True)
    outside = perovskite(4)
    outside.positions += [9.0, -17.0, 2.0]
    return [perovskite(), bulk("K", "bcc", a=5.3, cubic=True), bulk("Al", "fcc", a=4.0), sheared, outside]


@pytest.fixture(scope="module")
def ours():
    return {version: chgnet.load(version) for version in VERSIONS}


@pytest.fixture(scope="module")
def theirs():
    from chgnet.model import CHGNet, CHGNetCalculator

    return {
        version: CHGNetCalculator(
            CHGNet.load(model_name=version, use_device="cpu", verbose=False),
            use_device="cpu",
            on_isolated_atoms="error",
        )
        for version in VERSIONS
    }


def assert_same(found, atoms, tolerance=1.0):
    assert found.energy == pytest.approx(atoms.get_potential_energy(), abs=tolerance * 3e-6 * len(atoms))
    np.testing.assert_allclose(found.forces, atoms.get_forces(), atol=tolerance * 1e-4)
    np.testing.assert_allclose(found.stress, atoms.get_stress(), atol=tolerance * 3e-6)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_crystal_gets_the_numbers_of_the_package(version, ours, theirs):
    for atoms in structures():
        found = ours[version].evaluate_many([atoms])[0]
        atoms.calc = theirs[version]
        assert_same(found, atoms)


@pytest.mark.parametrize("version", VERSIONS)
def test_many_crystals_in_one_pass_do_not_feel_each_other(version, ours):
    calculator = ours[version]
    run_batched = calculator.evaluate_many(structures())
    for found, atoms in zip(run_batched, structures(), strict=True):
        atoms.calc = calculator
        assert_same(found, atoms, tolerance=0.5)


def test_it_is_a_calculator_that_evaluates_many(ours):
    assert isinstance(ours["0.3.0"], BatchCalculator)


def test_stress_is_the_strain_derivative_of_the_energy_over_volume(ours):
    from ase.calculators.fd import calculate_numerical_stress

    atoms = perovskite()
    atoms.calc = ours["0.3.0"]
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-3), atol=5e-4)


def test_atoms_of_one_crystal_may_be_listed_in_any_order(ours):
    atoms, order = perovskite(), [4, 2, 0, 1, 3]
    one, other = ours["0.3.0"].evaluate_many([atoms, atoms[order]])
    assert other.energy == pytest.approx(one.energy, abs=1e-5)
    np.testing.assert_allclose(other.forces, one.forces[order], atol=1e-4)


def test_an_isolated_atom_is_an_error_that_names_the_crystal(ours):
    gas = Atoms("Xe", cell=[9, 9, 9], pbc=True)
    with pytest.raises(ValueError, match="Xe: 1 atoms have no neighbour within 6 Å"):
        ours["0.3.0"].evaluate_many([perovskite(), gas])


def test_coinciding_atoms_are_an_error_and_no_nan(ours):
    with pytest.raises(ValueError, match=r"less than 0\.001 Å apart"):
        ours["0.3.0"].evaluate_many([Atoms("H2", positions=[[0, 0, 0], [0, 0, 0]], cell=[3, 3, 3], pbc=True)])


def test_an_element_beyond_the_embedding_is_an_error(ours):
    with pytest.raises(ValueError, match="elements 1 to 94"):
        ours["0.3.0"].evaluate_many([bulk("Fm", "fcc", a=5.0)])


def test_a_large_crystal_has_the_energy_of_its_cells(ours):
    atoms = perovskite()
    one, many = ours["0.3.0"].evaluate_many([atoms, atoms.repeat((3, 2, 2))])
    assert many.energy == pytest.approx(12 * one.energy, rel=1e-6)
    np.testing.assert_allclose(many.stress, one.stress, atol=1e-5)


def test_the_network_is_the_package_s_own_and_a_later_import_gets_the_whole_package():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "chgnet.model.dynamics", "True"]


ALONE = """
import sys
from matdisc.models.potentials.chgnet import load
load()
print("scipy.signal" in sys.modules, "matplotlib" in sys.modules)
from chgnet.model import CHGNet, CHGNetCalculator
from chgnet.utils import parse_vasp_dir
print(CHGNetCalculator.__module__, callable(parse_vasp_dir))
"""
