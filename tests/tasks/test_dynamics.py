"""The dynamics task: laws of motion on springs, hand-counted terms, frozen boxes, and what a board shows of it."""

import json

import numpy as np
import pytest
from toy_motion import Springs, lattice, rule

from matdisc.board import Board, shipped_board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.dynamics import curve_columns, read_boxes, repeated, supercell
from matdisc.datasets.prototypes import crystal
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError
from matdisc.leaderboard import site
from matdisc.leaderboard.compare import compare
from matdisc.leaderboard.ranking import rank, write_ranking
from matdisc.leaderboard.results import publish, rescore, same_numbers
from matdisc.leaderboard.text import comparison_parts, joined
from matdisc.metrics.dynamics import timestep_exponent
from matdisc.physics.drivers import run_batched, run_single
from matdisc.predictions import write
from matdisc.schema import Prediction
from matdisc.scoring.answers import Answers
from matdisc.tasks.dynamics.columns import answer_columns
from matdisc.tasks.dynamics.simulation import STOPS, trajectory
from matdisc.tasks.dynamics.task import DYNAMICS
from matdisc.tasks.inputs import write_inputs

COLUMNS = [column.name for column in answer_columns()]

SET = "dynamics-metals"


def run(protocol, n=2, **options):
    atoms = lattice(n)
    values, _ = run_single(trajectory(atoms, protocol, seed=1), Springs(atoms.positions, **options))
    return values


def spread(values):
    return [values[f"spread_{i}"] for i in range(3)]


def test_springs_keep_their_energy_and_fluctuate_with_the_square_of_the_time_step():
    values = run(rule())
    assert values["drift_low_0"] < 0 < values["drift_high_0"]
    assert timestep_exponent((1.0, 2.0, 4.0), spread(values)).value == pytest.approx(2.0, abs=0.05)


def test_a_force_that_no_energy_has_makes_the_energy_drift_at_every_time_step():
    values = run(rule(), n=3, twist=0.5)
    for i in range(3):
        assert abs(values[f"drift_{i}"]) > 1
        assert values[f"drift_low_{i}"] * values[f"drift_high_{i}"] > 0
    assert abs(timestep_exponent((1.0, 2.0, 4.0), spread(values)).value) < 1


@pytest.mark.slow
def test_springs_have_the_amplitude_and_the_frequency_of_a_harmonic_crystal():
    values = run(rule(sampled_ps=6.0, spectrum_bins=32), stiffness=3.0)
    kt = 8.617333e-5 * 300
    assert values["amplitude"] == pytest.approx(3 * kt / 3.0, rel=0.25)
    thz = np.sqrt(3.0 / (63.546 * 103.6427)) * 1000 / (2 * np.pi)
    peak = max(range(32), key=lambda i: values[f"v_{i:02d}"])
    assert abs((peak + 0.5) * 0.5 - thz) < 0.5
    assert values["stop"] == 0
    assert values["survived_ps"] == pytest.approx(6.4)


def test_atoms_on_hardly_any_springs_count_as_molten():
    assert run(rule(), stiffness=3.0)["lindemann"] < 0.05
    assert run(rule(), stiffness=0.15)["lindemann"] > 0.15


def test_a_run_that_explodes_is_ended_with_a_reason_and_its_time():
    values = run(rule(), stiffness=-3.0)
    assert STOPS[int(values["stop"])] in ("temperature", "drift", "overlap", "not finite")
    assert 0 < values["survived_ps"] < 0.4
    assert "temperature_mean" not in values
    assert "g_00" not in values


def test_materials_in_flight_together_move_as_they_do_alone():
    atoms = lattice(2)
    calculator = Springs(atoms.positions)
    work = [(seed, trajectory(atoms, rule(sampled_ps=1.0), seed)) for seed in (1, 2)]
    found = {ended.key: ended.value for ended in run_batched(work, calculator)}
    assert found[1] != found[2]
    assert run_single(trajectory(atoms, rule(sampled_ps=1.0), 2), calculator) == found[2]


def test_every_value_has_a_column():
    assert set(run(rule())) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"timesteps": (2.0, 1.0, 4.0)}, "ascend"), ({"sampled_ps": 0.5}, "too short"), ({"friction": 0.0}, "greater")],
)
def test_a_protocol_that_cannot_show_what_it_asks_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        rule(**changes)


