"""Labels by GFN2-xTB: sign, unit and origin of each quantity, and impossible charges refused."""

import numpy as np
import pytest

pytest.importorskip("tblite", reason="needs the package tblite (matdisc[labels])")

from ase import Atoms

from matdisc.errors import DataError
from matdisc.models.get.labels.xtb import NoLabel, Xtb, check_electrons, label_atoms
from matdisc.physics.molecules.packing import cluster
from matdisc.physics.molecules.species import species


@pytest.fixture(scope="module")
def ion_and_molecule():
    """A charged, strained pair, away from the origin."""
    atoms = cluster({"EC": 1, "Li+": 1}, seed=2)
    atoms.positions += np.random.default_rng(0).normal(scale=0.05, size=atoms.positions.shape) + np.array(
        [1.0, -2, 0.5]
    )
    return atoms


def _energy(xtb, positions, cell=None):
    return xtb.label(positions, cell).energy


def test_the_energy_of_a_hydrogen_atom_is_that_of_the_method():
    label = Xtb([1], multiplicity=2).label([[0.0, 0.0, 0.0]])
    assert label.energy == pytest.approx(-0.393482763936 * 27.211386, abs=1e-5)  # GFN2's own level, -0.3935 Hartree


def test_forces_are_minus_the_slope_of_the_energy(ion_and_molecule):
    atoms, xtb = ion_and_molecule, Xtb(ion_and_molecule.numbers, charge=1)
    forces = xtb.label(atoms.positions).forces
    for atom, axis in ((0, 0), (4, 1), (10, 2)):
        step = np.zeros_like(atoms.positions)
        step[atom, axis] = 1e-3
        slope = (_energy(xtb, atoms.positions + step) - _energy(xtb, atoms.positions - step)) / 2e-3
        assert forces[atom, axis] == pytest.approx(-slope, abs=2e-4)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-6)


def test_the_virial_is_minus_the_strain_derivative_and_the_sum_of_position_times_force(ion_and_molecule):
    atoms, xtb = ion_and_molecule, Xtb(ion_and_molecule.numbers, charge=1)
    label = xtb.label(atoms.positions)
    np.testing.assert_allclose(label.virial, atoms.positions.T @ label.forces, atol=1e-4)
    for a, b in ((0, 0), (2, 2), (0, 1)):
        strain = np.zeros((3, 3))
        strain[a, b] = 5e-4
        high, low = (_energy(xtb, atoms.positions @ (np.eye(3) + sign * strain).T) for sign in (1, -1))
        assert label.virial[a, b] == pytest.approx(-(high - low) / 1e-3, abs=3e-3)


def test_a_compressed_molecule_has_a_positive_virial():
    one = species("EC")
    assert (
        np.trace(Xtb(one.numbers).label(0.9 * one.positions).virial)
        > 0
        > np.trace(Xtb(one.numbers).label(1.1 * one.positions).virial)
    )


@pytest.mark.slow
def test_the_virial_of_a_crystal_is_minus_its_strain_derivative():
    cell = np.array([[0.1, 2.1, 2.0], [2.0, 0.0, 2.1], [2.2, 1.9, 0.0]])
    positions = np.array([[0.0, 0.0, 0.0], [2.2, 1.9, 2.0]])
    xtb = Xtb([3, 9], pbc=[True] * 3)
    virial = xtb.label(positions, cell).virial
    for a, b in ((0, 0), (1, 2)):
        strain = np.zeros((3, 3))
        strain[a, b] = 5e-4
        high, low = (
            _energy(xtb, positions @ (np.eye(3) + s * strain).T, cell @ (np.eye(3) + s * strain).T) for s in (1, -1)
        )
        assert virial[a, b] == pytest.approx(-(high - low) / 1e-3, abs=1e-2)


