"""Which models are asked about which datasets when a whole board is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.corrections import energy_misfit
from matdisc.datasets.load import load_any
from matdisc.datasets.truth import Truth
from matdisc.errors import CardError
from matdisc.leaderboard.results import predictions_on_board
from matdisc.models import installed
from matdisc.models.families.family import TARGET
from matdisc.run.engine.resumable import worker_count
from matdisc.run.environments.layers import Mode
from matdisc.run.families import is_family, learns_from_the_asked
from matdisc.run.inputs import entry_key
from matdisc.schema import Dataset
from matdisc.tasks import TASKS, get_task
from matdisc.tasks.fit import check_dataset, check_model, misfit


@dataclass(frozen=True, slots=True)
class Step:
    """One run of an evaluation; `entry` is its row on the board, `seconds` a rough estimate of its processor time."""

    model: str
    task: str
    dataset: str
    protocol: str | None
    entry: str
    seconds: float


def steps(
    board: Board,
    models: Sequence[str] | None,
    tasks: Sequence[str] | None,
    datasets: Sequence[str] | None,
    protocol: str | None,
    env: Mode = "inherit",
    *,
    full: bool = False,
) -> tuple[list[Step], list[str]]:
    """Return the runs of an evaluation, cheapest first, and in words what was left out and why.

    Defaults: all models with a loader, all tasks, all datasets whose files are embedded and that are not on request; of
    a dataset whose card names `quick` models only those, and no family that would be trained, unless the board is to
    be `full`. Dummies come along. Models that are not installed share one line. A model that nobody named is skipped
    without a word where it cannot answer, and so is every model where a dataset holds labels without structures: its
    rows come as prediction files.

    Raises:
        CardError: If a model, task or dataset does not exist, or nothing remains.
    """
    for key in tasks or ():
        get_task(key)
    cards = [board.model(key) for key in models] if models else [board.model(key) for key in board.model_keys()]
    dummies = [card for key in board.model_keys() if (card := board.model(key)).reference_row and card.loader]
    cards = [*dummies, *(card for card in cards if card not in dummies)]
    sets = [board.dataset(key) for key in datasets or board.dataset_keys()]
    found: list[Step] = []
    left_out: list[str] = []
    if not datasets:
        if asked := [card.key for card in sets if card.on_request and set(card.tasks) & set(tasks or ())]:
            left_out.append(f"{', '.join(asked)}: on request, since they take long; name one with --dataset")
        sets = [card for card in sets if all(file.embedded for file in card.files) and not card.on_request]
    for dataset in sets:
        _unless_named(datasets, left_out, partial(check_dataset, board, dataset))
    cards = [c for c in cards if _unless_named(models, left_out, partial(check_model, board, c))]
    sets = [dataset for dataset in sets if any(task in TASKS for task in dataset.tasks)]
    missing: dict[str, ModelCard] = {}
    costly = 0
    labels_only: list[str] = []
    for dataset in sets:
        known = [TASKS[task] for task in dataset.tasks if task in TASKS]
        content = None if all(task.scoring.by_fold for task in known) else load_any(board, dataset.key)
        if isinstance(content, Truth):
            labels_only += [dataset.key] if set(dataset.tasks) & set(tasks or dataset.tasks) else []
            continue
        for task in (task for task in tasks or TASKS if task in dataset.tasks):
            for model in sorted(cards, key=lambda card: card.key != TASKS[task].scoring.control):
                named = model.key in (models or ())
                reason = _misfit(model, task) or _does_not_fit(model, task, dataset, content)
                if reason:
                    left_out += [f"{model.key} on {dataset.key} ({task}): {reason}"] if named else []
                elif env == "inherit" and not installed(model):
                    missing[model.key] = model
                elif _takes_long(model, dataset) and not (full or named or datasets):
                    costly += 1
                else:
                    own = protocol if model.kind == "potential" else None
                    cost = estimated_seconds(model, task, dataset)
                    found.append(Step(model.key, task, dataset.key, own, entry_key(model, own), cost))
    if missing:
        left_out.append(_not_installed(list(missing.values())))
    if costly:
        left_out.append(f"{costly} runs that take long; `matdisc evaluate --full` (make leaderboard-full) adds them")
    if not found and not labels_only:
        raise CardError("nothing to evaluate: " + ("; ".join(left_out) or "no dataset has one of these tasks"))
    return sorted(found, key=lambda step: step.seconds), left_out


def _unless_named(named: Sequence[str] | None, left_out: list[str], check: Callable[[], None]) -> bool:
    """Whether a check passes. A card that nobody named, and that does not, is left out and stops nothing."""
    try:
        check()
    except CardError as err:
        if named:
            raise
        left_out.append(str(err))
        return False
    return True


def estimated_seconds(model: ModelCard, task: str, dataset: DatasetCard) -> float:
    """Return roughly the processor seconds of a run, from the cards alone: for an order and for the time left.

    Every run takes 2 s. A potential takes evaluations x atoms x the time of an atom, which goes with the number of
    parameters: 1 ms at the 412,525 of CHGNet, 0.02 ms at least and 10 ms at most. A relaxation is reckoned with 10
    evaluations of 2 atoms, a box of the dynamics task and a frame of static with 30 atoms. A predictor takes 0.2 ms for
    a material, or for an alloy and protocol; a dummy a fifth of that.
    """
    n = dataset.relaxation.n_samples if task == "relaxation" and dataset.relaxation else dataset.n_samples
    if model.kind == "predictor":
        return 2 + (4e-5 if model.reference_row else 2e-4) * n * max(1, len(dataset.splits))
    evaluations, atoms = 10.0, 2
    if task == "dynamics" and (run := dataset.dynamics):
        held = (run.equilibration_ps + run.sampled_ps) / run.timestep
        evaluations, atoms = 1000 * (held + sum(run.conserved_ps / step for step in run.timesteps)), 30
    elif task == "static":
        evaluations, atoms = 1.0, 30
    elif task == "electrolytes" and (box := dataset.electrolytes):
        simulated = 3 * box.equilibration_ps + box.density_ps + box.sampled_ps
        evaluations, atoms = 1000 * box.replicas * simulated / box.timestep, box.n_atoms
    return 2 + n * evaluations * atoms * min(max((model.n_params or 1_000_000) / 412_525e3, 2e-5), 1e-2)


def time_left(plan: Sequence[Step], done: int, elapsed: float) -> str:
    """Return how long the steps from `done` on may take, at the pace of those before; empty where none tells it."""
    before, after = (sum(step.seconds for step in part) for part in (plan[:done], plan[done:]))
    if elapsed < 20 or not before:
        return ""
    seconds = elapsed * after / before
    return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"


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
    cluster: Callable[[int | None, str | None], AbstractContextManager[None]],
    board: Board,
    plan: Sequence[Step],
    workers: int | None,
    address: str | None,
) -> AbstractContextManager[None]:
    """Return one Ray cluster for all runs, or nothing where none is needed: no workers, or every run is complete."""
    return cluster(0 if all(complete(board, step) for step in plan) else worker_count(workers, address), address)


def complete(board: Board, step: Step) -> bool:
    """Whether a run has its predictions file and its record."""
    place = Path(step.task, step.dataset)
    predictions = board.predictions_dir / place / f"{step.entry}.csv.gz"
    return predictions.exists() and (board.runs_dir / place / step.entry / "records.jsonl").exists()


def _takes_long(model: ModelCard, dataset: DatasetCard) -> bool:
    return is_family(model) or bool(dataset.quick and model.key not in dataset.quick)


def _misfit(model: ModelCard, task: str) -> str | None:
    if model.loader is None:
        return "its predictions arrive as files"
    return misfit(TASKS[task], model)


def _not_installed(models: Sequence[ModelCard]) -> str:
    """Say in one line how many models are not installed, and how to have them."""
    extras = sorted({model.extra for model in models if model.extra})
    how = f"pip install 'matdisc[{','.join(extras)}]' adds them, or " if extras else ""
    who = models[0].key if len(models) == 1 else f"{len(models)} models"
    return f"{who}: not installed; {how}--env isolated gives each its own packages (`matdisc models list` names them)"


def _does_not_fit(model: ModelCard, task: str, card: DatasetCard, dataset: Dataset | None) -> str | None:
    """Say so if a model's energies do not fit the references, or if it supports no material: a row of dashes."""
    if dataset is None:
        return None
    if learns_from_the_asked(model) and not any(TARGET in sample.target for sample in dataset.samples):
        return "a family learns from formation energies, and the dataset has none"
    unfit = energy_misfit(model, card, dataset) if TASKS[task].scoring.hull else None
    if unfit or not model.elements:
        return unfit
    known = set(model.elements)
    if any(set(sample.crystal.symbols) <= known for sample in dataset.samples):
        return None
    return "it supports none of the materials"
