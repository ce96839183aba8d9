"""How sure a whole board is of its order: ranks with intervals, ties and corrected comparisons of all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.canonical import canonical_json
from matdisc.cards import ModelCard
from matdisc.datasets import load
from matdisc.datasets.published import published_values
from matdisc.errors import CardError, DataError, SubmissionError
from matdisc.leaderboard.agreement import PUBLISHED, agreement_tables
from matdisc.leaderboard.approaches import approach_report
from matdisc.leaderboard.materials import write_materials
from matdisc.leaderboard.names import row_name
from matdisc.leaderboard.population import population_tables
from matdisc.leaderboard.results import predictions_on_board
from matdisc.leaderboard.schema.ranking import BoardRanking, Ranked
from matdisc.leaderboard.schema.result import Bootstrap as Resampling
from matdisc.leaderboard.submission import AlignedSubmission, load_submission
from matdisc.metrics.board_ranking import rank_board
from matdisc.metrics.comparison import minimum_detectable_difference
from matdisc.scoring.base import DEFAULT_BOOTSTRAP, Bootstrap
from matdisc.scoring.figures import Figure, Table


class Row(NamedTuple):
    """One row of a table: its entry, its model's card, and its predictions aligned with the dataset."""

    entry: str
    card: ModelCard
    checked: AlignedSubmission

    @property
    def name(self) -> str:
        return row_name(self.card, self.entry)


def rank(board: Board, task: str, dataset: str, *, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> dict[str, Any] | None:
    """Return the ranking of all rows that a dataset has on the board; as `ranking_of`."""
    return ranking_of(board, rows_of(board, task, dataset), bootstrap=bootstrap)


def rows_of(board: Board, task: str, dataset: str) -> list[Row]:
    """Return the rows of a dataset that can be scored, dummies left out."""
    files = [(entry, path) for t, d, entry, path in predictions_on_board(board) if (t, d) == (task, dataset)]
    rows = []
    for entry, path in files:
        key = entry.split("+")[0]
        if key not in board.model_keys() or board.model(key).reference_row:
            continue
        try:
            rows.append(Row(entry, board.model(key), load_submission(board, path, task, dataset)))
        except SubmissionError:
            continue  # scoring says why; a ranking is of what can be scored
    return rows


def ranking_of(board: Board, rows: Sequence[Row], *, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> dict[str, Any] | None:
    """Return the ranking of rows of one task on one dataset (dummies left out), or None if they are fewer than two.

    All rows are resampled with the same groups, so every comparison is paired. p-values of all pairs are corrected by
    Holm's method; models that cannot be told from the leader of their group at 5 % share a tie group. `detectable`
    is the median, over neighbours in the order, of the smallest difference with 80 % power.
    """
    rows = [row for row in rows if not row.card.reference_row]
    if len(rows) < 2:
        return None
    task, dataset = rows[0].checked.task, rows[0].checked.card
    bootstrap = replace(bootstrap, replicates=min(bootstrap.replicates, task.scoring.replicates))
    drawn = [task.scoring.resample(dataset, row.checked.truth, row.checked.answers, bootstrap) for row in rows]
    n_groups = task.scoring.n_drawn(dataset, rows[0].checked.truth)
    figures, tables = findings(board, rows, bootstrap)
    return BoardRanking(
        task=task.key,
        dataset=dataset.key,
        entries=tuple(row.entry for row in rows),
        bootstrap=Resampling(replicates=bootstrap.replicates, seed=bootstrap.seed),
        correction="Holm",
        metrics={
            key: _ranked([row[key] for row in drawn], task.metric(key).better == "higher", n_groups)
            for key in task.ranked
        },
        figures=figures,
        tables=tables,
    ).to_json()


def findings(board: Board, rows: Sequence[Row], bootstrap: Bootstrap) -> tuple[list[Figure], list[Table]]:
    """Return figures and tables about all rows of a task.

    With a hull: approaches, published values, published runs; else what the task compares, and what the labels alone
    tell.
    """
    one = rows[0].checked
    scoring = one.task.scoring
    if not scoring.hull:
        found = scoring.compare_rows(one.card, one.truth, [(row.name, row.checked.answers) for row in rows], bootstrap)
        return list(found.figures), [*found.tables, *scoring.label_tables(one.truth)]
    published = published_values(board, one.card)
    by_entry = {row.entry: row for row in rows}
    figures, tables = approach_report(
        [
            (row.name, row.card.approach, row.checked)
            for row in rows
            if not (row.entry.endswith(f"+{PUBLISHED}") and row.card.key in by_entry)  # one row of a model is enough
        ],
        bootstrap,
    )
    both = [(row, by_entry[name]) for row in rows if (name := f"{row.entry}+{PUBLISHED}") in by_entry]
    agreement = agreement_tables(
        [(mine.name, mine.checked, theirs.checked) for mine, theirs in both],
        load(board, one.card.key).corrections if both else {},
        {mine.name: mine.card.energy_scale for mine, _ in both},
    )
    of_all = [(row.name, row.card.key, row.checked) for row in rows]
    return figures, [*tables, *population_tables(of_all, published, bootstrap), *agreement]


def ranking_path(board: Board, task: str, dataset: str) -> Path:
    """Where the ranking of a dataset lies."""
    return board.rankings_dir / task / f"{dataset}.json"


def write_ranking(board: Board, task: str, dataset: str) -> Path | None:
    """Write the ranking of a dataset to `leaderboard/rankings/`; with fewer than two rows an old one is removed.

    What its rows say of each material goes to `leaderboard/materials/`.
    """
    path = ranking_path(board, task, dataset)
    try:
        rows = rows_of(board, task, dataset)
        ranking = ranking_of(board, rows)
    except (CardError, DataError):
        return None
    write_materials(board, task, dataset, [(row.entry, row.checked) for row in rows])
    if ranking is None:
        path.unlink(missing_ok=True)
        return None
    write_atomic(path, canonical_json(ranking).encode())
    return path


def _ranked(rows: Sequence[tuple[float, Floats]], higher_is_better: bool, n_groups: int | None) -> Ranked:
    """Return the ranks of all rows by one metric, given with its replicates."""
    values, drawn = np.array([value for value, _ in rows]), np.stack([draws for _, draws in rows], axis=1)
    found = rank_board(values, drawn, higher_is_better=higher_is_better, n_groups=n_groups)
    order = np.argsort(found.rank, kind="stable")
    with np.errstate(invalid="ignore"):
        steps = np.std(np.diff(drawn[:, order], axis=1), axis=0, ddof=1)
    steps = steps[np.isfinite(steps) & (steps > 0)]
    return Ranked(
        value=values,
        rank=found.rank,
        low=found.low,
        high=found.high,
        first=found.first,
        tie_group=found.tie_group,
        p_values=tuple(found.p_values),
        detectable=float(f"{minimum_detectable_difference(float(np.median(steps))):.6g}") if len(steps) else None,
    )
