"""A liquid that is interrupted goes on from its checkpoints: no frame twice, none lost, nothing of another one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from toy_liquid import Toy, inputs

from matdisc.physics.drivers import run_single
from matdisc.physics.evaluation import evaluate
from matdisc.tasks.dynamics.simulation import STOPS
from matdisc.tasks.electrolytes import pace, simulation
from matdisc.tasks.electrolytes.liquid import liquid_steps
from matdisc.tasks.electrolytes.parts import Part, Parts
from matdisc.tasks.headway import read_headway

SERIES = (("pressure", "volume"), ("volume", "centres"), ("volume", "pressure"))


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    """Checkpoints after seven steps each."""
    monkeypatch.setattr(simulation, "FIRST_STRETCH", 7)
    monkeypatch.setattr(pace, "GROWTH", 1)


def run(folder, **other):
    return run_single(liquid_steps("EC", inputs(**other), folder), Toy("EC"))


def killed(folder, rounds, **other):
    """Drop a liquid after so many rounds of evaluations, as a crash does."""
    toy, steps = Toy("EC"), liquid_steps("EC", inputs(**other), folder)
    asked = next(steps)
    for _ in range(rounds):
        asked = steps.send([evaluate(toy, atoms) for atoms in asked])


def series(folder):
    found = [Parts(folder / f"replica-{i}") for i in range(3)]
    return [parts.series(phase, name).tobytes() for parts in found for phase, name in SERIES]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder)


@pytest.mark.parametrize("rounds", [[1], [60], [100, 20], [130, 5, 5]])
def test_a_liquid_that_goes_on_has_the_bytes_of_one_that_was_never_interrupted(whole, tmp_path, rounds):
    for some in rounds:
        killed(tmp_path, some)
    assert run(tmp_path) == whole[1]
    assert series(tmp_path) == series(whole[0])


def test_frames_are_as_many_as_the_run_has(whole):
    parts = Parts(whole[0] / "replica-0")
    assert len(parts.series("pressure", "volume")) == 60 // 10 + 1
    assert parts.series("volume", "centres").shape == (60 // 10 + 1, 6, 3)
    assert parts.series("volume", "pressure").shape == (60 // 2 + 1, 6)


def test_a_run_in_memory_and_one_on_disk_give_the_same(whole):
    assert run(None) == whole[1]


def test_a_liquid_that_has_ended_is_worked_out_again_without_the_potential(whole):
    with pytest.raises(StopIteration) as end:
        next(liquid_steps("EC", inputs(), whole[0]))
    assert end.value.value == whole[1]


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data[:-300] + bytes(300)])
def test_a_damaged_part_is_set_aside_and_its_stretch_done_again(whole, tmp_path, damage):
    killed(tmp_path, 100)
    last = sorted((tmp_path / "replica-1").glob("*.npz"))[-1]
    last.write_bytes(damage(last.read_bytes()))
    assert run(tmp_path) == whole[1]
    assert series(tmp_path) == series(whole[0])
    assert last.with_suffix(".damaged").exists()
    assert any(str(last.with_suffix(".damaged")) in note for note in read_headway(tmp_path).notes)


def test_what_comes_after_a_missing_part_is_set_aside(whole, tmp_path):
    run(tmp_path)
    sorted((tmp_path / "replica-2").glob("*.npz"))[4].unlink()
    assert run(tmp_path) == whole[1]
    assert series(tmp_path) == series(whole[0])


def test_replicas_are_asked_about_together():
    toy, steps = Toy("EC"), liquid_steps("EC", inputs())
    asked = next(steps)
    for _ in range(40):
        assert len(asked) == 3
        asked = steps.send([evaluate(toy, atoms) for atoms in asked])


def test_a_replica_that_breaks_ends_the_liquid_and_what_the_others_have_is_kept(tmp_path):
    class Breaking(Toy):
        """Weak springs in the box that is asked about first, from some step on."""

        asked = 0

        def calculate(self, atoms=None, *arguments):
            Breaking.asked += 1
            self.spring = 0.003 if Breaking.asked > 360 and Breaking.asked % 3 == 1 else 20.0
            super().calculate(atoms, *arguments)

    values, steps = run_single(liquid_steps("EC", inputs(sampled_ps=0.3), tmp_path), Breaking("EC"))
    assert values["completed"] == 0
    why = f"ended early, no properties: replica 0: {STOPS[int(values['stop'])]} at "
    assert why in read_headway(tmp_path).notes[-1]
    assert all(len(Parts(tmp_path / f"replica-{i}").series("volume", "centres")) > 1 for i in range(3))
    assert steps < 3 * 370
    again = run_single(liquid_steps("EC", inputs(sampled_ps=0.3), tmp_path), Toy("EC"))
    assert again == (values, steps)


def test_a_liquid_whose_density_alone_is_asked_for_ends_after_constant_pressure():
    values, steps = run_single(liquid_steps("EC", inputs() | {"properties": "density"}), Toy("EC"))
    assert steps == 3 * 70
    assert values == {"completed": 1.0, "stop": 0.0, "simulated_ps": pytest.approx(0.05 * 2 / 3)}


def test_a_user_is_told_how_far_a_liquid_is_and_what_was_found(tmp_path):
    killed(tmp_path, 100)
    before = read_headway(tmp_path)
    assert 0 < before.done < before.total == pytest.approx(0.14)
    assert not before.ended
    run(tmp_path)
    after = read_headway(tmp_path)
    assert after.ended
    assert after.done == pytest.approx(0.14)
    assert "too short: density, viscosity" in after.notes[-1]


def test_a_box_narrower_than_twice_the_cutoff_is_named(tmp_path):
    next(liquid_steps("EC", inputs(), tmp_path, cutoff=5.0))
    assert "its box is 9.0 Å wide, less than twice the potential's cutoff of 5 Å" in read_headway(tmp_path).notes[0]


def test_stretches_come_to_half_a_minute():
    one = pace.Pace("EC", 1.0, [0.0])
    assert one.next_stretch(20, 60.0) == 10
    pace.GROWTH = 4
    assert one.next_stretch(20, 1.0) == 80
    assert one.next_stretch(1, 1000.0) == 1


def test_time_left_follows_from_what_this_process_has_done(tmp_path):
    now = [0.0]
    one = pace.Pace("EC", 10.0, [4.0, 4.0], tmp_path, clock=lambda: now[0])
    now[0] = 100.0
    one.note(0, 5.0)
    one.note(1, 5.0)
    assert read_headway(tmp_path).left == pytest.approx(500.0)
    again = pace.Pace("EC", 10.0, [5.0, 5.0], tmp_path, clock=lambda: now[0])
    assert again.seconds == pytest.approx(100.0)


def test_a_part_is_read_as_it_was_written(tmp_path):
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    Parts(tmp_path).add(Part("pressure", None, {"volume": rows}))
    np.testing.assert_array_equal(Parts(tmp_path).series("pressure", "volume"), rows)
    assert Parts(tmp_path).last("volume") is None


CODE = """
import sys
from pathlib import Path
from toy_liquid import Toy, inputs
from matdisc.physics.drivers import run_single
from matdisc.tasks.electrolytes import pace
from matdisc.tasks.electrolytes.liquid import liquid_steps
pace.CHECKPOINT_SECONDS = 0.2
print(run_single(liquid_steps("EC", inputs(sampled_ps=0.15), Path(sys.argv[1])), Toy("EC")))
"""


@pytest.mark.slow
def test_a_process_that_is_killed_anywhere_loses_nothing(tmp_path):
    command = [sys.executable, "-c", CODE]
    where = {"cwd": Path(__file__).parent, "env": os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}}
    told = subprocess.run([*command, str(tmp_path / "whole")], **where, capture_output=True, text=True, check=True)
    folder, kills = tmp_path / "killed", 0
    for wait in (0.3, 0.5, 0.7):
        with subprocess.Popen([*command, str(folder)], **where) as one:
            begun = len(list(folder.glob("*/*.npz")))
            while len(list(folder.glob("*/*.npz"))) == begun and one.poll() is None:
                time.sleep(0.02)
            time.sleep(wait)
            if one.poll() is None:
                one.send_signal(signal.SIGKILL)
                kills += 1
    assert kills
    again = subprocess.run([*command, str(folder)], **where, capture_output=True, text=True, check=True)
    assert again.stdout == told.stdout
    assert series(folder) == series(tmp_path / "whole")
