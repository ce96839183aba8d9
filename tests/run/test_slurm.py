"""A real Slurm, two simulated nodes on this machine: the printed scripts do what they promise."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from matdisc.cli.app import app
from matdisc.run import predict

pytestmark = [pytest.mark.ray, pytest.mark.slow]
SET = "emt-alloys"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
if MISSING or os.geteuid():
    pytest.skip(f"needs root, and of Slurm: {', '.join(MISSING) or 'all is there'}", allow_module_level=True)

CONFIGURATION = """
ClusterName=matdisc
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=2 RealMemory=16000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Slurm's daemons, as long as the tests of this file take; yields the configuration."""
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    port = 20000 + 4 * (os.getpid() % 5000)
    text = CONFIGURATION.format(folder=folder, host=socket.gethostname(), port=port, first=port + 1, last=port + 2)
    (folder / "slurm.conf").write_text(text)
    names = {f"--{name}": folder / f"munge.{name.partition('-')[0]}" for name in ("key-file", "pid-file", "log-file")}
    munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--seed-file={folder}/munge.seed"]
    commands = [
        [*munge, *(f"{option}={path}" for option, path in names.items())],
        ["slurmctld", "-D"],
        *(["slurmd", "-D", "-N", name] for name in ("n1", "n2")),
    ]
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    daemons = []
    try:
        for command in commands:
            daemons.append(subprocess.Popen(command, env=environment, stdout=-3, stderr=-3, start_new_session=True))
            time.sleep(1)
        deadline = time.monotonic() + 60
        while said(["sinfo", "-h", "-t", "idle", "-o", "%D"], environment).strip() != "2":
            assert time.monotonic() < deadline, said(["sinfo"], environment)
            time.sleep(0.5)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=30)


def said(command, environment, cwd=None):
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def script(folder, *arguments):
    done = CliRunner().invoke(app, ["cluster", "slurm", "--time", "10", "--mem-per-cpu", "1G", *arguments])
    assert done.exit_code == 0, done.output
    (folder / "script.sh").write_text(done.stdout)
    return folder / "script.sh"


def wait_until(condition, environment, seconds=150):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, said(["scontrol", "show", "job"], environment)
        time.sleep(0.5)


def queue_is_empty(environment):
    return lambda: not said(["squeue", "-h"], environment).strip()


def rows(path):
    """Rows of a predictions file without the seconds, which differ from run to run."""
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns="seconds")


def test_an_array_of_parts_is_joined_to_the_file_of_one_run(slurm, board):
    path = script(board.root, "--array", "3", "--", "predict", "emt", "discovery", "-d", SET, "-w", "0")
    said(["bash", str(path)], slurm, board.root)
    wait_until(queue_is_empty(slurm), slurm)
    joined = board.predictions_dir / "discovery" / SET / "emt.csv.gz"
    assert joined.exists(), "\n".join(log.read_text() for log in board.root.glob("*.log"))
    whole = predict(board, "emt", "discovery", SET, workers=0, restart=True, out=board.root / "one.csv")
    assert rows(joined).equals(rows(whole.out))


def test_a_job_on_shared_nodes_that_is_stopped_goes_on_when_slurm_starts_it_again(slurm, board, add_toy):
    key = add_toy("slow", "slow_emt", seconds=0.1)
    record = board.runs_dir / "discovery" / SET / key / "records.jsonl"
    left_before = set(Path("/tmp").glob("matdisc-*"))
    path = script(
        board.root, "--nodes", "2", "--cpus", "1", "--shared-nodes", "--",
        "predict", key, "discovery", "-d", SET, "--limit", "60",
    )  # fmt: skip
    job = said(["sbatch", "--parsable", str(path)], slurm, board.root).strip()
    wait_until(lambda: record.exists() and record.read_bytes().count(b'{"material_id"') >= 5, slurm)
    said(["scancel", "--signal=TERM", "--batch", job], slurm)
    wait_until(lambda: "Restarts=1" in said(["scontrol", "show", "job", job], slurm), slurm)

    def is_over():
        state = said(["squeue", "-h", "-o", "%T %r"], slurm).split()
        if state == ["PENDING", "BeginTime"]:  # Slurm waits for two minutes before it starts a job again
            said(["scontrol", "update", f"jobid={job}", "starttime=now"], slurm)
        return not state

    wait_until(is_over, slurm)
    log = (board.root / f"matdisc-predict-slow-{job}.log").read_text()
    assert "stopped in time" in log
    assert "slow: 60 ok" in log, log
    assert " 0 reused" not in log
    assert record.read_bytes().count(b'{"material_id"') == 60
    assert set(Path("/tmp").glob("matdisc-*")) <= left_before
