"""The elasticity task: tensors against energies, curves, other codes and laws; bad crystals; hand-counted scores."""

import gzip
import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.elasticity import believable, build_all
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError
from matdisc.formats.atoms import to_atoms, to_crystal
from matdisc.physics.drivers import run_batched, run_single
from matdisc.physics.elasticity import (
    elastic_response,
    fitted,
    moduli,
    rotations,
    strain_types,
    strained,
    to_tensor,
    to_voigt,
)
from matdisc.physics.relaxation.relax import relaxation
from matdisc.protocols import Protocol
from matdisc.schema import Dataset, Sample
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.elasticity.simulation import cell_strain, simulate
from matdisc.tasks.elasticity.task import ELASTICITY
from matdisc.units import GIGAPASCALS

TIGHT = Protocol("tight", "for tests", fmax=1e-5, max_steps=500, fast=True)
SET = "mp-binaries-elastic"


def relaxed(atoms, calculator):
    """Return the crystal at its minimum."""
    return run_single(relaxation(to_crystal(atoms), TIGHT), calculator).crystal


def response(crystal, calculator, **options):
    return run_single(elastic_response(crystal, ions=TIGHT, **options), calculator)


def argon(**options):
    """A Lennard-Jones crystal whose pairs end smoothly."""
    return LennardJones(sigma=3.4, epsilon=0.0104, rc=10.0, ro=7.0, smooth=True, **options)


@pytest.fixture(scope="module")
def copper():
    return relaxed(bulk("Cu"), EMT())


@pytest.fixture(scope="module")
def hexagonal():
    return relaxed(bulk("Cu", "hcp", a=2.55, c=4.2), EMT())


def curvature(crystal, strain, calculator):
    """Second derivative of the energy by a strain, GPa, atoms following the cell."""
    steps = np.array([-0.01, -0.005, 0, 0.005, 0.01])
    energies = []
    for step in steps:
        atoms = to_atoms(strained(crystal, step * strain))
        atoms.calc = calculator
        energies.append(atoms.get_potential_energy())
    volume = to_atoms(crystal).get_volume()
    return 2 * np.polyfit(steps, energies, 4)[2] / volume * GIGAPASCALS


def test_the_tensor_of_copper_is_the_second_derivative_of_its_energy(copper):
    tensor = response(copper, EMT()).relaxed
    for i in range(6):
        unit = to_tensor(np.eye(6)[i])
        doubled = 1 if i < 3 else 4  # shear strains are twice the tensor's component
        assert curvature(copper, unit, EMT()) == pytest.approx(doubled * tensor[i, i], rel=0.01)
    both = curvature(copper, np.diag([1.0, 1, 0]), EMT())
    assert both == pytest.approx(2 * tensor[0, 0] + 2 * tensor[0, 1], rel=0.01)


def test_the_bulk_modulus_of_the_tensor_is_that_of_the_equation_of_state(copper):
    from ase.eos import EquationOfState

    volumes, energies = [], []
    for scale in np.linspace(-0.015, 0.015, 9):
        atoms = to_atoms(strained(copper, scale * np.eye(3)))
        atoms.calc = EMT()
        volumes.append(atoms.get_volume())
        energies.append(atoms.get_potential_energy())
    _, _, bulk_modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    assert moduli(response(copper, EMT()).relaxed).bulk == pytest.approx(bulk_modulus * GIGAPASCALS, rel=0.01)


def test_a_cubic_crystal_has_three_elastic_constants_without_being_told(copper):
    tensor = response(copper, EMT(), use_symmetry=False).relaxed
    c11, c12, c44 = tensor[0, 0], tensor[0, 1], tensor[3, 3]
    block = np.full((3, 3), c12) + (c11 - c12) * np.eye(3)
    expected = np.block([[block, np.zeros((3, 3))], [np.zeros((3, 3)), c44 * np.eye(3)]])
    np.testing.assert_allclose(tensor, expected, atol=1e-3)


def test_pairs_obey_the_cauchy_relation_at_zero_pressure():
    crystal = relaxed(bulk("Ar", "fcc", a=5.2), argon())
    tensor = response(crystal, argon()).relaxed
    assert tensor[0, 1] == pytest.approx(tensor[3, 3], rel=5e-3)  # strains of 1 % are not infinitesimal
    assert tensor[0, 0] > 1.5 * tensor[0, 1]


def test_a_metal_with_many_body_terms_does_not(copper):
    tensor = response(copper, EMT()).relaxed
    assert tensor[0, 1] > 1.2 * tensor[3, 3]


