"""A report about some rows of one table: scored, ranked among themselves, and put into one HTML file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from matdisc.atomic import naming, write_atomic
from matdisc.board import Board
from matdisc.cards import ModelCard, ModelLicence, Person
from matdisc.errors import CardError
from matdisc.leaderboard.ranking import Row, ranking_of
from matdisc.leaderboard.results import details_of, predictions_on_board, result_of
from matdisc.leaderboard.schema.details import Details
from matdisc.leaderboard.schema.ranking import BoardRanking
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.publish import build_time
from matdisc.leaderboard.site.report import render_report
from matdisc.leaderboard.submission import load_submission
from matdisc.tasks import get_task


def report(
    board: Board, task: str, dataset: str, rows: Sequence[str], out: Path, *, created: datetime | None = None
) -> Path:
    """Write one HTML file with figures, tables and provenance of some rows, and return its path.

    Args:
        board: Where cards and predictions are; nothing on it is changed.
        task, dataset: The table.
        rows: Rows of the board, or paths of predictions files; none for all rows that the board has.
        out: The file, which appears whole or not at all.
        created: Time printed on the page; default: `SOURCE_DATE_EPOCH` if set, else now.

    Raises:
        CardError: If task, dataset or a row does not exist, or two rows have one name.
        SubmissionError: If a file cannot be scored.
        OSError: If `out` cannot be written, with its name.
    """
    if out.suffix not in (".html", ".htm"):
        raise CardError(f"{out}: a report is written as .html; change the name")
    made = created or build_time()
    found = rows_of(board, task, dataset, rows)
    results = [result_of(board, row.checked, entry=row.entry, model=row.card) for row in found]
    details = [details_of(board, row.checked, row.entry) for row in found]
    page = render(board, found, results, details, made)
    with naming(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out, page.encode())
    return out


def render(
    board: Board,
    rows: Sequence[Row],
    results: Sequence[dict[str, Any]],
    details: Sequence[dict[str, Any]],
    created: datetime,
) -> str:
    """Return the page about rows of one table whose results and details are known, in the same order."""
    task, card = rows[0].checked.task.key, rows[0].checked.card
    ranking = ranking_of(board, rows)
    content = Content(
        models={row.card.key: row.card for row in rows},
        datasets={card.key: card},
        results=tuple(
            Result.model_validate(one | {"model": row.card.key}) for row, one in zip(rows, results, strict=True)
        ),
        details={
            (task, card.key, row.entry): Details.model_validate(one) for row, one in zip(rows, details, strict=True)
        },
        rankings={} if ranking is None else {(task, card.key): BoardRanking.model_validate(ranking)},
    )
    return render_report(content, created)


def rows_of(board: Board, task: str, dataset: str, names: Sequence[str]) -> list[Row]:
    """Return rows of a board, or of files, ready to be scored; without names every row that the board has.

    A file is called after the row of the board that has its name, or else gets a card of its own.

    Raises: As `report`.
    """
    get_task(task), board.dataset(dataset)
    on_board = {entry: path for t, d, entry, path in predictions_on_board(board) if (t, d) == (task, dataset)}
    rows: dict[str, Row] = {}
    for name in names or on_board:
        path = on_board.get(name, Path(name))
        entry = name if name in on_board else path.name.split(".")[0]
        if name not in on_board and not path.is_file():
            known = ", ".join(on_board) or "none"
            raise CardError(f"{name!r} is no row of {task} on {dataset} and no file; rows: {known}")
        if entry in rows:
            raise CardError(f"{name!r}: two rows are called {entry!r}; rename one of the files")
        rows[entry] = Row(entry, _card(board, entry, path), load_submission(board, path, task, dataset))
    if not rows:
        raise CardError(f"the board has no row of {task} on {dataset}; name a predictions file")
    return list(rows.values())


def _card(board: Board, entry: str, path: Path) -> ModelCard:
    key = entry.split("+")[0]
    if key in board.model_keys():
        return board.model(key)
    return ModelCard(
        key=re.sub(r"[^a-z0-9._-]+", "-", key.lower()).strip("-.+") or "file",
        name=entry,
        version=entry,
        kind="predictor",
        summary=f"The predictions in {path.name}.",
        authors=(Person(name="not said"),),
        licence=ModelLicence(code="not said"),
        gives=("formation energy",),
    )
