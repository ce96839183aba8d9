"""The task thermal-conductivity: counted scores, laws of modes, bad inputs, phono3py in an environment of its own."""

import gzip
import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write as write_atoms

from matdisc.board import Board, init_board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError, ExtraError, RunError
from matdisc.formats.atoms import to_crystal
from matdisc.physics import conductivity
from matdisc.physics.conductivity import MODES, flat_modes, imaginary, mode_conductivities, with_coherence
from matdisc.physics.drivers import run_single
from matdisc.physics.phonons import SupercellTooLarge
from matdisc.predictions import write
from matdisc.protocols import PROTOCOLS
from matdisc.run.environments.layers import ensure
from matdisc.run.predict import predict, provenance_path
from matdisc.schema import Dataset, Prediction, Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.thermal_conductivity import simulation
from matdisc.tasks.thermal_conductivity.task import THERMAL_CONDUCTIVITY
from matdisc.tasks.thermal_conductivity.terms import mode_error, relative_difference

ROOT = Path(__file__).parents[2]
SCORING, FEW = THERMAL_CONDUCTIVITY.scoring, Bootstrap(50, 0)
COLUMNS = [column.name for column in THERMAL_CONDUCTIVITY.columns]
COPPER = to_crystal(bulk("Cu", "fcc", a=3.59, cubic=True))
ASKED = {"supercell": [2, 2, 2], "supercell_third": [2, 2, 2], "mesh": [5, 5, 5], "displacement": 0.03}


# Modes


def test_one_mode_below_zero_is_imaginary_but_for_the_noise_of_acoustic_modes_at_gamma():
    still = np.array([[-0.005, 0.0, 0.001, 4.0], [1.0, 2.0, 3.0, 4.0]])
    assert not imaginary(still)
    for place, value in (((0, 0), -0.02), ((0, 3), -0.001), ((1, 0), -0.001)):
        moved = still.copy()
        moved[place] = value
        assert imaginary(moved)


def test_coherences_are_shared_by_heat_capacity_and_their_sum_stays():
    heat = np.array([[1.0, 3.0, 0.0, 0.0]])
    coherence = np.zeros((1, 4, 4, 6))
    coherence[0, 0, 1] = coherence[0, 1, 0] = 2.0
    found = with_coherence(np.ones((1, 4, 6)), coherence, heat)
    assert found[0, :, 0] == pytest.approx([1 + 2 * 2 * 3 / 4, 1 + 2 * 2 * 1 / 4, 1.0, 1.0])
    assert found.sum() == pytest.approx(6 * 4 + coherence.sum())


def test_rows_of_modes_are_filled_with_zeros_and_too_many_modes_are_refused():
    row = flat_modes(np.arange(6.0).reshape(2, 3))
    assert (len(row), row[:7]) == (MODES, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0))
    with pytest.raises(ValueError, match="4,000 modes; an answer holds 3,840"):
        flat_modes(np.zeros((1000, 4)))


def test_a_supercell_beyond_memory_fails_by_name():
    with pytest.raises(SupercellTooLarge, match="a supercell has 1,372 atoms"):
        run_single(modes_of(COPPER, second=[7, 7, 7]), EMT())


@pytest.mark.parametrize("found", [None, "4.8.2"])
def test_another_phono3py_ends_a_run_and_says_what_to_do(monkeypatch, found):
    def version(name):
        if found is None:
            raise conductivity.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(conductivity, "version", version)
    with pytest.raises(
        ExtraError, match=rf"and {found or 'nothing'} is found; use --env isolated, or run: pip install"
    ):
        run_single(modes_of(COPPER), EMT())


def modes_of(crystal, *, second=(2, 2, 2)):
    return mode_conductivities(
        crystal, second=second, third=[2, 2, 2], mesh=[5, 5, 5], distance=0.03, temperature=300.0
    )  # fmt: skip


# Answers


def asked(monkeypatch, modes, crystal=COPPER, protocol="single-point"):
    def given(*arguments, **settings):
        yield from ()
        return modes

    monkeypatch.setattr(simulation, "mode_conductivities", given)
    sample = Sample("a", {"crystal": crystal, **ASKED}, {}, "g")
    return run_single(simulation.simulate(sample, PROTOCOLS[protocol], lambda symbol: iter(()), 0.0), EMT())


def test_an_answer_is_the_sum_of_its_modes(monkeypatch):
    found = asked(monkeypatch, np.array([[1.0, 2.0, 0.5]]), protocol="relax")
    assert found.values == {"kappa": 3.5, "imaginary": 0.0, "symmetry_changed": 0.0}
    assert sum(found.arrays["mode_conductivity"]) == 3.5
    assert found.converged
    assert 0 < found.steps <= simulation.MAX_STEPS


