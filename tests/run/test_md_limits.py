"""`matdisc md`: slips are refused before anything is written, memory is bounded, and a stop is heard at any time."""

import os
import re
import resource
import signal
import subprocess
import sys
import time

import pytest
from ase.build import bulk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from matdisc.cli import app
from matdisc.errors import MatdiscError, RunError
from matdisc.physics.md import Conditions
from matdisc.run.engine.memory import held_gib
from matdisc.run.md.driver import MDOptions, run_md
from matdisc.run.md.job import Dynamics
from matdisc.run.md.memory import expected_memory

HERE = MDOptions(workers=0)


@pytest.fixture
def base(board, tmp_path):
    """The command for four atoms of copper, 20 steps in this process; results in `out`."""
    bulk("Cu", cubic=True).write(tmp_path / "cu.extxyz")
    return [
        "md", "emt", str(tmp_path / "cu.extxyz"), "--board", str(board.root), "--workers", "0", "--steps", "20",
        "--out", str(tmp_path / "out"),
    ]  # fmt: skip


def called(base, *more):
    return CliRunner().invoke(app, [*base, *more])


def job(board, model="emt", steps=20, **more):
    c = more.pop("conditions", Conditions(ensemble="langevin", temperature=300, timestep=2.0))
    return Dynamics(board.model(model), c, steps, **{"checkpoint_every": 10} | more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--timestep", "1e-15"], "option '--timestep' is 1e-15 fs, less than 0.0001 fs; if 1e-15 s is meant, give 1"),
        (["-T", "300,0.0259"], "option '--temperatures' is 0.0259 K, less than 1 K; if 0.0259 eV (kT) is meant"),
        (["-T", "1e6"], "option '--temperatures' is 1e+06 K, more than 100000 K"),
        (["-e", "npt", "--pressure", "101325"], "option '--pressure' is 101325 bar, but 101325 Pa are 1.01325 bar"),
        (["-e", "npt", "--barostat", "0.5"], "option '--barostat' is 0.5 fs, less than 10 steps of 1 fs; if 0.5 ps is"),
        (["-e", "nose-hoover", "--thermostat", "0.1"], "option '--thermostat' is 0.1 fs, less than 10 steps of 1 fs"),
        (["--supercell", "1000,1000,1000"], "which makes 4,000,000,000 of 4 atoms; at most 10,000,000"),
        (["--supercell", "30,30,30", "--memory", "1"], "108,000 atoms: a replica takes about 1.8 GiB"),
        (
            ["--every", "1", "--steps", "10000000", "--checkpoint-every", "10000000", "--memory", "4"],
            "frames less often (--every), or a smaller --checkpoint-every",
        ),
        (["--memory", "0.1"], "a greater --memory"),
        (["--resume", "--restart"], "options '--resume' and '--restart' exclude each other"),
        (["--relax", "5", "--keep-velocities"], "options '--relax' and '--keep-velocities' exclude each other"),
        (["--bonds", "--no-watchdog"], "options '--bonds' and '--no-watchdog' exclude each other"),
        (["--address", "auto"], "options '--address' and '--workers 0' exclude each other"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(base, tmp_path, more, said):
    found = called(base, *more)
    assert isinstance(found.exception, RunError), found.output
    assert said in str(found.exception)
    assert not (tmp_path / "out").exists()


def test_options_that_exclude_each_other_move_nothing(base, board, tmp_path):
    assert called(base).exit_code == 0
    before = sorted(p.relative_to(tmp_path) for p in (tmp_path / "out").rglob("*"))
    assert isinstance(called(base, "--resume", "--restart").exception, RunError)
    options = MDOptions(workers=0, resume=True, restart=True)
    with pytest.raises(RunError, match="exclude each other"):
        run_md(job(board), bulk("Cu", cubic=True), [300.0], 1, tmp_path / "out", options=options)
    assert sorted(p.relative_to(tmp_path) for p in (tmp_path / "out").rglob("*")) == before


def test_the_command_says_how_large_the_run_will_be_and_warns_of_what_looks_odd(base):
    found = called(base, "--supercell", "2,1,3", "-e", "npt", "--pressure", "1e6", "--steps", "1")
    assert found.exit_code == 0, found.output
    assert "24 atoms: a replica takes about 0.25 GiB of memory; it may take " in found.stderr
    assert "warning: a pressure of 1e+06 bar is extreme" in found.stderr
    assert "warning: a run of 1 fs is too short to show a barostat of 1000 fs at work" in found.stderr


def test_memory_is_reckoned_from_atoms_and_their_neighbours(board):
    small, large = bulk("Cu", cubic=True), bulk("Cu", cubic=True) * (30, 30, 30)
    few, many = (expected_memory(job(board), atoms) for atoms in (small, large))
    assert [few.neighbours, many.neighbours] == pytest.approx([76.93] * 2, abs=0.01)  # 4 / 3.61^3 * 4/3 pi 6^3
    assert many.least - few.least == pytest.approx((108_000 - 4) * 76.93 * 200 / 2**30, rel=0.01)
    network = expected_memory(job(board, "chgnet-0.3.0"), large)
    assert network.most > 30 * many.most
    assert expected_memory(job(board, every=1, velocities=True), large).text > 15 * many.text > 0


def test_a_replica_that_ended_early_gives_code_1_and_is_named(base, tmp_path):
    assert called(base).exit_code == 0
    ended = called(base, "-T", "300,1500", "--timestep", "19", "--steps", "200", "--restart")
    assert ended.exit_code == 1
    assert "replicas ended early: " in ended.stderr
    assert "T1500-r1" in ended.stderr
    again = called(base, "-T", "300,1500", "--timestep", "19", "--steps", "200", "--resume")
    assert (again.exit_code, again.stderr.splitlines()[-1]) == (1, ended.stderr.splitlines()[-1])


def test_a_cell_that_runs_away_is_told_with_what_to_give(board, tmp_path):
    c = Conditions(ensemble="npt", temperature=300, barostat_fs=0.5)
    (found,) = run_md(job(board, conditions=c), bulk("Cu", cubic=True) * 2, [300.0], 1, tmp_path / "out", options=HERE)
    assert (found.ended, found.steps) == ("runaway", 0)
    assert "at 1 fs: the cell shrank to " in found.detail
    assert (
        "in 1 step: barostat time 0.5 fs with a step of 1 fs; give a barostat time of at least 100 fs" in found.detail
    )


def test_a_cell_in_other_units_is_refused_before_it_is_relaxed(board, tmp_path):
    nanometres = bulk("Cu", a=0.361, cubic=True)
    with pytest.raises(RunError, match=r"impossible start: each atom has 0\.01176 Å\^3.* lengths are in Å"):
        run_md(job(board, relax=50), nanometres, [300.0], 1, tmp_path / "out", options=HERE)
    assert not (tmp_path / "out").exists()


def test_temperatures_that_would_share_a_folder_are_refused(board, tmp_path):
    with pytest.raises(RunError, match="names one twice"):
        run_md(job(board), bulk("Cu", cubic=True), [300.0001, 300.0002], 1, tmp_path / "out", options=HERE)


def test_memory_is_bounded_in_this_process_too_and_given_back(board, add_toy, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    add_toy("hungry", "misbehaving", how="memory", symbol="Cu")
    options = MDOptions(workers=0, memory=held_gib() + 0.6)
    with pytest.raises(RunError, match=r"replica T300-r1: model 'hungry' finds no memory within .* GiB .*--memory"):
        run_md(job(board, "hungry"), bulk("Cu", cubic=True), [300.0], 1, tmp_path / "out", options=options)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_potential_that_leaves_is_an_error_in_words(board, add_toy, tmp_path):
    add_toy("leaves", "misbehaving", how="leave", symbol="Cu")
    with pytest.raises(RunError, match="has no answer to the start: SystemExit: I have had enough"):
        run_md(job(board, "leaves"), bulk("Cu", cubic=True), [300.0], 1, tmp_path / "out", options=HERE)


def periodic_only():
    """EMT that divides by the number of periodic directions."""
    from ase.calculators.emt import EMT

    class PeriodicOnly(EMT):
        def calculate(self, atoms=None, *args, **kwargs):
            super().calculate(atoms, *args, **kwargs)
            self.results["energy"] += 0 / int(atoms.pbc.sum())

    return PeriodicOnly()


@pytest.mark.parametrize("relax", [0, 5])
def test_a_potential_that_needs_a_cell_says_so(board, tmp_path, relax):
    card = board.model("emt").model_copy(update={"loader": f"{__name__}:periodic_only"})
    cluster = bulk("Cu", cubic=True)
    cluster.pbc, cluster.cell = False, None
    asked = Dynamics(card, Conditions(temperature=300), 5, relax=relax)
    with pytest.raises(RunError, match="model 'emt' needs a cell that is periodic in three directions"):
        run_md(asked, cluster, [300.0], 1, tmp_path / "out", options=HERE)
    cluster.positions[0] = cluster.positions[1] + 0.2  # here the cell is not what is wrong
    with pytest.raises(RunError, match="exploding start"):
        run_md(job(board), cluster, [300.0], 1, tmp_path / "near", options=HERE)


def interrupted(number, swallowed):
    """EMT that is interrupted when it is asked for the 15th time, and may take that for an error of its own."""
    from ase.calculators.emt import EMT

    class Interrupted(EMT):
        asked = 0

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.asked += 1
            if self.asked == 15:
                try:
                    os.kill(os.getpid(), number)
                    time.sleep(300)
                except BaseException:  # as some packages do
                    if not swallowed:
                        raise
                    raise ValueError("cannot go on") from None

    return Interrupted()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("swallowed", [False, True])
def test_a_stop_is_heard_while_the_potential_is_at_work(board, tmp_path, number, swallowed):
    options = {"number": int(number), "swallowed": swallowed}
    card = board.model("emt").model_copy(update={"loader": f"{__name__}:interrupted", "options": options})
    atoms, handlers = bulk("Cu", cubic=True), [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    asked = Dynamics(card, Conditions(ensemble="langevin", temperature=300), 40, checkpoint_every=20)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_md(asked, atoms, [300.0], 1, tmp_path / "out", options=HERE)
    assert time.monotonic() - started < 200  # and not when the potential is done
    assert not (tmp_path / "out" / "T300-r1" / "checkpoint.npz").exists()  # no trajectory was ended for good
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_has_code_130(board, add_toy, base, tmp_path, number):
    add_toy("slow", "slow_emt", seconds=300.0)
    command = [sys.executable, "-m", "matdisc", "md", "slow", *base[2:]]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (tmp_path / "out" / "T300-r1").exists():
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said


letters = st.text("0123456789.,-+einfax ", max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["-T", "--supercell", "--timestep", "--pressure", "--barostat", "--thermostat"]), letters)
def test_random_options_give_a_run_or_a_reason(base, tmp_path, option, text):
    found = called(base, "-e", "npt", "--steps", "2", "--restart", f"{option}={text}")
    assert found.exit_code in (0, 1, 2) or isinstance(found.exception, MatdiscError), found.output
    if isinstance(found.exception, MatdiscError):
        assert found.exit_code == 1  # typer's for any error; the command line makes it 2
        assert re.search(r"[a-z]", str(found.exception))
