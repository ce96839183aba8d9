"""CHGNet relaxations by one worker and by several, each on a core of its own: how much faster, and where the rest goes.

`python -m benchmarks scaling --seconds 120 --workers 1 2` relaxes perturbed cubic perovskites of `mp-abc3-cubic`
through the engine (Ray, units, batches), so many that one worker takes about that long; each number of workers gets the
same ones. The clock runs from the first unit to the last answer, with the model loaded before; what Ray and loading
take is told apart. A worker that has less than all of its core shared it with other work: then the ratio says little.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.board import Board, init_board
from matdisc.models.load import Factory
from matdisc.run.engine.backends import ray_answers
from matdisc.run.engine.cluster import ray_cluster
from matdisc.run.engine.schedule import Schedule
from matdisc.run.engine.usage import Usage
from matdisc.run.engine.worker import Job
from matdisc.schema import Sample

MODEL, SET, TASK, PROTOCOL = "chgnet-0.3.0", "mp-abc3-cubic", "polymorphs", "relax"
TRIAL = 16
"""Crystals a worker by which the time of one is reckoned; they also let every worker load the model."""


@dataclass(frozen=True)
class Measured:
    """A run: seconds of Ray's start, of loading (sum over workers), of the clock, of workers' time and processor time.

    `model` are the seconds that the answers say they took, of all workers together.
    """

    workers: int
    ray: float
    load: float
    wall: float
    worker_wall: float
    cpu: float
    model: float


def main(arguments: Sequence[str]) -> int:
    """Print a line for each number of workers, and how much faster it is than the first."""
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="python -m benchmarks scaling", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="what one worker is to take")
    parser.add_argument("--workers", type=int, nargs="+", default=[n for n in (1, 2, 4, 8, 16) if n <= len(cores)])
    given = parser.parse_args(arguments)
    if max(given.workers) > len(cores):
        parser.error(f"--workers {max(given.workers)}: this process may use {len(cores)} cores")
    with tempfile.TemporaryDirectory() as folder:
        board = init_board(Path(folder) / "board")
        n, first = None, None
        for workers in given.workers:
            n, found = measured(board, Path(folder), workers, cores, n, given.seconds)
            first = first or found
            print(_line(found, first, n), flush=True)
    return 0


def measured(
    board: Board, folder: Path, workers: int, cores: Sequence[int], n: int | None, seconds: float
) -> tuple[int, Measured]:
    """Relax `n` crystals, or as many as one worker relaxes in so many seconds; return how many, and what it took."""
    slots = folder / f"cores-{workers}"
    slots.mkdir()
    factory = Factory(str(slots), partial(pinned, str(slots), tuple(cores)))
    card = board.model(MODEL).model_copy(update={"loader": None})
    job = Job(card, TASK, PROTOCOL, 0.0, timeout=600.0, in_worker=True, factory=factory)
    started = time.perf_counter()
    with ray_cluster(workers):
        ray = time.perf_counter() - started
        trial = crystals(board, TRIAL * workers, seed=1)
        _, tried, usages = _run(job, trial, workers)
        n = n or max(TRIAL, round(seconds * len(trial) / tried))
        load = sum(usage.load_seconds for usage in usages)
        wall, model, usages = _run(job, crystals(board, n, seed=0), workers)
    pinned_to = len(list(slots.iterdir()))
    if pinned_to != workers:
        raise RuntimeError(f"{pinned_to} processes took part, not {workers}")
    worker_wall, cpu = sum(u.wall_seconds for u in usages), sum(u.cpu_seconds for u in usages)
    return n, Measured(workers, ray, load, wall, worker_wall, cpu, model)


def _run(job: Job, samples: list[Sample], workers: int) -> tuple[float, float, list[Usage]]:
    """Return wall-clock seconds from the first unit to the last answer, the answers' own seconds, and all usages."""
    started, usages, seconds, n = time.perf_counter(), [], 0.0, 0
    for answers, used in ray_answers(job, Schedule(samples), workers):
        usages += used
        seconds += sum(answer.seconds or 0.0 for answer in answers)
        n += sum(answer.status in ("ok", "unconverged") for answer in answers)
    if n != len(samples):
        raise RuntimeError(f"{n} answers to {len(samples)} crystals")
    return time.perf_counter() - started, seconds, usages


def pinned(slots: str, cores: tuple[int, ...]) -> Any:
    """Keep this process on a core that no other worker has taken, and return CHGNet."""
    from matdisc.models.potentials.chgnet import load

    for core in cores:
        try:
            (Path(slots) / str(core)).mkdir()
        except FileExistsError:
            continue
        os.sched_setaffinity(0, {core})
        break
    return load()


def crystals(board: Board, n: int, seed: int) -> list[Sample]:
    """Return `n` start structures: lattice vectors + 3 %, atoms rattled by 0.05 Å, each by its own seeded numbers."""
    from matdisc.datasets import load
    from matdisc.datasets.relaxation_starts import perturbed

    samples = load(board, SET).samples
    chosen = np.random.default_rng(seed).integers(0, len(samples), n)
    return [
        Sample(f"{k}", {"crystal": perturbed(samples[i].crystal, scale=1.03, rattle=0.05, seed=seed, name=f"{k}"),
                        "compound": f"{k}"}, {}, "x")
        for k, i in enumerate(chosen)
    ]  # fmt: skip


def _line(found: Measured, first: Measured, n: int) -> str:
    whole = found.workers * found.wall
    ratio = first.wall / found.wall
    return (
        f"{found.workers} worker(s), {n} crystals: {found.wall:.1f} s, {ratio:.2f} times as fast as {first.workers}; "
        f"of the workers' time {found.model / whole:.1%} in materials, "
        f"{(found.worker_wall - found.model) / whole:.1%} around them, {1 - found.worker_wall / whole:.1%} waiting; "
        f"{found.cpu / found.worker_wall:.0%} of a core each; before that Ray {found.ray:.1f} s, "
        f"loading {found.load / found.workers:.1f} s a worker"
    )
