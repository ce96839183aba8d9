"""One run: a model asked about every material of a dataset, resumable, ending in a predictions file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from matdisc import predictions
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.canonical import canonical_json
from matdisc.cards import DatasetCard, ModelCard, model_hash
from matdisc.datasets import load, training_part
from matdisc.datasets.corrections import energy_misfit
from matdisc.errors import CardError, ExtraError, RunError
from matdisc.models.load import Factory
from matdisc.run.engine.record import FAILURES
from matdisc.run.engine.resumable import Progress, RunOptions, run_resumable
from matdisc.run.engine.schedule import Schedule, fold_units
from matdisc.run.engine.worker import Job
from matdisc.run.environments.layers import Mode
from matdisc.run.environments.packages import unmet
from matdisc.run.shards import Shard
from matdisc.schema import Dataset, Prediction, Sample
from matdisc.tasks import get_task
from matdisc.tasks.fit import misfit, tasks_of
from matdisc.tasks.task import Task
from matdisc.version import __version__


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind: its predictions file, its record, and how the materials ended.

    `trouble` says in words that there is no answer at all; then the predictions file lies beside the record, and
    nothing was replaced by it.
    """

    entry: str
    out: Path
    record: Path
    counts: Counter[str]
    reused: int
    computed: int
    trouble: str = ""


def entry_key(model: ModelCard, protocol: str | None) -> str:
    """Name of a row on the board: the model's key, with the protocol if it is not the card's own."""
    return model.key if protocol in (None, model.protocol) else f"{model.key}+{protocol}"


def predict(
    board: Board,
    model: str | ModelCard,
    task_key: str,
    dataset_key: str,
    *,
    factory: Factory | None = None,
    protocol: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    address: str | None = None,
    timeout: float | None = 600.0,
    memory: float | None = None,
    env: Mode = "inherit",
    out: Path | None = None,
    restart: bool = False,
    shard: Shard | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """Ask a model about every material of a dataset and write the predictions file.

    Answers go to a record under `runs/` as they come. The same call after a crash or Ctrl-C goes on where it
    stopped; what failed is asked again if it may take more time or memory than then. With `workers` 0 everything
    happens in this process, with the same values.

    Args:
        board: Where model and dataset are.
        model, task_key, dataset_key: What is asked about what; a model by its key on the board, or by its card.
        factory: Makes the calculator, where the model's card has no loader.
        protocol: How energies are taken; default: as the model's card says.
        limit: Only the first so many materials.
        workers: Processes at a time; None for one on each core, here or on the cluster.
        address: A Ray cluster that runs already; default: one on this machine for as long as the call takes.
        timeout: Seconds that one material may take.
        memory: GiB that one worker may hold; default: as the card says, else a fair share of this machine.
        env: Whether workers get an environment of their own with the card's requirements.
        out: Where the predictions file goes; if every material fails it lies beside the record instead.
        restart: Set the record aside and begin anew.
        shard: Only this part of the materials, with a record and a file of its own; `merge` joins the parts.
        progress: Told about answers as they come.
        say: Told in words what takes long before the first answer comes.

    Raises:
        MatdiscError: If model, task and dataset do not fit, the model cannot be loaded, the machine is in the way
            (memory, threads, files, disk), or another process is at work on the same run.
    """
    model = board.model(model) if isinstance(model, str) else model
    card = board.dataset(dataset_key)
    if out is not None and not out.name.endswith((".csv", ".csv.gz")):
        raise RunError(f"{out}: a predictions file is written as .csv or .csv.gz; change the name")
    if env == "isolated" and workers == 0:
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
    options = RunOptions(workers, address, timeout, memory, env, restart)
    folder = board.runs_dir / task_key / dataset_key / (shard.of(entry) if shard else entry)
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
    result = run_resumable(
        folder, settings, job, samples, partial(_schedule, model, dataset), options, {"limit": limit}, progress, say
    )
    counts = Counter(str(p.status) for p in result.answers)
    trouble = "" if shard else no_answer(result.answers)  # a part may fail as a whole; merge looks at all
    whole = limit is None or limit >= len(dataset.samples)
    if shard:
        out = out or folder / f"{shard.of(entry)}.csv.gz"
    elif trouble or (out is None and not whole):
        out = folder / "partial.csv.gz"
    elif out is None:
        out = board.predictions_dir / task_key / dataset_key / f"{entry}.csv.gz"
    digest = predictions.write(out, result.answers, _columns(task, result.answers))
    cost = result.cost | {"materials": len(result.answers), "failed": _failed(counts)}
    write_provenance(out, digest, settings, entry, cost)
    return Run(entry, out, result.record, counts, result.reused, len(result.answers) - result.reused, trouble)


def no_answer(answers: Sequence[Prediction]) -> str:
    """Say so if every material that the model supports has failed; no such thing is an answer to a benchmark."""
    errors = Counter(p.error for p in answers if p.status in FAILURES)
    if not errors or any(p.status not in (*FAILURES, "unsupported") for p in answers):
        return ""
    (error, n), total = errors.most_common(1)[0], errors.total()
    how_often = "each" if n == total else f"{n} of them"
    return f"all {total} materials failed, {how_often} with: {error}" if total > 1 else f"the material failed: {error}"


def provenance_path(predictions_file: Path) -> Path:
    """Where the provenance of a predictions file lies, if we made it ourselves."""
    return predictions_file.with_name(predictions_file.name.split(".csv")[0] + ".run.json")


def _schedule(model: ModelCard, dataset: Dataset, todo: Sequence[Sample]) -> Schedule:
    if model.kind == "potential":
        return Schedule([s.without_target() for s in todo])
    parts = {fold: training_part(dataset, fold) for fold in {s.fold for s in todo}}
    return Schedule(fixed=fold_units(todo, parts))


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


def _failed(counts: Counter[str]) -> int:
    return counts["failed"] + counts["timed_out"]


def _columns(task: Task, answers: Sequence[Prediction]) -> list[str]:
    used = {column for p in answers for column in (*p.values, *p.arrays)}
    names = [column.name for column in task.columns]
    return [name for name in names if name in used] or names[:1]


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


def write_provenance(out: Path, digest: str, settings: Mapping[str, Any], entry: str, cost: Mapping[str, Any]) -> None:
    """Write beside a predictions file, whose sha256 is `digest`, how it was made and what that cost."""
    content = {
        "schema": "matdisc.run/2",
        "entry": entry,
        **settings,
        "predictions_sha256": digest,
        "matdisc": __version__,
        "cost": cost,
    }
    write_atomic(provenance_path(out), canonical_json(content).encode())
