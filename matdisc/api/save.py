"""Putting a result of Python code on a board."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matdisc import predictions
from matdisc.api.calculators import SUMMARY, card_of, printable
from matdisc.api.datasets import add
from matdisc.api.workplace import BoardLike, board_of, key_of
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.cards import ModelCard
from matdisc.datasets.fetch import file_hash
from matdisc.datasets.new.toml import toml
from matdisc.errors import CardError, SubmissionError
from matdisc.leaderboard.ranking import write_ranking
from matdisc.leaderboard.results import details_of, result_of, write_details, write_result
from matdisc.leaderboard.submission import AlignedSubmission, load_submission
from matdisc.predictions import SUFFIXES
from matdisc.predictions.frames import SUFFIXES as STRUCTURES
from matdisc.run.predict import provenance_path
from matdisc.tasks.task import Task

SCORED = "Predictions scored in Python; nobody wrote this card."
OURS = (SUMMARY.partition("{")[2].partition("}")[2], SCORED)
"""Ends of the summaries of cards that are written here, and that may be written anew."""


def save(
    checked: AlignedSubmission,
    source: Board,
    model: ModelCard | None,
    entry: str,
    board: BoardLike,
    *,
    name: str | None = None,
    replace: bool = False,
) -> Path:
    """Put predictions, result, and what the board lacks of card and data set on it; see `Evaluation.save`.

    Args:
        checked: The predictions.
        source: Where their data set is.
        model: Their model, if they have one.
        entry: Name of their row, if they have one.
        board, name, replace: As for `Evaluation.save`.
    """
    target = board_of(board)
    if target is None:
        raise CardError("no board was named; give its folder (`matdisc init DIR` makes one)")
    task, dataset, submission = checked.task.key, checked.card.key, checked.submission
    card = _card_of(checked.task, model, entry, name)
    entry = entry if card is model and entry else card.key
    if file_hash(submission.path) != submission.sha256:
        raise SubmissionError(f"{submission.path}: has changed since it was scored; score it again")
    path = target.predictions_dir / task / dataset / f"{entry}{_suffix(submission.path)}"
    refuse_other_model(target, card)
    stored = [old for s in SUFFIXES if (old := path.with_name(f"{entry}{s}")).exists()]
    if stored and not replace:
        raise CardError(f"{stored[0]}: {entry!r} has a row here; use replace=True, or another name")
    add(source.datasets_dir / dataset, target)
    _copy(checked, path)
    for old in stored:
        if old != path:
            old.unlink()
    if provenance_path(submission.path).is_file():
        write_atomic(provenance_path(path), provenance_path(submission.path).read_bytes())
    stored_row = load_submission(target, path, task, dataset)
    return keep(target, result_of(target, stored_row, entry=entry, model=card), stored_row, card)


def _suffix(path: Path) -> str:
    """Return the suffix that a file has on a board; structures are kept as a table."""
    if path.name.lower().endswith(STRUCTURES):
        return ".csv.gz"
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            return suffix
    raise SubmissionError(f"{path}: a board keeps {', '.join(SUFFIXES)}; save it as one of them")


def _copy(checked: AlignedSubmission, path: Path) -> None:
    """Copy a predictions file to a board; of structures, the table that says the same."""
    submission = checked.submission
    if not submission.path.name.lower().endswith(STRUCTURES):
        write_atomic(path, submission.path.read_bytes())
    else:
        write_table(path, submission, checked.task)


def write_table(path: Path, submission: predictions.Submission, task: Task) -> None:
    """Write predictions, which may be structures, as the table (.csv.gz) that says the same."""
    rows = submission.rows
    used = {name for row in rows for name in (*row.values, *row.arrays)}
    predictions.write(path, rows, [column.name for column in task.columns if column.name in used])


def keep(board: Board, content: Mapping[str, Any], checked: AlignedSubmission, model: ModelCard) -> Path:
    """Write card, result, details and ranking of predictions that lie on a board, and return the result's path."""
    card = board.models_dir / model.key / "model.toml"
    if not card.exists() or board.model(model.key).summary.endswith(OURS):
        write_atomic(card, toml(model.model_dump(mode="json", exclude_defaults=True)).encode())
    path = write_result(board, dict(content))
    write_details(board, details_of(board, checked, content["entry"]))
    write_ranking(board, checked.task.key, checked.card.key)
    return path


def refuse_other_model(board: Board, model: ModelCard) -> None:
    """Raise CardError if a board has another model of this name, which is not ours to replace."""
    if model.key not in board.model_keys():
        return
    known = board.model(model.key)
    if known != model and not known.summary.endswith(OURS):
        raise CardError(
            f"{board.models_dir / model.key}: the board has a model {model.key!r} ({known.name}); give another name"
        )


def _card_of(task: Task, model: ModelCard | None, entry: str, name: str | None) -> ModelCard:
    """Return the card of the model, made where predictions came without one."""
    if model is not None:
        return model if name is None else model.model_copy(update={"key": key_of(name), "name": printable(name)})
    if not (name or entry):
        raise CardError("these predictions came without a model's name, and a row needs one; give name=")
    return _card(name or entry, task)


def _card(name: str, task: Task) -> ModelCard:
    predicts = bool(task.answers)
    return card_of(
        name,
        kind="predictor" if predicts else "potential",
        summary=SCORED,
        gives=task.answers[:1] if predicts else task.needs,
        level_of_theory=None if predicts else "unknown",
    )
