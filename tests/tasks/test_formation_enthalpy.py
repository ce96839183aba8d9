"""Formation enthalpies against experiment: hand-counted errors and offsets, and crystals of the elements."""

import gzip
import json
from types import SimpleNamespace

import numpy as np
import pymatgen.analysis
import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import formation_enthalpy, load
from matdisc.datasets.formation_enthalpy import build, element, experiment
from matdisc.datasets.prototypes import crystal
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError
from matdisc.physics.drivers import run_single
from matdisc.protocols import PROTOCOLS
from matdisc.schema import Dataset, Sample
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.formation_enthalpy.figures import draw
from matdisc.tasks.formation_enthalpy.scoring import offsets, slope_terms, terms_of
from matdisc.tasks.formation_enthalpy.simulation import simulate
from matdisc.tasks.formation_enthalpy.task import FORMATION_ENTHALPY

SET = "enthalpy-experiment"


@pytest.fixture(scope="module")
def enthalpies():
    board = Board(shipped_board())
    return board.dataset(SET), load(board, SET)


def salts(*formulas):
    """Rocksalts with an enthalpy of -1 eV/atom and an uncertainty of 0.1 eV/atom."""
    samples = []
    for cation, anion in formulas:
        built = crystal("rocksalt", (cation, anion), 5.0)
        target = {"enthalpy": -1.0, "uncertainty": 0.1}
        samples.append(Sample(cation + anion, {"crystal": built}, target, built.chemical_system))
    return truth_of(Dataset("salts", tuple(samples)))


CARD = SimpleNamespace(split=SimpleNamespace(n_folds=5))
PAIRS = [("Na", "Cl"), ("K", "Cl"), ("Na", "Br"), ("K", "Br")]


def answers(values):
    values = np.array(values, float)
    coverage = {"answered": int(np.isfinite(values).sum()), "expected": len(values)}
    return Answers("enthalpy", values, coverage, None, np.empty(0), np.empty(0))


def test_a_missing_answer_counts_as_zero_enthalpy():
    found = terms_of(CARD, salts(*PAIRS), np.array([-1.0, -0.9, -1.3, np.nan]))
    assert found["mae"].tolist() == pytest.approx([0.0, 0.1, 0.3, 1.0])
    assert found["bias"].tolist() == pytest.approx([0.0, 0.1, -0.3, np.nan], nan_ok=True)
    assert found["shifted_mae"][3] == 1.0
    assert found["sigmas"].tolist() == pytest.approx([0, 1, 3, np.nan], nan_ok=True)
    assert found["within"].tolist() == [1, 1, 0, 0]


def test_an_offset_learns_from_other_chemical_systems_only(monkeypatch):
    from matdisc.tasks.formation_enthalpy import scoring

    monkeypatch.setattr(scoring, "_folds", lambda card, truth: np.array([0, 1, 2, 3]))
    errors = np.array([0.5, 0.0, 0.0, 0.0])
    found = offsets(CARD, salts(*PAIRS), errors)
    assert found[0] == 0.0  # all others are right
    assert found[1] > 0  # shares chlorine with the wrong one
    assert found[1] == pytest.approx(found[2])


def test_one_compound_says_half_of_its_error_of_another_of_the_same_elements(monkeypatch):
    from matdisc.tasks.formation_enthalpy import scoring

    monkeypatch.setattr(scoring, "_folds", lambda card, truth: np.array([0, 1]))
    found = offsets(CARD, salts(("Na", "Cl"), ("Na", "Cl")), np.array([0.3, 0.6]))
    # ridge with shares (1/2, 1/2): x'x = 1/2, so what is kept is (1/2) / (1/2 + 1/4)
    assert found.tolist() == pytest.approx([0.6 * 2 / 3, 0.3 * 2 / 3])


def test_the_mean_of_the_parts_is_the_slope_by_least_squares():
    x, errors = np.array([0.0, 1.0, 2.0, 3.5, 4.0]), np.array([0.1, 0.3, np.nan, 0.2, 0.9])
    known = np.isfinite(errors)
    assert np.nanmean(slope_terms(x, errors)) == pytest.approx(np.polyfit(x[known], errors[known], 1)[0])
    assert np.isnan(slope_terms(np.ones(3), np.arange(3.0))).all()


