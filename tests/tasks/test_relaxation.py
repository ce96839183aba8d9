"""The relaxation task: perfect and trivial answers, hostile structures, and what is kept of comparisons."""

import dataclasses
import json

import numpy as np
import pytest

from matdisc import predictions
from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.prototypes import perovskite
from matdisc.datasets.relaxation_starts import perturbed
from matdisc.datasets.truth import truth_of
from matdisc.errors import SubmissionError
from matdisc.formats.crystal_json import to_json
from matdisc.metrics.structures import structure_metrics, structure_terms
from matdisc.physics.drivers import run_single
from matdisc.schema import Crystal, Dataset, Prediction, Sample
from matdisc.scoring.align import align
from matdisc.scoring.structures import unrelaxed
from matdisc.tasks.relaxation import task as module
from matdisc.tasks.relaxation.task import RELAXATION, unskewed

A_SITES = ("Ba", "Sr", "Ca", "Pb")
NAMES = tuple(f"{a}TiO3" for a in A_SITES)


def made():
    relaxed = {name: perovskite(a, "Ti", "O", 3.9) for name, a in zip(NAMES, A_SITES, strict=True)}
    samples = [
        Sample(name, {"crystal": perturbed(c, scale=1.03, rattle=0.05, seed=0, name=name)}, {}, name)
        for name, c in relaxed.items()
    ]
    return Dataset("titanates", tuple(samples), relaxed=relaxed, sha256="d" * 64)


DATASET = made()
TRUTH = truth_of(DATASET)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    module.geometry.cache_clear()
    return tmp_path / "cache" / "compared"


@pytest.fixture
def answered(tmp_path):
    """Answers of a predictions file with the given structures, each a Crystal, a text or None."""

    def answered(given, columns="", cells=""):
        path = tmp_path / "p.csv"
        texts = [to_json(g) if isinstance(g, Crystal) else g or "" for g in given]
        quoted = ['"' + text.replace('"', '""') + '"' if text else "" for text in texts]
        rows = [f"{name},{text}{cells if text else ',' * len(cells.split(',')[1:])}" for name, text in
                zip(NAMES, quoted, strict=False)]  # fmt: skip
        path.write_text("\n".join([f"material_id,structure{columns}", *rows]) + "\n")
        found = RELAXATION.scoring.read(path)
        return align(found, TRUTH, RELAXATION.scoring)

    return answered


def metrics(answers, truth=TRUTH):
    totals = structure_terms(RELAXATION.scoring.compare(truth, answers)).sum(axis=0)
    return {key: float(value) for key, value in structure_metrics(totals).items()}


def changed(crystal, **parts):
    content = json.loads(to_json(crystal))
    return json.dumps(content | parts)


RELAXED = list(DATASET.relaxed.values())


def test_the_references_themselves_score_perfectly(answered):
    found = metrics(answered(RELAXED))
    assert found["rmsd"] == 0
    assert found["matched"] == found["symmetry_match"] == found["symmetry_match_tight"] == 1
    assert found["volume_abs_error"] == found["lattice_error"] == found["n_sym_ops_mae"] == 0


def test_the_trivial_answer_has_the_errors_of_the_start():
    found = metrics(unrelaxed(TRUTH))
    assert found["volume_error"] == pytest.approx(100 * (1.03**3 - 1))
    assert found["lattice_error"] == pytest.approx(3.0)
    assert 0.02 < found["rmsd"] < 0.05
    assert found["symmetry_match"] == 0
    assert found["symmetry_decrease"] == 1
    assert np.isnan(found["converged"])


def test_missing_structures_count_an_rmsd_of_one(answered):
    answers = answered([*RELAXED[:2], None])
    assert answers.coverage["answered"] == 2
    assert (answers.coverage["failed"], answers.coverage["absent"]) == (1, 1)
    assert metrics(answers)["rmsd"] == pytest.approx(0.5)


FLAT = [[3.9, 0, 0], [0, 3.9, 0], [3.9, 3.9, 0]]
NEEDLE = [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 5932.0]]


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"cell": [[float("nan"), 0, 0], [0, 4, 0], [0, 0, 4]]}, "non_finite"),
        ({"positions": [[float("inf"), 0, 0]] * 5}, "non_finite"),
        ({"cell": FLAT}, "absurd"),
        ({"cell": np.zeros((3, 3)).tolist()}, "absurd"),
        ({"cell": NEEDLE}, "absurd"),
        ({"cell": np.diag([9.0, 9.0, 9.0]).tolist()}, "absurd"),
        ({"cell": np.diag([1e300, 1e-150, 1e-150]).tolist()}, "absurd"),
        ({"positions": [[1e12, 0, 0]] * 5}, "absurd"),
        ({"symbols": ["O", "O", "O", "Sr", "Zr"]}, "absurd"),
        ({"symbols": ["Ti"], "positions": [[0, 0, 0]]}, "absurd"),
    ],
)
def test_a_structure_that_nobody_can_mean_is_counted_and_not_used(answered, parts, kind):
    answers = answered([RELAXED[0], changed(RELAXED[1], **parts), *RELAXED[2:]])
    assert answers.coverage[kind] == 1
    assert answers.coverage["answered"] == 3
    assert metrics(answers)["rmsd"] == 0.25


