"""A predictions file that fits its task and dataset: where scoring, comparing and ranking begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matdisc import predictions
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets import load, load_truth
from matdisc.datasets.truth import Truth, truth_of
from matdisc.errors import CardError
from matdisc.tasks import TASKS, Task
from matdisc.tasks.check import Answers, align


@dataclass(frozen=True)
class Checked:
    """A predictions file aligned with its dataset."""

    submission: predictions.Submission
    task: Task
    card: DatasetCard
    truth: Truth
    answers: Answers


def check_file(board: Board, path: Path, task_key: str, dataset_key: str) -> Checked:
    """Read a predictions file and align it with its dataset.

    Raises:
        MatdiscError: Whatever is wrong with file, task or dataset, in words.
    """
    task = known_task(task_key)
    card = board.dataset(dataset_key)
    if task_key not in card.tasks:
        raise CardError(f"dataset {dataset_key!r} has no task {task_key!r}; its tasks: {', '.join(card.tasks)}")
    submission = predictions.read(path, task.value_columns, structures_asked=task.structures)
    truth = task_truth(board, task, card)
    return Checked(submission, task, card, truth, align(submission, truth, task, surplus=card.surplus_ids))


def task_truth(board: Board, task: Task, card: DatasetCard) -> Truth:
    """Return the labels that answers to a task are scored against; of structures, start and reference come along."""
    if not task.structures:
        return load_truth(board, card.key)
    return truth_of(task.starts(card, load(board, card.key)))


def known_task(key: str) -> Task:
    """Return a task by its key.

    Raises:
        CardError: If there is none.
    """
    if key not in TASKS:
        raise CardError(f"task {key!r} does not exist; tasks: {', '.join(TASKS)}")
    return TASKS[key]
