"""What running costs beyond the models: per material, by number of workers, and for a quarter of a million materials.

A potential that burns a known amount of processor time stands for the model. Other work on the machine disturbs wall
times: each is the best of three, Ray's start and the loading of models are paid before the clock starts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.invented import SET, add_model, make_board
from benchmarks.report import ratio
from matdisc.board import Board
from matdisc.run import predict
from matdisc.run.engine.cluster import ray_cluster
from matdisc.run.predict import provenance_path

N_TRIVIAL = 257_000
BUSY_SECONDS = 0.005
N_BUSY = 1_500
N_CHGNET = 1_500
REPEAT = 3


def measure(folder: Path) -> None:
    """Run every measurement and print its lines."""
    overhead(folder)
    two_workers_on_a_real_model(folder)
    for kind in ("potential", "predictor"):
        trivial(folder, kind)


def overhead(folder: Path) -> None:
    """What a material costs beyond the model's own time, with one worker and two; and how much faster two are.

    The processor time of workers and driver together is what the framework costs; the wall-clock time shows it only
    on a machine that has nothing else to do.
    """
    board = make_board(folder / "busy", N_BUSY)
    add_model(board, "busy", "matdisc.testing:counted", {"seconds": BUSY_SECONDS, "busy": True})
    best = {workers: _best(board, "busy", N_BUSY, workers) for workers in (1, 2)}
    for workers, (wall, cpu) in best.items():
        beyond, of_processor = workers * wall / N_BUSY - BUSY_SECONDS, cpu / N_BUSY - BUSY_SECONDS
        what = f"{workers} worker(s), 5 ms of work: overhead a material"
        print(f"{what:55s} {1e3 * beyond:8.2f} ms of wall-clock time, {1e3 * of_processor:.2f} ms of processor time")
    ratio("one worker / two workers, 5 ms of work a material", best[1][0], best[2][0])


def two_workers_on_a_real_model(folder: Path) -> None:
    """CHGNet single points on invented crystals with one worker and with two."""
    board = make_board(folder / "chgnet", N_CHGNET)
    add_model(board, "chgnet", "matdisc.models.potentials.chgnet:load", {"version": "0.3.0"})
    best = {workers: _best(board, "chgnet", N_CHGNET, workers) for workers in (1, 2)}
    ratio("one worker / two workers, CHGNet single points", best[1][0], best[2][0])


def _best(board: Board, model: str, n: int, workers: int) -> tuple[float, float]:
    """Least wall-clock and least processor seconds of a run over `n` materials, the model loaded before."""
    walls, cpus = [], []
    with ray_cluster(workers):
        for _ in range(REPEAT + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            run = predict(board, model, "discovery", SET, workers=workers, restart=True)
            cost = json.loads(provenance_path(run.out).read_text(encoding="utf-8"))["cost"]
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu + cost["cpu_seconds"])
    return min(walls[1:]), min(cpus[1:])


TRIVIAL = """
import resource, sys, time
from importlib import import_module
from pathlib import Path
began = float(sys.argv[1])
inputs, resumable = import_module("matdisc.run.inputs"), import_module("matdisc.run.engine.resumable")
from matdisc.run import predict
from matdisc.board import Board
marks = {}
def noted(name, call):
    def noting(*given, **options):
        marks[name] = time.time() - began
        result = call(*given, **options)
        marks[name + " done"] = time.time() - began
        return result
    return noting
inputs.load, resumable._collect = noted("load", inputs.load), noted("collect", resumable._collect)
found = predict(Board(Path(sys.argv[2])), sys.argv[3], "discovery", "invented", workers=2)
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
