"""How sure a whole board is of its order: ranks with intervals, ties and corrected comparisons of all pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.datasets import load
from matdisc.datasets.published import published_values
from matdisc.errors import CardError, DataError, SubmissionError
from matdisc.leaderboard.agreement import PUBLISHED, agreement_tables
from matdisc.leaderboard.approaches import approach_report
from matdisc.leaderboard.names import row_name
from matdisc.leaderboard.population import population_tables
from matdisc.leaderboard.results import predictions_on_board
from matdisc.leaderboard.submission import AlignedSubmission, load_submission
from matdisc.metrics.belief_bootstrap import mean_draws, scores
from matdisc.metrics.board_ranking import rank_board
from matdisc.metrics.bootstrap import bootstrap_sums, group_totals, pool_groups
from matdisc.metrics.comparison import minimum_detectable_difference
from matdisc.scoring.details import plain
from matdisc.scoring.figures import Artifacts, Figure, Table
from matdisc.scoring.folds import protocols, resampled
from matdisc.scoring.measured import averages, drawn, measured_terms
from matdisc.scoring.verdicts import DEFAULT_BOOTSTRAP, Bootstrap, judge, subset_mask
from matdisc.tasks import Task, get_task

Draws = tuple[Mapping[str, Floats], Mapping[str, Floats]]
"""Each metric of all rows, shape (n_rows,), and its replicates, shape (replicates, n_rows)."""


def rank(board: Board, task: str, dataset: str, *, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> dict[str, Any] | None:
    """Return the ranking of all rows of one dataset (dummies left out), or None if fewer than two can be ranked.

    All rows are resampled with the same groups, so every comparison is paired. p-values of all pairs are corrected by
    Holm's method; models that cannot be told from the leader of their group at 5 % share a tie group. `detectable`
    is the median, over neighbours in the order, of the smallest difference with 80 % power.
    """
    asked = get_task(task)
    files = [(entry, path) for t, d, entry, path in predictions_on_board(board) if (t, d) == (task, dataset)]
    bootstrap = replace(bootstrap, replicates=min(bootstrap.replicates, asked.replicates))
    entries: list[str] = []
    found: list[AlignedSubmission] = []
    for entry, path in files:
        key = entry.split("+")[0]
        if key not in board.model_keys() or board.model(key).reference_row:
            continue
        try:
            checked = load_submission(board, path, task, dataset)
        except SubmissionError:
            continue  # scoring says why; a ranking is of what can be scored
        entries.append(entry)
        found.append(checked)
    if len(entries) < 2:
        return None
    way = _of_beliefs if asked.beliefs else _of_measured if asked.measured else _of_totals
    values, draws = way(asked, found, bootstrap)
    figures, tables = findings(board, entries, found, bootstrap)
    return plain(
        {
            "schema": "matdisc.ranking/1",
            "task": task,
            "dataset": dataset,
            "entries": entries,
            "bootstrap": {"replicates": bootstrap.replicates, "seed": bootstrap.seed},
            "correction": "Holm",
            "metrics": {
                key: _ranked(values[key], draws[key], asked.metric(key).better == "higher") for key in asked.ranked
            },
            **Artifacts(figures=figures, tables=tables).model_dump(),
        }
    )


def findings(
    board: Board, entries: Sequence[str], found: Sequence[AlignedSubmission], bootstrap: Bootstrap
) -> tuple[list[Figure], list[Table]]:
    """Return figures and tables about all rows of a task with a hull: approaches, published values, published runs."""
    one = found[0]
    if not one.task.needs_references:
        return [], []
    cards = [board.model(entry.split("+")[0]) for entry in entries]
    names = [row_name(card, entry) for card, entry in zip(cards, entries, strict=True)]
    published = published_values(board, one.card)
    of_all = [(name, card.key, checked) for name, card, checked in zip(names, cards, found, strict=True)]
    figures, tables = approach_report(
        [
            (name, card.approach, checked)
            for entry, name, card, checked in zip(entries, names, cards, found, strict=True)
            if not (entry.endswith(f"+{PUBLISHED}") and card.key in entries)  # one row of a model is enough
        ],
        bootstrap,
    )
    rows = dict(zip(entries, found, strict=True))
    both = [
        (name, card, rows[entry], rows[f"{entry}+{PUBLISHED}"])
        for entry, name, card in zip(entries, names, cards, strict=True)
        if f"{entry}+{PUBLISHED}" in rows
    ]
    corrections = load(board, one.card.key).corrections if both else {}
    agreement = agreement_tables(
        [(name, mine, theirs) for name, _, mine, theirs in both],
        corrections,
        {name: card.energy_scale for name, card, _, _ in both},
    )
    return figures, [*tables, *population_tables(of_all, published, bootstrap), *agreement]


def ranking_path(board: Board, task: str, dataset: str) -> Path:
    """Where the ranking of a dataset lies."""
    return board.rankings_dir / task / f"{dataset}.json"


def write_ranking(board: Board, task: str, dataset: str) -> Path | None:
    """Write the ranking of a dataset to `leaderboard/rankings/`; with fewer than two rows an old one is removed."""
    path = ranking_path(board, task, dataset)
    try:
        ranking = rank(board, task, dataset)
    except (CardError, DataError):
        return None
    if ranking is None:
        path.unlink(missing_ok=True)
        return None
    text = json.dumps(ranking, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(path, text.encode())
    return path


def _of_totals(task: Task, found: Sequence[AlignedSubmission], bootstrap: Bootstrap) -> Draws:
    totals = []
    for checked in found:
        judged = judge(task, checked.truth, checked.answers, checked.card.stability.threshold)
        keep = subset_mask(checked.card, checked.truth, checked.card.headline_subset)
        totals.append(pool_groups(group_totals(judged.terms[keep], checked.truth.groups[keep]), bootstrap.seed))
    stacked = np.stack(totals, axis=1)
    drawn = bootstrap_sums(stacked, replicates=bootstrap.replicates, seed=bootstrap.seed)
    return task.from_totals(stacked.sum(axis=0)), task.from_totals(drawn)


def _of_measured(task: Task, found: Sequence[AlignedSubmission], bootstrap: Bootstrap) -> Draws:
    values: dict[str, list[Floats]] = {key: [] for key in task.ranked}
    draws: dict[str, list[Floats]] = {key: [] for key in task.ranked}
    for checked in found:
        keep = subset_mask(checked.card, checked.truth, checked.card.headline_subset)
        terms = measured_terms(task, checked.card, checked.truth, checked.answers)
        terms = {key: terms[key][keep] for key in task.ranked}
        point = averages(task, terms, np.ones(int(keep.sum())))
        again = drawn(task, terms, checked.truth.groups[keep], bootstrap.replicates, bootstrap.seed)
        for key in task.ranked:
            values[key].append(point[key])
            draws[key].append(again[key])
    return {key: np.array(row, float) for key, row in values.items()}, {
        key: np.stack(columns, axis=1) for key, columns in draws.items()
    }


def _of_beliefs(task: Task, found: Sequence[AlignedSubmission], bootstrap: Bootstrap) -> Draws:
    """Of the headline protocol; undefined for a row that does not answer it."""
    values: dict[str, list[float]] = {key: [] for key in task.ranked}
    drawn: dict[str, list[Floats]] = {key: [] for key in task.ranked}
    for checked in found:
        headline = next(iter(protocols(checked.truth, checked.answers).values()))
        known = resampled(headline, bootstrap.replicates, bootstrap.seed) if headline.answered else None
        score = scores(known) if known else {}
        for key in task.ranked:
            values[key].append(score[key].value if known else np.nan)
            drawn[key].append(mean_draws(known, key) if known else np.full(bootstrap.replicates, np.nan))
    return {key: np.array(row) for key, row in values.items()}, {k: np.stack(v, axis=1) for k, v in drawn.items()}


def _ranked(values: Any, drawn: Any, higher_is_better: bool) -> dict[str, Any]:
    found = rank_board(values, drawn, higher_is_better=higher_is_better)
    order = np.argsort(found.rank, kind="stable")
    with np.errstate(invalid="ignore"):
        steps = np.std(np.diff(drawn[:, order], axis=1), axis=0, ddof=1)
    steps = steps[np.isfinite(steps) & (steps > 0)]
    return {
        "value": values,
        "rank": found.rank,
        "low": found.low,
        "high": found.high,
        "first": found.first,
        "tie_group": found.tie_group,
        "p_values": list(found.p_values),
        "detectable": minimum_detectable_difference(float(np.median(steps))) if len(steps) else None,
    }
