"""What a run asks: model, task and dataset that fit together, the materials, and the job of a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard, model_hash
from matdisc.datasets import load, training_part
from matdisc.datasets.corrections import energy_misfit
from matdisc.errors import CardError, ExtraError, RunError
from matdisc.models.load import Factory
from matdisc.run.engine.preload import preloading_workers
from matdisc.run.engine.resumable import RunOptions, worker_count
from matdisc.run.engine.schedule import Schedule, fold_units
from matdisc.run.engine.worker import Job
from matdisc.run.environments.packages import unmet
from matdisc.run.shards import Shard
from matdisc.schema import Dataset, Sample
from matdisc.tasks import get_task
from matdisc.tasks.fit import misfit, tasks_of
from matdisc.tasks.task import Task


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run asks, all of which fits together: see run_resumable for `folder`, `settings`, `job` and `plan`."""

    model: ModelCard
    task: Task
    dataset: Dataset
    samples: Sequence[Sample]
    entry: str
    folder: Path
    settings: Mapping[str, Any]
    job: Job

    def plan(self, todo: Sequence[Sample], *, largest_first: bool = True) -> Schedule:
        """Return the schedule of what is open."""
        if self.model.kind == "potential":
            return Schedule([s.without_target() for s in todo], largest_first=largest_first)
        parts = {fold: training_part(self.dataset, fold) for fold in {s.fold for s in todo}}
        return Schedule(fixed=fold_units(todo, parts))


def prepare(
    board: Board,
    model: str | ModelCard,
    task_key: str,
    dataset_key: str,
    options: RunOptions,
    *,
    factory: Factory | None = None,
    protocol: str | None = None,
    limit: int | None = None,
    shard: Shard | None = None,
) -> RunInputs:
    """Return what a run is to ask; arguments and errors are those of `predict`."""
    model = board.model(model) if isinstance(model, str) else model
    card = board.dataset(dataset_key)
    if options.env == "isolated" and options.workers == 0:
        raise RunError("an isolated environment needs a worker process; use at least `--workers 1`")
    task = _fitting_task(task_key, model, card)
    protocol = _fitting_protocol(model, protocol)
    whole_set = load(board, dataset_key)
    misfit = energy_misfit(model, card, whole_set) if task.scoring.hull else None
    if misfit:
        raise RunError(misfit)
    dataset = task.prepare(card, whole_set)
    samples = dataset.samples if limit is None else dataset.samples[:limit]
    samples = samples if shard is None else shard.part(samples)
    entry = entry_key(model, protocol)
    settings = {
        "task": task_key,
        "dataset": dataset_key,
        "dataset_sha256": dataset.sha256,
        "model": model.key,
        "model_sha256": model_hash(model),
        "protocol": protocol,
        **({"shard": str(shard), "limit": limit} if shard else {}),
    }
    _refuse_missing_packages(card, options)
    job = replace(_job(_with_requirements(model, card), task, protocol, card, dataset), factory=factory)
    folder = board.runs_dir / task_key / dataset_key / (shard.of(entry) if shard else entry)
    return RunInputs(model, task, dataset, samples, entry, folder, settings, job)


def preloading(
    board: Board,
    model: str | ModelCard,
    task_key: str,
    dataset_key: str,
    options: RunOptions,
    *,
    factory: Factory | None = None,
    protocol: str | None = None,
) -> AbstractContextManager[None]:
    """Return a block in which workers load the model already, while `prepare` reads the dataset.

    Where the board has the run's predictions and its record, and nothing is begun anew, none are started. Errors are
    those of `prepare`, as far as cards alone show them.
    """
    model = board.model(model) if isinstance(model, str) else model
    card = board.dataset(dataset_key)
    _fitting_task(task_key, model, card)
    place = Path(task_key, dataset_key)
    entry = entry_key(model, _fitting_protocol(model, protocol))
    _refuse_missing_packages(card, options)
    complete = (board.predictions_dir / place / f"{entry}.csv.gz").exists() and not options.restart
    complete = complete and (board.runs_dir / place / entry / "records.jsonl").exists()
    workers = 0 if complete else worker_count(options.workers, options.address)
    asked, inherits = _with_requirements(model, card), options.env == "inherit"
    return preloading_workers(asked, factory, workers, options.address, load=inherits)


def entry_key(model: ModelCard, protocol: str | None) -> str:
    """Name of a row on the board: the model's key, with the protocol if it is not the card's own."""
    return model.key if protocol in (None, model.protocol) else f"{model.key}+{protocol}"


def _job(
    model: ModelCard,
    task: Task,
    protocol: str | None,
    card: DatasetCard,
    dataset: Dataset,
) -> Job:
    return Job(
        model=model,
        task=task.key,
        protocol=protocol,
        threshold=card.stability.threshold,
        references=dataset.references,
        reference_crystals=dataset.reference_crystals,
        corrections=dataset.corrections if model.energy_scale == "pbe_raw" else {},
    )


def _refuse_missing_packages(card: DatasetCard, options: RunOptions) -> None:
    """Raise ExtraError if what a dataset requires is not met here; the workers of a cluster say so themselves."""
    wrong = [] if options.env == "isolated" or options.address else unmet(map(Requirement, card.requirements))
    if wrong:
        missing = " ".join(repr(text) for text in card.requirements)
        raise ExtraError(
            f"dataset {card.key!r}: {'; '.join(wrong)}; use `--env isolated`, or run: pip install {missing}"
        )


def _with_requirements(model: ModelCard, card: DatasetCard) -> ModelCard:
    """Return a model's card with what a dataset requires added: workers have both, and the record names both."""
    return model.model_copy(update={"requirements": (*model.requirements, *card.requirements)})


def _fitting_task(task_key: str, model: ModelCard, card: DatasetCard) -> Task:
    task = get_task(task_key)
    if task_key not in card.tasks:
        raise CardError(f"dataset {card.key!r} has no task {task_key!r}; its tasks: {', '.join(card.tasks)}")
    if why := misfit(task, model):
        raise CardError(f"{why}; it can answer: {', '.join(tasks_of(model)) or 'nothing'}")
    return task


def _fitting_protocol(model: ModelCard, protocol: str | None) -> str | None:
    if model.kind == "potential":
        return protocol or model.protocol
    if protocol is not None:
        raise CardError(f"model {model.key!r} is a predictor and has no protocol; leave --protocol out")
    return None