def test_ions_that_symmetry_holds_make_no_difference(copper):
    found = response(copper, EMT())
    np.testing.assert_array_equal(found.relaxed, found.clamped)
    assert found.steps == 0


def test_ions_that_may_move_soften_a_crystal_by_what_their_springs_say(hexagonal):
    found = response(hexagonal, EMT(), use_symmetry=False)
    atoms = to_atoms(hexagonal)
    step, n = 1e-3, 3 * len(atoms)

    def forces(moved):
        moved.calc = EMT()
        return moved.get_forces().ravel()

    def difference(move):
        return (forces(move(step)) - forces(move(-step))) / (2 * step)

    def displaced(k, by):
        copy = atoms.copy()
        copy.positions.flat[k] += by
        return copy

    springs = -np.array([difference(lambda by, k=k: displaced(k, by)) for k in range(n)])
    units = [to_tensor(row * [1, 1, 1, 0.5, 0.5, 0.5]) for row in np.eye(6)]
    pushes = np.array([difference(lambda by, u=u: to_atoms(strained(hexagonal, by * u))) for u in units])
    softening = pushes @ np.linalg.pinv(springs, rcond=1e-6) @ pushes.T / atoms.get_volume() * GIGAPASCALS
    assert softening[0, 0] > 10
    np.testing.assert_allclose(found.clamped - found.relaxed, softening, atol=0.3)
    assert moduli(found.relaxed).shear < moduli(found.clamped).shear


@pytest.mark.parametrize("case", ["primitive", "turned", "ordered", "hexagonal"])
def test_symmetry_saves_cells_and_changes_nothing(case, hexagonal):
    atoms = {
        "primitive": bulk("Cu"),
        "turned": bulk("Cu"),
        "ordered": bulk("CuAu", "cesiumchloride", a=3.1),
        "hexagonal": to_atoms(hexagonal),
    }[case]
    if case == "turned":
        atoms.rotate(37, (1, 2, 3), rotate_cell=True)
    crystal = relaxed(atoms, EMT())
    few, all_of_them = (response(crystal, EMT(), use_symmetry=use) for use in (True, False))
    assert few.n_cells < all_of_them.n_cells == 24
    np.testing.assert_allclose(few.relaxed, all_of_them.relaxed, rtol=2e-3, atol=0.1)  # fourth order of the energy


def test_how_many_strains_a_crystal_needs(hexagonal):
    assert len(strain_types(np.eye(3)[None])) == 6
    assert len(rotations(hexagonal)) == 24
    assert len(strain_types(rotations(hexagonal))) == 3
    cube = rotations(to_crystal(bulk("Cu", cubic=True)))
    assert len(cube) == 48
    assert len(strain_types(cube)) == 2


def test_a_turned_crystal_has_a_turned_tensor_and_the_same_moduli(copper):
    atoms = to_atoms(copper)
    atoms.rotate(30, (1, 1, 0), rotate_cell=True)
    straight, turned = (response(crystal, EMT()).relaxed for crystal in (copper, to_crystal(atoms)))
    assert abs(turned[0, 0] - straight[0, 0]) > 5
    assert moduli(turned).shear == pytest.approx(moduli(straight).shear, rel=1e-3)
    assert moduli(turned).bulk == pytest.approx(moduli(straight).bulk, rel=1e-3)


def test_the_fit_agrees_with_pymatgen(hexagonal):
    from pymatgen.analysis.elasticity import ElasticTensor, Strain, Stress

    strains = [m * to_tensor(row) for row in np.eye(6) for m in (-0.01, -0.005, 0.005, 0.01)]
    stresses = []
    for strain in strains:
        atoms = to_atoms(strained(hexagonal, strain))
        atoms.calc = EMT()
        stresses.append(to_tensor(atoms.get_stress()) * GIGAPASCALS)
    ours, _ = fitted(np.array(strains), np.array(stresses), np.eye(3)[None])
    theirs = ElasticTensor.from_independent_strains(
        [Strain(strain) for strain in strains], [Stress(stress) for stress in stresses], eq_stress=np.zeros((3, 3))
    )
    np.testing.assert_allclose(ours, (theirs.voigt + theirs.voigt.T) / 2, atol=0.05)
    found, other = moduli(ours), ElasticTensor.from_voigt(ours)
    assert found.bulk == pytest.approx(other.k_vrh)
    assert found.shear == pytest.approx(other.g_vrh)
    assert found.anisotropy == pytest.approx(other.universal_anisotropy)