def test_a_repeated_cell_has_the_same_density_and_stays_nearly_cubic():
    cell = crystal("fcc", ("Cu",), 3.6)
    box = supercell(cell, 24)
    assert len(box.symbols) == 27
    volume = abs(np.linalg.det(box.cell)) / len(box.symbols)
    assert volume == pytest.approx(3.6**3 / 4)
    places = np.array(repeated(cell, (1, 1, 2)).positions)
    assert places[1] - places[0] == pytest.approx([0, 0, 0.5])


def test_no_cell_of_impossible_size_is_made():
    with pytest.raises(ValueError, match="no repetition"):
        supercell(crystal("L1_2", ("Al", "Ni"), 3.6), 5)


def metals() -> tuple[DatasetCard, object]:
    board = Board(shipped_board())
    return board.dataset(SET), truth_of(load(board, SET))


def answers_of(truth, column, **reported):
    n = len(truth)
    known = {name: np.full(n, value, float) for name, value in reported.items()}
    return Answers("survived_ps", np.array(column, float), {}, None, np.empty(0), np.empty(0), reported=known)


def test_terms_are_counted_by_hand():
    card, truth = metals()
    said = {"drift_0": -2.0, "drift_low_0": -3.0, "drift_high_0": -1.0, "temperature_mean": 330.0, "lindemann": 0.2}
    found = DYNAMICS.scoring.terms(card, truth, answers_of(truth, [1.44, 0.72, 5.0, np.nan, 1.44, 1.44], **said))
    assert found["survived"].tolist() == pytest.approx([1, 0.5, 1, 0, 1, 1])
    assert found["survivors"].tolist() == [1, 0, 1, 0, 1, 1]
    assert found["drift"].tolist() == [1.0] * 6
    assert found["drift_size"].tolist() == [2.0] * 6
    assert found["drift_share"].tolist() == [1.0] * 6
    assert found["temperature_error"] == pytest.approx(0.1)
    assert found["molten"].tolist() == [1.0] * 6
    assert np.isnan(found["rdf_error"]).all()
    assert np.isnan(found["exponent"]).all()


def test_a_vibration_as_slow_as_the_run_is_no_drift():
    card, truth = metals()
    length = card.dynamics.conserved_ps
    times = np.linspace(0, length, 400)
    wave = 0.5 * np.sin(2 * np.pi * times / length)
    slope, spread = np.polyfit(times, wave, 1)[0], (wave - np.polyval(np.polyfit(times, wave, 1), times)).std()
    said = {"drift_0": slope, "drift_low_0": slope - 0.01, "drift_high_0": slope + 0.01, "spread_0": spread}
    found = DYNAMICS.scoring.terms(card, truth, answers_of(truth, [1.44] * 6, **said))
    assert abs(slope) > 3
    assert found["drift"].tolist() == [0.0] * 6
    assert found["drift_share"].tolist() == [0.0] * 6


def test_reference_curves_are_no_error_and_even_ones_the_trivial_one():
    card, truth = metals()
    curves = {name: truth.target(name) for kind in curve_columns(card.dynamics) for name in kind}
    perfect = answers_of(truth, [1.44] * 6)
    perfect.reported.update(curves, amplitude=truth.target("amplitude"))
    found, even = DYNAMICS.scoring.terms(card, truth, perfect), DYNAMICS.scoring.baseline(card, truth)
    for key in ("rdf_error", "spectrum_error"):
        assert found[key] == pytest.approx(0, abs=1e-12)
        assert (even[key] > 0.3).all()
    assert found["amplitude_error"] == pytest.approx(0)


def test_a_model_sees_the_protocol_and_no_reference_curve():
    sample = load(Board(shipped_board()), SET).samples[0].without_target()
    assert "rdf_noise" not in json.dumps(sample.inputs["dynamics"])
    assert sample.inputs["dynamics"]["temperature"] == 300
    assert not sample.target


def test_a_damaged_box_is_named_with_its_line(board):
    path = board.datasets_dir / SET / "boxes.jsonl"
    path.write_text(path.read_text().replace('"group"', '"groop"', 1))
    with pytest.raises(DataError, match=r"boxes.jsonl, line 1: no box"):
        read_boxes(path)


