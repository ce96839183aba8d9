"""What a run will take: reckoned by atoms in classes of size, kept in step with answers, blind to a clock's jumps."""

import random
import re

import numpy as np
import pytest

from matdisc.progress import duration
from matdisc.run import predict
from matdisc.run.dry_run import dry_run
from matdisc.run.engine.resumable import RunOptions
from matdisc.run.engine.usage import Usage
from matdisc.run.evaluate import complete, steps
from matdisc.run.forecast import Forecast, Interval, Outlook, edges, forecast_lines, resampled, to_time
from matdisc.schema import Prediction, Sample
from matdisc.tasks import TASKS
from matdisc.testing import cubic_crystal

SET = "emt-alloys"
HERE = RunOptions(workers=0)


def material(name, n_atoms):
    return Sample(name, {"crystal": cubic_crystal(["Cu"] * n_atoms, 3.0 + n_atoms)}, {}, "g")


def took(name, seconds):
    return Prediction(name, {}, "ok", "", seconds)


def test_what_is_open_takes_its_atoms_times_the_seconds_an_atom_of_its_class():
    """Two small ones took 1 s an atom and two large ones 3: of each class two more are open, 2·2·1 + 2·10·3 = 64 s."""
    samples = [material(f"small{i}", 2) for i in range(4)] + [material(f"large{i}", 10) for i in range(4)]
    done = {f"{size}{i}": took(f"{size}{i}", s) for size, s in (("small", 2.0), ("large", 30.0)) for i in (0, 1)}
    outlook = Outlook(samples, done, {}, 2)
    assert outlook.work_left == pytest.approx(64.0)
    assert outlook.ahead() == "about 32 s left, 0.018 CPU hours in all"


def test_a_class_that_was_hardly_timed_goes_by_all_that_were():
    samples = [material(f"small{i}", 2) for i in range(4)] + [material(f"large{i}", 10) for i in range(4)]
    done = {"large0": took("large0", 20.0), "large1": took("large1", 20.0)}
    assert Outlook(samples, done, {}, 1).work_left == pytest.approx(2.0 * (2 * 10 + 4 * 2))


def test_processor_time_in_all_counts_what_workers_do_beside_the_materials():
    """A worker took 10 s of CPU in 20 s, of which 4 s loading, for materials that say 8 s: 16 s at work for each 8."""
    samples = [material(f"m{i}", 1) for i in range(8)]
    outlook = Outlook(samples, {}, {}, 0)
    assert outlook.ahead() == ""
    outlook.note([took(f"m{i}", 2.0) for i in range(4)], [Usage("host:1", 10.0, 20.0, 4.0)])
    assert outlook.work_left == pytest.approx(16.0)
    assert outlook.ahead() == f"about 16 s left, {(10 + 16 * 0.5) / 3600:.2g} CPU hours in all"
    found = outlook.forecast({f"m{i}": took(f"m{i}", 2.0) for i in range(4)}, {})
    assert found.cpu_hours.value == pytest.approx(18 / 3600)
    outlook.note([took(f"m{i}", 2.0) for i in range(4, 8)], [])
    assert outlook.ahead() == ""


@pytest.mark.parametrize("jump", [-1e9, -3600.0, 3600.0, 1e9])
def test_a_clock_that_jumps_changes_no_forecast(board, monkeypatch, jump):
    import time

    real, calls, said = time.time, iter(range(10**9)), []
    monkeypatch.setattr(time, "time", lambda: real() + jump * (next(calls) % 2))
    predict(
        board, "emt", "discovery", SET, limit=30, workers=0, protocol="single-point",
        progress=lambda done, total, counts, ahead="": said.append(ahead),
    )  # fmt: skip
    left = [re.match(r"about (\d+) s left, ([\d.e-]+) CPU hours in all$", text) for text in said if text]
    assert left
    assert all(one and int(one[1]) < 60 and float(one[2]) < 0.02 for one in left)


def test_even_a_steady_clock_that_went_back_would_give_no_negative_time():
    ticks = iter([100.0, 40.0, 30.0, 20.0])
    outlook = Outlook([material("a", 1), material("b", 1)], {}, {}, None, clock=lambda: next(ticks))
    outlook.note([took("a", 5.0)], [])
    assert outlook.asking == 0.0
    assert outlook.ahead().startswith("about 5 s left")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "1.5 min"),
        (3600, "60 min"),
        (7200, "2.0 h"),
        (400_000, "4.6 days"),
    ],
)
def test_a_time_is_told_in_the_unit_that_fits_it(seconds, said):
    assert duration(seconds) == said


def test_materials_of_all_sizes_are_timed_the_smallest_and_the_largest_first_and_always_the_same_ones():
    sizes = [2] * 40 + [4] * 40 + [8] * 40 + [20] * 39 + [50]
    samples = [material(f"m{i}", n) for i, n in enumerate(sizes)]
    chosen = to_time(samples, 12)
    atoms = [len(s.crystal.symbols) for s in chosen]
    assert atoms[:2] == [2, max(atoms[:2])]
    assert [sum(n == size for n in atoms) for size in (2, 4, 8)] == [3, 3, 3]
    mixed = random.Random(0).sample(samples, len(samples))
    assert to_time(mixed, 12) == chosen
    assert to_time(samples, 12) == to_time(samples, 60)[:12]


