"""The task static: hand-counted errors, laws of forces and stress, and what a file may get wrong."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from matdisc.board import Board, init_board, shipped_board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.truth import truth_of
from matdisc.errors import SubmissionError
from matdisc.formats.atoms import to_atoms, to_crystal
from matdisc.metrics.static import composition_matrix, cosines, without_offsets
from matdisc.physics.drivers import run_single
from matdisc.predictions import write
from matdisc.run.predict import predict
from matdisc.schema import Crystal, Dataset, Prediction, Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.static.frames import frames, trivial
from matdisc.tasks.static.simulation import GAP, SAMPLED, sampled, simulate
from matdisc.tasks.static.task import STATIC
from matdisc.units import GIGAPASCALS

COLUMNS = [column.name for column in STATIC.columns]
SCORING, FEW = STATIC.scoring, Bootstrap(50, 0)
CELL = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
PLACES = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.0, 0.0))


def card(**more):
    content = {
        "key": "frames", "title": "frames", "summary": "frames", "licence": "MIT", "citation": ["none"],
        "level_of_theory": "none", "tasks": ["static"], "builder": "none:none", "n_samples": 1, "columns": {},
        "split": {"kind": "folds", "by": "chemical system"},
        "files": [{"name": "labels.csv", "sha256": "0" * 64, "licence": "MIT"}],
    }  # fmt: skip
    return DatasetCard.model_validate(content | more)


def label(name, symbols, energy, forces, stress=None, group=None, flags=()):
    arrays = {"forces": tuple(np.ravel(forces).tolist())} if forces is not None else {}
    arrays |= {} if stress is None else {"stress": tuple(stress)}
    crystal = Crystal(tuple(symbols), PLACES[: len(symbols)], CELL)
    return Sample(name, {"crystal": crystal}, {"energy": energy}, group or name, flags=flags, arrays=arrays)


def answer(name, energy, forces=None, stress=None, **values):
    given = {"forces": forces, "stress": stress}
    arrays = {key: tuple(np.ravel(value).tolist()) for key, value in given.items() if value is not None}
    return Prediction(name, {"energy": energy, **values}, arrays=arrays)


def score(tmp_path, labels, answers, bootstrap=FEW, **more):
    path = tmp_path / "p.csv"
    write(path, answers, COLUMNS)
    truth = truth_of(Dataset("frames", tuple(labels)))
    return SCORING.score(card(**more), truth, align(SCORING.read(path), truth, SCORING), bootstrap)


def values(result):
    return {key: metric["value"] for key, metric in result["metrics"].items()}


TWO = (
    label("a", ["Cu"], -1.0, [[1.0, 0.0, 0.0]], [0.1] * 6),
    label("b", ["Cu", "Cu"], -4.0, [[0.0, 2.0, 0.0], [0.0, -2.0, 0.0]]),
)


def test_errors_of_two_frames_are_those_counted_by_hand(tmp_path):
    answers = (
        answer("a", -1.5, [[1.0, 1.0, 0.0]], [0.2] * 6),
        answer("b", -3.0, [[0.0, 1.0, 0.0], [0.0, -2.0, 0.0]]),
    )
    found = values(score(tmp_path, TWO, answers))
    assert found["energy_mae"] == pytest.approx(0.5)  # |-0.5| and |+0.5| eV/atom
    assert found["energy_rmse"] == pytest.approx(0.5)
    assert found["shifted_mae"] == pytest.approx(0.5)  # the fitted offset of copper is 0
    assert found["force_mae"] == pytest.approx(2 / 9)  # two of nine components are off by 1
    assert found["force_rmse"] == pytest.approx(np.sqrt(2 / 9))
    assert found["force_cosine"] == pytest.approx((np.sqrt(0.5) + 1 + 1) / 3)
    assert found["stress_mae"] == pytest.approx(0.1 * GIGAPASCALS)
    assert found["coverage"] == 1.0
    assert found["force_gap"] is None


def test_a_frame_counts_by_its_atoms_in_force_errors_and_once_in_energies(tmp_path):
    answers = (answer("a", -2.0, [[1.0, 0.0, 0.0]]), answer("b", -4.0, [[0.0, 2.0, 0.0], [0.0, -2.0, 0.0]]))
    found = values(score(tmp_path, TWO, answers))
    assert found["energy_mae"] == pytest.approx(0.5)
    assert found["force_mae"] == 0.0


def test_missing_answers_count_as_no_force_and_the_energy_of_the_composition(tmp_path):
    right = answer("a", -1.0, [[1.0, 0.0, 0.0]], [0.1] * 6)
    result = score(tmp_path, TWO, (right,))
    found = values(result)
    assert found["force_mae"] == pytest.approx(4 / 9)
    assert found["force_cosine"] == pytest.approx(1 / 3)
    assert found["shifted_mae"] == pytest.approx(0.25)  # labels -1 and -2 eV/atom: the composition is off by 0.5
    assert found["energy_mae"] == 0.0
    assert found["coverage"] == 0.5
    assert result["bounds"]["complete_case"] == {"force_mae": 0.0, "shifted_mae": 0.0}
    assert result["coverage"]["absent"] == 1


def test_forces_that_some_rows_leave_out_count_as_zero_and_a_file_without_any_has_no_force_error(tmp_path):
    answers = (answer("a", -1.0, [[1.0, 0.0, 0.0]]), answer("b", -4.0))
    assert values(score(tmp_path, TWO, answers))["force_mae"] == pytest.approx(4 / 9)
    assert values(score(tmp_path, TWO, (answer("a", -1.0), answer("b", -4.0))))["force_mae"] is None


def test_frames_without_reference_forces_take_no_part_in_force_errors(tmp_path):
    labels = (TWO[0], label("b", ["Cu"], -2.0, None))
    result = score(tmp_path, labels, (answer("a", -1.0, [[1.0, 0.0, 0.0]]), answer("b", -2.0, [[9.0, 9.0, 9.0]])))
    assert values(result)["force_mae"] == 0.0
    assert result["n_defined"]["force_mae"] == 1


def test_a_constant_for_each_element_changes_raw_energies_and_not_those_with_offsets(tmp_path):
    labels = [label(n, s, e, [[0.0] * 3] * len(s)) for n, s, e in (
        ("a", ["Cu"], -3.0), ("b", ["Au", "Cu"], -7.5), ("c", ["Au"], -4.0), ("d", ["Au", "Au", "Cu"], -11.0)
    )]  # fmt: skip
    guesses = {"a": -3.1, "b": -7.2, "c": -4.0, "d": -11.2}
    plain = [answer(name, guess) for name, guess in guesses.items()]
    moved = [answer(s.material_id, guesses[s.material_id] + sum({"Cu": 5.0, "Au": -2.0}[x] for x in s.crystal.symbols))
             for s in labels]  # fmt: skip
    one, other = (values(score(tmp_path, labels, answers)) for answers in (plain, moved))
    assert one["shifted_mae"] == pytest.approx(other["shifted_mae"])
    assert abs(one["energy_mae"] - other["energy_mae"]) > 1


def test_offsets_are_fitted_on_the_part_that_the_card_names(tmp_path):
    labels = [label(n, ["Cu"], 0.0, None, flags=("fit",) if n < "c" else ()) for n in "abcd"]
    answers = [answer("a", 1.0), answer("b", 1.0), answer("c", 1.0), answer("d", 3.0)]
    subsets = [{"name": "train", "flag": "fit", "keep": "with"}, {"name": "test", "flag": "fit", "keep": "without"}]
    named = {"subsets": subsets, "headline_subset": "test"}
    found = values(score(tmp_path, labels, answers, **named, offsets_subset="train"))
    assert found["shifted_mae"] == pytest.approx(1.0)  # offset 1: errors 0 and 2
    assert values(score(tmp_path, labels, answers, **named))["shifted_mae"] == pytest.approx(1.0)  # offset 2: 1 and 1
    assert values(score(tmp_path, labels, answers))["shifted_mae"] == pytest.approx(0.75)  # offset 1.5
    with pytest.raises(ValueError, match="'offsets_subset' is 'other'"):
        card(subsets=subsets, offsets_subset="other")


def test_an_element_that_the_fit_has_not_seen_has_no_energy_with_offsets():
    _, counts = composition_matrix([["Cu"], ["Cu"], ["Au"]])
    found = without_offsets([1.0, 3.0, 7.0], counts, np.array([True, True, False]))
    assert found[:2] == pytest.approx([-1.0, 1.0])
    assert np.isnan(found[2])


def test_elements_in_one_ratio_only_are_fitted_together():
    _, counts = composition_matrix([["Na", "Cl"], ["Na", "Cl"]])
    assert without_offsets([-2.0, -4.0], counts, np.ones(2, bool)) == pytest.approx([0.5, -0.5])


def test_a_force_that_is_as_good_as_zero_has_no_direction():
    found = cosines(
        np.array([[1.0, 0, 0], [0, 0, 0.04], [0, 2.0, 0]]), np.array([[-3.0, 0, 0], [1.0, 0, 0], [0, 0, 0]])
    )
    assert found[0] == -1.0
    assert np.isnan(found[1])
    assert found[2] == 0.0


def test_the_order_of_rows_changes_nothing(tmp_path):
    answers = (answer("a", -1.5, [[1.0, 1.0, 0.0]]), answer("b", -3.0, [[0.0, 1.0, 0.0], [0.0, -2.0, 0.0]]))
    one = score(tmp_path, TWO, answers)
    other = score(tmp_path, TWO, answers[::-1])
    assert one == other


def test_the_trivial_answer_knows_the_composition_alone(tmp_path):
    truth = truth_of(Dataset("frames", TWO))
    found = frames(card(), truth, trivial(card(), truth))
    assert not found.pred.any()
    baseline = score(tmp_path, TWO, (answer("a", 0.0),))["baseline"]
    assert baseline["force_mae"] == pytest.approx(5 / 9)
    assert baseline["shifted_mae"] == pytest.approx(0.5)
    assert baseline["stress_mae"] == pytest.approx(0.1 * GIGAPASCALS)


def test_intervals_resample_groups_and_need_two_of_them(tmp_path):
    labels = [label(n, ["Cu"], 0.0, [[0.0] * 3], group="one" if n < "c" else "two") for n in "abcd"]
    answers = [answer(n, 0.0, [[float(i >= 2)] * 3]) for i, n in enumerate("abcd")]
    found = score(tmp_path, labels, answers, Bootstrap(500, 0))["metrics"]["force_mae"]
    assert (found["low"], found["value"], found["high"]) == (0.0, 0.5, 1.0)
    alone = score(tmp_path, labels[:2], answers[:2])["metrics"]["force_mae"]
    assert alone["low"] is None


# what a potential is asked


def evaluated(atoms, calculator=None, *, gap=False, name="x"):
    inputs = {"crystal": to_crystal(atoms)} | ({GAP: True} if gap else {})
    return run_single(simulate(Sample(name, inputs, {}, name), None, None, 0.0), calculator or EMT())


def rattled(seed=0, cell=None):
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.symbols[0] = "Au"
    if cell is not None:
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + cell), scale_atoms=True)
    atoms.rattle(0.1, seed=seed)
    return atoms


def test_forces_are_minus_the_slope_of_the_energy():
    atoms, step = rattled(), 1e-4
    forces = np.reshape(evaluated(atoms).arrays["forces"], (-1, 3))
    for atom, axis in ((0, 0), (3, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(evaluated(moved).values["energy"])
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-4)


@pytest.mark.parametrize(("place", "i", "j"), [(0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 1, 2), (4, 0, 2), (5, 0, 1)])
def test_stress_is_the_slope_of_the_energy_against_strain_in_ases_sign_and_order(place, i, j):
    atoms, step = rattled(cell=np.diag([0.02, -0.01, 0.03])), 1e-4
    energies = []
    for sign in (1, -1):
        strain = np.zeros((3, 3))
        strain[i, j] += sign * step / 2
        strain[j, i] += sign * step / 2
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        energies.append(evaluated(strained).values["energy"])
    slope = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
    assert evaluated(atoms).arrays["stress"][place] == pytest.approx(slope, abs=2e-5)


def test_a_cell_that_is_too_large_has_a_positive_stress():
    large = bulk("Cu", cubic=True)
    large.set_cell(1.03 * large.cell.array, scale_atoms=True)
    assert min(evaluated(large).arrays["stress"][:3]) > 0.01


class Twisted(EMT):
    """EMT with a force about the z axis, which no energy has."""

    def calculate(self, *args, **more):
        super().calculate(*args, **more)
        x, y, _ = (self.atoms.positions - self.atoms.positions.mean(axis=0)).T
        self.results["forces"] = self.results["forces"] + 0.3 * np.stack([-y, x, 0 * x], axis=1)


def test_forces_that_no_energy_has_are_named(tmp_path):
    gaps = {
        calculator: [abs(evaluated(rattled(), calculator(), gap=True, name=name).values[GAP]) for name in "abcdefgh"]
        for calculator in (EMT, Twisted)
    }
    assert max(gaps[EMT]) < 3e-3
    assert np.median(gaps[Twisted]) > 0.05
    answers = (answer("a", -1.0, [[1.0, 0.0, 0.0]], force_gap=-0.03), answer("b", -4.0, force_gap=0.001))
    result = score(tmp_path, TWO, answers)
    assert values(result)["not_conserving"] == 0.5
    assert values(result)["force_gap"] == pytest.approx((0.03 + 0.001) / 2)
    truth = truth_of(Dataset("frames", TWO))
    drawn = SCORING.artifacts(card(), truth, align(SCORING.read(tmp_path / "p.csv"), truth, SCORING), None, FEW)
    verdict = next(table for table in drawn.tables if table.key == "conserving").rows[0]
    assert verdict == ("Forces are the gradient of the energy", "no: 1 of 2 frames are beyond 0.01 eV/Å")


def test_the_same_twenty_frames_of_the_headline_are_held_to_their_energy():
    samples = tuple(label(f"s{i}", ["Cu"], 0.0, None, flags=("test",) if i % 2 else ()) for i in range(60))
    test = card(subsets=[{"name": "test", "flag": "test", "keep": "with"}], headline_subset="test")
    marked = {s.material_id for s in sampled(test, Dataset("frames", samples)).samples if GAP in s.inputs}
    again = {s.material_id for s in sampled(test, Dataset("frames", samples[::-1])).samples if GAP in s.inputs}
    assert len(marked) == SAMPLED
    assert marked == again
    assert all(int(name[1:]) % 2 for name in marked)


# files that say something else than they mean


@pytest.fixture(scope="module")
def emt_frames():
    board = Board(shipped_board())
    dataset = load(board, "emt-frames")
    return SimpleNamespace(card=board.dataset("emt-frames"), samples=dataset.samples, truth=truth_of(dataset))


def exact(sample, **changed):
    given = {name: np.array(cell) for name, cell in sample.arrays.items()} | changed
    return answer(sample.material_id, changed.pop("energy", sample.target["energy"]), given["forces"], given["stress"])


def read(tmp_path, emt_frames, change):
    write(tmp_path / "p.csv.gz", [change(sample) for sample in emt_frames.samples], COLUMNS)
    return align(SCORING.read(tmp_path / "p.csv.gz"), emt_frames.truth, SCORING)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f, s: {"forces": -f}, "'forces' looks like forces of the wrong sign"),
        (lambda f, s: {"forces": f / 51.422}, "'forces' looks like forces in Hartree/bohr; multiply by 51.422"),
        (lambda f, s: {"stress": -s}, "'stress' looks like stresses of the wrong sign"),
        (lambda f, s: {"stress": GIGAPASCALS * s}, "'stress' looks like stresses in GPa; divide by 160.218"),
        (lambda f, s: {"stress": -10 * GIGAPASCALS * s}, "in kbar of the wrong sign, as VASP prints them"),
        (lambda f, s: {"stress": s[[0, 1, 2, 5, 3, 4]]}, "'stress' looks like in the order xx yy zz xy yz xz"),
        (lambda f, s: {"stress": s[[0, 1, 2, 5, 4, 3]]}, "'stress' looks like in the order xx yy zz xy xz yz"),
    ],
)
def test_another_unit_sign_or_order_is_refused_with_what_it_seems_to_be(tmp_path, emt_frames, change, said):
    with pytest.raises(SubmissionError, match=r"p\.csv\.gz: column .*") as refused:
        read(tmp_path, emt_frames, lambda s: exact(s, **change(*(np.array(s.arrays[n]) for n in ("forces", "stress")))))
    assert said in str(refused.value)


def test_energies_per_atom_are_refused_by_their_name_and_by_their_numbers(tmp_path, emt_frames):
    def per_atom(s):
        return exact(s, energy=s.target["energy"] / len(s.crystal.symbols))

    with pytest.raises(SubmissionError, match="energies per atom; multiply by the number of atoms"):
        read(tmp_path, emt_frames, per_atom)
    path = tmp_path / "p.csv"
    path.write_text("material_id,energy_per_atom\na,-1\n")
    with pytest.raises(SubmissionError, match="'energy_per_atom' is an energy per atom; give 'energy', eV per cell"):
        SCORING.read(path)


def test_a_bad_model_is_left_alone(tmp_path, emt_frames):
    rng = np.random.default_rng(0)
    found = read(tmp_path, emt_frames, lambda s: exact(s, forces=rng.normal(size=len(s.arrays["forces"]))))
    assert found.coverage["answered"] == 240


@pytest.mark.parametrize("factor", [0.2, 2.0, 5.0, 8.0])
def test_a_model_whose_forces_are_too_soft_or_too_stiff_is_left_alone(tmp_path, emt_frames, factor):
    found = read(tmp_path, emt_frames, lambda s: exact(s, forces=factor * np.array(s.arrays["forces"])))
    assert found.coverage["answered"] == 240


def test_forces_without_an_energy_are_noted(tmp_path, emt_frames):
    path = tmp_path / "p.csv"
    first = emt_frames.samples[0]
    rows = [
        f'{first.material_id},,"{json.dumps(list(first.arrays["forces"]))}"',
        f"{emt_frames.samples[1].material_id},1,",
    ]
    path.write_text("\n".join(["material_id,energy,forces", *rows]) + "\n")
    found = align(SCORING.read(path), emt_frames.truth, SCORING)
    assert found.notes == ("1 rows give forces or stress and no energy; they count as no answer",)


# the data set emt-frames


def test_labels_of_emt_frames_are_those_of_emt(emt_frames):
    for sample in emt_frames.samples[::24]:
        found = evaluated(to_atoms(sample.crystal))
        assert found.values["energy"] == pytest.approx(sample.target["energy"], abs=1e-6)
        assert np.abs(np.subtract(found.arrays["forces"], sample.arrays["forces"])).max() < 1e-6
        assert np.abs(np.subtract(found.arrays["stress"], sample.arrays["stress"])).max() < 1e-8


def test_the_potential_that_made_the_labels_has_no_error(tmp_path):
    board = init_board(tmp_path / "board")
    run = predict(board, "emt", "static", "emt-frames", workers=0, limit=12)
    assert run.counts == {"ok": 12}
    truth = truth_of(load(board, "emt-frames"))
    answers = align(SCORING.read(run.out), truth, SCORING)
    first = np.arange(240) < 12
    found = values(SCORING.part(board.dataset("emt-frames"), truth, answers, first, FEW))
    assert found["coverage"] == 1.0
    for key in ("force_mae", "energy_mae", "stress_mae"):
        assert found[key] == pytest.approx(0.0, abs=1e-7)


def test_whoever_repeats_the_labels_has_no_error(tmp_path, emt_frames):
    answers = read(tmp_path, emt_frames, exact)
    found = values(SCORING.score(emt_frames.card, emt_frames.truth, answers, FEW))
    for key in ("force_mae", "force_rmse", "shifted_mae", "energy_mae", "stress_mae"):
        assert found[key] == pytest.approx(0.0, abs=1e-7)
    assert found["force_cosine"] == pytest.approx(1.0)


def test_tables_and_figures_count_every_atom_and_frame(tmp_path, emt_frames):
    answers = read(tmp_path, emt_frames, exact)
    drawn = SCORING.artifacts(emt_frames.card, emt_frames.truth, answers, None, FEW)
    tables = {table.key: table for table in drawn.tables}
    n_atoms = sum(len(s.crystal.symbols) for s in emt_frames.samples)
    assert sum(row[2] for row in tables["slice-element"].rows) == n_atoms
    assert sum(row[2] for row in tables["slice-force"].rows) == n_atoms
    assert sum(row[1] for row in tables["slice-system"].rows) == 240
    assert {figure.key for figure in drawn.figures} == {"parity-energy", "parity-forces"}
    assert "offsets fitted on: all frames" in drawn.figures[0].note


def test_twenty_thousand_frames_are_scored_in_seconds(tmp_path):
    import time

    n = 20_000
    rng = np.random.default_rng(0)
    forces = rng.normal(size=(n, 9))
    labels = tuple(label(f"f{i}", ["Cu", "Au", "Cu"], 0.0, forces[i], group=f"g{i % 100}") for i in range(n))
    truth = truth_of(Dataset("frames", labels))
    answers = trivial(card(), truth)
    started = time.process_time()
    SCORING.score(card(), truth, answers, Bootstrap(1000, 0))
    assert time.process_time() - started < 5
