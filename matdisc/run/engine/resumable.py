"""Materials asked under a durable record: what has an answer there is not asked again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matdisc.cards import ModelCard
from matdisc.progress import Progress
from matdisc.run.engine.backends import Answers, ray_answers, serial_answers
from matdisc.run.engine.cluster import ray_cluster
from matdisc.run.engine.kept import FOLDER, set_aside, telling_headway
from matdisc.run.engine.memory import TooLittleMemory, machine_memory_gib
from matdisc.run.engine.record import Limits, Record, write_call
from matdisc.run.engine.schedule import Schedule
from matdisc.run.engine.usage import Usage, total
from matdisc.run.engine.worker import Job
from matdisc.run.environments.layers import Mode, runtime_env
from matdisc.run.forecast import Forecast, Outlook
from matdisc.schema import Prediction, Sample
from matdisc.tasks import TASKS

GIB_PER_WORKER = 1.5
"""Memory of the machine that a worker is reckoned with when their number is not given."""
FOR_WORKERS = 0.8
"""Share of the machine's memory that workers have together."""

Until = Callable[[Outlook], bool]
"""Whether a run ends now, though materials are open."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run gets its answers; `predict` says what each field means."""

    workers: int | None = None
    address: str | None = None
    timeout: float | None = 600.0
    memory: float | None = None
    env: Mode = "inherit"
    restart: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run has and what it lacks.

    Attributes:
        answers: In the order of the materials; all of them, unless the run was to end before.
        record: Where they lie.
        reused: How many were there before.
        cost: What all cost, as usage.total gives it.
        forecast: What is open and what that will take; None if nothing is.
    """

    answers: list[Prediction]
    record: Path
    reused: int
    cost: dict[str, Any]
    forecast: Forecast | None


def run_resumable(
    folder: Path,
    settings: Mapping[str, Any],
    job: Job,
    samples: Sequence[Sample],
    plan: Callable[[Sequence[Sample]], Schedule],
    options: RunOptions,
    call: Mapping[str, Any],
    progress: Progress | None,
    say: Callable[[str], None],
    until: Until = lambda outlook: False,
    first: Sequence[Sample] | None = None,
) -> RunResult:
    """Ask about materials and keep the answers in a record; what has an answer there is not asked again.

    Args:
        folder: Where the record lies.
        settings: What makes answers comparable; a record of others is refused.
        job: The model and how it is asked; time and memory are set from `options`.
        samples: All materials that are to have an answer.
        plan: What is still to be asked, to its schedule.
        options: Workers, cluster, limits and environment.
        call: What else the call was made with, noted beside the record.
        progress, say: As for `predict`.
        until: Asked before the start and after each arrival whether the run ends now; what is in flight is then lost.
        first: Those that are asked now, if not all.

    Raises:
        MatdiscError: If the model cannot be loaded or its worker has too little memory, the machine is in the way, or
            another process is at work on the same record.
    """
    n_workers = worker_count(options.workers, options.address)
    limits = Limits(options.timeout, memory_share(job.model, options.memory, n_workers, options.address))
    with Record(folder / "records.jsonl", settings, restart=options.restart, limits=limits) as record:
        kept = (folder / FOLDER).resolve() if TASKS[job.task].resume else None
        if kept and options.restart:
            set_aside(kept)
        before = sum(s.material_id in record.done for s in samples)
        outlook = Outlook(samples, record.done, record.usages, n_workers)
        todo = [s for s in (samples if first is None else first) if s.material_id not in record.done]
        todo = [] if until(outlook) else todo
        noted = {"workers": options.workers, "timeout": options.timeout, "memory": options.memory, "env": options.env}
        write_call(folder, {**settings, **noted, **call, "materials": len(samples)})
        if kept and todo:
            kept.mkdir(parents=True, exist_ok=True)
        told = telling_headway(kept, say) if kept and todo else nullcontext()
        with told, ray_cluster(n_workers if todo else 0, options.address):
            environment = runtime_env(job.model, options.env, address=options.address, say=say) if todo else {}
            if not todo:
                _collect(record, samples, (), progress, outlook, until)
            while todo:
                job = replace(job, timeout=limits.timeout, memory_gib=limits.memory_gib, kept=kept)
                try:
                    with closing(_answers(job, plan(todo), n_workers, environment, say)) as answers:
                        _collect(record, samples, answers, progress, outlook, until)
                    break
                except TooLittleMemory as err:
                    n_workers = _fewer(err, options, job.model, n_workers)
                    say(f"{err}; going on with {n_workers}")
                limits = record.limits = Limits(options.timeout, memory_share(job.model, None, n_workers, None))
        answered = [record.done[s.material_id] for s in samples if s.material_id in record.done]
        forecast = outlook.forecast(record.done, record.usages) if len(answered) < len(samples) else None
        return RunResult(answered, record.path, before, total(record.usages.values()), forecast)


def worker_count(workers: int | None, address: str | None) -> int | None:
    """Return how many worker processes there will be; None for as many as the cluster at `address` has cores."""
    if workers is not None or address:
        return workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    memory = machine_memory_gib()
    return cores if memory is None else max(1, min(cores, int(memory / GIB_PER_WORKER)))


def memory_share(model: ModelCard, memory: float | None, n_workers: int | None, address: str | None) -> float | None:
    """Return what one worker may hold, GiB: `memory`, else what the card says, else a fair share of this machine.

    In this process (`n_workers` 0) only `memory` counts.
    """
    if memory is None and n_workers != 0:
        memory = model.memory_gib
    if memory is not None:
        return memory
    here = machine_memory_gib()
    return None if address or here is None or not n_workers else FOR_WORKERS * here / n_workers


def _fewer(error: TooLittleMemory, options: RunOptions, model: ModelCard, n_workers: int | None) -> int:
    """Return how many workers there is memory for, if their number and size are left to us.

    Raises:
        TooLittleMemory: If they are not, or there is not even memory for one.
    """
    here = machine_memory_gib()
    if not n_workers or options.address or options.memory is not None or model.memory_gib is not None or here is None:
        raise error
    fitting = int(FOR_WORKERS * here / error.needed_gib)
    if options.workers is None and 0 < fitting < n_workers:
        return fitting
    if fitting:
        raise TooLittleMemory(f"{error}, or use fewer workers (--workers {fitting})") from None
    raise TooLittleMemory(f"{error}; this machine has {here:.1f} GiB") from None


def _collect(
    record: Record,
    samples: Sequence[Sample],
    answers: Iterable[tuple[list[Prediction], list[Usage]]],
    progress: Progress | None,
    outlook: Outlook,
    until: Until,
) -> None:
    wanted = {s.material_id for s in samples}
    counts = Counter(str(p.status) for key, p in record.done.items() if key in wanted)
    if progress:
        progress(counts.total(), len(samples), counts, outlook.ahead())
    for batch, usages in answers:
        if batch or usages:
            record.add(batch, usages)
            outlook.note(batch, usages)
        counts.update(str(p.status) for p in batch)
        if progress and batch:
            progress(counts.total(), len(samples), counts, outlook.ahead())
        if until(outlook):
            return


def _answers(
    job: Job, schedule: Schedule, n_workers: int | None, environment: Mapping[str, Any], say: Callable[[str], None]
) -> Answers:
    if n_workers == 0:
        return serial_answers(job, schedule)
    return ray_answers(replace(job, in_worker=True), schedule, n_workers, environment=environment, say=say)
