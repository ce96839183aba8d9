"""Scores of the same tested rows against the number of rows that were learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import bootstrap_intervals, group_totals
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.figures import Figure, Line
from matdisc.scoring.pooled import PooledScoring, first_protocol, protocol_rows

SIZES = ("grouped-5-tenth", "grouped-5-third", "grouped-5")
"""Protocols that test the same rows, by the size of their training part."""


def learning_curves(
    scoring: PooledScoring, truth: Truth, terms: Floats, bootstrap: Bootstrap, heads: Mapping[str, str]
) -> Iterator[Figure]:
    """Yield the curve of each metric that two sizes at least have; level is the best that a formula can tell.

    Args:
        scoring: That of the task.
        truth: Labels.
        terms: Row terms of the answers, shape (n_rows, n_terms).
        bootstrap: How intervals are taken; without replicates there are none.
        heads: Metrics to draw, with their names and units.
    """
    places = protocol_rows(truth)
    rows = {protocol: places[protocol] for protocol in SIZES if protocol in places}
    if len(rows) < 2:
        return
    sizes = [_learnt(truth, protocol) for protocol in rows]
    best = scoring.best(truth, first_protocol(truth)) if scoring.formula_only else {}
    ends = [_ends(scoring, truth, terms, at, bootstrap) for at in rows.values()]
    found = scoring.from_totals(np.stack([terms[at].sum(axis=0) for at in rows.values()]))
    for key, name in heads.items():
        y = found[key]
        if np.isfinite(y).sum() < 2:
            continue
        low, high = np.array([end.get(key, (np.nan, np.nan)) for end in ends]).T
        line = Line("", sizes, y, y_low=low, y_high=high)
        bound = best.get(key, np.nan)
        level = f"level line: {bound:.3g}, the best that a formula can tell; " if np.isfinite(bound) else ""
        yield Figure(
            f"size-{key}", f"Training size: {name.partition(',')[0]}", "rows learnt from, mean over folds", name,
            [line], note=f"{level}a tenth, a third and all training systems, same tested rows",
            base=float(bound) if np.isfinite(bound) else None, x_log=True, overlay=True,
        )  # fmt: skip


def _learnt(truth: Truth, protocol: str) -> float:
    folds = [fold for fold in truth.tested if fold.protocol == protocol]
    return float(np.mean([len(next(iter(fold.learnt.values()))) for fold in folds]))


def _ends(
    scoring: PooledScoring, truth: Truth, terms: Floats, rows: Ints, bootstrap: Bootstrap
) -> dict[str, tuple[float, float]]:
    if not bootstrap.replicates:
        return {}
    totals = group_totals(terms[rows], truth.groups[rows])
    return bootstrap_intervals(totals, scoring.from_totals, replicates=bootstrap.replicates, seed=bootstrap.seed)
