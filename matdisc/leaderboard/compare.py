"""Two models on the same materials: is the difference real, and which materials flipped?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Bools
from matdisc.board import Board
from matdisc.errors import SubmissionError
from matdisc.leaderboard.results import predictions_on_board
from matdisc.leaderboard.submission import AlignedSubmission, load_submission
from matdisc.metrics.bootstrap import group_totals
from matdisc.metrics.comparison import Difference, difference_of, mcnemar, paired_differences, subtract
from matdisc.metrics.slices import ANION_CLASSES, anion_labels
from matdisc.predictions import READABLE
from matdisc.scoring.base import DEFAULT_BOOTSTRAP, Bootstrap, Scoring, headline_mask
from matdisc.scoring.record import plain
from matdisc.scoring.slices import memberships
from matdisc.scoring.totals import Judged, TotalsScoring

BANDS = (-np.inf, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.5, np.inf)
"""Edges of the bands of true hull distance, eV/atom, in which flips are counted."""


def compare(
    board: Board, first: str, second: str, task: str, dataset: str, *, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
) -> dict[str, Any]:
    """Return how two rows of the board differ on one dataset, as JSON-ready data.

    `differences`: first minus second in each metric, with 95 % paired bootstrap interval over groups, p-value, and
    the smallest difference that this dataset could have shown (80 % power). `mcnemar`: materials that only one of them
    labels rightly. `flips`: materials whose called label differs, `gained` (only the second is right) and `lost`
    (only the first is), in all and by element, anion class and band of true hull distance. Of structures, a label is
    whether the space group is kept. Where a task calls no single material right or wrong, `differences` are of the
    ranked metrics, `mcnemar` is None and `flips` are empty.

    Args:
        board: The board.
        first, second: Rows (entries) on the board, or paths of predictions files.
        task, dataset: What both answered.
        bootstrap: How intervals are taken.

    Raises:
        SubmissionError: If a row does not exist or its file cannot be scored.
        CardError: If there is no such task or dataset.
    """
    one, other = (
        load_submission(board, entry_file(board, name, task, dataset), task, dataset) for name in (first, second)
    )
    return compare_aligned(one, other, (first, second), bootstrap=bootstrap)


def compare_aligned(
    one: AlignedSubmission,
    other: AlignedSubmission,
    names: tuple[str, str],
    *,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> dict[str, Any]:
    """Return how two predictions files of one task and dataset differ, by these names; as `compare`."""
    scoring, keep = one.task.scoring, headline_mask(one.card, one.truth)
    bootstrap = dataclasses.replace(bootstrap, replicates=min(bootstrap.replicates, scoring.replicates))
    if isinstance(scoring, TotalsScoring):
        found = _with_labels(scoring, one, other, keep, bootstrap)
    else:
        found = _without_labels(scoring, one, other, bootstrap)
    return plain(
        {
            "schema": "matdisc.comparison/1",
            "task": one.task.key,
            "dataset": one.card.key,
            "first": names[0],
            "second": names[1],
            "n": int(keep.sum()),
            "n_groups": len(np.unique(one.truth.groups[keep])),
            "unit": scoring.unit or one.card.split.by,
            **found,
            "bootstrap": {"replicates": bootstrap.replicates, "seed": bootstrap.seed},
        }
    )


def _with_labels(
    scoring: TotalsScoring, one: AlignedSubmission, other: AlignedSubmission, keep: Bools, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Compare metrics that follow from sums over materials, and count the materials that flip."""
    sides = [scoring.rows(c.card, c.truth, c.answers) for c in (one, other)]
    totals = [group_totals(side.terms[keep], one.truth.groups[keep]) for side in sides]
    metrics_of = scoring.from_totals
    differences = paired_differences(
        totals[0], totals[1], metrics_of, replicates=bootstrap.replicates, seed=bootstrap.seed
    )
    points = [metrics_of(table.sum(axis=0)) for table in totals]
    labels, predicted = zip(*map(scoring.labels, sides), strict=True)
    test = mcnemar(labels[0][keep], predicted[0][keep], predicted[1][keep])
    return {
        "differences": {
            key: _beside(float(points[0][key]), float(points[1][key]), differences[key]) for key in scoring.compared
        },
        "mcnemar": test._asdict(),
        "flips": flips(one, scoring, sides, keep),
    }