def test_a_perfect_answer_has_no_error_and_zero_has_the_mean_enthalpy(enthalpies):
    card, truth = enthalpies[0], truth_of(enthalpies[1])
    measured = truth.target("enthalpy")
    scored = FORMATION_ENTHALPY.scoring.score(card, truth, answers(measured), Bootstrap(50))
    assert scored["metrics"]["mae"]["value"] == 0
    assert scored["metrics"]["within"]["value"] == 1
    assert scored["baseline"]["mae"] == pytest.approx(np.abs(measured).mean())
    assert set(scored["metrics"]) | {"seconds"} == {metric.key for metric in FORMATION_ENTHALPY.metrics}


def test_tables_name_every_compound_worst_first(enthalpies):
    card, truth = enthalpies[0], truth_of(enthalpies[1])
    values = truth.target("enthalpy").copy()
    values[[3, 5]] = values[3] + 0.5, np.nan
    drawn = draw(card, truth, answers(values))
    names, rows = truth.material_ids.to_pylist(), drawn.tables[-1].rows
    assert [row[0] for row in rows[:2]] == [names[5], names[3]]
    assert rows[0][3] is None
    assert len(drawn.figures[0].lines[0].labels) == len(truth) - 1
    assert not draw(card, truth, answers([np.nan] * len(truth))).figures


def test_the_enthalpy_is_the_energy_less_that_of_the_elements_with_its_correction():
    from ase.calculators.emt import EMT

    alloy = crystal("L1_2", ("Cu", "Au"), 3.8)

    def reference(symbol):
        return {"Cu": 0.1, "Au": 0.2}[symbol]
        yield

    sample = Sample("Cu3Au", {"crystal": alloy}, {}, "Au-Cu")
    found = run_single(simulate(sample, PROTOCOLS["single-point"], reference, 0.4), EMT()).values["enthalpy"]
    from matdisc.formats.atoms import to_atoms

    atoms = to_atoms(alloy)
    atoms.calc = EMT()
    assert found == pytest.approx((atoms.get_potential_energy() + 0.4 - 3 * 0.1 - 0.2) / 4)


def test_every_label_is_the_number_of_pymatgens_table_per_atom(enthalpies):
    by_name = {s.inputs["compound"]: s for s in enthalpies[1].samples}
    assert by_name["NaCl"].target["enthalpy"] == pytest.approx(-411.2 / 96.485 / 2, abs=2e-3)  # textbook, kJ/mol
    assert by_name["SrTiO3"].target["enthalpy"] == pytest.approx(-17.3156 / 5, abs=1e-4)
    assert "uncertainty" not in by_name["LiF"].target
    assert len({s.group for s in enthalpies[1].samples}) == len(by_name) - 1  # AlNi and AlNi3 are one system


def test_every_element_has_a_crystal_of_its_own_and_sulfur_that_of_rings(enthalpies):
    for symbol, found in enthalpies[1].reference_crystals.items():
        assert set(found.symbols) == {symbol}
    from matdisc.formats.atoms import to_atoms

    distances = to_atoms(element("S")).get_all_distances(mic=True)
    assert ((distances > 0.1) & (distances < 2.3)).sum(axis=1).tolist() == [2] * 32
    with pytest.raises(DataError, match="U"):
        element("U")


def test_the_table_of_compounds_is_that_of_the_generator(enthalpies):
    from matdisc.generate.enthalpy_compounds import rows

    made = [row[0] for row in rows(shipped_board() / "datasets") if row[0] in experiment()]
    assert made == [s.inputs["compound"] for s in enthalpies[1].samples]


def test_a_compound_that_the_table_lacks_is_refused_by_its_line(tmp_path, enthalpies):
    path = tmp_path / "compounds.csv"
    path.write_text("formula,prototype,elements,a_angstrom,c_angstrom,source\nNaXe,rocksalt,Na Xe,5.0,,octet\n")
    with pytest.raises(DataError, match="line 2"):
        build(enthalpies[0], {"compounds.csv": path})


@pytest.mark.parametrize(
    "content", [None, b"no archive", gzip.compress(json.dumps([{"formula": "X"}]).encode(), mtime=0)]
)
def test_a_pymatgen_without_its_table_is_named_with_what_to_install(tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / formation_enthalpy.TABLE).write_bytes(content)
    monkeypatch.setattr(pymatgen.analysis, "__path__", [str(tmp_path / "analysis")])
    experiment.cache_clear()
    with pytest.raises(DataError, match="pip install pymatgen"):
        experiment()
    experiment.cache_clear()
