"""The task phonons: chains and oscillators with known answers, phonopy's own loop, laws, bad inputs, counted scores."""

import gzip
import hashlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.phonons import Phonons
from scipy.stats import wasserstein_distance

from matdisc.board import Board, init_board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.fetch import dataset_files
from matdisc.datasets.phonons import mp_binaries_heat
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError, MatdiscError
from matdisc.formats.atoms import to_crystal
from matdisc.physics.drivers import run_single
from matdisc.physics.evaluation import Evaluation, evaluate
from matdisc.physics.phonons import (
    MAX_ATOMS,
    SLICES,
    MissingPhonopy,
    Spectrum,
    SupercellTooLarge,
    harmonic,
    mesh_spectrum,
    operations,
    slice_means,
    supercell_of,
    symmetric,
    thermal_properties,
    wasserstein,
)
from matdisc.physics.phonons.symmetric import averaged
from matdisc.physics.relaxation.relax import relaxation
from matdisc.predictions import write
from matdisc.protocols import PROTOCOLS, Protocol
from matdisc.run.predict import predict
from matdisc.schema import Crystal, Dataset, Prediction, Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.phonons.simulation import simulate
from matdisc.tasks.phonons.task import PHONONS
from matdisc.units import BOLTZMANN, GAS_CONSTANT

SCORING, FEW = PHONONS.scoring, Bootstrap(50, 0)
COLUMNS = [column.name for column in PHONONS.columns]
GAS = 1000 * GAS_CONSTANT
PLANCK = 4.135667696923859e-3
THZ = 15.633302
"""Square root of eV/Å^2/u over 2 pi, in THz."""
COPPER = to_crystal(bulk("Cu", "fcc", a=3.59))
RELAX = PROTOCOLS["relax"]


def flat(*frequencies):
    """Return the spectrum of a crystal whose modes are these, all alike."""
    return Spectrum(np.array([frequencies], float), np.ones(1))


def asked(sample, calculator, protocol=RELAX):
    return run_single(simulate(sample, protocol, lambda symbol: iter(()), 0.0), calculator)


def sample(crystal, **inputs):
    return Sample("a", {"crystal": crystal, **inputs}, {}, "g")


# Force constants and frequencies


