"""The crystal potential that ships: a potential, of some use on alloys it never saw, and never shown what is scored."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT

from matdisc.datasets import load as load_dataset
from matdisc.datasets.load import training_part
from matdisc.generate.emt_frames import frames_of
from matdisc.models.get.calculator import load
from matdisc.testing import check_potential

NAME = "get-emt-alloys"


def _atoms(crystal):
    return Atoms(list(crystal.symbols), scaled_positions=crystal.positions, cell=crystal.cell, pbc=True)


def _per_atom(calculator, crystals):
    found = calculator.evaluate_many([_atoms(crystal) for crystal in crystals])
    return np.array([one.energy / len(crystal.symbols) for one, crystal in zip(found, crystals, strict=True)])


def test_the_shipped_crystal_model_is_a_potential():
    check_potential(load(NAME, fast=False, dtype="float64"), force_tolerance=1e-4)


@pytest.mark.slow
def test_it_is_a_potential_when_compiled_in_single_precision():
    check_potential(load(NAME), force_tolerance=2e-2)


@pytest.mark.slow
def test_it_predicts_energies_of_alloys_it_never_saw_thrice_as_well_as_their_mean(board):
    dataset = load_dataset(board, "emt-alloys")
    samples = dataset.samples
    calculator = load(NAME, fast=False)
    element = dict(
        zip(dataset.reference_crystals, _per_atom(calculator, list(dataset.reference_crystals.values())), strict=True)
    )
    of_elements = [np.mean([element[symbol] for symbol in sample.crystal.symbols]) for sample in samples]
    found = _per_atom(calculator, [sample.crystal for sample in samples]) - of_elements
    truth = np.array([sample.target["e_form_per_atom"] for sample in samples])
    assert np.abs(found - truth).mean() < np.abs(truth - truth.mean()).mean() / 3


@pytest.mark.slow
def test_no_alloy_of_a_scored_system_is_among_the_frames(board):
    dataset = load_dataset(board, "emt-alloys")
    crystals = [sample.crystal for sample in training_part(dataset, None)]
    frames = frames_of({str(i): (crystal, 1) for i, crystal in enumerate(crystals)}, seed=0)
    assert len(frames) == 370
    assert not set(frames.system) & {sample.crystal.chemical_system for sample in dataset.samples}


def test_frames_of_a_crystal_are_one_trajectory_with_labels_of_effective_medium_theory(board):
    crystals = load_dataset(board, "emt-alloys").reference_crystals
    frames = frames_of({"Cu": (crystals["Cu"], 3), "Au": (crystals["Au"], 2)}, seed=1)
    assert frames.trajectory.tolist() == [0, 0, 1, 1, 1]
    for number in range(len(frames)):
        own = frames.atoms_of(number)
        atoms = Atoms(frames.numbers[own], frames.positions[own], cell=frames.cell[number], pbc=True, calculator=EMT())
        assert frames.energy[number] == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        stress = -np.trace(frames.virial[number]) / (3 * atoms.get_volume())
        assert stress == pytest.approx(atoms.get_stress()[:3].mean(), abs=1e-9)
