"""A predictions file that fits its task and dataset: where scoring, comparing and ranking begin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from matdisc import predictions
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets import load, load_truth
from matdisc.datasets.fetch import dataset_files
from matdisc.datasets.truth import Truth, truth_of
from matdisc.errors import CardError
from matdisc.scoring.align import align
from matdisc.scoring.answers import Answers
from matdisc.tasks import TASKS, Task, get_task
from matdisc.tasks.alloys.task import input_hash


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
    submission = predictions.read(path, task.value_columns, structures=task.structures, multi_column=task.multi_column)
    truth = task_truth(board, task, card)
    return AlignedSubmission(submission, task, card, truth, align(submission, truth, task, surplus=card.surplus_ids))


def task_truth(board: Board, task: Task, card: DatasetCard) -> Truth:
    """Return the labels that answers to a task are scored against; of structures, start and reference come along."""
    if task.beliefs:
        dataset_files(board, card)  # their hashes are on the card, so that the card says what the labels are
        return _folds(board, card.model_dump_json(), task)
    if not task.structures:
        return load_truth(board, card.key)
    return truth_of(task.starts(card, load(board, card.key)))


def dataset_hash(card: DatasetCard, task: str) -> str | None:
    """Return the hash of what a task scores on a dataset, as results bear it; None where the card has none."""
    if TASKS[task].beliefs and card.sha256:
        return input_hash(card.sha256, card.splits)
    return card.sha256_of(task)


@lru_cache(maxsize=2)
def _folds(board: Board, card: str, task: Task) -> Truth:
    """Labels fold by fold; kept, for to make them takes as long as to score one model."""
    found = DatasetCard.model_validate_json(card)
    return truth_of(task.starts(found, load(board, found.key)))
