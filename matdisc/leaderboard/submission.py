"""A predictions file that fits its task and dataset: where scoring, comparing and ranking begin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from matdisc import predictions
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.errors import CardError
from matdisc.scoring.align import align
from matdisc.scoring.answers import Answers
from matdisc.tasks import get_task
from matdisc.tasks.task import Task


@dataclass(frozen=True)
class AlignedSubmission:
    """A predictions file aligned with its dataset."""

    submission: predictions.Submission
    task: Task
    card: DatasetCard
    truth: Truth
    answers: Answers


def load_submission(board: Board, path: Path, task_key: str, dataset_key: str) -> AlignedSubmission:
    """Read a predictions file and align it with its dataset.

    Raises:
        MatdiscError: Whatever is wrong with file, task or dataset, in words.
    """
    task = get_task(task_key)
    card = board.dataset(dataset_key)
    if task_key not in card.tasks:
        raise CardError(f"dataset {dataset_key!r} has no task {task_key!r}; its tasks: {', '.join(card.tasks)}")
    submission = task.scoring.read(path)
    truth = task.scoring.truth(board, card)
    if submission.material_ids.equals(truth.material_ids):
        submission = replace(submission, material_ids=truth.material_ids)  # many rows of a board share them
    return AlignedSubmission(
        submission, task, card, truth, align(submission, truth, task.scoring, surplus=card.surplus_ids)
    )
