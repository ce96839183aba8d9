"""Workers with a real Ray: files that kill their process, a Ray that dies, and signals."""

import os
import signal
import subprocess
import sys
import time

import pytest

from matdisc.leaderboard.results import score_file
from matdisc.service import release
from matdisc.service.settings import Work
from matdisc.service.states import State
from matdisc.service.store import leases, submissions

pytestmark = [pytest.mark.service, pytest.mark.ray, pytest.mark.slow]
SET = "emt-alloys"
WORKER = """
import logging, signal, sys
from matdisc.service.settings import Settings
from matdisc.service.worker.loop import work

logging.basicConfig(level=logging.INFO)
asked = []
signal.signal(signal.SIGTERM, lambda *more: asked.append(1))
work(Settings.model_validate_json(sys.argv[1]), workers=1, stop=lambda: bool(asked))
"""
BUILDERS = """
import os, time
from matdisc.datasets.emt_alloys import build as usual

def sleep(*arguments):
    time.sleep(600)

def die(*arguments):
    os.kill(os.getpid(), 9)

def swell(*arguments):
    kept = []
    while True:
        kept.append(bytearray(2**26))
"""
HEAD = b"material_id,e_form_per_atom\n"


@pytest.fixture
def worker(settings, sqlite_store, tmp_path):
    """Start a worker process that is ready: `worker(evaluation_seconds=5)`."""
    (tmp_path / "builders.py").write_text(BUILDERS)
    started = []

    def start(**changes):
        quick = {"backoff_seconds": 0.05, "heartbeat_seconds": 0.5} | changes
        given = settings.model_copy(update={"work": Work(**quick)}).model_dump_json()
        variables = os.environ | {"PYTHONPATH": str(tmp_path)}
        log = (tmp_path / "worker.log").open("w")
        process = subprocess.Popen([sys.executable, "-c", WORKER, given], stdout=log, stderr=log, env=variables)
        log.close()
        started.append(process)
        wait(lambda: "is ready" in (tmp_path / "worker.log").read_text(), process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def builds_with(board):
    """Let the labels of a data set be made by one of BUILDERS."""

    def change(name):
        path = board.datasets_dir / SET / "dataset.toml"
        path.write_text(path.read_text().replace("matdisc.datasets.emt_alloys:build", f"builders:{name}"))

    return change


@pytest.fixture
def send(sqlite_store, blobs, make_team):
    team = make_team(sqlite_store)

    def make(data=HEAD + b"x,1\n", dataset=SET):
        file = {"file_sha256": blobs.put(data), "file_suffix": ".csv", "file_bytes": len(data)}
        return team.submit(dataset=dataset, **file).id

    return make


def wait(until, process, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not until():
        assert process.poll() is None, "the worker has ended"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.1)


def children(process, name):
    listed = subprocess.run(["ps", "-ewwo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [int(pid) for pid, parent, command in rows if int(parent) == process.pid and name in command]


def test_a_file_that_kills_its_process_is_parked_and_the_next_is_scored_as_by_matdisc_score(
    board, settings, sqlite_store, worker, send, builds_with, tmp_path
):
    import numpy as np

    from matdisc.datasets import load_truth

    process = worker()
    rng = np.random.default_rng(0)
    truth = load_truth(board, "wbm-sample")
    values = truth.targets["e_form_per_atom"] + rng.normal(0, 0.05, len(truth))
    rows = "".join(f"{n},{x:.5f}\n" for n, x in zip(truth.material_ids.to_pylist(), values, strict=True))
    builds_with("die")
    poison, good = send(), send(HEAD + rows.encode(), "wbm-sample")
    wait(lambda: submissions.get(sqlite_store, poison).state == State.FAILED, process)
    assert [attempt.outcome for attempt in submissions.attempts(sqlite_store, poison)] == ["crashed"] * 3
    said = submissions.get(sqlite_store, poison).reason
    assert said.startswith("parked after 3 attempts that came to no end; the last one: its process died")
    wait(lambda: submissions.get(sqlite_store, good).state == State.PUBLISHED, process)
    (tmp_path / "p.csv").write_bytes(HEAD + rows.encode())
    expected = score_file(board, tmp_path / "p.csv", "discovery", "wbm-sample")
    found = release.released(sqlite_store, settings, submissions.get(sqlite_store, good))
    assert found["metrics"] == expected["metrics"]


def test_what_takes_more_memory_than_it_may_ends_and_the_worker_lives(sqlite_store, worker, send, builds_with):
    builds_with("swell")
    process = worker(memory_gib=1.5, crashes=1)
    greedy = send()
    wait(lambda: submissions.get(sqlite_store, greedy).state == State.FAILED, process)
    assert "needs more than the 1.5 GiB of memory" in submissions.get(sqlite_store, greedy).reason


def test_cancelling_stops_an_evaluation_whatever_it_does_and_time_does_too(sqlite_store, worker, send, builds_with):
    builds_with("sleep")
    process = worker(evaluation_seconds=10)
    cancelled, late = send(), send(HEAD + b"y,1\n")
    wait(lambda: submissions.get(sqlite_store, cancelled).state == State.VALIDATING, process)
    submissions.cancel(sqlite_store, cancelled, "me")
    wait(lambda: submissions.get(sqlite_store, cancelled).state == State.CANCELLED, process, 15)
    wait(lambda: submissions.get(sqlite_store, late).state == State.TIMED_OUT, process)


def test_a_worker_that_is_asked_to_stop_gives_back_what_it_has_within_seconds(sqlite_store, worker, send, builds_with):
    builds_with("sleep")
    process = worker()
    one = send()
    wait(lambda: submissions.get(sqlite_store, one).state == State.VALIDATING, process)
    time.sleep(2)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert time.monotonic() - started < 15
    assert submissions.get(sqlite_store, one).state == State.RECEIVED
    assert submissions.attempts(sqlite_store, one)[0].outcome == "released"
    assert leases.all_workers(sqlite_store)[0].ended is not None


@pytest.mark.parametrize("part", ["raylet/raylet", "gcs_server"])
def test_a_worker_whose_ray_dies_gives_back_what_it_has_and_ends_with_an_error(
    sqlite_store, worker, send, builds_with, part
):
    builds_with("sleep")
    process = worker()
    one = send()
    wait(lambda: submissions.get(sqlite_store, one).state == State.VALIDATING, process)
    time.sleep(2)
    (pid,) = children(process, part)
    os.kill(pid, signal.SIGKILL)
    assert process.wait(30) != 0
    assert submissions.get(sqlite_store, one).state == State.RECEIVED
    assert submissions.attempts(sqlite_store, one)[0].outcome == "lost"


def test_an_address_where_no_cluster_answers_is_refused_in_words(settings):
    command = [sys.executable, "-m", "matdisc", "worker", "--board", str(settings.board), "--address", "127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)  # this process may have a cluster
    assert (done.returncode, "nobody answers there" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_the_worker_is_killed_and_another_ends_what_it_began_at_once(sqlite_store, worker, send, builds_with, board):
    builds_with("sleep")
    process = worker()
    one = send()
    wait(lambda: submissions.get(sqlite_store, one).state == State.VALIDATING, process)
    process.kill()
    process.wait()
    path = board.datasets_dir / SET / "dataset.toml"
    path.write_text(path.read_text().replace("builders:sleep", "builders:usual"))
    second = worker()
    wait(lambda: submissions.get(sqlite_store, one).state == State.REJECTED, second, 30)
    assert [attempt.outcome for attempt in submissions.attempts(sqlite_store, one)] == ["lost", "rejected"]
