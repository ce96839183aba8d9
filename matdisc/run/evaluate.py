"""Which models are asked about which datasets when a whole board is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets import load
from matdisc.errors import CardError
from matdisc.models import installed
from matdisc.run.asking import crew_size
from matdisc.run.environment import Mode
from matdisc.run.predict import entry_key
from matdisc.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Step:
    """One run of an evaluation; `entry` is its row on the board."""

    model: str
    task: str
    dataset: str
    protocol: str | None
    entry: str


def steps(
    board: Board,
    models: Sequence[str] | None,
    tasks: Sequence[str] | None,
    datasets: Sequence[str] | None,
    protocol: str | None,
    env: Mode = "inherit",
) -> tuple[list[Step], list[str]]:
    """Return the runs of an evaluation and, in words, what was left out and why.

    Defaults: all models with a loader, all tasks, all datasets whose files are embedded and that
    are not on request. Dummies always come along. A model that
    nobody named is skipped without a word where it is not made for the task.

    Raises:
        CardError: If a model, task or dataset does not exist, or nothing remains.
    """
    for key in tasks or ():
        if key not in TASKS:
            raise CardError(f"task {key!r} does not exist; tasks: {', '.join(TASKS)}")
    cards = [board.model(key) for key in models] if models else [board.model(key) for key in board.model_keys()]
    dummies = [card for key in board.model_keys() if (card := board.model(key)).reference_row and card.loader]
    cards = [*dummies, *(card for card in cards if card not in dummies)]
    sets = [board.dataset(key) for key in datasets or board.dataset_keys()]
    if not datasets:
        sets = [card for card in sets if all(file.embedded for file in card.files) and not card.on_request]
    found: list[Step] = []
    left_out: list[str] = []
    for dataset in sets:
        for task in (task for task in tasks or TASKS if task in dataset.tasks):
            for model in sorted(cards, key=lambda card: card.key != TASKS[task].null):
                if task not in model.tasks and model.key not in (models or ()):
                    continue  # nobody asked for it
                reason = _misfit(model, task, dataset, env) or _knows_nothing(board, model, dataset)
                if reason:
                    left_out.append(f"{model.key} on {dataset.key} ({task}): {reason}")
                else:
                    own = protocol if model.kind == "potential" else None
                    found.append(Step(model.key, task, dataset.key, own, entry_key(model, own)))
    if not found:
        raise CardError("nothing to evaluate: " + ("; ".join(left_out) or "no dataset has one of these tasks"))
    return found, left_out


def shared_cluster(
    cluster: Callable[[int, str | None], AbstractContextManager[None]],
    board: Board,
    plan: Sequence[Step],
    workers: int | None,
    address: str | None,
) -> AbstractContextManager[None]:
    """Return one Ray cluster for all runs, or nothing where none is needed: no workers, or every run is complete."""
    complete = all(
        (board.predictions_dir / s.task / s.dataset / f"{s.entry}.csv.gz").exists()
        and (board.runs_dir / s.task / s.dataset / s.entry / "records.jsonl").exists()
        for s in plan
    )
    return nullcontext() if workers == 0 or complete else cluster(crew_size(workers, address) or 0, address)


def _misfit(model: ModelCard, task: str, dataset: DatasetCard, env: Mode) -> str | None:
    if model.loader is None:
        return "its predictions arrive as files"
    if task not in model.tasks:
        return "the model is not made for this task"
    if env == "inherit" and not installed(model):
        how = f"; run: pip install 'matdisc[{model.extra}]'" if model.extra else ""
        return f"not installed{how}, or use --env isolated"
    if (
        model.kind == "potential"
        and TASKS[task].needs_references
        and model.energy_scale == "own"
        and dataset.energy_scale != "own"
    ):
        return "its energy scale does not fit the references of this dataset"
    return None


def _knows_nothing(board: Board, model: ModelCard, dataset: DatasetCard) -> str | None:
    """Say so if a model that lists its elements supports no material of a dataset: a row of dashes helps nobody."""
    if not model.elements:
        return None
    known = set(model.elements)
    if any(set(sample.crystal.symbols) <= known for sample in load(board, dataset.key).samples):
        return None
    return "it supports none of the materials"