class Chain(Calculator):
    """Springs of 3 eV/Å^2 between neighbours along x, and none across."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        order, n = np.argsort(self.atoms.positions[:, 0]), len(self.atoms)
        x, length = self.atoms.positions[order, 0], self.atoms.cell[0, 0]
        stretch = np.roll(x, -1) - x + length * (np.arange(n) == n - 1) - length / n
        forces = np.zeros((n, 3))
        forces[order, 0] = 3.0 * (stretch - np.roll(stretch, 1))
        self.results = {"energy": 1.5 * float((stretch**2).sum()), "forces": forces}


def test_a_chain_of_two_masses_has_its_textbook_frequencies():
    chain = Crystal(("Na", "Cl"), ((0, 0, 0), (0.5, 0, 0)), ((5.0, 0, 0), (0, 6.0, 0), (0, 0, 7.0)))
    phonon = run_single(harmonic(chain, (4, 1, 1)), Chain())
    phonon.run_mesh([8, 1, 1], is_gamma_center=True, is_mesh_symmetry=False)
    wave, found = phonon.mesh.qpoints[:, 0], np.sort(phonon.mesh.frequencies, axis=1)
    light, heavy = sorted(phonon.masses)
    both = 1 / light + 1 / heavy
    root = np.sqrt(both**2 - 4 * np.sin(np.pi * wave) ** 2 / (light * heavy))
    assert found[:, -1] == pytest.approx(THZ * np.sqrt(3.0 * (both + root)), rel=1e-5)
    assert found[:, -2] == pytest.approx(THZ * np.sqrt(3.0 * np.maximum(both - root, 0)), abs=1e-3)


def test_frequencies_are_those_of_phonopys_own_loop_with_an_ase_calculator():
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    atoms = bulk("Cu", "fcc", a=3.59, cubic=True)
    cell = PhonopyAtoms(symbols=atoms.symbols, cell=atoms.cell[:], scaled_positions=atoms.get_scaled_positions())
    plain = Phonopy(cell, supercell_matrix=[2, 2, 2], primitive_matrix="F")
    plain.generate_displacements(distance=0.01, is_diagonal=False)
    forces = []
    for one in plain.supercells_with_displacements:
        moved = Atoms(one.symbols, positions=one.positions, cell=one.cell, pbc=True)
        moved.calc = EMT()
        forces.append(moved.get_forces())
    plain.forces = forces
    plain.produce_force_constants(show_drift=False)
    plain.symmetrize_force_constants(show_drift=False)
    plain.run_mesh([9, 9, 9], is_gamma_center=True)
    ours = mesh_spectrum(run_single(harmonic(to_crystal(atoms), (2, 2, 2)), EMT()), [9, 9, 9])
    assert ours.frequencies == pytest.approx(plain.mesh.frequencies, abs=1e-6)
    assert ours.weights.sum() == 9**3


def test_frequencies_are_those_of_ases_phonons(tmp_path):
    theirs = Phonons(bulk("Cu", "fcc", a=3.59), EMT(), supercell=(5, 5, 5), delta=0.01, name=str(tmp_path / "ase"))
    theirs.run()
    theirs.read(acoustic=True)
    expected = theirs.band_structure(np.array([[0.2, 0.0, 0.0]]), verbose=False)[0] / PLANCK
    phonon = run_single(harmonic(COPPER, (5, 5, 5)), EMT())
    phonon.run_qpoints([[0.2, 0.0, 0.0]])  # of the supercell, so exact in both
    assert np.sort(phonon.qpoints.frequencies[0]) == pytest.approx(np.sort(expected), rel=1e-3)


def test_force_constants_of_an_atom_add_up_to_zero_and_three_modes_at_gamma_are_still():
    phonon = run_single(harmonic(COPPER, (3, 3, 3)), EMT())
    assert np.abs(phonon.force_constants.sum(axis=1)).max() < 1e-10
    phonon.run_qpoints([[0, 0, 0]])
    assert np.abs(phonon.qpoints.frequencies).max() < 1e-3


def test_a_simple_cubic_crystal_of_lennard_jones_atoms_is_no_minimum():
    crystal = to_crystal(bulk("Ar", "sc", a=3.7))
    argon = LennardJones(sigma=3.4, epsilon=0.0104, rc=9.0, smooth=True)
    found = asked(sample(crystal, supercell=[4, 4, 4], mesh=[5, 5, 5]), argon)
    assert found.values["min_frequency"] < -0.1
    assert found.values["imaginary_share"] > 0.05
    assert found.values["symmetry_changed"] == 0.0


def test_a_supercell_nobody_prescribes_has_faces_10_angstrom_apart():
    assert supercell_of(Crystal(("Cu",), ((0, 0, 0),), ((2.5, 0, 0), (0, 5.0, 0), (0, 0, 10.1)))) == (4, 2, 1)
    thin = Crystal(("Cu",), ((0, 0, 0),), ((3.0, 0, 0), (9.0, 3.0, 0), (0, 0, 12.0)))  # its long edge leans
    a, b, c = supercell_of(thin)
    assert (b, c) == (4, 1)
    assert a >= 10


# Relaxations that keep symmetry


def test_forces_averaged_over_operations_vanish_where_symmetry_forbids_them_and_stress_is_isotropic():
    salt = to_crystal(bulk("NaCl", "rocksalt", a=5.6, cubic=True))
    rng = np.random.default_rng(0)
    noisy = Evaluation(0.0, rng.normal(size=(8, 3)), rng.normal(size=6))
    found = averaged(noisy, np.array(salt.cell), operations(salt))
    assert np.abs(found.forces).max() < 1e-12
    assert found.stress[:3] == pytest.approx(np.full(3, noisy.stress[:3].mean()))
    assert np.abs(found.stress[3:]).max() < 1e-12


def test_averaging_leaves_the_forces_of_a_symmetric_crystal_as_they_are():
    atoms = bulk("Cu", "hcp", a=2.6, c=4.1)
    atoms = atoms.repeat((2, 1, 1))
    found = evaluate(EMT(), atoms)
    same = averaged(found, atoms.cell[:], operations(to_crystal(atoms)))
    assert same.forces == pytest.approx(found.forces, abs=1e-10)
    assert same.stress == pytest.approx(found.stress, abs=1e-10)


class Noisy(EMT):
    """EMT with forces and stress as noisy as single precision, or worse."""

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        rng = np.random.default_rng(int(1e6 * abs(self.results["energy"])) % 2**32)
        for name in ("forces", "stress"):
            self.results[name] = self.results[name] + 1e-3 * rng.normal(size=self.results[name].shape)


def test_a_noisy_potential_keeps_the_space_group_and_loses_it_without_averaging():
    start = to_crystal(bulk("Cu", "fcc", a=3.7, cubic=True))
    limit = Protocol("test", "test", fmax=1e-9, max_steps=20)
    kept = operations(start)
    assert kept.space_group == 225
    with_it = run_single(symmetric(relaxation(start, limit), kept), Noisy())
    without = run_single(relaxation(start, limit), Noisy())
    assert operations(with_it.crystal).space_group == 225
    assert operations(without.crystal).space_group != 225


# Spectra and thermal properties


def test_slices_keep_the_mean_and_their_distance_is_how_far_modes_move():
    assert slice_means(np.array([3.0, 1.0]), np.array([1.0, 3.0]), 4).tolist() == [1.0, 1.0, 1.0, 3.0]
    assert slice_means(np.array([3.0, 1.0]), np.array([1.0, 3.0]), 2).tolist() == [1.0, 2.0]
    assert wasserstein([1.0, 1.0, 1.0, 3.0], [1.0, 1.0, 2.0, 1.0]) == pytest.approx(0.75)


def test_the_distance_of_slices_is_scipys_wasserstein_distance():
    rng = np.random.default_rng(1)
    one, other = (Spectrum(rng.gamma(3, 2, (60, 6)), rng.integers(1, 9, 60)) for _ in range(2))
    exact = wasserstein_distance(*(x.ravel() for x in (one.frequencies, other.frequencies, one.shares, other.shares)))
    assert wasserstein(one.slice_means(SLICES), other.slice_means(SLICES)) == pytest.approx(exact, rel=0.02)


def test_moments_of_a_spectrum_are_weighted_and_imaginary_modes_are_negative():
    spectrum = Spectrum(np.array([[-1.0, 1.0], [3.0, 5.0]]), np.array([1.0, 3.0]))
    assert spectrum.mean == pytest.approx(3.0)
    assert spectrum.imaginary_share == pytest.approx(1 / 8)


def test_the_last_peak_is_the_last_maximum_and_no_shoulder():
    rng = np.random.default_rng(0)
    modes = np.concatenate([rng.normal(3.0, 0.4, 5000), rng.normal(9.0, 0.3, 1000)])
    assert Spectrum(modes[:, None], np.ones(6000)).last_peak == pytest.approx(9.0, abs=0.1)


@pytest.mark.parametrize("frequency", [0.5, 2.0, 8.0])
def test_an_einstein_crystal_has_einsteins_heat_capacity_entropy_and_free_energy(frequency):
    found = thermal_properties(flat(frequency, frequency, frequency), 300.0)
    x = PLANCK * frequency / (BOLTZMANN * 300)
    assert found.heat_capacity == pytest.approx(3 * GAS * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2, rel=1e-9)
    internal = 3 * GAS * 300 * (x / 2 + x / (np.exp(x) - 1)) / 1000
    assert found.free_energy == pytest.approx(internal - 0.3 * found.entropy, rel=1e-9)  # A = U - T S, kJ/mol


def test_a_hot_crystal_holds_3_k_an_atom_and_a_cold_one_nothing():
    modes = flat(1.0, 2.0, 3.0)
    assert thermal_properties(modes, 1e5).heat_capacity == pytest.approx(3 * GAS, rel=1e-5)
    assert thermal_properties(modes, 2.0).heat_capacity == pytest.approx(0, abs=1e-6)


def test_a_cold_debye_crystal_follows_debyes_cube_law():
    modes = (np.arange(200_000) + 0.5) / 200_000 * 8.0
    debye = Spectrum(modes[:, None], modes**2)
    theta = PLANCK * 8.0 / BOLTZMANN
    expected = 12 * np.pi**4 / 5 * GAS * (8.0 / theta) ** 3
    assert thermal_properties(debye, 8.0).heat_capacity == pytest.approx(expected, rel=1e-4)


def test_entropy_and_heat_capacity_are_derivatives_of_the_free_energy():
    modes, step = flat(1.0, 4.0, 9.0), 0.1
    low, here, high = (thermal_properties(modes, t) for t in (300 - step, 300, 300 + step))
    assert here.entropy == pytest.approx(-1000 * (high.free_energy - low.free_energy) / (2 * step), rel=1e-5)
    assert here.heat_capacity == pytest.approx(300 * (high.entropy - low.entropy) / (2 * step), rel=1e-5)


def test_thermal_properties_are_phonopys():
    phonon = run_single(harmonic(COPPER, (3, 3, 3)), EMT())
    ours = thermal_properties(mesh_spectrum(phonon, [11, 11, 11]), 300.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the modes that the cutoff leaves out
        phonon.run_thermal_properties(temperatures=[300.0], cutoff_frequency=0.01)
        theirs = phonon.thermal_properties
    assert ours.heat_capacity == pytest.approx(theirs.heat_capacity[0], rel=1e-5)
    assert ours.entropy == pytest.approx(theirs.entropy[0], rel=1e-5)
    assert ours.free_energy == pytest.approx(theirs.free_energy[0], rel=1e-4)


# What a run gives, and what goes wrong


def test_copper_is_relaxed_and_answers_every_column():
    found = asked(sample(to_crystal(bulk("Cu", "fcc", a=3.7)), supercell=[3, 3, 3], mesh=[9, 9, 9]), EMT())
    assert found.converged
    assert found.steps > 0
    assert set(found.values) | set(found.arrays) == set(COLUMNS)
    assert len(found.arrays["spectrum"]) == SLICES
    assert np.mean(found.arrays["spectrum"]) == pytest.approx(found.values["mean_frequency"])
    assert found.values["imaginary_share"] == 0.0
    assert 20 < found.values["heat_capacity"] < 3 * GAS


def test_a_single_point_takes_the_crystal_as_it_is_and_a_stretched_one_is_softer():
    stretched = sample(to_crystal(bulk("Cu", "fcc", a=3.7)), supercell=[3, 3, 3], mesh=[9, 9, 9])
    here = asked(stretched, EMT(), PROTOCOLS["single-point"])
    assert here.steps == 0
    assert here.values["max_frequency"] < asked(stretched, EMT()).values["max_frequency"] - 0.5


def test_primitive_and_conventional_cell_have_one_spectrum():
    few = {"mesh": [8, 8, 8]}
    one = asked(sample(COPPER, supercell=[[-3, 3, 3], [3, -3, 3], [3, 3, -3]], **few), EMT())
    other = asked(sample(to_crystal(bulk("Cu", "fcc", a=3.59, cubic=True)), supercell=[3, 3, 3], **few), EMT())
    assert one.arrays["spectrum"] == pytest.approx(other.arrays["spectrum"], abs=1e-3)


def test_a_supercell_beyond_memory_fails_by_name():
    with pytest.raises(SupercellTooLarge, match=r"the supercell has 1,331 atoms; more than 1,000 do not fit"):
        asked(sample(COPPER, supercell=[11, 11, 11]), EMT(), PROTOCOLS["single-point"])
    assert MAX_ATOMS == 1000


def test_a_potential_without_stress_cannot_relax_a_cell():
    with pytest.raises(ValueError, match="gives no stress"):
        asked(sample(COPPER), Chain())


def test_without_phonopy_a_run_ends_and_says_what_to_install(monkeypatch, heats):
    monkeypatch.setattr("matdisc.physics.phonons.force_constants.find_spec", lambda name: None)
    with pytest.raises(MissingPhonopy, match=r"run: pip install 'matdisc\[phonons\]'"):
        operations(COPPER)
    with pytest.raises(MatdiscError, match=r"pip install 'matdisc\[phonons\]'"):
        predict(heats, "emt", "phonons", "heats", workers=0)


def test_scoring_and_its_modules_do_without_phonopy():
    code = "import matdisc.tasks.phonons.task, sys; sys.exit('phonopy' in sys.modules or 'ase' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Scores


def card(**more):
    content = {
        "key": "modes", "title": "modes", "summary": "modes", "licence": "MIT", "citation": ["none"],
        "level_of_theory": "none", "tasks": ["phonons"], "builder": "none:none", "n_samples": 1, "columns": {},
        "split": {"kind": "folds", "by": "chemical system"},
        "files": [{"name": "labels.csv", "sha256": "0" * 64, "licence": "MIT"}],
    }  # fmt: skip
    return DatasetCard.model_validate(content | more)


def label(name, spectrum=None, **target):
    arrays = {} if spectrum is None else {"spectrum": tuple(spectrum)}
    return Sample(name, {"crystal": COPPER}, target, name, arrays=arrays)


def answer(name, spectrum=None, **values):
    arrays = {} if spectrum is None else {"spectrum": tuple(spectrum)}
    return Prediction(name, {"max_frequency": 9.0, **values}, arrays=arrays)


def even(frequency):
    return np.full(SLICES, float(frequency))


def scored(tmp_path, labels, answers):
    path = tmp_path / "p.csv"
    write(path, answers, COLUMNS)
    truth = truth_of(Dataset("modes", tuple(labels)))
    result = SCORING.score(card(), truth, align(SCORING.read(path), truth, SCORING), FEW)
    return {key: metric["value"] for key, metric in result["metrics"].items()}, result


TWO = (
    label("a", even(4), max_frequency=8.0, mean_frequency=4.0, heat_capacity=20.0, imaginary=0.0),
    label("b", even(2), max_frequency=3.0, mean_frequency=2.0, heat_capacity=24.0, imaginary=0.0),
)


def test_errors_of_two_crystals_are_those_counted_by_hand(tmp_path):
    found, _ = scored(tmp_path, TWO, (
        answer("a", even(3), max_frequency=7.0, min_frequency=0.0, mean_frequency=3.0, heat_capacity=21.0,
               imaginary_share=0.0, symmetry_changed=0.0),
        answer("b", [-1.0] * 128 + [2.0] * 128, max_frequency=3.5, min_frequency=-1.0, mean_frequency=0.5,
               heat_capacity=22.0, imaginary_share=0.5, symmetry_changed=0.0),
    ))  # fmt: skip
    assert found["spectrum_w1"] == pytest.approx((1.0 + 1.5) / 2)
    assert found["max_error"] == pytest.approx(0.75)
    assert found["mean_bias"] == pytest.approx((-0.25 - 0.75) / 2)
    assert found["imaginary"] == found["stability_error"] == 0.5
    assert found["imaginary_modes"] == pytest.approx(0.25)
    assert found["cv_error"] == pytest.approx(1.5)
    assert found["coverage"] == 1.0
    assert found["entropy_error"] is found["peak_error"] is None  # nothing to compare with


def test_a_missing_answer_counts_as_atoms_that_do_not_vibrate(tmp_path):
    right = answer("a", even(4), max_frequency=8.0, min_frequency=0.0, mean_frequency=4.0, heat_capacity=20.0)
    found, _ = scored(tmp_path, TWO, (right,))
    assert found["spectrum_w1"] == pytest.approx(2.0 / 2)
    assert found["max_error"] == pytest.approx(3.0 / 2)
    assert found["cv_error"] == pytest.approx(24.0 / 2)
    assert found["stability_error"] == 0.5
    assert found["imaginary"] == 0.0
    assert found["coverage"] == 0.5


def test_a_file_with_the_largest_frequency_alone_has_no_other_score(tmp_path):
    found, _ = scored(tmp_path, TWO, (answer("a", max_frequency=8.0), answer("b", max_frequency=3.0)))
    assert found["max_error"] == 0.0
    assert found["spectrum_w1"] is found["cv_error"] is found["imaginary"] is found["stability_error"] is None


def test_the_baseline_answers_with_the_mean_of_the_references(tmp_path):
    _, result = scored(tmp_path, TWO, (answer("a", even(4)), answer("b", even(2))))
    assert result["baseline"]["spectrum_w1"] == pytest.approx(1.0)
    assert result["baseline"]["cv_error"] == pytest.approx(2.0)


def test_figures_show_the_answers_and_the_table_begins_with_the_crystal_that_is_farthest_off(tmp_path):
    path = tmp_path / "p.csv"
    write(path, (answer("a", even(3.5), max_frequency=7.0), answer("b", even(5), max_frequency=5.0)), COLUMNS)
    truth = truth_of(Dataset("modes", TWO))
    drawn = SCORING.artifacts(card(), truth, align(SCORING.read(path), truth, SCORING), None, FEW)
    assert [figure.key for figure in drawn.figures] == ["parity-max_frequency"]
    (line,) = drawn.figures[0].lines
    assert (list(line.x), list(line.y), list(line.labels)) == ([8.0, 3.0], [7.0, 5.0], ["a", "b"])
    (table,) = drawn.tables
    assert [row[:3] for row in table.rows] == [("b", "Cu", 3.0), ("a", "Cu", 0.5)]


def test_a_table_without_spectra_goes_by_the_heat_capacity():
    assert PHONONS.headline_of({"spectrum_w1": None, "cv_error": 1.0}).key == "cv_error"
    assert PHONONS.headline_of({"spectrum_w1": 1.0, "cv_error": 1.0}).key == "spectrum_w1"


# Data sets


def pymatgen_like(crystal):
    sites = [
        {"species": [{"element": symbol, "occu": 1}], "abc": list(place)}
        for symbol, place in zip(crystal.symbols, crystal.positions, strict=True)
    ]
    return {"lattice": {"matrix": [list(row) for row in crystal.cell]}, "sites": sites}


@pytest.fixture
def heats(tmp_path):
    """Two copper crystals, one of them of four atoms, whose file has heat capacities of cells."""
    board = init_board(tmp_path / "board")
    folder = board.datasets_dir / "heats"
    folder.mkdir()
    cells = {"one": COPPER, "four": to_crystal(bulk("Cu", "fcc", a=3.59, cubic=True))}
    rows = [
        {"mp_id": name, "structure": pymatgen_like(cell), "heat_capacity": 23.0 * len(cell.symbols)}
        for name, cell in cells.items()
    ]
    (folder / "heats.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode(), mtime=0))
    text = (Path(__file__).parents[2] / "datasets" / "mp-binaries-heat" / "dataset.toml").read_text()
    head = text.partition("[[files]]")[0].replace("mp-binaries-heat", "heats").replace("1170", "2")
    lines = [line for line in head.splitlines() if not line.startswith("sha256")]
    digest = hashlib.sha256((folder / "heats.json.gz").read_bytes()).hexdigest()
    file = f'[[files]]\nname = "heats.json.gz"\nsha256 = "{digest}"\nlicence = "MIT"\n'
    (folder / "dataset.toml").write_text("\n".join(lines) + "\n" + file)
    return board


def test_heat_capacities_of_cells_become_those_of_atoms_and_a_run_answers_them(heats):
    dataset = load(heats, "heats", verify=False)
    assert [s.target["heat_capacity"] for s in dataset.samples] == [23.0, 23.0]
    run = predict(heats, "emt", "phonons", "heats", workers=0)
    assert run.counts["ok"] == 2
    truth = truth_of(dataset)
    answers = align(SCORING.read(run.out), truth, SCORING)
    assert answers.numbers("heat_capacity") == pytest.approx([23.4, 23.4], abs=0.1)
    assert answers.array("spectrum")[0] == pytest.approx(answers.array("spectrum")[1], abs=0.1)  # other supercells


def test_a_damaged_file_is_named(heats):
    (heats.datasets_dir / "heats" / "heats.json.gz").write_bytes(b"no gzip")
    path = heats.datasets_dir / "heats" / "heats.json.gz"
    with pytest.raises(DataError, match=r"heats\.json\.gz: is not the file that its card describes"):
        mp_binaries_heat(heats.dataset("heats"), {"heats.json.gz": path})


@pytest.mark.mirror
@pytest.mark.parametrize("key", ["kappa-103", "mp-binaries-heat", "matbench-phonons"])
def test_data_sets_are_what_their_cards_say(key):
    dataset = load(Board(Path(__file__).parents[2]), key)
    capacities = [s.target["heat_capacity"] for s in dataset.samples if "heat_capacity" in s.target]
    assert all(0 < value < 3 * GAS for value in capacities)
    peaks = [s.target["last_peak"] for s in dataset.samples if "last_peak" in s.target]
    assert all(1.5 < value < 120 for value in peaks)


@pytest.mark.mirror
def test_the_reference_of_kappa_103_has_the_heat_capacities_of_its_own_file():
    board = Board(Path(__file__).parents[2])
    card = board.dataset("kappa-103")
    content = json.loads(gzip.decompress(dataset_files(board, card)[card.files[1].name].read_bytes()))
    ours = {s.material_id: s.target["heat_capacity"] for s in load(board, "kappa-103").samples}
    for place, name in content["mp_id"].items():
        weights = np.array(content["weights"][place])
        of_modes = np.array(content["heat_capacity"][place])[0]  # eV/K
        theirs = 3 * (of_modes * weights[:, None]).sum() / weights.sum() / of_modes.shape[1]
        assert ours[name] == pytest.approx(theirs / BOLTZMANN * GAS, rel=1e-4)


@pytest.mark.slow
@pytest.mark.mirror
def test_spectra_of_chgnet_are_as_far_off_as_published():
    """Per-crystal distances of the published run of CHGNet 0.3.0 (Matbench Discovery), THz."""
    from matdisc.models.potentials.chgnet import load as chgnet

    published = {"mp-19717": 0.7479, "mp-23251": 0.2901, "mp-13033": 1.1374, "mp-252": 1.4825, "mp-1008559": 6.4075}
    samples = {s.material_id: s for s in load(Board(Path(__file__).parents[2]), "kappa-103").samples}
    calculator = chgnet()
    for name, distance in published.items():
        found = asked(samples[name], calculator, PROTOCOLS["relax-fast"])
        ours = wasserstein(samples[name].arrays["spectrum"], found.arrays["spectrum"])
        assert ours == pytest.approx(distance, abs=0.02), name