def _without_labels(
    scoring: Scoring, one: AlignedSubmission, other: AlignedSubmission, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Compare the ranked metrics of a task that calls no single material right or wrong: nothing can flip."""
    first, second = (scoring.resample(c.card, c.truth, c.answers, bootstrap) for c in (one, other))
    n_groups = scoring.n_drawn(one.card, one.truth)
    differences = {
        key: _beside(a, b, difference_of(float(subtract(a, b)), subtract(drawn, second[key][1]), n_groups=n_groups))
        for key, (a, drawn) in first.items()
        for b in (second[key][0],)
    }
    return {"differences": differences, "mcnemar": None, "flips": {}}


def _beside(first: float, second: float, difference: Difference) -> dict[str, float]:
    return {"first": first, "second": second} | dataclasses.asdict(difference)


def flips(checked: AlignedSubmission, scoring: TotalsScoring, sides: Sequence[Judged], keep: Bools) -> dict[str, Any]:
    """Return counts of materials that the second model gains and loses against the first, in all and by category."""
    truth = checked.truth
    right = [np.equal(*scoring.labels(side)) for side in sides]
    gained, lost = (~right[0] & right[1] & keep), (right[0] & ~right[1] & keep)
    found: dict[str, Any] = {"gained": int(gained.sum()), "lost": int(lost.sum())}
    if truth.formulas is not None:
        everything = np.ones(len(truth), bool)
        symbols, pointer, indices = memberships(truth.formulas, everything)
        sizes = np.diff(pointer)
        counts = [np.bincount(indices, np.repeat(which, sizes), len(symbols)) for which in (gained, lost)]
        found["element"] = _flip_table(symbols, *counts)
        anions = anion_labels(pointer, indices, symbols)
        counts = [np.bincount(anions, which, len(ANION_CLASSES)) for which in (gained, lost)]
        found["anion"] = _flip_table(ANION_CLASSES, *counts)
    e_true = np.full(len(truth), np.nan) if sides[0].verdicts is None else sides[0].verdicts.e_true
    if np.isfinite(e_true).any():
        band = np.digitize(e_true, BANDS[1:-1], right=True)
        names = [f"{low:g} to {high:g}" for low, high in pairwise(BANDS)]
        counts = [np.bincount(band, which, len(names)) for which in (gained, lost)]
        found["e_above_hull"] = _flip_table(names, *counts, ordered=True)
    ids = truth.material_ids
    found["examples"] = {
        name: [ids[int(i)].as_py() for i in np.flatnonzero(which)[:20]]
        for name, which in (("gained", gained), ("lost", lost))
    }
    return found


def common_datasets(board: Board, first: str, second: str, task: str) -> list[str]:
    """Return the datasets on which both rows have predictions.

    Raises:
        SubmissionError: If there is none.
    """
    sets = [{d for t, d, e, _ in predictions_on_board(board) if t == task and e == name} for name in (first, second)]
    if not sets[0] & sets[1]:
        raise SubmissionError(f"{first!r} and {second!r} have no dataset in common for {task}; name one with --dataset")
    return sorted(sets[0] & sets[1])


def entry_file(board: Board, name: str, task: str, dataset: str) -> Path:
    """Return the predictions file of a row of the board, or of a path.

    Raises:
        SubmissionError: If there is neither.
    """
    if "/" in name or name.lower().endswith(READABLE):
        return Path(name)
    rows = {e: path for t, d, e, path in predictions_on_board(board) if (t, d) == (task, dataset)}
    if name not in rows:
        known = ", ".join(sorted(rows)) or "none"
        raise SubmissionError(f"{name!r} has no predictions for {task} on {dataset}; rows there: {known}")
    return rows[name]


def _flip_table(names: Any, gained: Any, lost: Any, *, ordered: bool = False) -> dict[str, list[Any]]:
    rows = np.flatnonzero((gained > 0) | (lost > 0))
    if not ordered:
        rows = rows[np.argsort(-(gained + lost)[rows], kind="stable")]
    return {
        "name": [names[i] for i in rows],
        "gained": gained[rows].astype(int).tolist(),
        "lost": lost[rows].astype(int).tolist(),
    }
