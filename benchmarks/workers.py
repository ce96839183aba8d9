"""What workers are worth: two against one on a real model, and one against none on work that costs nothing."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.report import ratio
from matdisc.board import Board, init_board
from matdisc.run import predict
from matdisc.run.engine.cluster import ray_cluster


def measure(folder: Path) -> None:
    """Print every line of this group."""
    board = init_board(folder / "board")
    two_workers_against_one(board)
    ray_against_none(board)


def two_workers_against_one(board: Board) -> None:
    """CHGNet relaxing 204 crystals of octet-binaries with two workers and with one.

    Each has had a unit of the first 64 before, so that loading is paid.
    """
    times = {}
    for workers in (1, 2):
        with ray_cluster(workers):
            predict(board, "chgnet-0.3.0", "polymorphs", "octet-binaries", limit=64, workers=workers, restart=True)
            started = time.perf_counter()
            predict(board, "chgnet-0.3.0", "polymorphs", "octet-binaries", workers=workers)
            times[workers] = time.perf_counter() - started
    ratio("one worker / two workers, CHGNet relaxations", times[1], times[2])


def ray_against_none(board: Board) -> None:
    """EMT single points, which take no time themselves: what one Ray task and one durable record cost."""
    n = 200
    started = time.perf_counter()
    run = predict(board, "emt", "discovery", "emt-alloys", limit=n, workers=0, protocol="single-point", restart=True)
    alone = time.perf_counter() - started
    with ray_cluster(1):
        predict(board, "emt", "discovery", "emt-alloys", limit=2, workers=1, protocol="single-point", restart=True)
        started = time.perf_counter()
        predict(board, "emt", "discovery", "emt-alloys", limit=n, workers=1, protocol="single-point")
        on_ray = time.perf_counter() - started
    ratio(f"{run.computed} EMT single points, one Ray worker / no Ray", on_ray, alone, better="lower")
