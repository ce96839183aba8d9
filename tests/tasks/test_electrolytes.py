"""The electrolytes task: hand-counted terms, tables of experiment, and what a board shows."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.csv_rows import read_rows
from matdisc.datasets.electrolytes import SYSTEMS, UNITS, build, counts_of, grid, read_experiment
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError
from matdisc.leaderboard import site
from matdisc.leaderboard.results import publish, rescore
from matdisc.physics.molecules.species import species
from matdisc.predictions import write
from matdisc.run.engine import worker
from matdisc.schema import Prediction
from matdisc.scoring.answers import Answers
from matdisc.scoring.flags import flags
from matdisc.tasks.electrolytes.columns import PROPERTIES, answer_columns
from matdisc.tasks.electrolytes.task import ELECTROLYTES, draw
from matdisc.tasks.task import Outcome

COLUMNS = [column.name for column in answer_columns()]

SET = "electrolytes-mini"
ALL = (SET, "electrolytes-small", "electrolytes")
NAMES = ["EC", "PC", "DMC", "EMC", "DEC", "LiPF6-EC-EMC"]


@pytest.fixture(scope="module")
def liquids():
    board = Board(shipped_board())
    return board.dataset(SET), truth_of(load(board, SET))


def answers(**columns):
    """Answers in which each column holds the given list, one value for each liquid."""
    times = np.array(columns.pop("simulated_ps", [2.7] * 6), float)
    said = {name: np.array(values, float) for name, values in columns.items()}
    return Answers("simulated_ps", times, {}, None, np.empty(0), np.empty(0), reported=said)


def terms(liquids, **columns):
    return ELECTROLYTES.scoring.terms(*liquids, answers(**columns))


def test_densities_are_compared_as_counted_by_hand(liquids):
    wanted = liquids[1].target("density")
    found = terms(liquids, density=1.1 * wanted, density_error=[0.03] * 6)
    np.testing.assert_allclose(found["density_error"], 0.1)
    assert found["density_sigmas"][0] == pytest.approx(0.1321 / math.hypot(0.03, 0.002))
    np.testing.assert_allclose(found["density_precision"], 0.03 / (1.1 * wanted))


def test_a_value_without_its_error_or_without_simulated_time_does_not_count(liquids):
    wanted = liquids[1].target("density")
    assert np.isnan(terms(liquids, density=wanted)["density_error"]).all()
    errors = [0.1, math.nan, -0.1, 0.1, 0.1, 0.1]
    times = [1.0, 1.0, 1.0, 0.0, math.nan, 1.0]
    found = terms(liquids, density=wanted, density_error=errors, simulated_ps=times)["density_error"]
    assert np.isfinite(found).tolist() == [True, False, False, False, False, True]


def test_a_density_that_the_model_was_fitted_to_is_no_test(liquids):
    wanted = liquids[1].target("density")
    fitted = [1, 0, 0, 0, 0, 1]
    found = terms(liquids, density=1.02 * wanted, density_error=[0.01] * 6, aligned=fitted)
    assert np.isnan(found["density_error"]).tolist() == [True, False, False, False, False, True]
    assert np.isnan(found["density_sigmas"]).tolist() == [True, False, False, False, False, True]
    assert np.isfinite(found["density_aligned"]).tolist() == [True, False, False, False, False, True]


def test_a_card_that_names_aligned_liquids_marks_its_answers_and_says_so(liquids, monkeypatch):
    def at_once(*arguments):
        return Outcome({"simulated_ps": 2.0, "completed": 1.0})
        yield

    monkeypatch.setattr(worker, "TASKS", {"electrolytes": replace(ELECTROLYTES, simulate=at_once)})
    emt = Board(shipped_board()).model("emt")
    model = emt.model_copy(update={"aligned_densities": ("EC",), "elements": ()})
    unit = worker.WorkUnit(tuple(s for s in load(Board(shipped_board()), SET).samples if s.material_id in ("EC", "PC")))
    batches = worker.answer_unit(worker.Job(model, "electrolytes", None, 0.0), unit)
    assert {p.material_id: "aligned" in p.values for batch in batches for p in batch.predictions} == {
        "EC": True, "PC": False,
    }  # fmt: skip
    assert any("density of EC" in said for said in flags(model, liquids[0], ELECTROLYTES.scoring))
    assert not any("density of" in said for said in flags(emt, liquids[0], ELECTROLYTES.scoring))


def test_viscosities_are_compared_by_their_ratio(liquids):
    wanted = liquids[1].target("viscosity")
    found = terms(liquids, viscosity=wanted * [2, 0.5, 1, 1, 1, 1], viscosity_error=[0.2] * 6)
    assert found["viscosity_error"][:3].tolist() == pytest.approx([math.log(2), math.log(2), 0])
    assert np.isnan(found["viscosity_error"][5])  # no experiment
    assert found["viscosity_sigmas"][0] == pytest.approx(1.9 / math.hypot(0.2, 0.05))


def test_conductivity_and_transference_are_those_of_the_solution_alone(liquids):
    found = terms(
        liquids, conductivity=[1.0] * 5 + [4.55], conductivity_error=[0.5] * 6,
        transference=[0.5] * 5 + [0.42], transference_error=[0.1] * 6,
    )  # fmt: skip
    assert found["conductivity_error"][5] == pytest.approx(math.log(2))
    assert found["transference_error"][5] == pytest.approx(0.2)
    assert np.isnan(found["conductivity_error"][:5]).all()


def test_diffusion_counts_only_with_its_correction_for_the_size_of_the_box(liquids):
    card, truth = liquids
    targets = dict(truth.targets) | {"diffusion_EC": np.full(6, 6e-10)}
    known = type(truth)(**{**truth.__dict__, "targets": targets})
    plain = {"diffusion_EC": np.full(6, 2e-10), "diffusion_EC_error": np.full(6, 1e-11)}
    assert np.isnan(ELECTROLYTES.scoring.terms(card, known, answers(**plain))["diffusion_error"]).all()
    corrected = plain | {"finite_size": np.full(6, 1e-10), "finite_size_error": np.full(6, 1e-11)}
    found = ELECTROLYTES.scoring.terms(card, known, answers(**corrected))["diffusion_error"]
    np.testing.assert_allclose(found, math.log(2))


def test_a_liquid_that_broke_or_was_not_answered_is_not_completed(liquids):
    found = terms(liquids, completed=[1, 0, math.nan, 1, 1, 1])
    assert found["completed"].tolist() == [1, 0, 0, 1, 1, 1]


def test_every_metric_has_its_term_and_every_term_its_metric(liquids):
    keys = set(terms(liquids)) | {"coverage", "seconds"}
    assert keys == {metric.key for metric in ELECTROLYTES.metrics}


def test_details_tell_each_property_with_both_errors(liquids):
    card, truth = liquids
    wanted = truth.target("density")
    found = draw(card, truth, answers(density=wanted, density_error=[0.01] * 6, aligned=[1, 0, 0, 0, 0, 0]))
    rows = found.tables[0].rows
    assert rows[0] == ("EC", "Density", "g/cm³", 1.321, 0.01, 1.321, 0.002, 2.7, "fitted to it")
    assert ("EC", "Viscosity", "mPa s", None, None, 1.9, 0.05, 2.7, "") in rows
    assert [line.name for line in found.figures[0].lines] == ["equal", "found", "fitted to it"]
    broken = draw(card, truth, answers(stop=[0, 1, 0, 0, 0, 0])).tables[0].rows
    assert ("PC", "None", "", None, None, None, None, 2.7, "ended by: bond") in broken


def test_each_experimental_value_has_a_source_and_says_how_it_was_checked():
    for key in ALL:
        path = Board(shipped_board()).datasets_dir / key / "experiment.csv"
        rows = list(csv.DictReader(path.open(encoding="utf-8")))
        assert len({(row["material_id"], row["quantity"]) for row in rows}) == len(rows)
        for row in rows:
            assert row["unit"] == UNITS[row["quantity"].partition("_")[0]]
            assert len(row["source"]) > 10
            assert len(row["checked"]) > 10
            assert 0 < float(row["uncertainty"]) < 0.3 * float(row["value"])


def test_all_datasets_hold_one_table_of_experiment():
    folder = Board(shipped_board()).datasets_dir
    large = folder / "electrolytes"
    for key in ALL:
        assert (folder / key / "experiment.csv").read_bytes() == (large / "experiment.csv").read_bytes()
    tables = [read_rows(folder / key / "systems.csv", SYSTEMS) for key in ALL]
    mini, small, whole = ({tuple(row.text(name) for name in SYSTEMS) for row in rows} for rows in tables)
    assert mini <= whole
    assert small == whole


def test_each_measured_value_is_asked_of_a_liquid():
    folder = Board(shipped_board()).datasets_dir
    asked = {s.material_id: s.target for s in load(Board(shipped_board()), "electrolytes").samples}
    for row in read_rows(folder / "electrolytes" / "experiment.csv", ("material_id",)):
        assert asked[row.text("material_id")][row.text("quantity")] == row.number("value")


def test_each_liquid_of_the_small_boxes_has_about_120_atoms():
    samples = load(Board(shipped_board()), "electrolytes-small").samples
    atoms = [len(s.crystal.symbols) for s in samples]
    assert min(atoms) >= 120
    assert max(atoms) < 200


def test_solutions_are_neutral_and_about_one_molar():
    samples = {s.material_id: s for s in load(Board(shipped_board()), "electrolytes").samples}
    for name in ("LiPF6-EC-EMC", "LiPF6-EC-DMC", "LiFSI-EC-EMC"):
        counts = samples[name].inputs["counts"]
        assert sum(n * species(one).charge for one, n in counts.items()) == 0
        grams = sum(n * species(one).mass for one, n in counts.items())
        litres = grams / samples[name].inputs["start_density"] / 1000
        assert counts["Li+"] / litres == pytest.approx(1.0, abs=0.03)


def test_a_model_sees_what_is_in_the_box_and_no_measured_value():
    sample = load(Board(shipped_board()), SET).samples[0].without_target()
    assert sample.inputs["counts"] == {"EC": 10}
    assert sample.inputs["start_density"] == 1.3
    assert "1.321" not in json.dumps({k: v for k, v in sample.inputs.items() if k != "crystal"})


def test_boxes_hold_the_asked_atoms_and_no_kind_is_left_out(tmp_path):
    path = tmp_path / "systems.csv"
    path.write_text(
        "composition\nEC:1\nLi+:1 PF6-:1 EC:0.2\nEC 1\nEC:0\nXX:1\nLi+:1 EC:3\nLi+:1 PF6-:0.5 FSI-:0.5\nEC:inf\n"
    )
    rows = read_rows(path, ("composition",))
    assert counts_of(rows[0], 95) == {"EC": 10}
    assert counts_of(rows[0], 100) == {"EC": 10}
    assert counts_of(rows[1], 5) == {"Li+": 1, "PF6-": 1, "EC": 1}
    wrong = (
        "line 4.*cannot be read", "positive amounts", "names 'XX', which is unknown; known are EC", r"add up to \+1 e",
        r"rounded to a box of .* with -1 e; ask for more atoms", "positive amounts",
    )  # fmt: skip
    for row, says in zip(rows[2:], wrong, strict=True):
        with pytest.raises(DataError, match=says):
            counts_of(row, 5)
    assert counts_of(rows[6], 30) == {"Li+": 4, "PF6-": 2, "FSI-": 2}


def test_of_some_systems_the_density_alone_is_asked(liquids, tmp_path):
    folder = Board(shipped_board()).datasets_dir / SET
    lines = (folder / "systems.csv").read_text(encoding="utf-8").splitlines()
    asked = ["properties", "density", "all", "", *["all"] * 3]
    table = tmp_path / "systems.csv"
    table.write_text("\n".join(f"{line},{one}" for line, one in zip(lines, asked, strict=True)))
    found = build(liquids[0], {"systems.csv": table, "experiment.csv": folder / "experiment.csv"})
    plain = load(Board(shipped_board()), SET)
    assert found.samples[0].inputs["properties"] == "density"
    assert set(found.samples[0].target) == {"density", "density_uncertainty"}
    assert found.samples[1:] == plain.samples[1:]
    table.write_text(table.read_text().replace(",density", ",denstiy"))
    with pytest.raises(DataError, match=r"line 2: field 'properties' .*denstiy.* give one of all, density"):
        build(liquids[0], {"systems.csv": table, "experiment.csv": folder / "experiment.csv"})


def test_a_model_that_lacks_an_element_of_a_liquid_is_not_asked(liquids, tmp_path):
    model = Board(shipped_board()).model("emt").model_copy(update={"elements": ("C", "H")})
    unit = worker.WorkUnit(load(Board(shipped_board()), SET).samples[:1])
    batches = worker.answer_unit(worker.Job(model, "electrolytes", None, 0.0, kept=tmp_path), unit)
    (answer,) = [p for batch in batches for p in batch.predictions]
    assert (answer.status, answer.error) == ("unsupported", "EMT has no parameters for O")
    assert not list(tmp_path.iterdir())


def test_molecules_on_the_grid_do_not_touch():
    box = grid({"EC": 5, "Li+": 1, "PF6-": 1})
    assert box.composition == {"C": 15, "F": 6, "H": 20, "Li": 1, "O": 15, "P": 1}
    from ase import Atoms

    atoms = Atoms(box.symbols, scaled_positions=box.positions, cell=box.cell, pbc=True)
    distance = atoms.get_all_distances(mic=True)
    molecule = np.repeat(np.arange(7), [10] * 5 + [1, 7])
    assert distance[molecule[:, None] != molecule[None]].min() > 2.5


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("EC,viscosity,1.9", "EC,density,1.9", "given twice"),
        ("0.002,g/cm^3", "0.002,kg/m^3", "not the unit"),
        ("g/cm^3,313.15", "g/cm^3,298.15", "not that of"),
        ("EC,density,1.321", "EC,density,x", "not a number"),
    ],
)
def test_a_damaged_table_of_experiment_is_named_with_its_line(board, old, new, says):
    folder = board.datasets_dir / SET
    path = folder / "experiment.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1).replace("EC,density,1.9,0.05,mPa s", "EC,density,1.9,0.05,g/cm^3"))
    systems = {row.text("material_id"): row for row in read_rows(folder / "systems.csv", ("material_id",))}
    with pytest.raises(DataError, match=says):
        read_experiment(path, systems)


def test_a_card_without_its_table_is_refused(liquids):
    with pytest.raises(DataError, match="no table 'electrolytes'"):
        build(liquids[0].model_copy(update={"electrolytes": None}), {})


@pytest.mark.slow
def test_a_board_scores_and_shows_liquids(board):
    truth = truth_of(load(board, SET))
    rows = []
    for i, name in enumerate(NAMES):
        density = 1.05 * float(truth.target("density")[i])
        values = {"simulated_ps": 2.7, "completed": 1.0, "density": density, "density_error": 0.02}
        rows.append(Prediction(name, values | ({"aligned": 1.0} if name == "EC" else {})))
    folder = board.predictions_dir / "electrolytes" / SET
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "emt.csv.gz", rows, ["simulated_ps", "completed", "aligned", "density", "density_error"])
    found = publish(board, folder / "emt.csv.gz", "electrolytes", SET, "emt")
    assert found["metrics"]["density_error"]["value"] == pytest.approx(0.05)
    assert found["n_defined"]["density_error"] == 5
    assert found["n_defined"]["density_aligned"] == 1
    assert found["metrics"]["viscosity_error"]["value"] is None
    assert {said for _, said in rescore(board)} == {"same"}
    site.build(board)
    page = (board.root / "leaderboard" / "_site" / "models" / "emt" / "electrolytes--electrolytes-mini.html").read_text(
        encoding="utf-8"
    )
    assert "Properties of each liquid" in page


def test_columns_of_every_property_come_in_pairs():
    columns = COLUMNS
    assert columns[:4] == ["simulated_ps", "completed", "stop", "aligned"]
    assert set(columns[4:]) == {*PROPERTIES, *(f"{name}_error" for name in PROPERTIES)}
