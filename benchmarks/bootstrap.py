"""What intervals cost: 1,000 bootstrap replicates against the point metrics, and against resampling rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.report import ratio
from matdisc.metrics import bootstrap_intervals, group_totals, metrics_from_totals, row_terms


def measure(folder: Path) -> None:
    """Print every line of this group."""
    against_point_metrics()
    against_row_resampling()


def against_point_metrics() -> None:
    """1,000 replicates over 1,282 groups of 1,367 rows, as on mp-abc3-cubic, against the point metrics alone."""
    terms, groups = _terms(1367, 1282)
    totals = group_totals(terms, groups)
    point = _seconds(lambda: metrics_from_totals(terms.sum(axis=0)), repeat=50)
    intervals = _seconds(lambda: bootstrap_intervals(totals, metrics_from_totals), repeat=3)
    ratio("1,000 bootstrap replicates / point metrics", intervals, point, better="lower")


def against_row_resampling() -> None:
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

    ratio("plain resampling of rows / ours, 1,000 replicates", 20 * _seconds(plain), ours)


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
