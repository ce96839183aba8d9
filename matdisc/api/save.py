"""Putting a result of Python code on a board."""

from __future__ import annotations

from pathlib import Path

from matdisc.api.calculators import SUMMARY
from matdisc.api.datasets import add
from matdisc.api.evaluation import Evaluation
from matdisc.api.workplace import BoardLike, board_of, key_of
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.cards import ModelCard
from matdisc.cards.model import ModelLicence, Person
from matdisc.datasets.fetch import file_hash
from matdisc.datasets.new.toml import toml
from matdisc.errors import CardError, SubmissionError
from matdisc.leaderboard.ranking import write_ranking
from matdisc.leaderboard.results import details_of, result_of, write_details, write_result
from matdisc.predictions import SUFFIXES
from matdisc.run.predict import provenance_path
from matdisc.tasks.task import Task

SCORED = "Predictions scored in Python; nobody wrote this card."
OURS = (SUMMARY.partition("{")[2].partition("}")[2], SCORED)
"""Ends of the summaries of cards that are written here, and that may be written anew."""


def save(found: Evaluation, board: BoardLike, *, name: str | None = None, replace: bool = False) -> Path:
    """Put predictions, result, and what the board lacks of card and data set on it; see `Evaluation.save`."""
    target = board_of(board)
    if target is None:
        raise CardError("no board was named; give its folder (`matdisc init DIR` makes one)")
    model = _named(found, name)
    entry = found.entry if found.model is model and found.entry else model.key
    submission, place = found.checked.submission, target.predictions_dir / found.task / found.dataset
    if file_hash(submission.path) != submission.sha256:
        raise SubmissionError(f"{submission.path}: has changed since it was scored; score it again")
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if submission.path.name.endswith(s)), "")
    if not suffix:
        raise SubmissionError(f"{submission.path}: a board keeps {', '.join(SUFFIXES)}; save it as one of them")
    refuse_other_model(target, model)
    stored = [place / f"{entry}{s}" for s in SUFFIXES if (place / f"{entry}{s}").exists()]
    if stored and not replace:
        raise CardError(f"{stored[0]}: {entry!r} has a row here; use replace=True, or another name")
    add(found.board.datasets_dir / found.dataset, target)
    path = place / f"{entry}{suffix}"
    write_atomic(path, submission.path.read_bytes())
    for old in stored:
        if old != path:
            old.unlink()
    if provenance_path(submission.path).is_file():
        write_atomic(provenance_path(path), provenance_path(submission.path).read_bytes())
    saved = found
    if found.entry != entry or found.model != model:
        content = result_of(target, found.checked, entry=entry, model=model)
        saved = Evaluation(content, found.checked, target, model)
    return keep(saved, target)


def keep(found: Evaluation, board: Board) -> Path:
    """Write card, result, details and ranking of predictions that lie on a board, and return the result's path."""
    assert found.model is not None
    card = board.models_dir / found.model.key / "model.toml"
    if not card.exists() or board.model(found.model.key).summary.endswith(OURS):
        content = found.model.model_dump(mode="json", exclude_defaults=True)
        write_atomic(card, toml(content).encode())
    path = write_result(board, dict(found.content))
    write_details(board, details_of(board, found.checked, found.entry))
    write_ranking(board, found.task, found.dataset)
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


def _named(found: Evaluation, name: str | None) -> ModelCard:
    """Return the card of the model, made where predictions came without one."""
    if found.model is not None:
        return found.model if name is None else found.model.model_copy(update={"key": key_of(name), "name": name})
    if not (name or found.entry):
        raise CardError("these predictions came without a model's name, and a row needs one; give name=")
    return _card(name or found.entry, found.checked.task)


def _card(name: str, task: Task) -> ModelCard:
    predicts = bool(task.answers)
    return ModelCard(
        key=key_of(name),
        name=name,
        version="1",
        kind="predictor" if predicts else "potential",
        summary=SCORED,
        authors=(Person(name="not given"),),
        licence=ModelLicence(code="not given"),
        gives=task.answers[:1] if predicts else task.needs,
        level_of_theory=None if predicts else "not given",
    )
