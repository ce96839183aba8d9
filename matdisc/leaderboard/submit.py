"""An outsider's predictions: checked, scored, and only then added to the board, all of it or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.cards import ModelCard, read_card
from matdisc.errors import CardError, SubmissionError
from matdisc.leaderboard.ranking import write_ranking
from matdisc.leaderboard.results import details_of, entry_of, result_of, write_details, write_result
from matdisc.leaderboard.submission import load_submission
from matdisc.predictions import SUFFIXES
from matdisc.tasks import get_task
from matdisc.tasks.fit import misfit


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a submission added to the board, and its result."""

    card: Path
    predictions: Path
    result_file: Path
    result: dict[str, Any]


def submit(
    board: Board,
    file: Path,
    card_file: Path,
    task: str,
    dataset: str,
    *,
    replace: bool = False,
    training: Path | None = None,
) -> Accepted:
    """Check and score a predictions file and add card, file and result to the board.

    Args:
        board: The board.
        file: The predictions file; its bytes are stored as they are.
        card_file: The model's card; it must not name a loader, because a submission is data and never code.
        task, dataset: What the file answers.
        replace: Whether an existing row of this model may be replaced.
        training: A declaration of the model's training data, for the leakage report.

    Raises:
        CardError: If the card is wrong, names a loader, or differs from the one the board has for its key.
        SubmissionError: If the file cannot be scored, or the row exists and `replace` is off.
    """
    card = outside_card(card_file, task)
    target = board.models_dir / card.key / "model.toml"
    if target.exists() and read_card(target, ModelCard) != card and not replace:
        raise CardError(
            f"{card_file}: the board has another card for {card.key!r} ({target}); choose another key, or use --replace"
        )
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if file.name.lower().endswith(s)), "")
    if not suffix:
        raise SubmissionError(f"{file}: a board keeps predictions as {', '.join(SUFFIXES)}; save it as one of them")
    stored = stored_files(board, task, dataset, card.key)
    if stored and not replace:
        raise SubmissionError(
            f"{stored[0]}: {card.key!r} already has a row here; use --replace to submit a new version"
        )
    checked = load_submission(board, file, task, dataset)
    result = result_of(board, checked, entry=card.key, model=card, training=training) | {"origin": "submission"}
    write_atomic(target, card_file.read_bytes())
    place = store_file(board, task, dataset, f"{card.key}{suffix}", file.read_bytes())
    result_file = write_result(board, result)
    write_details(board, details_of(board, checked, card.key))
    write_ranking(board, task, dataset)
    return Accepted(target, place, result_file, result)


def outside_card(path: Path, task: str) -> ModelCard:
    """Return the card of a model whose predictions come from outside.

    Raises:
        CardError: If it is wrong, names a loader, is a reference, or does not fit the task.
    """
    card = read_card(path, ModelCard, any_folder=True)
    if card.loader is not None:
        raise CardError(
            f"{path}: field 'loader' is {card.loader!r}; a submission is data and never code: remove 'loader' and "
            "'options' (a model that the board runs itself is added to models/ by its maintainers)"
        )
    if card.reference_row:
        raise CardError(f"{path}: field 'reference_row' is true; that is for the board's own dummies: remove it")
    if why := misfit(get_task(task), card):
        raise CardError(f"{path}: {why}; correct the field 'gives'")
    return card


def stored_files(board: Board, task: str, dataset: str, entry: str) -> list[Path]:
    """Return the predictions files that a row has on the board: one, or none."""
    folder = board.predictions_dir / task / dataset
    return [path for suffix in SUFFIXES if (path := folder / f"{entry}{suffix}").exists()]


def store_file(board: Board, task: str, dataset: str, name: str, data: bytes) -> Path:
    """Put a predictions file on the board in the place of any that the row had, and return its path."""
    place = board.predictions_dir / task / dataset / name
    write_atomic(place, data)
    for old in stored_files(board, task, dataset, entry_of(place)):
        if old != place:
            old.unlink()
    return place