def test_a_crystal_with_an_imaginary_mode_conducts_nothing_and_says_so(monkeypatch):
    found = asked(monkeypatch, None)
    assert found.values == {"kappa": 0.0, "imaginary": 1.0, "symmetry_changed": 0.0}
    assert not any(found.arrays["mode_conductivity"])


def test_a_crystal_that_changes_its_space_group_conducts_nothing_and_is_not_called_imaginary(monkeypatch):
    groups = iter((simulation.operations(COPPER), simulation.operations(to_crystal(bulk("Cu", "hcp", a=2.5)))))
    monkeypatch.setattr(simulation, "operations", lambda crystal: next(groups))
    found = asked(monkeypatch, np.ones((1, 3)))
    assert found.values == {"kappa": 0.0, "imaginary": 0.0, "symmetry_changed": 1.0}


# Scores


def card(**more):
    content = {
        "key": "heat", "title": "heat", "summary": "heat", "licence": "MIT", "citation": ["none"],
        "level_of_theory": "none", "tasks": ["thermal-conductivity"], "builder": "none:none", "n_samples": 1,
        "columns": {}, "split": {"kind": "folds", "by": "chemical system"},
        "files": [{"name": "labels.csv", "sha256": "0" * 64, "licence": "MIT"}],
    }  # fmt: skip
    return DatasetCard.model_validate(content | more)


def label(name, *modes):
    row = flat_modes(np.array(modes))
    return Sample(name, {"crystal": COPPER, "prototype": "p"}, {"conductivity": sum(row)}, name,
                  arrays={"mode_conductivity": row})  # fmt: skip


def answer(name, *modes, **values):
    row = flat_modes(np.array(modes))
    return Prediction(name, {"kappa": sum(row), "imaginary": 0.0, "symmetry_changed": 0.0, **values},
                      arrays={"mode_conductivity": row} if modes else {})  # fmt: skip


TWO = (label("a", 4.0, 0.0, 4.0), label("b", 1.0, 1.0))


def scored(tmp_path, *answers):
    path = tmp_path / "p.csv"
    write(path, answers, COLUMNS)
    truth = truth_of(Dataset("heat", TWO))
    aligned = align(SCORING.read(path), truth, SCORING)
    result = SCORING.score(card(), truth, aligned, FEW)
    drawn = SCORING.artifacts(card(), truth, aligned, None, FEW)
    return {key: metric["value"] for key, metric in result["metrics"].items()}, result, drawn


def test_errors_of_two_crystals_are_those_counted_by_hand(tmp_path):
    found, _, _ = scored(tmp_path, answer("a", 2.0, 1.0, 1.0), answer("b", 2.0, 1.0))
    assert found["srme"] == pytest.approx((2 * 6 / 12 + 2 * 1 / 5) / 2)
    assert found["sre"] == pytest.approx((2 * 4 / 12 + 2 * 1 / 5) / 2)
    assert found["srd"] == pytest.approx((-2 * 4 / 12 + 2 * 1 / 5) / 2)
    assert found["failure_rate"] == found["imaginary"] == found["symmetry_changed"] == 0.0
    assert found["coverage"] == 1.0


def test_a_perfect_answer_has_no_error(tmp_path):
    found, _, _ = scored(tmp_path, answer("a", 4.0, 0.0, 4.0), answer("b", 1.0, 1.0))
    assert found["srme"] == found["sre"] == found["srd"] == 0.0


def test_errors_of_modes_cancel_in_the_conductivity_and_not_in_srme(tmp_path):
    found, _, _ = scored(tmp_path, answer("a", 0.0, 8.0, 0.0), answer("b", 0.0, 2.0))
    assert found["sre"] == 0.0
    assert found["srme"] == pytest.approx((2.0 + 1.0) / 2)


def test_imaginary_and_missing_crystals_have_the_worst_error_and_count_as_failures(tmp_path):
    found, _, _ = scored(tmp_path, answer("a", 0.0, imaginary=1.0))
    assert (found["srme"], found["sre"], found["srd"], found["failure_rate"]) == (2.0, 2.0, -2.0, 1.0)
    assert (found["imaginary"], found["coverage"]) == (1.0, 0.5)


def test_a_stated_conductivity_does_not_hide_errors_of_modes(tmp_path):
    honest, _, _ = scored(tmp_path, answer("a", 2.0, 1.0, 1.0), answer("b", 2.0, 1.0))
    boasting, _, _ = scored(tmp_path, answer("a", 2.0, 1.0, 1.0, kappa=9e5), answer("b", 2.0, 1.0, kappa=9e5))
    assert boasting["srme"] == honest["srme"]