def test_sizes_are_divided_at_their_quartiles():
    assert edges([1, 2, 3, 4, 5, 6, 7, 8]) == [3, 5, 7]
    assert edges([5, 5, 5, 5]) == [5]
    assert edges([]) == []


def test_the_interval_is_as_wide_as_the_spread_of_what_was_timed():
    alike = resampled([[(2, 4.0)] * 9], [200], [100])
    assert alike == pytest.approx((400.0, 400.0))
    seconds = np.linspace(1.0, 7.0, 16)
    low, high = resampled([[(2, x) for x in seconds]], [200], [100])
    exact = 1.753 * seconds.std(ddof=1) / 16**0.5 * (1 + 16 / 100) ** 0.5  # Student's t of 15 degrees of freedom
    assert (400 - low) / 100 == pytest.approx(exact, rel=0.1)
    assert (high - 400) / 100 == pytest.approx(exact, rel=0.1)
    assert resampled([[(2, 4.0)]], [200], [100]) == (None, None)


def test_time_falls_with_workers_until_the_longest_material_and_cost_does_not():
    found = Forecast(100, 10, 1, 90, 360.0, Interval(3600.0, 1800.0, 7200.0), 0.5, 10.0, 90, 100.0, 512.0)
    assert found.cpu_hours == pytest.approx((0.6, 0.35, 1.1))
    assert found.wall(1) == pytest.approx((3610, 1810, 7210))
    assert found.wall(10) == pytest.approx((370, 190, 730))
    assert found.wall(1000) == pytest.approx((110, 110, 110))  # 90 materials, 40 s at a time, one of them 100 s
    assert found.cost(2.0, 1).value == pytest.approx(2 * 3610 / 3600)
    lines = "\n".join(forecast_lines(found, 4, 2.0))
    assert "0.6 (0.35 to 1.1), 0.1 spent" in lines
    assert "15 min (7.7 min to 30 min) with 4 workers" in lines
    assert "0.50 GiB" in lines


def test_a_dry_run_times_some_keeps_their_answers_and_writes_no_predictions(board, monkeypatch):
    monkeypatch.setattr("matdisc.run.dry_run.MOST_TIMED", 8)
    found = dry_run(board, "emt", "discovery", SET, HERE, protocol="single-point", limit=40)
    assert (found.computed, found.forecast.open, found.forecast.timed) == (8, 32, 8)
    low, high = found.forecast.work.low, found.forecast.work.high
    assert 0 < low <= found.forecast.work.value <= high
    assert not board.predictions_dir.exists()
    again = dry_run(board, "emt", "discovery", SET, HERE, protocol="single-point", limit=40)
    assert (again.computed, again.forecast.open) == (0, 32)
    run = predict(board, "emt", "discovery", SET, limit=40, workers=0, protocol="single-point")
    assert (run.computed, run.reused) == (32, 8)
    plain = predict(board, "emt", "discovery", SET, limit=40, workers=0, protocol="single-point", restart=True)
    assert {a.split(b",")[0] for a in lines_of(run)} == {a.split(b",")[0] for a in lines_of(plain)}
    assert dry_run(board, "emt", "discovery", SET, HERE, protocol="single-point", limit=40).forecast is None


def lines_of(run):
    import gzip

    return gzip.decompress(run.out.read_bytes()).splitlines()


def test_a_dry_run_ends_when_its_time_is_over_but_not_before_two_answers(board, add_toy, monkeypatch):
    monkeypatch.setattr("matdisc.run.dry_run.DRY_SECONDS", 0.1)
    key = add_toy("slow", "slow_emt", seconds=0.3)
    found = dry_run(board, key, "discovery", SET, HERE, limit=20)
    assert found.computed == 2
    assert (found.forecast.timed, found.forecast.open) == (2, 18)
    assert found.forecast.work.value > 18 * 0.3


def test_of_a_predictor_one_unit_is_timed_and_no_interval_is_told(board):
    control = TASKS["alloys"].scoring.control
    found = dry_run(board, control, "alloys", "alloys-demo", HERE)
    assert found.by_unit
    assert 0 < found.computed < found.forecast.materials
    assert found.forecast.parts > 1
    assert (found.forecast.work.low, found.forecast.work.high) == (None, None)
    assert predict(board, control, "alloys", "alloys-demo", workers=0).reused == found.computed
    whole = dry_run(board, "dummy-mean", "discovery", SET, HERE)  # learns once: one unit is all there is
    assert (whole.by_unit, whole.forecast) == (True, None)


def hopeless(**options):
    from ase.calculators.emt import EMT

    class Hopeless(EMT):
        def calculate(self, *args, **kwargs):
            raise ValueError("bad weather")

    return Hopeless()


def test_a_model_that_answers_nothing_is_found_out_by_the_dry_run(board, add_toy):
    card = board.models_dir / add_toy("broken", "slow_emt") / "model.toml"
    card.write_text(card.read_text().replace("matdisc.testing:slow_emt", f"{__name__}:hopeless"))
    found = dry_run(board, "broken", "discovery", SET, HERE, limit=3)
    assert found.trouble == "all 3 materials failed, each with: ValueError: bad weather"


def test_an_evaluation_knows_which_of_its_runs_are_done(board):
    plan, _ = steps(board, ["dummy-mean"], ["discovery"], [SET], None)
    assert not any(complete(board, step) for step in plan)
    predict(board, "dummy-mean", "discovery", SET, workers=0)
    assert [step.entry for step in plan if complete(board, step)] == ["dummy-mean"]