def test_charges_add_up_to_the_total_charge(ion_and_molecule):
    label = Xtb(ion_and_molecule.numbers, charge=1).label(ion_and_molecule.positions)
    assert label.charges.sum() == pytest.approx(1.0, abs=1e-6)
    assert label.charges[-1] > 0.5  # lithium


def test_the_dipole_is_in_e_angstrom_about_the_coordinate_origin(ion_and_molecule):
    atoms, xtb = ion_and_molecule, Xtb(ion_and_molecule.numbers, charge=1)
    first = xtb.label(atoms.positions).dipole
    moved = xtb.label(atoms.positions + np.array([0.0, 0.0, 2.0])).dipole
    np.testing.assert_allclose(moved - first, [0.0, 0.0, 1.0 * 2.0], atol=1e-4)  # charge times shift


def test_a_dipole_points_from_minus_to_plus():
    label = Xtb([9, 1]).label([[0.0, 0.0, 0.0], [0.0, 0.0, 0.93]])
    assert label.dipole[2] == pytest.approx(0.38, rel=0.5)  # hydrogen fluoride: 1.83 Debye measured, GFN2 says 2.5
    assert label.charges[1] > 0


def test_an_external_field_pulls_by_the_dipole():
    """The dipole again, by another way: the energy's slope in a field (tblite's own interaction)."""
    from tblite import library
    from tblite.interface import Calculator

    one = species("EC")

    def energy(field):
        calculator = Calculator("GFN2-xTB", one.numbers, one.positions / 0.529177210903)
        calculator.set("verbosity", 0)
        calculator.set("accuracy", 0.01)
        calculator.add("electric-field", library.ffi.new("double[3]", [field, 0.0, 0.0]))
        return calculator.singlepoint().get("energy")

    slope = -(energy(1e-3) - energy(-1e-3)) / 2e-3 * 0.529177210903
    assert Xtb(one.numbers).label(one.positions).dipole[0] == pytest.approx(slope, abs=1e-3)


def test_a_warm_start_gives_the_answer_of_a_cold_one(ion_and_molecule):
    atoms = ion_and_molecule
    warm = Xtb(atoms.numbers, charge=1)
    warm.label(atoms.positions + 0.02)
    cold = Xtb(atoms.numbers, charge=1).label(atoms.positions)
    again = warm.label(atoms.positions)
    assert again.energy == pytest.approx(cold.energy, abs=1e-4)
    np.testing.assert_allclose(again.forces, cold.forces, atol=1e-3)


def test_atoms_on_top_of_each_other_have_no_label_and_the_next_structure_has():
    one = species("EC")
    xtb = Xtb(one.numbers)
    with pytest.raises(NoLabel, match="close"):
        xtb.label(np.zeros((10, 3)))
    assert np.isfinite(xtb.label(one.positions).energy)


@pytest.mark.parametrize(
    ("charge", "multiplicity", "message"),
    [
        (1.0, 1, r"45 electrons \(charge 1\) cannot have multiplicity 1"),
        (0.0, 2, r"46 electrons \(charge 0\) cannot have multiplicity 2"),
        (0.5, 1, "no whole number"),
        (46.0, 1, "leaves 0 electrons"),
    ],
)
def test_a_charge_that_does_not_fit_the_electrons_is_named(charge, multiplicity, message):
    with pytest.raises(DataError, match=message):
        check_electrons(species("EC").numbers, charge, multiplicity)


def test_charge_and_multiplicity_of_a_structure_are_read():
    atoms = Atoms("Li", info={"charge": 1})
    assert label_atoms(atoms).charges[0] == pytest.approx(1.0)
    with pytest.raises(DataError, match=r"mine\.xyz: 3 electrons"):
        label_atoms(Atoms("Li"), source="mine.xyz")
    assert label_atoms(Atoms("Li", info={"multiplicity": 2})).charges[0] == pytest.approx(0.0)


def test_an_unknown_method_is_named():
    with pytest.raises(DataError, match="'PM7' is unknown"):
        Xtb([1, 1], method="PM7")