def test_no_modes_whatever_give_an_error_beyond_2_or_below_that_of_the_sum():
    true = np.array([4.0, 0.0, 4.0])
    for pred in np.random.default_rng(0).normal(3, 4, (200, 3)):
        found = mode_error(true, pred)
        assert 0 <= found <= 2
        if pred.min() >= 0:
            sums = relative_difference(np.array([8.0]), np.array([pred.sum()]))
            assert found >= abs(sums[0]) - 1e-12


def test_a_file_without_modes_has_no_srme(tmp_path):
    found, _, _ = scored(tmp_path, answer("a", kappa=8.0), answer("b", kappa=2.0))
    assert found["srme"] is None
    assert found["sre"] == 0.0


def test_the_baseline_is_the_geometric_mean_with_the_mean_shares_of_a_prototype(tmp_path):
    _, result, _ = scored(tmp_path, answer("a", 4.0))
    assert result["baseline"]["srd"] == pytest.approx((2 * (4 - 8) / 12 + 2 * (4 - 2) / 6) / 2)
    first = 2 * (2 + 1 + 3) / 12  # shares 1/2, 1/4, 1/4 of 4 against 4, 0, 4
    second = 2 * (1 + 0 + 1) / 6
    assert result["baseline"]["srme"] == pytest.approx((first + second) / 2)


def test_figures_leave_out_what_does_not_conduct_and_the_table_says_why(tmp_path):
    _, _, drawn = scored(tmp_path, answer("a", 0.0, imaginary=1.0), answer("b", 2.0, 1.0))
    assert list(drawn.figures[0].lines[0].labels) == ["b"]
    assert [(row[0], row[2], row[-1]) for row in drawn.tables[0].rows] == [("a", 2.0, "imaginary"), ("b", 0.4, "")]


# Data sets and runs


@pytest.fixture
def coppers(tmp_path):
    """A board with one data set of one copper crystal, in files like those of kappa-103."""
    board = init_board(tmp_path / "board")
    folder = board.datasets_dir / "coppers"
    folder.mkdir()
    atoms = bulk("Cu", "fcc", a=3.59, cubic=True)
    twice = np.diag([2, 2, 2])
    atoms.info = {"mp_id": "cu", "q_mesh": [5, 5, 5], "symm.no": 225, "fc2_supercell": twice, "fc3_supercell": twice}
    write_atoms(folder / "structures.extxyz", atoms)
    weights, modes = [1, 24, 100], np.full((3, 3), 25.0)
    content = {
        "mp_id": {"0": "cu"}, "weights": {"0": weights}, "frequencies": {"0": np.full((3, 3), 5.0).tolist()},
        "mode_kappa_TOT_ave": {"0": [modes.tolist()]}, "kappa_TOT_ave": {"0": [modes.sum() / 125]},
    }  # fmt: skip
    (folder / "modes.json.gz").write_bytes(gzip.compress(json.dumps(content).encode(), mtime=0))
    text = (ROOT / "datasets" / "kappa-103-conductivity" / "dataset.toml").read_text()
    head = text.partition("[[cited]]")[0].replace('"kappa-103-conductivity"', '"coppers"').replace("= 103", "= 1")
    lines = [line for line in head.splitlines() if not line.startswith("sha256")]
    for name in ("structures.extxyz", "modes.json.gz"):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        lines.append(f'[[files]]\nname = "{name}"\nsha256 = "{digest}"\nlicence = "MIT"')
    (folder / "dataset.toml").write_text("\n".join(lines) + "\n")
    return board


def test_labels_are_shares_of_the_conductivity_and_no_input_of_a_model(coppers):
    (found,) = load(coppers, "coppers", verify=False).samples
    assert found.target == {"conductivity": pytest.approx(1.8)}
    assert sum(found.arrays["mode_conductivity"]) == pytest.approx(1.8)
    shown = found.without_target()
    assert not shown.arrays
    assert {key: shown.inputs[key] for key in ASKED} == ASKED


def test_modes_that_do_not_add_up_are_refused(coppers):
    path = coppers.datasets_dir / "coppers" / "modes.json.gz"
    content = json.loads(gzip.decompress(path.read_bytes()))
    content["kappa_TOT_ave"]["0"] = [3.0]
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    paths = {file.name: path.with_name(file.name) for file in coppers.dataset("coppers").files}
    from matdisc.datasets.phonons import kappa_103_conductivity

    with pytest.raises(DataError, match="the modes of cu do not add up to its conductivity"):
        kappa_103_conductivity(coppers.dataset("coppers"), paths)


