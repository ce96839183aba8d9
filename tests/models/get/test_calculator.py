"""GET as an ASE calculator keeps what potentials promise, alone and many at once, compiled or not."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from get_examples import rock_salt, salt, small_model, water

from matdisc.errors import CardError, DataError
from matdisc.models.get.calculator import load, reference_calculator
from matdisc.models.get.files import save
from matdisc.physics.evaluation import BatchCalculator, evaluate
from matdisc.testing import check_potential

fast_or_not = pytest.mark.parametrize("fast", [False, True], ids=["reference", "compiled"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "mine"
    save(path, small_model(), about={})
    return str(path)


@fast_or_not
def test_random_weights_make_a_potential(folder, fast):
    check_potential(load(folder=folder, fast=fast, dtype="float64"), force_tolerance=1e-5)


def test_single_precision_is_a_potential_too(folder):
    check_potential(load(folder=folder, fast=False), force_tolerance=5e-3)


@fast_or_not
def test_many_structures_at_once_are_what_each_is_alone(folder, fast):
    calculator = load(folder=folder, fast=fast, dtype="float64")
    frames = [water(1.0), salt(), rock_salt(2.8), water(seed=8)]
    assert isinstance(calculator, BatchCalculator)
    for atoms, found in zip(frames, calculator.evaluate_many(frames), strict=True):
        run_single = evaluate(calculator, atoms)
        assert found.energy == pytest.approx(run_single.energy, abs=1e-10)
        np.testing.assert_allclose(found.forces, run_single.forces, atol=1e-10)
        assert (found.stress is None) == (run_single.stress is None) == (not atoms.pbc.all())
        if found.stress is not None:
            np.testing.assert_allclose(found.stress, run_single.stress, atol=1e-10)


@fast_or_not
def test_charges_add_up_to_the_charge_of_the_structure(folder, fast):
    atoms = water(1.0)
    atoms.calc = load(folder=folder, fast=fast)
    assert atoms.get_charges().sum() == pytest.approx(1.0, abs=1e-5)


@fast_or_not
def test_another_total_charge_is_another_calculation(folder, fast):
    atoms = water()
    atoms.calc = load(folder=folder, fast=fast)
    neutral = atoms.get_potential_energy()
    atoms.info["charge"] = 1.0
    assert abs(atoms.get_potential_energy() - neutral) > 1e-3


def test_a_molecule_has_no_stress(folder):
    atoms = water()
    atoms.calc = load(folder=folder, fast=False)
    with pytest.raises(PropertyNotImplementedError, match="no stress"):
        atoms.get_stress()
    assert evaluate(atoms.calc, atoms).stress is None


@fast_or_not
def test_the_force_mode_can_be_chosen_on_loading(folder, fast):
    found = {}
    for mode in (None, True, False):
        calculator = load(folder=folder, fast=fast, conservative=mode, dtype="float64")
        found[mode] = evaluate(calculator, water())
    np.testing.assert_allclose(found[None].forces, found[True].forces)
    assert np.abs(found[True].forces - found[False].forces).max() > 1e-3
    assert found[True].energy == found[False].energy


@fast_or_not
@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms("Li", cell=[4, 4, 20], pbc=[True, True, False]), "pbc is"),
        (Atoms("Li", info={"charge": "plus"}), "charge"),
        (Atoms("Li", info={"charge": [1.0]}), "charge"),
        (Atoms("U", cell=np.eye(3) * 5, pbc=True), "does not know U"),
        (Atoms("Li", [[0, 0, np.inf]]), "not finite"),
    ],
    ids=["partly periodic", "text as charge", "list as charge", "unknown element", "exploded"],
)
def test_what_the_model_cannot_take_is_refused_by_name(folder, fast, atoms, message):
    with pytest.raises(DataError, match=message):
        evaluate(load(folder=folder, fast=fast), atoms)


@fast_or_not
def test_an_isolated_atom_feels_nothing(folder, fast):
    found = evaluate(load(folder=folder, fast=fast), Atoms("Li", info={"charge": 1}))
    assert np.isfinite(found.energy)
    np.testing.assert_array_equal(found.forces, 0)


def test_options_that_name_nothing_are_refused_with_what_there_is(folder):
    with pytest.raises(CardError, match="'dtype' is 'half'"):
        load(folder=folder, dtype="half")
    with pytest.raises(CardError, match="'device' is 'abacus'"):
        load(folder=folder, device="abacus")
    with pytest.raises(CardError, match="'model' is 'get-nothing'; shipped are"):
        load("get-nothing")
    with pytest.raises(DataError, match=r"model\.toml"):
        load(folder=folder + "/nowhere")


def test_a_model_in_memory_is_a_calculator_too():
    model = small_model()
    found = evaluate(reference_calculator(model), salt())
    assert found.energy == pytest.approx(float(model.answer(model.graph([salt()])).energy))
