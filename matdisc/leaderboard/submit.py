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
from matdisc.leaderboard.results import details_of, result_of, write_details, write_result
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
    card = read_card(card_file, ModelCard, any_folder=True)
    if card.loader is not None:
        raise CardError(
            f"{card_file}: field 'loader' is {card.loader!r}; a submission is data and never code: remove 'loader' and "
            "'options' (a model that the board runs itself is added to models/ by its maintainers)"
        )
    if card.reference_row:
        raise CardError(f"{card_file}: field 'reference_row' is true; that is for the board's own dummies: remove it")
    if why := misfit(get_task(task), card):
        raise CardError(f"{card_file}: {why}; correct the field 'gives'")
    target = board.models_dir / card.key / "model.toml"
    if target.exists() and read_card(target, ModelCard) != card and not replace:
        raise CardError(
            f"{card_file}: the board has another card for {card.key!r} ({target}); choose another key, or use --replace"
        )
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if file.name.lower().endswith(s)), "")
    if not suffix:
        raise SubmissionError(f"{file}: a board keeps predictions as {', '.join(SUFFIXES)}; save it as one of them")
    folder = board.predictions_dir / task / dataset
    stored = [folder / f"{card.key}{s}" for s in SUFFIXES if (folder / f"{card.key}{s}").exists()]
    if stored and not replace:
        raise SubmissionError(
            f"{stored[0]}: {card.key!r} already has a row here; use --replace to submit a new version"
        )
    checked = load_submission(board, file, task, dataset)
    result = result_of(board, checked, entry=card.key, model=card, training=training) | {"origin": "submission"}
    write_atomic(target, card_file.read_bytes())
    place = folder / f"{card.key}{suffix}"
    write_atomic(place, file.read_bytes())
    for old in stored:
        if old != place:
            old.unlink()
    result_file = write_result(board, result)
    write_details(board, details_of(board, checked, card.key))
    write_ranking(board, task, dataset)
    return Accepted(target, place, result_file, result)
