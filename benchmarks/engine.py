"""What running costs beyond the models: per material, by number of workers, and for a quarter of a million materials.

A potential that burns a known amount of processor time stands for the model. Other work on the machine disturbs wall
times: each is the best of three, Ray's start and the loading of models are paid before the clock starts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.invented import SET, add_model, make_board
from matdisc.board import Board, init_board
from matdisc.run import predict
from matdisc.run.cluster import ray_cluster

N_TRIVIAL = 257_000
BUSY_SECONDS = 0.005
N_BUSY = 2_000
REPEAT = 3


def main() -> int:
    """Run the measurements of this module alone."""
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder))
    return 0


def measure(folder: Path) -> None:
    """Run every measurement and print its lines."""
    overhead(folder)
    two_workers_on_a_real_model(folder)
    for kind in ("potential", "predictor"):
        trivial(folder, kind)


def overhead(folder: Path) -> None:
    """Wall-clock time beyond the model's own, a material, with one worker and two; and how much faster two are."""
    board = make_board(folder / "busy", N_BUSY)
    add_model(board, "busy", "matdisc.testing:counted", {"seconds": BUSY_SECONDS, "busy": True})
    walls = {}
    for workers in (1, 2):
        walls[workers] = _best(board, "busy", "discovery", SET, N_BUSY, workers)
        beyond = walls[workers] * workers / N_BUSY - BUSY_SECONDS
        print(f"{f'{workers} worker(s), 5 ms of work: overhead a material':55s} {1e3 * beyond:8.2f} ms of a worker")
    _say("one worker / two workers, 5 ms of work a material", walls[1], walls[2])


def two_workers_on_a_real_model(folder: Path) -> None:
    """CHGNet single points on octet-binaries with one worker and with two."""
    board = init_board(folder / "chgnet")
    walls = {w: _best(board, "chgnet-0.3.0", "polymorphs", "octet-binaries", 160, w) for w in (1, 2)}
    _say("one worker / two workers, CHGNet single points", walls[1], walls[2])


def _best(board: Board, model: str, task: str, dataset: str, n: int, workers: int) -> float:
    """Best wall-clock time of a run over `n` materials on a cluster that has the model loaded."""
    walls = []
    with ray_cluster(workers):
        for _ in range(REPEAT):
            kept = {"protocol": "single-point", "workers": workers}
            predict(board, model, task, dataset, limit=8, restart=True, **kept)  # type: ignore[arg-type]
            started = time.perf_counter()
            run = predict(board, model, task, dataset, limit=n, **kept)  # type: ignore[arg-type]
            walls.append((time.perf_counter() - started) * n / run.asked)
    return min(walls)


TRIVIAL = """
import resource, sys, time
from importlib import import_module
from pathlib import Path
began = float(sys.argv[1])
run = import_module("matdisc.run.predict")
from matdisc.board import Board
marks = {}
def noted(name, call):
    def noting(*given, **options):
        marks[name] = time.time() - began
        result = call(*given, **options)
        marks[name + " done"] = time.time() - began
        return result
    return noting
run.load, run._collect = noted("load", run.load), noted("collect", run._collect)
found = run.predict(Board(Path(sys.argv[2])), sys.argv[3], "discovery", "invented", workers=2)
assert found.counts == {"ok": int(sys.argv[4])}, found.counts
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(marks["load done"], marks["collect"], marks["collect done"], time.time() - began, time.process_time(), peak)
"""


def trivial(folder: Path, kind: str) -> None:
    """A quarter of a million predictions that cost nothing, by two workers: time from command to file, and memory."""
    board = make_board(folder / f"trivial-{kind}", N_TRIVIAL)
    if kind == "potential":
        add_model(board, "trivial", "matdisc.testing:counted", {"batch_atoms": 64})
    else:
        add_model(board, "trivial", "matdisc.models.dummies:all_stable", kind="predictor")
    command = [sys.executable, "-c", TRIVIAL, str(time.time()), str(board.root), "trivial", str(N_TRIVIAL)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    loaded, ready, answered, whole, cpu, peak = map(float, done.stdout.split()[-6:])
    print(
        f"{f'{N_TRIVIAL:,} trivial predictions, {kind}':55s} {whole:8.1f} s: loading {loaded:.1f}, Ray "
        f"{ready - loaded:.1f}, running {answered - ready:.1f}, writing {whole - answered:.1f}; "
        f"driver {cpu:.1f} s of processor, {peak:.0f} MiB"
    )


def _say(what: str, numerator: float, denominator: float) -> None:
    print(f"{what:55s} {numerator:8.3f} s / {denominator:8.4f} s = {numerator / denominator:8.2f}")