@pytest.mark.parametrize("kind", ["fcc", "hcp"])
def test_matscipy_finds_the_same_tensor(kind, copper, hexagonal):
    elasticity = pytest.importorskip("matscipy.elasticity", reason="the oracle matscipy is not installed")
    from ase.optimize import BFGS

    crystal = {"fcc": copper, "hcp": hexagonal}[kind]
    atoms = to_atoms(crystal)
    atoms.calc = EMT()
    theirs, _ = elasticity.fit_elastic_constants(
        atoms, symmetry="triclinic", N_steps=5, delta=0.005, optimizer=BFGS, fmax=1e-4, verbose=False, logfile=None
    )
    np.testing.assert_allclose(response(crystal, EMT()).relaxed, theirs * GIGAPASCALS, atol=1.0)


def test_an_isotropic_body_has_the_moduli_it_was_made_of():
    k, g = 100.0, 40.0
    tensor = np.diag([2 * g] * 3 + [g] * 3)
    tensor[:3, :3] += k - 2 * g / 3
    found = moduli(tensor)
    assert [found.bulk, found.bulk_voigt, found.bulk_reuss] == pytest.approx([k] * 3)
    assert [found.shear, found.shear_voigt, found.shear_reuss] == pytest.approx([g] * 3)
    assert found.anisotropy == pytest.approx(0)
    assert found.smallest == pytest.approx(g)


def test_reuss_is_never_above_voigt_for_a_stable_crystal():
    rng = np.random.default_rng(1)
    for _ in range(50):
        root = rng.normal(size=(6, 6))
        found = moduli(root @ root.T + np.eye(6))
        assert 0 < found.shear_reuss <= found.shear_voigt
        assert 0 < found.bulk_reuss <= found.bulk_voigt
        assert found.anisotropy > 0


def test_a_tensor_that_some_strain_costs_nothing_has_no_average():
    with pytest.raises(ArithmeticError, match="no stress"):
        moduli(np.diag([1.0, 1, 1, 1, 1, 0]))


def test_voigt_components_come_back():
    components = np.arange(6.0)
    np.testing.assert_array_equal(to_voigt(to_tensor(components)), components)


def test_a_crystal_relaxed_at_a_fixed_cell_keeps_the_cell_and_loses_its_forces():
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.rattle(0.1, seed=3)
    end = run_single(relaxation(to_crystal(atoms), TIGHT, fixed_cell=True), EMT())
    assert end.crystal.cell == to_crystal(atoms).cell
    assert end.converged
    assert np.abs(end.last.forces).max() < 1e-5 < np.abs(end.first.forces).max()
    assert end.last.energy == end.energy < end.first.energy


def sample(atoms, name="one"):
    return Sample(name, {"crystal": to_crystal(atoms)}, {}, "Cu")


def asked(atoms, calculator):
    return run_single(simulate(sample(atoms), None, None, 0.0), calculator)


def test_a_crystal_is_relaxed_before_it_is_strained():
    near, far = (asked(bulk("Cu", a=a), EMT()).values for a in (3.59, 3.8))
    for name in ("bulk_modulus", "shear_modulus", "smallest_eigenvalue"):
        assert near[name] == pytest.approx(far[name], rel=0.01)
    assert near["bulk_modulus_clamped"] == near["bulk_modulus"]
    assert near["strained_cells"] == 8


def test_every_value_has_a_column_and_the_tensor_its_shape():
    found = asked(bulk("Cu"), EMT())
    columns = {column.name: column for column in ELASTICITY.scoring.columns}
    assert set(found.values) | set(found.arrays) == set(columns)
    assert found.converged
    for name, numbers in found.arrays.items():
        assert len(numbers) == columns[name].length(1)


def test_crystals_in_flight_together_have_the_moduli_that_they_have_alone():
    crystals = [bulk("Cu"), bulk("Al"), bulk("Ni", "hcp", a=2.5, c=4.1)]
    work = [(i, simulate(sample(atoms), None, None, 0.0)) for i, atoms in enumerate(crystals)]
    found = {ended.key: ended.value for ended in run_batched(work, EMT())}
    for i, atoms in enumerate(crystals):
        assert found[i].values == asked(atoms, EMT()).values


def test_a_crystal_on_a_saddle_is_called_unstable():
    found = asked(bulk("Cu", "sc", a=2.4), EMT()).values
    assert found["smallest_eigenvalue"] < 0