def test_atoms_on_top_of_each_other_end_in_a_number(answered):
    found = metrics(answered([changed(RELAXED[0], positions=[[0, 0, 0]] * 5), *RELAXED[1:]]))
    assert found["symmetry_match"] == 0.75
    assert 0 < found["rmsd"] <= 0.25


def test_a_very_skewed_cell_of_the_same_lattice_is_no_error(answered):
    cell = np.array(RELAXED[0].cell)
    skewed = np.array([[1, 0, 0], [50, 1, 0], [0, 80, 1]]) @ cell
    positions = np.array(RELAXED[0].positions) @ cell @ np.linalg.inv(skewed)
    given = Crystal(RELAXED[0].symbols, tuple(map(tuple, positions)), tuple(map(tuple, skewed)))
    assert np.linalg.norm(unskewed(given).cell, axis=1).max() == pytest.approx(3.9)
    found = metrics(answered([given, *RELAXED[1:]]))
    assert found["rmsd"] == pytest.approx(0, abs=1e-6)
    assert found["lattice_error"] == pytest.approx(0, abs=1e-6)
    assert found["symmetry_match"] == 1


def test_a_file_about_other_materials_is_refused(answered):
    with pytest.raises(SubmissionError, match=r"4 structures hold other atoms .*'BaTiO3' has Ca1 O3 Ti1 instead of"):
        answered([RELAXED[i] for i in (2, 3, 0, 1)])


def test_the_order_of_atoms_does_not_matter(answered):
    turned = [Crystal(c.symbols[::-1], c.positions[::-1], c.cell) for c in RELAXED]
    assert metrics(answered(turned))["rmsd"] == pytest.approx(0, abs=1e-9)


def test_energies_and_forces_are_used_where_they_make_sense(answered):
    truth = dataclasses.replace(TRUTH, targets={"energy_per_atom": np.full(4, -8.0)})
    answers = answered(RELAXED, ",energy_per_atom,fmax,status", ",-7.9,0.04,ok")
    found = metrics(answers, truth)
    assert found["energy_mae"] == pytest.approx(0.1)
    assert found["fmax"] == pytest.approx(0.04)
    assert found["converged"] == 1
    absurd = metrics(answered(RELAXED, ",energy_per_atom,fmax", ",-700,-1"), truth)
    assert np.isnan(absurd["energy_mae"])
    assert np.isnan(absurd["fmax"])


def test_comparisons_are_kept_and_damaged_ones_are_made_anew(answered, cache):
    answers = answered(RELAXED)
    first = metrics(answers)
    (kept,) = cache.iterdir()
    for damage in (None, b"", b"\x93NUMPY nonsense", b"\x80\x04pickle"):
        if damage is not None:
            kept.write_bytes(damage)
        module.geometry.cache_clear()
        assert metrics(answers) == pytest.approx(first, nan_ok=True)


def test_a_relaxation_by_the_potential_that_made_the_reference_comes_back():
    from ase.calculators.emt import EMT

    from matdisc.physics.matching import rms_distance
    from matdisc.protocols import PROTOCOLS

    reference = load(Board(shipped_board()), "emt-alloys").relaxed["CuPt3-L1_2"]
    start = perturbed(reference, scale=1.03, rattle=0.05, seed=0, name="CuPt3")
    steps = RELAXATION.simulate(Sample("CuPt3", {"crystal": start}, {}, "Cu-Pt"), PROTOCOLS["relax"], None, 0.0)
    outcome = run_single(steps, EMT())
    assert outcome.converged
    assert outcome.values["fmax"] < 0.05
    assert rms_distance(outcome.structure, reference) < 0.01
    assert abs(np.linalg.det(outcome.structure.cell)) == pytest.approx(abs(np.linalg.det(reference.cell)), rel=0.01)


def test_a_written_answer_is_read_back_as_it_was(tmp_path):
    rows = [Prediction(name, {"fmax": 0.01}, structure=crystal) for name, crystal in DATASET.relaxed.items()]
    predictions.write(tmp_path / "p.csv.gz", rows, [column.name for column in RELAXATION.columns])
    found = RELAXATION.scoring.read(tmp_path / "p.csv.gz")
    assert align(found, TRUTH, RELAXATION.scoring).structures == tuple(RELAXED)
