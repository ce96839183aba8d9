"""Which models fit which tasks: what a card says that a model gives, against what a task needs."""

from __future__ import annotations

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.errors import CardError
from matdisc.tasks.registry import TASKS
from matdisc.tasks.task import Task

OF_POTENTIALS = ("energy", "forces", "stress", "charges")
"""What a potential can give."""


def misfit(task: Task, model: ModelCard) -> str | None:
    """Return why a model cannot answer a task, in words; None where it can."""
    if model.kind == "potential" and task.simulate is None:
        return f"the task {task.key!r} asks predictors, and {model.key!r} is a potential"
    if model.kind == "potential":
        missing = " and ".join(name for name in task.needs if name not in model.gives)
        return f"the task {task.key!r} needs {missing}, which {model.key!r} does not give" if missing else None
    if set(task.answers) & set(model.gives):
        return None
    wanted = " or ".join(task.answers) or "a potential"
    return f"the task {task.key!r} asks for {wanted}, and {model.key!r} gives {', '.join(model.gives)}"


def tasks_of(model: ModelCard) -> list[str]:
    """Return the keys of the tasks that a model fits, in the order of the registry."""
    return [key for key, task in TASKS.items() if misfit(task, model) is None]


def check_model(board: Board, card: ModelCard) -> None:
    """Raise CardError if a model's card names something that no task asks for."""
    predicted = (name for task in TASKS.values() for name in task.answers)
    known = OF_POTENTIALS if card.kind == "potential" else tuple(dict.fromkeys(predicted))
    unknown = [name for name in card.gives if name not in known]
    if unknown:
        raise CardError(
            f"{board.models_dir / card.key / 'model.toml'}: field 'gives' names {unknown[0]!r}, which no task asks a "
            f"{card.kind} for; known: {', '.join(known)}"
        )


def check_dataset(board: Board, card: DatasetCard) -> None:
    """Raise CardError if a dataset's card names a task that does not exist, or lacks the table that one needs."""
    path = board.datasets_dir / card.key / "dataset.toml"
    for key in card.tasks:
        if key not in TASKS:
            raise CardError(f"{path}: field 'tasks' names {key!r}, which is no task; tasks: {', '.join(TASKS)}")