class Sliding(Calculator):
    """Nothing holds this crystal's shape: one edge wants to grow, another to shrink, for ever."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        stress = np.array([-1.0, 1.0, 0, 0, 0, 0])
        self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3)), "stress": stress}


class Stressless(EMT):
    implemented_properties = ("energy", "forces")


def test_a_cell_that_shears_away_is_a_failure_by_that_name():
    with pytest.raises(ArithmeticError, match="sheared away"):
        asked(bulk("Cu"), Sliding())


def test_a_potential_without_stress_is_told_so():
    with pytest.raises(ValueError, match="gives no stress"):
        asked(bulk("Cu"), Stressless())
    with pytest.raises(ValueError, match="gives no stress"):
        run_single(elastic_response(to_crystal(bulk("Cu"))), Stressless())


def test_the_strain_of_a_cell_is_logarithmic_and_blind_to_turning():
    before = to_crystal(Atoms("He", cell=[2, 2, 2], pbc=True))
    turned = Atoms("He", cell=[2, 2, 4], pbc=True)
    turned.rotate(20, (1, 2, 3), rotate_cell=True)
    assert cell_strain(before, to_crystal(turned)) == pytest.approx(np.log(2))
    assert cell_strain(to_crystal(turned), before) == pytest.approx(np.log(2))


LABELS = ((100.0, 50.0), (200.0, 100.0), (50.0, 20.0), (10.0, 5.0))


@pytest.fixture(scope="module")
def four():
    """The card, and the labels of four crystals of four chemical systems."""
    samples = [
        Sample(name, {"crystal": to_crystal(bulk(name, "fcc", a=4.0))}, {"bulk_modulus": k, "shear_modulus": g}, name)
        for name, (k, g) in zip(("Cu", "Ni", "Al", "Pb"), LABELS, strict=True)
    ]
    return Board(shipped_board()).dataset(SET), truth_of(Dataset("four", tuple(samples)))


def answers_of(k, **reported):
    counts = {"expected": len(k), "answered": int(np.isfinite(k).sum())}
    known = {name: np.array(column, float) for name, column in reported.items()}
    return Answers("bulk_modulus", np.array(k, float), counts, None, np.empty(0), np.empty(0), reported=known)


def test_terms_are_counted_by_hand(four):
    nan = np.nan
    answers = answers_of(
        [110, 200, nan, 20],
        shear_modulus=[25, 100, nan, 5],
        shear_modulus_clamped=[50, 100, nan, 5],
        bulk_modulus_clamped=[121, 200, nan, 20],
        smallest_eigenvalue=[1, 2, nan, -1],
        fmax=[0, 0, nan, 0],
    )
    found = {key: values.tolist() for key, values in ELASTICITY.scoring.terms(*four, answers).items()}
    assert found["usable"] == [1, 1, 0, 0]
    assert found["stable"] == pytest.approx([1, 1, nan, 0], nan_ok=True)
    # medians of the labels, 75 and 35 GPa, stand in for the missing and the unstable tensor
    assert found["k_mae"] == pytest.approx([10, 0, 25, 65])
    assert found["g_mae"] == pytest.approx([25, 0, 15, 30])
    assert found["k_error"] == pytest.approx([0.1, 0, 0.5, 6.5])
    assert found["g_log_mae"] == pytest.approx([np.log10(2), 0, np.log10(1.75), np.log10(7)])
    assert found["g_log_mae_clamped"] == pytest.approx([0, 0, np.log10(1.75), np.log10(7)])
    assert found["g_bias"] == pytest.approx([-0.5, 0, nan, nan], nan_ok=True)
    assert found["g_clamping"] == pytest.approx([1, 0, nan, nan], nan_ok=True)
    assert found["k_clamping"] == pytest.approx([0.1, 0, nan, nan], nan_ok=True)


def test_a_tensor_from_moving_ions_or_beyond_belief_is_not_usable(four):
    answers = answers_of([100, 1e6, 50, 10], shear_modulus=[50, 10, -3, 5], fmax=[0.1, 0, 0, 0.04])
    assert ELASTICITY.scoring.terms(*four, answers)["usable"].tolist() == [0, 0, 0, 1]


def test_a_tensor_that_does_not_explain_the_stresses_is_not_usable(four):
    answers = answers_of([100] * 4, shear_modulus=[50] * 4, unexplained=[0, 0.09, 0.11, np.nan])
    assert ELASTICITY.scoring.terms(*four, answers)["usable"].tolist() == [1, 1, 0, 1]


def test_what_a_line_leaves_of_the_stresses_is_counted():
    strains = np.array([m * to_tensor(row) for row in np.eye(6) for m in (-0.01, -0.005, 0.005, 0.01)])
    identity = np.eye(3)[None]
    tensor, beyond = fitted(strains, 100 * strains + np.eye(3), identity)
    np.testing.assert_allclose(tensor, np.diag([100] * 3 + [50] * 3), atol=1e-9)
    assert beyond == pytest.approx(0, abs=1e-12)
    _, beyond = fitted(strains, 100 * np.abs(strains), identity)
    assert beyond == pytest.approx(1)


def test_a_file_with_two_moduli_and_nothing_else_can_be_scored(four):
    card, truth = four
    answers = answers_of([k for k, _ in LABELS], shear_modulus=[g for _, g in LABELS])
    scored = ELASTICITY.scoring.score(card, truth, answers, Bootstrap(20))
    metrics = {key: found["value"] for key, found in scored["metrics"].items()}
    assert metrics["k_log_mae"] == metrics["g_log_mae"] == metrics["g_mae"] == 0
    assert metrics["usable"] == 1
    assert metrics["stable"] is metrics["g_clamping"] is None


def test_no_answer_at_all_scores_what_the_median_of_the_labels_does(four):
    card, truth = four
    answers = answers_of([np.nan] * 4)
    scored = ELASTICITY.scoring.score(card, truth, answers, Bootstrap(0))
    for key, value in scored["baseline"].items():
        assert scored["metrics"][key]["value"] == pytest.approx(value)
    assert scored["baseline"]["k_mae"] == pytest.approx((25 + 125 + 25 + 65) / 4)
    assert not ELASTICITY.scoring.artifacts(card, truth, answers, None, Bootstrap(0)).figures


def test_figures_count_every_crystal_once(four):
    card, truth = four
    answers = answers_of(
        [100, 200, 50, np.nan], shear_modulus=[50, 90, -3, np.nan], smallest_eigenvalue=[9, 9, -3, np.nan]
    )
    drawn = ELASTICITY.scoring.artifacts(card, truth, answers, None, Bootstrap(0))
    assert [figure.key for figure in drawn.figures] == ["parity-k", "parity-g"]
    tables = {table.key: table for table in drawn.tables}
    assert [row[1] for row in tables["fates"].rows] == [2, 1, 0, 0, 0, 1]
    assert {row[0] for row in tables["slice-element"].rows} == {"Cu", "Ni"}
    assert tables["worst"].rows[0][1] == "Ni"


@pytest.mark.parametrize(
    ("bulk_modulus", "shear_modulus", "kept"),
    [
        (140, 48, True),
        (435, 490, True),
        (435, 520, False),
        (0, 10, False),
        (100, -5, False),
        (14.9, 84.2, False),
        (67, 0.8, False),
    ],
)
def test_labels_that_no_crystal_has_are_left_out(bulk_modulus, shear_modulus, kept):
    assert believable(bulk_modulus, shear_modulus) is kept


def test_damaged_files_are_named(tmp_path, four):
    path = tmp_path / "labels.json.gz"
    for content, said in ((b"no archive", "fetch"), (gzip.compress(json.dumps([{"mp_id": "mp-1"}]).encode()), "mp-1")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            build_all(four[0], {four[0].files[0].name: path})


@pytest.mark.mirror
def test_the_small_set_is_part_of_the_whole_one():
    board = Board(shipped_board())
    small, whole = load(board, SET), load(board, f"{SET}-all")
    chosen = {s.material_id: s for s in whole.samples if s.flags}
    assert [s.material_id for s in small.samples] == list(chosen)
    assert all(s.crystal == chosen[s.material_id].crystal for s in small.samples)
    assert max(len(s.crystal.symbols) for s in small.samples) <= 8
    assert all(len(set(s.crystal.symbols)) == 2 for s in whole.samples)
    assert all(believable(**s.target) for s in whole.samples)


@pytest.mark.slow
def test_chgnet_has_the_tensor_of_its_energy_batched_or_not():
    from matdisc.models.load import load_potential

    calculator = load_potential(Board(shipped_board()).model("chgnet-0.3.0"))
    salt = bulk("NaCl", "rocksalt", a=5.6)
    work = [(name, simulate(sample(salt), None, None, 0.0)) for name in ("a", "b")]
    first, second = (ended.value.values for ended in run_batched(work, calculator))
    alone = asked(salt, calculator).values
    for name in ("bulk_modulus", "shear_modulus"):
        assert first[name] == pytest.approx(second[name], rel=0.02)
        assert first[name] == pytest.approx(alone[name], rel=0.02)
    assert 10 < alone["bulk_modulus"] < 40
