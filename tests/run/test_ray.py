"""Runs on Ray: the same answers, and what dying workers and drivers cost."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from matdisc.errors import RunError
from matdisc.models.load import Factory
from matdisc.run import predict
from matdisc.run.engine.backends import ray_answers
from matdisc.run.engine.preload import preloading_workers
from matdisc.run.engine.schedule import Schedule
from matdisc.run.engine.worker import Job
from matdisc.schema import Sample
from matdisc.tasks import TASKS
from matdisc.testing import cubic_crystal

pytestmark = pytest.mark.ray
SET = "emt-alloys"


def values_of(run, task="discovery"):
    return [(p.material_id, p.values, p.status) for p in TASKS[task].scoring.read(run.out).rows]


def answers_in(record):
    return record.read_bytes().count(b'{"material_id"')


@pytest.mark.parametrize("model", ["emt", "composition-rf", "dummy-random"])
def test_workers_give_the_very_values_that_this_process_gives(board, ray_session, model):
    run_single = predict(board, model, "discovery", SET, limit=30, workers=0)
    values = values_of(run_single)
    run_batched = predict(board, model, "discovery", SET, limit=30, workers=2, restart=True)
    assert run_batched.computed == 30
    assert values_of(run_batched) == values


def test_workers_load_the_model_before_anything_is_asked_and_what_that_took_is_in_the_record(
    board, ray_session, tmp_path
):
    marks = tmp_path / "marks"
    marks.mkdir()
    card = board.model("emt").model_copy(update={"loader": None})

    def marking():
        from ase.calculators.emt import EMT

        time.sleep(0.3)
        (marks / str(os.getpid())).touch()
        return EMT()

    factory = Factory("loaded-ahead", marking)
    with preloading_workers(card, factory, 2, None, load=True):
        deadline = time.monotonic() + 60
        while len(list(marks.iterdir())) < 2:
            assert time.monotonic() < deadline, "two workers have not loaded it"
            time.sleep(0.05)
    run = predict(board, card, "discovery", SET, factory=factory, limit=6, workers=2)
    assert run.counts == {"ok": 6}
    assert len(list(marks.iterdir())) == 2
    cost = json.loads(run.out.with_name("partial.run.json").read_text())["cost"]
    assert cost["load_seconds"] >= 0.3


def test_what_goes_wrong_ahead_is_said_by_the_run(board, ray_session):
    def refusing():
        raise ValueError("no such day")

    factory = Factory("never-loads", refusing)
    card = board.model("emt").model_copy(update={"loader": None})
    with pytest.raises(RunError, match="no such day"):
        predict(board, card, "discovery", SET, factory=factory, limit=3, workers=2)


def test_a_worker_killed_once_costs_nothing(board, add_toy, ray_session, tmp_path):
    key = add_toy("dies-once", "misbehaving", how="kill", symbol="Au", marker=str(tmp_path / "mark"))
    run = predict(board, key, "discovery", SET, limit=15, workers=2)
    assert (tmp_path / "mark").exists()
    assert run.counts == {"ok": 15}


def test_a_material_that_kills_its_workers_fails_by_name_and_alone(board, add_toy, ray_session):
    key = add_toy("killer", "misbehaving", how="kill", symbol="Au")
    run = predict(board, key, "discovery", SET, limit=12, workers=2)
    failed = {m for m, _, status in values_of(run) if status == "failed"}
    assert failed == {m for m, _, _ in values_of(run) if "Au" in m}
    assert failed
    rows = {p.material_id: p for p in TASKS["discovery"].scoring.read(run.out).rows}
    assert all("died twice while it was asked about this material" in rows[m].error for m in failed)


def test_native_code_that_hangs_loses_its_worker_and_not_the_run(ray_session, board, add_toy):
    add_toy("spinner", "misbehaving", how="spin", symbol="Au")
    job = Job(board.model("spinner"), "polymorphs", "single-point", 0.0, timeout=4.0, in_worker=True)
    crystals = {m: cubic_crystal([el, el], 4.0) for m, el in (("good", "Cu"), ("bad", "Au"), ("late", "Ag"))}
    samples = [Sample(m, {"crystal": crystal, "compound": "x"}, {}, "x") for m, crystal in crystals.items()]
    found = [p for batch, _ in ray_answers(job, Schedule(samples), 2) for p in batch]
    assert {p.material_id: p.status for p in found} == {"bad": "timed_out", "good": "ok", "late": "ok"}
    assert len(found) == 3


def test_a_cluster_that_is_not_there_is_told_at_once(board):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "matdisc", "predict", "emt", "discovery", "-d", SET, "--limit", "3"]
    command += ["--address", f"127.0.0.1:{port}", "--board", str(board.root)]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "nobody answers there" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started < 30


def test_ray_client_is_refused_because_it_cannot_stream(board):
    with pytest.raises(RunError, match="auto"):
        predict(board, "emt", "discovery", SET, limit=3, address="ray://127.0.0.1:10001")


@pytest.mark.slow
def test_a_running_cluster_is_used_by_its_address(board, tmp_path):
    script = (
        "import ray, sys\n"
        "found = ray.init(address='local', num_cpus=1, include_dashboard=False, object_store_memory=100_000_000)\n"
        "print(found.address_info['gcs_address'], flush=True)\nsys.stdin.read()\n"
    )
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-c", script]
    head = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        address = head.stdout.readline().split()[-1]
        command = [sys.executable, "-m", "matdisc", "predict", "emt", "discovery", "-d", SET, "--limit", "5"]
        command += ["--address", address, "--workers", "1", "--board", str(board.root)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=150)
        assert "5 ok (5 asked now, 0 reused)" in done.stdout, done.stderr
    finally:
        head.communicate(timeout=60)


def test_a_model_that_cannot_be_loaded_stops_the_run_with_the_remedy(board, ray_session):
    from matdisc.errors import CardError

    path = board.models_dir / "emt" / "model.toml"
    path.write_text(path.read_text().replace("potentials.emt:load", "potentials.emt:lod"))
    with pytest.raises(CardError, match="lod"):
        predict(board, "emt", "discovery", SET, limit=3, workers=2)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_stopped_driver_loses_nothing_and_repeats_only_what_was_in_flight(board, add_toy, number, code):
    key = add_toy("slow", "slow_emt", seconds=0.1)
    command = [sys.executable, "-m", "matdisc", "predict", key, "discovery", "-d", SET, "-w", "2", "--limit", "60"]
    command += ["--board", str(board.root)]
    record = board.runs_dir / "discovery" / SET / key / "records.jsonl"
    driver = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and (not record.exists() or answers_in(record) < 10):
        time.sleep(0.05)
    os.kill(driver.pid, number)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == code, said
    assert "Traceback" not in said
    assert ("the same command goes on from there" in said) == (number == signal.SIGINT)
    kept = record.read_bytes()
    answered = answers_in(record)
    assert 10 <= answered < 60
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"({60 - answered} asked now, {answered} reused)" in done.stdout
    assert record.read_bytes().startswith(kept)
    assert answers_in(record) == 60


@pytest.mark.slow
def test_a_run_that_is_killed_twice_gets_on_each_time_and_answers_every_material_once(board, add_toy):
    key = add_toy("slow", "slow_emt", seconds=0.1)
    command = [sys.executable, "-m", "matdisc", "predict", key, "discovery", "-d", SET, "-w", "2", "--limit", "60"]
    command += ["--board", str(board.root)]
    record = board.runs_dir / "discovery" / SET / key / "records.jsonl"
    answered = 0
    for _ in range(2):
        kept = record.read_bytes() if record.exists() else b""
        driver = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not record.exists() or answers_in(record) < answered + 5:
            assert time.monotonic() < deadline, f"no more than {answered} answers"
            time.sleep(0.05)
        driver.kill()
        assert driver.wait() == -signal.SIGKILL
        assert record.read_bytes().startswith(kept)
        answered = answers_in(record)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert f"60 ok ({60 - answered} asked now, {answered} reused)" in done.stdout
    lines = [json.loads(line) for line in record.read_bytes().splitlines()]
    materials = [line["material_id"] for line in lines if "material_id" in line]
    assert len(materials) == len(set(materials)) == 60


MANY_RUNS = """
import sys
from pathlib import Path
from matdisc.board import Board
from matdisc.run import predict
from matdisc.run.engine.cluster import ray_cluster
board = Board(Path(sys.argv[1]))
with ray_cluster(2):
    for number in range(40):
        asked = (("dummy-mean", "polymorphs", "elements"), ("emt", "discovery", "emt-alloys"))[number % 2]
        assert predict(board, *asked, workers=2, restart=True, limit=30).counts.total() == 30
