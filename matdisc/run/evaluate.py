"""Which models are asked about which datasets when a whole board is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.corrections import energy_misfit
from matdisc.datasets.load import load_any
from matdisc.datasets.truth import Truth
from matdisc.errors import CardError
from matdisc.leaderboard.results import predictions_on_board
from matdisc.models import installed
from matdisc.run.engine.resumable import worker_count
from matdisc.run.environments.layers import Mode
from matdisc.run.predict import entry_key
from matdisc.schema import Dataset
from matdisc.tasks import TASKS, get_task
from matdisc.tasks.fit import check_dataset, check_model, misfit


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
    nobody named is skipped without a word where it is not made for the task, and so is every model
    where a dataset holds labels without structures: its rows come as prediction files.

    Raises:
        CardError: If a model, task or dataset does not exist, or nothing remains.
    """
    for key in tasks or ():
        get_task(key)
    cards = [board.model(key) for key in models] if models else [board.model(key) for key in board.model_keys()]
    dummies = [card for key in board.model_keys() if (card := board.model(key)).reference_row and card.loader]
    cards = [*dummies, *(card for card in cards if card not in dummies)]
    sets = [board.dataset(key) for key in datasets or board.dataset_keys()]
    if not datasets:
        sets = [card for card in sets if all(file.embedded for file in card.files) and not card.on_request]
    for dataset in sets:
        check_dataset(board, dataset)
    for model in cards:
        check_model(board, model)
    found: list[Step] = []
    left_out: list[str] = []
    labels_only: list[str] = []
    for dataset in sets:
        content = None if all(TASKS[task].scoring.by_fold for task in dataset.tasks) else load_any(board, dataset.key)
        if isinstance(content, Truth):
            labels_only.append(dataset.key)
            continue
        for task in (task for task in tasks or TASKS if task in dataset.tasks):
            for model in sorted(cards, key=lambda card: card.key != TASKS[task].scoring.control):
                if misfit(TASKS[task], model) and model.key not in (models or ()):
                    continue  # nobody asked for it
                reason = _misfit(model, task, env) or _does_not_fit(model, task, dataset, content)
                if reason:
                    left_out.append(f"{model.key} on {dataset.key} ({task}): {reason}")
                else:
                    own = protocol if model.kind == "potential" else None
                    found.append(Step(model.key, task, dataset.key, own, entry_key(model, own)))
    if not found and not labels_only:
        raise CardError("nothing to evaluate: " + ("; ".join(left_out) or "no dataset has one of these tasks"))
    return found, left_out


def file_tables(board: Board, tasks: Sequence[str] | None, datasets: Sequence[str] | None) -> list[tuple[str, str]]:
    """Return task and dataset of the predictions files on the board that an evaluation has a say in, sorted.

    Of datasets that nobody named only those whose files are embedded: others would have to be fetched.
    """
    known = sorted({(task, key) for task, key, _, _ in predictions_on_board(board) if key in board.dataset_keys()})
    cards = {key: board.dataset(key) for _, key in known}
    return [
        (task, key)
        for task, key in known
        if task in (tasks or TASKS)
        and task in cards[key].tasks
        and (key in datasets if datasets else all(file.embedded for file in cards[key].files))
    ]


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
    return nullcontext() if workers == 0 or complete else cluster(worker_count(workers, address) or 0, address)


def _misfit(model: ModelCard, task: str, env: Mode) -> str | None:
    if model.loader is None:
        return "its predictions arrive as files"
    if why := misfit(TASKS[task], model):
        return why
    if env == "inherit" and not installed(model):
        how = f"; run: pip install 'matdisc[{model.extra}]'" if model.extra else ""
        return f"not installed{how}, or use --env isolated"
    return None


def _does_not_fit(model: ModelCard, task: str, card: DatasetCard, dataset: Dataset | None) -> str | None:
    """Say so if a model's energies do not fit the references, or if it supports no material: a row of dashes."""
    if dataset is None:
        return None
    unfit = energy_misfit(model, card, dataset) if TASKS[task].scoring.hull else None
    if unfit or not model.elements:
        return unfit
    known = set(model.elements)
    if any(set(sample.crystal.symbols) <= known for sample in dataset.samples):
        return None
    return "it supports none of the materials"
