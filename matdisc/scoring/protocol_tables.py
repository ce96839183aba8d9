"""Scores of one row's answers under every protocol, beside each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matdisc.arrays import Floats
from matdisc.datasets.truth import Truth
from matdisc.scoring.figures import Cells, Table
from matdisc.scoring.pooled import PooledScoring, protocol_rows, siblings
from matdisc.scoring.record import plain


def protocol_table(scoring: PooledScoring, truth: Truth, terms: Floats, heads: Mapping[str, str], note: str) -> Table:
    """Return a line a protocol: its folds, the share of its rows whose formula was learnt from, and its scores.

    Args:
        scoring: That of the task.
        truth: Labels.
        terms: Row terms of the answers, shape (n_rows, n_terms).
        heads: Metrics to show, with their names and units.
        note: What to bear in mind.
    """
    shared, rows = siblings(truth), protocol_rows(truth)
    first: list[Cells] = [
        (
            scoring.part_title(protocol),
            sum(fold.protocol == protocol for fold in truth.tested),
            f"{100 * shared[protocol]:.0f} %",
        )
        for protocol in rows
    ]
    totals = np.stack([terms[places].sum(axis=0) for places in rows.values()])
    head = ("Protocol", "Folds", "Rows whose formula is learnt from")
    return score_table(scoring, "protocols", "Protocols", head, first, totals, heads, note)


def score_table(
    scoring: PooledScoring, key: str, title: str, head: tuple[str, ...], first: list[Cells], totals: Floats,
    heads: Mapping[str, str], note: str, section: str = "",
) -> Table:  # fmt: skip
    """Return a table with a row of scores for each row of sums; a score that none has is left out."""
    found = scoring.from_totals(totals)
    shown = {heads[name]: found[name] for name in heads if name in found and np.isfinite(found[name]).any()}
    rows: list[Cells] = [(*cells, *plain([float(v[i]) for v in shown.values()])) for i, cells in enumerate(first)]
    return Table(key, title, (*head, *shown), rows, note, section)
