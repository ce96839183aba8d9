"""Several nodes, simulated on this machine: they come and go, and every material is answered once."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from matdisc.run import predict
from matdisc.tasks import TASKS

pytestmark = [pytest.mark.ray, pytest.mark.slow]
SET = "emt-alloys"
STORE = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
N = 200
PATIENT = """
import time
from pathlib import Path
from ase.calculators.emt import EMT as Quick

class EMT(Quick):
    def calculate(self, *args, **kwargs):
        end = time.monotonic() + 60
        while not Path({named!r}).exists() and time.monotonic() < end:
            time.sleep(0.05)
        super().calculate(*args, **kwargs)
"""


@pytest.fixture
def cluster(monkeypatch):
    """A head without cores and two nodes of one core."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **STORE})
    for _ in range(2):
        found.add_node(num_cpus=1, **STORE)
    yield found
    found.shutdown()


def answers_in(record):
    lines = [json.loads(line) for line in record.read_bytes().split(b"\n")[1:-1]] if record.exists() else []
    return [line["material_id"] for line in lines if "material_id" in line]


def workers_in(record):
    lines = [json.loads(line) for line in record.read_bytes().splitlines()[1:]]
    return {line["usage"]["worker"] for line in lines if "usage" in line}


def rows_of(path):
    return {p.material_id: (p.values, p.status) for p in TASKS["discovery"].scoring.read(path).rows}


def wait_for_answers(record, n, driver):
    deadline = time.monotonic() + 120
    while len(answers_in(record)) < n:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def begun(log):
    """Energies of the evaluations that were begun."""
    return [line.split()[1] for line in log.read_text().splitlines() if line.startswith("start ")]


def test_nodes_come_and_go_in_mid_run_and_every_material_is_answered_once(board, add_toy, cluster, tmp_path):
    log = tmp_path / "evaluations.log"
    key = add_toy("counted", "counted", seconds=0.12, log=str(log))
    calm = add_toy("calm", "counted")
    record = board.runs_dir / "discovery" / SET / key / "records.jsonl"
    command = [sys.executable, "-m", "matdisc", "predict", key, "discovery", "-d", SET, "--limit", str(N)]
    command += ["--address", cluster.address, "--board", str(board.root), "--out", str(tmp_path / "out.csv")]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for_answers(record, 30, driver)
    in_flight = -len(answers_in(record)) + len(set(begun(log)))
    cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)
    workers = workers_in(record)
    for _ in range(2):
        cluster.add_node(wait=False, num_cpus=1, **STORE)
    said, troubles = driver.communicate(timeout=300)
    assert f"{N} ok ({N} asked now, 0 reused)" in said, troubles
    answers = answers_in(record)
    assert (len(answers), len(set(answers))) == (N, N)
    assert rows_of(tmp_path / "out.csv") == rows_of(predict(board, calm, "discovery", SET, limit=N, workers=0).out)
    assert workers_in(record) - workers, "the new nodes were not used"
    # the elements' energies are asked once by each worker, and count as begun; materials are what is left
    elements = 7 * len(workers_in(record))
    assert len(begun(log)) - N <= in_flight + elements


def test_a_run_that_is_shot_at_loses_nothing(tmp_path):
    """Worker, node and driver get kill -9, one each; `python -m benchmarks soak` does it twenty times."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "benchmarks", "soak", "--kills", "3", "--json", str(tmp_path / "soak.json")]
    done = subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report = json.loads((tmp_path / "soak.json").read_text())
    assert {kill["victim"] for kill in report["kills"]} == {"worker", "node", "driver"}
    assert (report["materials"], report["wrong"]) == (450, [])


def test_a_node_that_lacks_package_or_weights_is_named_and_others_get_its_work(board, add_toy, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("MATDISC_MIRROR", raising=False)
    from ray.cluster_utils import Cluster

    # It answers once the node that cannot work is named: else the other one might be through before that.
    named = tmp_path / "named"
    (tmp_path / "only_on_some_nodes.py").write_text(PATIENT.format(named=str(named)))
    (weights := tmp_path / "full" / "weights" / "weighty" / "weights.bin").parent.mkdir(parents=True)
    weights.write_bytes(b"1")
    hashed = f'[weights]\nurl = "https://127.0.0.1:9/weights.bin"\nsha256 = "{hashlib.sha256(b"1").hexdigest()}"\n'
    for key, module, more in (("packed", "only_on_some_nodes", ""), ("weighty", "on_every_node", hashed)):
        card = board.models_dir / add_toy(key, "load", factory=f"{module}:EMT") / "model.toml"
        text = card.read_text().replace("matdisc.testing:", "matdisc.models.potentials.ase_factory:")
        card.write_text(text + more)
    (everywhere := tmp_path / "everywhere").mkdir()
    (everywhere / "on_every_node.py").write_text((tmp_path / "only_on_some_nodes.py").read_text())
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **STORE})

    def predicted(key):
        command = [sys.executable, "-m", "matdisc", "predict", key, "discovery", "-d", SET, "--limit", "10"]
        command += ["--address", nodes.address, "--board", str(board.root)]
        named.unlink(missing_ok=True)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
            lines = []
            for line in driver.stderr:
                lines.append(line)
                if "other nodes get its work" in line:
                    named.touch()
            return subprocess.CompletedProcess(command, driver.wait(), driver.stdout.read(), "".join(lines))

    try:
        nodes.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(everywhere)}, **STORE)
        alone = predicted("packed")
        full = {"PYTHONPATH": f"{tmp_path}:{everywhere}", "MATDISC_CACHE": f"{tmp_path}/full"}
        nodes.add_node(num_cpus=1, env_vars=full, **STORE)
        both = {key: predicted(key) for key in ("packed", "weighty")}
    finally:
        nodes.shutdown()
    assert (alone.returncode, "no module 'only_on_some_nodes'" in alone.stderr) == (2, True), alone.stderr
    for key, said in (("packed", "install its package"), ("weighty", "weights.bin")):
        assert "10 ok (10 asked now, 0 reused)" in both[key].stdout, both[key].stderr
        (line,) = [line for line in both[key].stderr.splitlines() if "other nodes get its work" in line]
        assert line.startswith("node ")
        assert said in line
