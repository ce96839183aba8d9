"""Two ways to get materials answered: in this process, or by Ray tasks. Same answers, whatever the order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from matdisc.errors import MatdiscError, RunError
from matdisc.interrupts import stopping_in_order
from matdisc.models import one_thread
from matdisc.predictions import one_line
from matdisc.run.engine.cluster import cluster_cpus, cluster_gpus
from matdisc.run.engine.limits import MachineTrouble, lift_memory_limit
from matdisc.run.engine.schedule import NODE_LOSSES_ALLOWED, InFlight, Schedule
from matdisc.run.engine.usage import Usage
from matdisc.run.engine.worker import FLUSH_SECONDS, Job, answer_unit, timed_out
from matdisc.schema import Prediction

START_GRACE = 180.0
"""Seconds beyond its time limit that a silent worker gets before it is stopped from outside: loading a model
counts in."""
LOOK_SECONDS = 0.5
"""How often the driver looks up from waiting."""
RECOUNT_SECONDS = 5.0
BATCHES_PER_SECOND = 400.0
"""How often the driver lets all workers together hand over answers: it can take two or three times as many."""

Answers = Iterator[tuple[list[Prediction], list[Usage]]]
"""First answers, and what workers used, as they come; what comes together is yielded together."""


def serial_answers(job: Job, schedule: Schedule) -> Answers:
    """Answer everything in this process, with one thread; a memory limit holds as long as that takes."""
    one_thread()
    try:
        while (in_flight := schedule.next(1)) is not None:
            for batch in answer_unit(job, in_flight.unit):
                fresh = schedule.answered(in_flight, batch.predictions, batch.usage.wall_seconds, time.monotonic())
                yield fresh, [batch.usage]
    finally:
        lift_memory_limit()


def ray_answers(
    job: Job,
    schedule: Schedule,
    workers: int | None,
    *,
    environment: Mapping[str, Any] | None = None,
    grace: float = START_GRACE,
) -> Answers:
    """Answer by Ray tasks on the running cluster, which hand over what they have as they go.

    A worker that dies costs what it had not handed over, which is asked again; see Schedule.

    Args:
        job: The model and how it is asked.
        schedule: What is asked.
        workers: Tasks at a time; None for as many as the cluster has cores, as nodes come and go.
        environment: Ray runtime environment of the workers.
        grace: Seconds of silence beyond the time limit that a worker is allowed.

    Raises:
        MatdiscError: If the model cannot be loaded in a worker, or the machine is in the way again and again.
        KeyboardInterrupt: If the user asks to stop; all that was yielded is good.
    """
    import ray

    gpus = job.model.gpus if cluster_gpus() > 0 else 0
    memory = None if job.model.memory_gib is None else int(job.model.memory_gib * 2**30)
    ask = ray.remote(answer_unit).options(
        num_cpus=1, num_gpus=gpus, memory=memory, max_retries=0, num_returns="streaming", runtime_env=environment
    )
    shared = ray.put(job)
    flight: dict[Any, InFlight] = {}
    n_workers = _Workers(workers)
    with stopping_in_order() as stop:
        try:
            while schedule.waiting or any(schedule.unfinished(in_flight) for in_flight in flight.values()):
                stop()
                while len(flight) < n_workers.size():
                    in_flight = schedule.next(n_workers.size()) or schedule.copy_of_straggler(
                        flight.values(), time.monotonic()
                    )
                    if in_flight is None:
                        break
                    pause = max(FLUSH_SECONDS, n_workers.size() / BATCHES_PER_SECOND)
                    flight[ask.remote(shared, in_flight.unit, pause)] = in_flight
                yield from _received(job, schedule, flight)
                for stream in _silent(job, flight, grace):
                    ray.cancel(stream, force=True)
                    if not flight[stream].loaded:
                        raise RunError(f"model {job.model.key!r} was not loaded in {grace + (job.timeout or 0):g} s")
                    yield schedule.overdue(flight.pop(stream), timed_out(job)), []
        finally:
            _leave(flight)


def _leave(flight: Mapping[Any, InFlight]) -> None:
    """Let go of what is still in flight: what others have answered meanwhile, or all of it if the run was stopped.

    Never by force: Ray aborts the whole driver if a task is killed at the moment it completes.
    """
    import ray

    for stream, in_flight in flight.items():
        if in_flight.open:
            ray.cancel(stream, force=False)


class _Workers:
    """How many tasks are in flight: a fixed number, or as many as a cluster has cores, counted now and then, and
    some more. Those wait at Ray for nodes to come, and an autoscaler sees that there is work.
    """

    def __init__(self, workers: int | None) -> None:
        self._fixed, self._count, self._counted = workers, 0, -1e9

    def size(self) -> int:
        if self._fixed is not None:
            return self._fixed
        if time.monotonic() - self._counted > RECOUNT_SECONDS:
            cores = cluster_cpus()
            self._count, self._counted = cores + 1 + cores // 4, time.monotonic()
        return self._count


def _received(job: Job, schedule: Schedule, flight: dict[Any, InFlight]) -> Answers:
    """Wait a moment for streams, and take one batch from each that has one."""
    import ray

    answers: list[Prediction] = []
    usages: list[Usage] = []
    ready, _ = ray.wait(list(flight), num_returns=1, timeout=LOOK_SECONDS)
    if ready and len(flight) > 1:  # all that are ready, lest the first ones keep the others waiting
        ready, _ = ray.wait(list(flight), num_returns=len(flight), timeout=0)
    try:
        for stream in ready:
            fresh, usage = _next_batch(job, schedule, flight, stream)
            answers += fresh
            usages += usage
    except MatdiscError:
        yield answers, usages
        raise
    if answers or usages:
        yield answers, usages


def _next_batch(
    job: Job, schedule: Schedule, flight: dict[Any, InFlight], stream: Any
) -> tuple[list[Prediction], list[Usage]]:
    """Take the next batch from a stream, or see how it ended. See docs/scale.md for what Ray says of which death."""
    import ray
    from ray import exceptions as died

    in_flight = flight[stream]
    now = time.monotonic()
    try:
        batch = ray.get(next(stream))
        in_flight.loaded |= batch.loaded
        return schedule.answered(in_flight, batch.predictions, batch.usage.wall_seconds, now), [batch.usage]
    except StopIteration:
        del flight[stream]
        return schedule.lost(in_flight), []
    except (died.NodeDiedError, died.ObjectLostError, died.OutOfDiskError, died.ObjectStoreFullError):
        return schedule.lost(flight.pop(stream)), []
    except (died.WorkerCrashedError, died.OutOfMemoryError, died.TaskCancelledError) as err:
        how = "its worker ran out of memory" if isinstance(err, died.OutOfMemoryError) else "its worker died"
        if not in_flight.loaded:
            return _not_to_blame(schedule, flight.pop(stream), _dies_while_loading(job, how)), []
        return schedule.died(flight.pop(stream), how, now, job.timeout, timed_out(job)), []
    except died.RayTaskError as err:
        cause = err.cause
        if isinstance(cause, MachineTrouble):
            return _not_to_blame(schedule, flight.pop(stream), cause), []
        if isinstance(cause, MatdiscError):
            raise type(cause)(*cause.args) from None
        raise RunError(f"model {job.model.key!r} cannot be asked: {type(cause).__name__}: {cause}") from err
    except died.RayError as err:  # no node can ever do it, its environment cannot be made, the driver's node is dead
        raise RunError(
            f"Ray cannot run model {job.model.key!r} ({type(err).__name__}: {one_line(str(err))}); "
            "mend that and give the same command again: all answers so far are kept"
        ) from err


def _not_to_blame(schedule: Schedule, in_flight: InFlight, trouble: RunError) -> list[Prediction]:
    """Give a portion that met trouble of the machine's to another worker; raise it where that has not helped."""
    if in_flight.losses >= NODE_LOSSES_ALLOWED:
        raise type(trouble)(str(trouble)) from None
    return schedule.lost(in_flight)


def _dies_while_loading(job: Job, how: str) -> RunError:
    return RunError(
        f"model {job.model.key!r} cannot be loaded: {how} while it loaded the model, {NODE_LOSSES_ALLOWED + 1} times; "
        "if the machine is short of memory, use fewer workers (--workers); `--workers 0` shows what its loader does"
    )


def _silent(job: Job, flight: Mapping[Any, InFlight], grace: float) -> list[Any]:
    """Return the streams whose workers have started and said nothing for longer than any material may take."""
    if job.timeout is None:
        return []
    now = time.monotonic()
    silent = []
    for stream, in_flight in flight.items():
        allowed = job.timeout * (len(in_flight.unit.asked) if job.model.kind == "predictor" else 1) + grace
        if in_flight.last_heartbeat is not None and now - in_flight.last_heartbeat > allowed:
            silent.append(stream)
    return silent