def outsider(board: Board, key: str, worse: float):
    """Write predictions of a made-up model whose curves are blurred by a share and whose energy drifts."""
    truth = truth_of(load(board, SET))
    curves = [name for kind in curve_columns(board.dataset(SET).dynamics) for name in kind]
    rows = []
    for i, name in enumerate(truth.material_ids.to_pylist()):
        said = {c: float(truth.target(c)[i]) * (1 + worse) for c in curves}
        drift = worse + 0.01 * i
        said |= {"drift_0": drift, "drift_low_0": drift - 0.05, "drift_high_0": drift + 0.05, "drift_1": 4 * worse}
        said |= {"survived_ps": 1.44, "stop": 0.0, "spread_0": 1e-3, "spread_1": 4e-3, "spread_2": 16e-3}
        rows.append(Prediction(name, said))
    folder = board.predictions_dir / "dynamics" / SET
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{key}.csv.gz", rows, [c for c in COLUMNS if c in rows[0].values])
    return publish(board, folder / f"{key}.csv.gz", "dynamics", SET, key)


def test_a_board_scores_ranks_and_shows_motion(board):
    better, worse = outsider(board, "emt", 0.1), outsider(board, "chgnet-0.3.0", 0.4)
    assert better["metrics"]["drift"]["value"] == pytest.approx(0.075)
    assert better["metrics"]["drift_size"]["value"] == pytest.approx(0.125)
    assert better["metrics"]["exponent"]["value"] == pytest.approx(2.0)
    assert better["n_defined"]["temperature_error"] == 0
    assert better["metrics"]["temperature_error"]["value"] is None
    assert better["protocol"] is None
    assert worse["metrics"]["rdf_error"]["value"] == pytest.approx(4 * better["metrics"]["rdf_error"]["value"])
    assert {said for _, said in rescore(board)} == {"same"}
    ranking = rank(board, "dynamics", SET)
    place = ranking["metrics"]["drift"]["rank"]
    assert [ranking["entries"][i] for i in np.argsort(place)] == ["emt", "chgnet-0.3.0"]
    write_ranking(board, "dynamics", SET)
    site.build(board)
    page = (board.root / "leaderboard" / "_site" / "models" / "emt" / f"dynamics--{SET}.html").read_text("utf-8")
    for said in ("Al-fcc: radial distribution", "Energy against the time step", "Survival", "Every material"):
        assert said in page
    assert same_numbers(better, json.loads((board.results_dir / "dynamics" / SET / "emt.json").read_text()))


def test_drifts_within_the_noise_tie(board):
    for key, drift in (("emt", -0.02), ("chgnet-0.3.0", 0.0)):
        assert outsider(board, key, drift)["metrics"]["drift"] == {"value": 0, "low": 0, "high": 0}
    ranking = rank(board, "dynamics", SET)
    assert ranking["metrics"]["drift"]["tie_group"] == [1, 1]
    write_ranking(board, "dynamics", SET)
    page = (site.build(board) / "datasets" / f"{SET}.html").read_text(encoding="utf-8")
    assert "<strong>Stability time</strong> in %, higher is better" in page
    assert "<strong>Drift</strong> in meV/atom/ps</figcaption>" in page.replace("; logarithmic axis", "")


def test_measured_tasks_are_compared_in_ranked_metrics_and_nothing_flips(board):
    better, worse = (outsider(board, key, drift)["metrics"] for key, drift in (("emt", 0.1), ("chgnet-0.3.0", 0.4)))
    found = compare(board, "emt", "chgnet-0.3.0", "dynamics", SET)
    expected = better["drift"]["value"] - worse["drift"]["value"]
    assert found["differences"]["drift"]["value"] == pytest.approx(expected, rel=1e-5)
    assert (found["mcnemar"], found["flips"]) == (None, {})
    assert "verdict" in joined(comparison_parts(found))


def test_who_answers_elsewhere_is_told_what_to_run(board, tmp_path):
    assert write_inputs(board, SET, "dynamics", tmp_path / "asked.jsonl") == 6
    first = json.loads((tmp_path / "asked.jsonl").read_text().splitlines()[0])
    assert set(first) == {"material_id", "structure", "dynamics"}
    assert first["dynamics"]["timesteps"] == [2, 4, 8]