"""


@pytest.mark.slow
def test_a_driver_survives_many_short_runs_on_one_cluster(board):
    done = subprocess.run(
        [sys.executable, "-c", MANY_RUNS, str(board.root)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_a_long_name_of_the_folder_for_temporary_files_is_no_hindrance(board, tmp_path):
    folder = tmp_path / (110 * "x")
    folder.mkdir()
    command = [sys.executable, "-m", "matdisc", "predict", "emt", "discovery", "-d", SET, "-w", "1", "--limit", "3"]
    environment = {k: v for k, v in os.environ.items() if k != "RAY_TMPDIR"} | {"TMPDIR": str(folder)}
    command += ["--board", str(board.root)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=150)
    assert "3 ok (3 asked now, 0 reused)" in done.stdout, done.stderr


@pytest.mark.slow
def test_more_workers_than_there_is_memory_for_are_refused_before_anything_is_asked(board):
    command = [sys.executable, "-m", "matdisc", "predict", "emt", "discovery", "-d", SET, "-w", "2", "--limit", "3"]
    command += ["--board", str(board.root), "--memory", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 2
    assert "a worker holds" in done.stderr
    assert "give --memory at least" in done.stderr
    assert answers_in(board.runs_dir / "discovery" / SET / "emt" / "records.jsonl") == 0
