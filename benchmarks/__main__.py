"""`make bench`: what scoring and running cost, as ratios in one run on this machine.

`python -m benchmarks soak`, `service-soak`, `service`, `properties`, `engine`, `families`, `gpu`, `reading`, `site` and
`wbm` run one part alone; `gpu` only so.

Each line says what was measured, the times, and their ratio. One thread a process throughout.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

from benchmarks import (
    alloys,
    engine,
    get,
    perovskites,
    properties_dimers,
    properties_elasticity,
    properties_eos,
    properties_phonons,
    properties_soundness,
    properties_vacancies,
    reading,
    relaxation,
    scoring,
    service,
    service_soak,
    site,
    soak,
    voronoi,
    wbm,
)
from matdisc.board import Board, init_board
from matdisc.metrics import bootstrap_intervals, group_totals, metrics_from_totals, row_terms
from matdisc.run import predict
from matdisc.run.engine.cluster import ray_cluster

PROPERTIES = (
    properties_dimers,
    properties_elasticity,
    properties_eos,
    properties_phonons,
    properties_soundness,
    properties_vacancies,
)


def main() -> None:
    """Run every measurement and print one line each."""
    with tempfile.TemporaryDirectory() as folder:
        board = init_board(Path(folder) / "board")
        scoring.measure(Path(folder))
        reading.measure(Path(folder))
        alloys.measure()
        perovskites.measure()
        voronoi.measure()
        bootstrap_against_point_metrics()
        bootstrap_against_row_resampling()
        two_workers_against_one(board)
        ray_against_none(board)
        relaxation.measure(Path(folder))
        get.measure(Path(folder))
        engine.measure(Path(folder))
        _families()
        service.measure(Path(folder))
        _properties(Path(folder))
        wbm.measure(Path(folder))
        site.measure(Path(folder))


def _families(arguments: list[str] | None = None) -> int:
    """Graph networks, whose packages take seconds to import."""
    from benchmarks import families

    return families.main(arguments or [])


def _properties(folder: Path) -> None:
    """Tasks beyond the hull: structures evaluated together, against the plain loop over them."""
    for part in PROPERTIES:
        part.measure(folder)


def bootstrap_against_point_metrics() -> None:
    """1,000 replicates over 1,282 groups of 1,367 rows, as on mp-abc3-cubic, against the point metrics alone."""
    terms, groups = _terms(1367, 1282)
    totals = group_totals(terms, groups)
    point = _seconds(lambda: metrics_from_totals(terms.sum(axis=0)), repeat=50)
    intervals = _seconds(lambda: bootstrap_intervals(totals, metrics_from_totals), repeat=3)
    _say("1,000 bootstrap replicates / point metrics", intervals, point)


def bootstrap_against_row_resampling() -> None:
    """The same intervals by indexing rows of each resampled group, the plain way, 50 replicates scaled to 1,000."""
    terms, groups = _terms(1367, 1282)
    totals = group_totals(terms, groups)
    ours = _seconds(lambda: bootstrap_intervals(totals, metrics_from_totals), repeat=3)
    members = [np.flatnonzero(np.array(groups) == g) for g in sorted(set(groups))]

    def plain() -> None:
        rng = np.random.default_rng(0)
        for _ in range(50):
            rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
            metrics_from_totals(terms[rows].sum(axis=0))

    _say("plain resampling of rows / ours, 1,000 replicates", 20 * _seconds(plain), ours)


def two_workers_against_one(board: Board) -> None:
    """CHGNet relaxing 60 crystals of octet-binaries with two workers and with one; loading is paid before."""
    times = {}
    for workers in (1, 2):
        with ray_cluster(workers):
            predict(board, "chgnet-0.3.0", "polymorphs", "octet-binaries", limit=4, workers=workers, restart=True)
            started = time.perf_counter()
            predict(board, "chgnet-0.3.0", "polymorphs", "octet-binaries", limit=64, workers=workers)
            times[workers] = time.perf_counter() - started
    _say("one worker / two workers, CHGNet relaxations", times[1], times[2])


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
    asked = run.computed
    print(
        f"{'overhead a material':55s} no Ray {1e3 * alone / asked:.1f} ms, one Ray worker {1e3 * on_ray / asked:.1f} ms"
    )


def _terms(rows: int, n_groups: int) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    true = rng.exponential(0.2, rows)
    pred = true + rng.normal(0, 0.05, rows)
    groups = [f"g{i}" for i in np.concatenate([np.arange(n_groups), rng.integers(0, n_groups, rows - n_groups)])]
    return row_terms(true <= 0.05, pred <= 0.05, true, pred), groups


def _seconds(call: Callable[[], object], repeat: int = 1) -> float:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def _say(what: str, numerator: float, denominator: float) -> None:
    print(f"{what:55s} {numerator:8.3f} s / {denominator:8.4f} s = {numerator / denominator:8.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["soak"]:
        sys.exit(soak.main(sys.argv[2:]))
    if sys.argv[1:2] == ["service-soak"]:
        sys.exit(service_soak.main(sys.argv[2:]))
    if sys.argv[1:2] == ["properties"]:
        with tempfile.TemporaryDirectory() as place:
            _properties(Path(place))
        sys.exit()
    if sys.argv[1:2] == ["service"]:
        with tempfile.TemporaryDirectory() as place:
            service.measure(Path(place))
        sys.exit()
    if sys.argv[1:2] == ["site"]:
        with tempfile.TemporaryDirectory() as place:
            site.measure(Path(place))
        sys.exit()
    if sys.argv[1:2] == ["engine"]:
        sys.exit(engine.main())
    if sys.argv[1:2] == ["families"]:
        sys.exit(_families(sys.argv[2:]))
    if sys.argv[1:2] == ["gpu"]:
        from benchmarks import gpu

        sys.exit(gpu.main(sys.argv[2:]))
    if sys.argv[1:2] == ["reading"]:
        sys.exit(reading.main())
    if sys.argv[1:2] == ["wbm"]:
        sys.exit(wbm.main())
    main()
