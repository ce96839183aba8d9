"""One run: a model asked about every material of a dataset, resumable, ending in a predictions file."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import matdisc
from matdisc import predictions
from matdisc.atomic import write_whole
from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets import load, training_part
from matdisc.errors import CardError, RunError
from matdisc.run.engine import ray_answers, ray_cluster, serial_answers
from matdisc.run.record import Record
from matdisc.run.worker import Chunk, Job, chunks_of
from matdisc.schema import Dataset, Prediction, Sample
from matdisc.tasks import TASKS, Task

Progress = Callable[[int, int, Counter[str]], None]
"""Called with answers so far, materials in all, and answers by status."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind: its predictions file, its record, and how the materials ended."""

    entry: str
    out: Path
    record: Path
    counts: Counter[str]
    reused: int
    asked: int


def entry_key(model: ModelCard, protocol: str | None) -> str:
    """Name of a row on the board: the model's key, with the protocol if it is not the card's own."""
    return model.key if protocol in (None, model.protocol) else f"{model.key}+{protocol}"


def predict(
    board: Board,
    model_key: str,
    task_key: str,
    dataset_key: str,
    *,
    protocol: str | None = None,
    limit: int | None = None,
    workers: int = 2,
    address: str | None = None,
    timeout: float | None = 600.0,
    out: Path | None = None,
    restart: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Ask a model about every material of a dataset and write the predictions file.

    Answers go to a record under `runs/` as they come. The same call after a crash or Ctrl-C goes on where it
    stopped. With `workers` 0 everything happens in this process, with identical values.

    Raises:
        MatdiscError: If model, task and dataset do not fit, the model cannot be loaded, or another process
            is at work on the same run.
    """
    model, card = board.model(model_key), board.dataset(dataset_key)
    if out is not None and not out.name.endswith((".csv", ".csv.gz")):
        raise RunError(f"{out}: a predictions file is written as .csv or .csv.gz; change the name")
    task = _fitting_task(task_key, model, card)
    protocol = _fitting_protocol(model, protocol)
    _refuse_unlike_energies(task, model, card)
    dataset = load(board, dataset_key)
    samples = dataset.samples if limit is None else dataset.samples[:limit]
    entry = entry_key(model, protocol)
    folder = board.runs_dir / task_key / dataset_key / entry
    settings = {
        "task": task_key,
        "dataset": dataset_key,
        "dataset_sha256": dataset.sha256,
        "model": model_key,
        "model_sha256": _model_hash(model),
        "protocol": protocol,
    }
    with Record(folder / "records.jsonl", settings, restart=restart) as record:
        todo = [s for s in samples if s.material_id not in record.done]
        reused = len(samples) - len(todo)
        job = _job(model, task, protocol, card, dataset, timeout)
        chunks = chunks_of(model, todo, _training_parts(model, dataset, todo))
        with _cluster(bool(todo), workers, address):
            _collect(record, samples, _answers(job, chunks, workers), progress)
        answers = [record.done[s.material_id] for s in samples]
    if out is None:
        whole = limit is None or limit >= len(dataset.samples)
        out = (
            (board.predictions_dir / task_key / dataset_key / f"{entry}.csv.gz") if whole else folder / "partial.csv.gz"
        )
    columns = _columns(task, answers)
    digest = predictions.write(out, answers, columns)
    _write_provenance(out, digest, settings, entry, model)
    counts = Counter(str(p.status) for p in answers)
    return Run(entry, out, record.path, counts, reused, len(todo))


def provenance_path(predictions_file: Path) -> Path:
    """Where the provenance of a predictions file lies, if we made it ourselves."""
    return predictions_file.with_name(predictions_file.name.split(".csv")[0] + ".run.json")


def _collect(
    record: Record, samples: Sequence[Sample], answers: Iterator[list[Prediction]], progress: Progress | None
) -> None:
    wanted = {s.material_id for s in samples}
    counts = Counter(str(p.status) for key, p in record.done.items() if key in wanted)
    if progress:
        progress(counts.total(), len(samples), counts)
    for batch in answers:
        record.add(batch)
        counts.update(str(p.status) for p in batch)
        if progress:
            progress(counts.total(), len(samples), counts)


def _answers(job: Job, chunks: Sequence[Chunk], workers: int) -> Iterator[list[Prediction]]:
    return serial_answers(job, chunks) if workers == 0 else ray_answers(job, chunks, workers)


def _cluster(needed: bool, workers: int, address: str | None) -> AbstractContextManager[None]:
    return ray_cluster(workers, address) if needed and workers > 0 else nullcontext()


def _job(
    model: ModelCard, task: Task, protocol: str | None, card: DatasetCard, dataset: Dataset, timeout: float | None
) -> Job:
    return Job(
        model=model,
        task=task.key,
        protocol=protocol,
        threshold=card.stability.threshold,
        references=dataset.references,
        reference_crystals=dataset.reference_crystals,
        corrections=dataset.corrections if model.energy_scale == "pbe_raw" else {},
        timeout=timeout,
    )


def _training_parts(
    model: ModelCard, dataset: Dataset, samples: Sequence[Sample]
) -> dict[int | None, Sequence[Sample]]:
    if model.kind == "potential":
        return {}
    return {fold: training_part(dataset, fold) for fold in {s.fold for s in samples}}


def _columns(task: Task, answers: Sequence[Prediction]) -> list[str]:
    used = {column for p in answers for column in p.values}
    return [c for c in task.value_columns if c in used] or [task.energy_column]


def _fitting_task(task_key: str, model: ModelCard, card: DatasetCard) -> Task:
    if task_key not in TASKS:
        raise CardError(f"task {task_key!r} does not exist; tasks: {', '.join(TASKS)}")
    for noun, key, tasks in (("model", model.key, model.tasks), ("dataset", card.key, card.tasks)):
        if task_key not in tasks:
            raise CardError(f"{noun} {key!r} is not made for the task {task_key!r}; its tasks: {', '.join(tasks)}")
    return TASKS[task_key]


def _fitting_protocol(model: ModelCard, protocol: str | None) -> str | None:
    if model.kind == "potential":
        return protocol or model.protocol
    if protocol is not None:
        raise CardError(f"model {model.key!r} is a predictor and has no protocol; leave --protocol out")
    return None


def _refuse_unlike_energies(task: Task, model: ModelCard, card: DatasetCard) -> None:
    """Energies on the model's own scale have no meaning against tabulated references, and are never guessed."""
    if model.kind != "potential" or not task.needs_references or card.energy_scale == "own":
        return
    if model.energy_scale == "own":
        raise RunError(
            f"model {model.key!r} gives energies on its own scale, which the references of dataset {card.key!r} "
            f"({card.energy_scale}) do not fit; it can be asked about datasets with energy_scale = 'own'"
        )


def _model_hash(model: ModelCard) -> str:
    """Hash of what makes a model's answers: loader, options, version, elements, energy scale."""
    made_of = model.model_dump(include={"key", "version", "kind", "loader", "options", "elements", "energy_scale"})
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def _write_provenance(out: Path, digest: str, settings: dict[str, Any], entry: str, model: ModelCard) -> None:
    content = {
        "schema": "matdisc.run/1",
        "entry": entry,
        **settings,
        "predictions_sha256": digest,
        "matdisc": matdisc.__version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "packages": _versions(["numpy", "ase", "torch", "scikit-learn", "ray", *model.requirements]),
    }
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(provenance_path(out), text.encode())


def _versions(requirements: Sequence[str]) -> dict[str, str]:
    found = {}
    for requirement in requirements:
        name = requirement.split(">")[0].split("=")[0].split("[")[0].split("<")[0].strip()
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
