"""Scoring predictions that are there already, from Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from matdisc.api.datasets import DatasetLike, locate
from matdisc.api.evaluation import Evaluation
from matdisc.api.frames import written
from matdisc.api.workplace import BoardLike, board_of, fresh_folder, key_of, python_words
from matdisc.board import Board
from matdisc.errors import SubmissionError
from matdisc.leaderboard.results import result_of
from matdisc.leaderboard.submission import AlignedSubmission, load_submission
from matdisc.tasks import get_task


def score(
    predictions: Any,
    task: str | None = None,
    dataset: DatasetLike = "elements",
    *,
    board: BoardLike = None,
    name: str | None = None,
    training: str | os.PathLike[str] | None = None,
) -> Evaluation:
    """Score predictions and return the result: every metric with its 95 % interval, as `matdisc score` prints it.

    Args:
        predictions: The path of a predictions file (docs/reference/predictions.md); a DataFrame or Series with
            `material_id` as column or index; a dict of ids to numbers, which answer the task's main column; a dict of
            columns; or ASE atoms or pymatgen structures, as a dict by id or a list whose items bear a `material_id`.
        task: What they answer; default: the first task of the data set.
        dataset: As for `evaluate`.
        board: A board or its folder, for its data sets and cards; nothing is written to it.
        name: Of the model.
        training: A declaration of training data, to score with and without what it shares with the data set.

    Raises:
        MatdiscError: If the predictions cannot be scored as they are; in one line that names row, value and remedy.
    """
    with python_words():
        place, key = locate(dataset, board_of(board))
        task = task or place.dataset(key).tasks[0]
        checked = aligned(predictions, task, key, place)
        content = result_of(
            place,
            checked,
            entry=None if name is None else key_of(name),
            training=None if training is None else Path(training),
        )
        known = content["model"] in place.model_keys()
        return Evaluation(content, checked, place, place.model(content["model"]) if known else None)


def aligned(predictions: Any, task: str, key: str, place: Board) -> AlignedSubmission:
    """Return predictions of any kind aligned with a data set.

    Raises:
        SubmissionError: If they cannot be scored as they are.
    """
    if isinstance(predictions, str | os.PathLike):
        return load_submission(place, Path(predictions), task, key)
    path, said = written(predictions, get_task(task), fresh_folder())
    try:
        return load_submission(place, path, task, key)
    except SubmissionError as err:
        raise SubmissionError(str(err).replace(str(path), said)) from None
