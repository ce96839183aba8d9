"""The compiled evaluation equals the reference, and keeps the laws whatever its tables are."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the package torch (matdisc[ml])")
pytest.importorskip("numba", reason="needs the package numba (matdisc[ml])")

from ase import Atoms  # noqa: E402

from matdisc.errors import DataError  # noqa: E402
from matdisc.models.get.fast import Evaluator, evaluator, pairs  # noqa: E402
from matdisc.models.get.fast.lanes import width  # noqa: E402
from matdisc.models.get.fast.table import edge_features, radial_table  # noqa: E402
from matdisc.models.get.files import state_of  # noqa: E402
from matdisc.models.get.reference.potential import GET  # noqa: E402
from matdisc.models.get.settings import Settings  # noqa: E402
from matdisc.units import COULOMB  # noqa: E402

ELEMENTS = (1, 3, 6, 8, 9, 15)
PLAIN = Settings(ewald_accuracy=1e-13)
SETTINGS = {
    "plain": PLAIN,
    "the paper's forces": replace(PLAIN, conservative=False),
    "dispersion": replace(PLAIN, dispersion=True, elements=ELEMENTS, dispersion_c6={z: 9.0 + z for z in ELEMENTS}),
}
KCAL = 1 / 23.060548
"""eV."""


@pytest.fixture(scope="module")
def model():
    return GET(PLAIN, seed=3).double()


def _with(model, settings):
    other = GET(settings).double()
    other.network.load_state_dict(model.network.state_dict())
    return other


def _packed(n, cell, seed, closest=1.3):
    from ase.geometry import get_distances

    rng, x = np.random.default_rng(seed), []
    while len(x) < n:
        new = rng.uniform(-1, 2, 3) @ cell
        if not x or get_distances([new], x, cell=cell, pbc=True)[1].min() > closest:
            x.append(new)
    return Atoms(rng.choice(ELEMENTS, n), x, cell=cell, pbc=True)


def _structures():
    ion = Atoms(
        "OH2CHFLi", [[0, 0, 0], [0.96, 0, 0], [-0.2, 0.93, 0], [3, 0.2, 0.1], [3.5, 1.2, 0.3], [5.2, 0, 2], [12, 3, 4]]
    )
    ion.info["charge"] = 1
    charged = _packed(14, np.array([[6.0, 0, 0], [1, 7, 0], [-1, 0.8, 5.5]]), 1)
    charged.info["charge"] = -2
    return {
        "ion": ion,
        "charged triclinic box": charged,
        "box smaller than the cutoff": _packed(4, np.array([[3.0, 0, 0], [0.5, 3.2, 0], [-0.3, 0.4, 3.4]]), 2),
        "liquid": _packed(60, 8.4 * np.eye(3), 3),
        "single atom": Atoms("Li", [[1, 2, 3]]),
    }


STRUCTURES = _structures()


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_in_double_precision_it_equals_the_reference_to_ten_digits(model, kind, name):
    atoms, reference = STRUCTURES[name], _with(model, SETTINGS[kind])
    found = Evaluator(state_of(model), SETTINGS[kind], "float64", exact=True).evaluate(atoms)
    expected = reference.answer(reference.graph([atoms]))
    assert found.energy == pytest.approx(float(expected.energy[0]), abs=1e-10)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-10)
    np.testing.assert_allclose(found.virial, expected.virial[0], atol=1e-9)
    np.testing.assert_allclose(found.charges, expected.charges, atol=1e-10)
    if found.stress is None:
        assert not atoms.pbc.any()
    else:
        np.testing.assert_allclose(found.stress[[0, 3]] * -atoms.get_volume(), found.virial[[0, 1], [0, 2]], atol=1e-12)


@pytest.mark.parametrize("name", STRUCTURES)
def test_in_single_precision_it_equals_the_reference_to_noise(model, name):
    atoms, reference = STRUCTURES[name], _with(model, SETTINGS["dispersion"])
    found = Evaluator(state_of(model), SETTINGS["dispersion"], "float32").evaluate(atoms)
    expected = reference.answer(reference.graph([atoms]))
    assert found.energy == pytest.approx(float(expected.energy[0]), rel=1e-6, abs=2e-7 * len(atoms))
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-4 * KCAL)


def test_the_tables_in_double_precision_change_forces_by_less_than_a_nanovolt_per_angstrom_times_ten(model):
    atoms, settings = STRUCTURES["liquid"], SETTINGS["dispersion"]
    tables = Evaluator(state_of(model), settings, "float64").evaluate(atoms)
    exact = Evaluator(state_of(model), settings, "float64", exact=True).evaluate(atoms)
    np.testing.assert_allclose(tables.forces, exact.forces, atol=1e-8)
    assert tables.energy == pytest.approx(exact.energy, abs=1e-8)


@pytest.mark.parametrize(("dtype", "value_error", "slope_error"), [("float64", 1e-11, 1e-7), ("float32", 2e-7, 1e-5)])
def test_the_radial_table_is_as_close_to_its_functions_as_promised(model, dtype, value_error, slope_error):
    table = radial_table(state_of(model), 5.0, evaluator.INTERVALS[dtype], dtype, np.arange(64))
    (c, n), rows = table.scale, table.rows.reshape(-1, 4, 64).astype(float)
    r = np.random.default_rng(0).uniform(0.6, 5, 400)
    value, slope = edge_features(r, state_of(model), 5.0)
    at, stretch = n * r / (r + c), n * c / (r + c) ** 2
    powers = (at % 1)[:, None] ** np.arange(4)
    found = np.einsum("ep,epd->ed", powers, rows[at.astype(int)])
    found_slope = np.einsum("ep,epd->ed", np.arange(1, 4) * powers[:, :3], rows[at.astype(int), 1:])
    assert np.abs(found - value).max() < value_error
    assert np.abs(found_slope * stretch[:, None] - slope).max() < slope_error
    assert np.all(rows[-1] == 0)


def _two_charges(r, curve, tail):
    """Return energy and force along the line between two unit charges."""
    potential, forces, virial = np.zeros(2), np.zeros(8), np.zeros(8)
    pair, none = np.array([0, 1, 1]), np.zeros(1, np.int32)
    energy = pairs.pair_sums(
        np.array([0.0, 0, 0, 0, 0, 0, r, 0]), np.zeros(4), pair, none + 1, none, np.ones(2), curve.rows, curve.law,
        tail, False, none, 0, curve.rows, curve.law, potential, forces, virial, width(4),
    )  # fmt: skip
    assert potential == pytest.approx(energy)
    assert virial[2] == pytest.approx(forces[6] * r)
    return energy, forces[6]


@pytest.mark.parametrize(("dtype", "error"), [("float64", 2e-8), ("float32", 2e-5)])
def test_pair_curves_give_energy_and_force_of_two_charges_at_every_distance(dtype, error):
    spacing = pairs.COULOMB_SPACING[dtype]
    for g, reach, tail in ((0.0, np.inf, COULOMB), (0.45, 8.0, 0.0)):
        curve = pairs.coulomb_curve(2.2, 18.7, g, reach, spacing)
        for r in np.concatenate([np.arange(0.8, 9, 0.0711), 8.0 + np.arange(-0.011, 0.011, 0.001)]):
            energy, force = _two_charges(r, curve, tail)
            value, slope = (part[0] for part in pairs.coulomb(np.array([r]), 2.2, 18.7, g))
            left = pairs.coulomb(np.array([reach]), 2.2, 18.7, g)[0][0] if g else 0.0
            if r > reach + spacing:
                assert energy == force == 0
            elif r < reach:
                assert energy == pytest.approx(value - left, abs=error)
                assert force == pytest.approx(-slope, abs=error)


def test_forces_are_the_gradient_of_the_energy_even_of_coarse_tables(model, monkeypatch):
    monkeypatch.setitem(evaluator.INTERVALS, "float64", 24)
    atoms = STRUCTURES["charged triclinic box"]
    coarse = Evaluator(state_of(model), PLAIN, "float64")
    exact = Evaluator(state_of(model), PLAIN, "float64", exact=True)
    forces, step = coarse.evaluate(atoms).forces, 1e-5
    assert np.abs(forces - exact.evaluate(atoms).forces).max() > 1e-3
    for k, axis in ((0, 0), (5, 1), (9, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[k, axis] += sign * step
            energies.append(coarse.evaluate(moved).energy)
        assert forces[k, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=2e-7)


def test_stress_is_the_derivative_of_the_energy_by_strain(model):
    atoms = STRUCTURES["box smaller than the cutoff"]
    fast = Evaluator(state_of(model), SETTINGS["dispersion"], "float64")
    stress, step = fast.evaluate(atoms).stress, 1e-5
    for voigt, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * step / 2
            strain[b, a] += sign * step / 2
            moved = atoms.copy()
            moved.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            energies.append(fast.evaluate(moved).energy)
        slope = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
        assert stress[voigt] == pytest.approx(slope, abs=1e-8)


def test_a_trajectory_through_several_lists_sees_what_fresh_lists_see(model):
    rng, atoms = np.random.default_rng(5), STRUCTURES["liquid"].copy()
    kept = Evaluator(state_of(model), PLAIN, "float64", skin=0.3)
    for k in range(12):
        atoms.positions += rng.normal(0, 0.04, atoms.positions.shape)
        atoms.set_cell(atoms.cell.array * (1 + 0.004 * np.sin(k)), scale_atoms=True)
        fresh = Evaluator(state_of(model), PLAIN, "float64", skin=0.0).evaluate(atoms)
        np.testing.assert_allclose(kept.evaluate(atoms).forces, fresh.forces, atol=1e-10)
    assert 1 < kept.lists.searches < 12


def test_the_structure_asked_about_is_not_changed(model):
    atoms = STRUCTURES["charged triclinic box"].copy()
    Evaluator(state_of(model), PLAIN, "float64").evaluate(atoms)
    assert atoms == STRUCTURES["charged triclinic box"]


def test_charges_add_up_to_the_charge_of_the_structure(model):
    found = Evaluator(state_of(model), PLAIN, "float64").evaluate(STRUCTURES["charged triclinic box"])
    assert found.charges.sum() == pytest.approx(-2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_positions_that_are_no_numbers_are_refused(model, bad):
    atoms = STRUCTURES["liquid"].copy()
    atoms.positions[4, 2] = bad
    with pytest.raises(DataError, match="not finite"):
        Evaluator(state_of(model), PLAIN, "float64").evaluate(atoms)


def test_functions_compile_without_a_folder_for_machine_code(monkeypatch):
    from matdisc.models.get.fast import compiled

    real = compiled.njit

    def nowhere(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(compiled, "njit", nowhere)
    assert compiled.compiled(lambda x: 2 * x)(3) == 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_one_pass_every_box_has_the_answer_it_has_alone_to_the_last_bit(model, dtype):
    structures = [atoms for atoms in STRUCTURES.values() if len(atoms) > 1]
    together = Evaluator(state_of(model), SETTINGS["dispersion"], dtype).evaluate_many(structures[::-1])[::-1]
    for atoms, found in zip(structures, together, strict=True):
        alone = Evaluator(state_of(model), SETTINGS["dispersion"], dtype).evaluate(atoms)
        assert found.energy == alone.energy
        assert np.array_equal(found.forces, alone.forces)
        assert np.array_equal(found.charges, alone.charges)
        assert np.array_equal(found.virial, alone.virial)


def test_boxes_that_move_side_by_side_have_a_list_each_and_search_no_more_often_than_alone(model):
    def searches(boxes):
        evaluator, rng = Evaluator(state_of(model), PLAIN), np.random.default_rng(0)
        moving = [atoms.copy() for atoms in boxes]
        for _ in range(12):
            evaluator.evaluate_many(moving)
            for atoms in moving:
                atoms.positions += rng.uniform(-0.06, 0.06, (len(atoms), 3))
        return evaluator.lists.searches

    box = STRUCTURES["liquid"]
    other = box.copy()
    other.positions += 2.0
    assert searches([box, other, box[::-1]]) <= 3 * (searches([box]) + 1)
