"""The head of a cluster dies: the job is lost, its record is not, and a new cluster goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow]
SET, N = "emt-alloys", 60
STORE = {"object_store_memory": 80 * 2**20, "include_dashboard": False}


@contextmanager
def cluster_of_two_nodes():
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **STORE})
    try:
        found.add_node(num_cpus=1, **STORE)
        yield found
    finally:
        found.shutdown()


def answers_in(record):
    lines = record.read_bytes().split(b"\n")[1:-1] if record.exists() else []
    return [json.loads(line)["material_id"] for line in lines if line.startswith(b'{"material_id"')]


def test_a_head_that_is_killed_loses_no_answer_and_no_material_is_answered_twice(board, add_toy, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")  # how long the driver waits for its head
    key = add_toy("slow", "slow_emt", seconds=0.1)
    record = board.runs_dir / "discovery" / SET / key / "records.jsonl"
    command = [sys.executable, "-m", "matdisc", "predict", key, "discovery", "-d", SET, "--limit", str(N)]
    command += ["--board", str(board.root), "--address"]
    with cluster_of_two_nodes() as cluster:
        driver = subprocess.Popen([*command, cluster.address], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while len(answers_in(record)) < 10:
            assert driver.poll() is None, driver.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(cluster.head_node.all_processes["gcs_server"][0].process.pid, signal.SIGKILL)
        driver.communicate(timeout=120)
        assert driver.returncode != 0
    kept = answers_in(record)
    assert 10 <= len(kept) < N
    with cluster_of_two_nodes() as cluster:
        done = subprocess.run([*command, cluster.address], capture_output=True, text=True, timeout=200)
        assert f"({N - len(kept)} asked now, {len(kept)} reused)" in done.stdout, done.stderr
    answers = answers_in(record)
    assert answers[: len(kept)] == kept
    assert len(answers) == len(set(answers)) == N