def require(board, requirement):
    path = board.datasets_dir / "coppers" / "dataset.toml"
    path.write_text(path.read_text().replace("phono3py==3.30.0", requirement))
    return board


def test_a_run_without_the_packages_of_a_dataset_says_what_to_do(coppers):
    with pytest.raises(ExtraError) as error:
        predict(require(coppers, "nowhere-package>=2"), "emt", "thermal-conductivity", "coppers", workers=0)
    assert str(error.value) == (
        "dataset 'coppers': nowhere-package>=2 is asked for and nothing is found; use `--env isolated`, or run: "
        "pip install 'nowhere-package>=2'"
    )


def test_a_dataset_whose_packages_are_there_is_run_as_ever(coppers, monkeypatch):
    def still(*arguments, **settings):
        yield from ()

    monkeypatch.setattr(simulation, "mode_conductivities", still)
    run = predict(require(coppers, "numpy>=1"), "emt", "thermal-conductivity", "coppers", workers=0)
    assert run.counts["ok"] == 1


@pytest.mark.mirror
def test_conductivities_of_the_reference_are_those_that_others_have_published():
    published = {"mp-19717": 0.9841, "mp-1265": 47.9311, "mp-10044": 1257.6942, "mp-1070": 10.81}
    samples = {s.material_id: s for s in load(Board(ROOT), "kappa-103-conductivity").samples}
    assert {name: round(samples[name].target["conductivity"], 4) for name in published} == published
    assert all(sum(s.arrays["mode_conductivity"]) == pytest.approx(s.target["conductivity"]) for s in samples.values())
    assert samples["mp-1070"].inputs["supercell_third"] == [3, 3, 2]


LOOP = """
import json, sys
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from phono3py import Phono3py
from phonopy.structure.atoms import PhonopyAtoms

def forces(cells):
    found = []
    for one in cells:
        atoms = Atoms(one.symbols, positions=one.positions, cell=one.cell, pbc=True, calculator=EMT())
        found.append(atoms.get_forces())
    return np.array(found)

atoms = bulk("Cu", "fcc", a=3.59, cubic=True)
cell = PhonopyAtoms(symbols=atoms.symbols, cell=atoms.cell[:], positions=atoms.positions)
solver = Phono3py(cell, supercell_matrix=[2, 2, 2], primitive_matrix="F")
solver.generate_displacements(distance=0.03)
solver.forces = forces(solver.supercells_with_displacements)
solver.produce_fc2(symmetrize_fc2=True)
solver.produce_fc3(symmetrize_fc3r=True)
solver.mesh_numbers = [5, 5, 5]
found = []
for equation in ("MS-SMM19", None):
    solver.init_phph_interaction()
    solver.run_thermal_conductivity(temperatures=[300], is_isotope=True, boundary_mfp=1e6, transport_type=equation)
    found.append(solver.thermal_conductivity.kappa[0, 0, :3].tolist())
print(json.dumps(found))
"""


def environment(tmp_path, monkeypatch):
    """Build an environment with phono3py in a cache of its own, and return its Python; skip where pip finds none."""
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    try:
        return ensure(("phono3py==3.30.0",), model="emt").python
    except RunError as err:
        pytest.skip(f"phono3py 3.30.0 cannot be installed here: {err}")


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_a_run_in_an_environment_of_its_own_conducts_as_phono3pys_plain_loop_does(coppers, tmp_path, monkeypatch):
    """The older equation leaves out what degenerate modes conduct together, and so says a little less."""
    python = environment(tmp_path, monkeypatch)
    run = predict(coppers, "emt", "thermal-conductivity", "coppers", workers=1, env="isolated", protocol="single-point")
    assert run.counts["ok"] == 1
    cost = json.loads(provenance_path(run.out).read_text())["cost"]
    assert cost["machines"][0]["packages"]["phono3py"] == "3.30.0"
    done = subprocess.run([python, "-c", LOOP], capture_output=True, text=True, check=True)
    along, older = json.loads(done.stdout.splitlines()[-1])
    assert along == pytest.approx([along[0]] * 3, rel=1e-4)  # a cubic crystal
    answers = SCORING.read(run.out)
    assert answers.values[0] == pytest.approx(along[0], rel=1e-5)
    assert 0.95 * along[0] < older[0] < along[0]
    assert len(np.flatnonzero(answers.arrays["mode_conductivity"][0])) == 27  # of ten wave vectors, Γ conducts nothing
