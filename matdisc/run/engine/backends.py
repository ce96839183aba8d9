"""Materials get answers in this process or by Ray tasks: the same answers, whatever the order."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from matdisc.errors import DataError, ExtraError, MatdiscError, RunError
from matdisc.models import one_thread
from matdisc.predictions import one_line
from matdisc.run.engine.cluster import node_name
from matdisc.run.engine.limits import MachineTrouble, lift_memory_limit
from matdisc.run.engine.pool import Arrival, TaskPool
from matdisc.run.engine.schedule import NODE_LOSSES_ALLOWED, InFlight, Schedule
from matdisc.run.engine.usage import Usage
from matdisc.run.engine.worker import FLUSH_SECONDS, Batch, Job, answer_unit, timed_out
from matdisc.schema import Prediction

START_GRACE = 180.0
"""Seconds beyond its time limit that a silent worker gets before it is stopped from outside: loading a model
counts in."""
BATCHES_PER_SECOND = 400.0
"""How often the driver lets all workers together hand over answers: it can take two or three times as many."""

LACKS = (ExtraError, DataError)
"""What a worker raises before it has the model where its node lacks a package or the weights."""

Answers = Generator[tuple[list[Prediction], list[Usage]], None, None]
"""First answers, and what workers used, as they come; what comes together is yielded together, and nothing now and then
while workers are silent."""


def serial_answers(job: Job, schedule: Schedule) -> Answers:
    """Answer everything in this process, with one thread; a memory limit holds as long as that takes."""
    one_thread()
    try:
        while (in_flight := schedule.next(1)) is not None:
            for batch in answer_unit(job, in_flight.unit):
                fresh = schedule.answered(in_flight, batch.predictions, _asking(batch), time.monotonic())
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
    say: Callable[[str], None] = lambda line: None,
) -> Answers:
    """Answer by Ray tasks on the running cluster, which hand over what they have as they go.

    A worker that dies costs what it had not handed over, which is asked again; see Schedule.

    Args:
        job: The model and how it is asked.
        schedule: What is asked.
        workers: Tasks at a time; None for as many as the cluster has cores, as nodes come and go.
        environment: Ray runtime environment of the workers.
        grace: Seconds of silence beyond the time limit that a worker is allowed.
        say: Told which node lacks the model's package or weights; its work goes to the others.

    Raises:
        MatdiscError: If the model cannot be loaded in a worker, or the machine is in the way again and again.
        KeyboardInterrupt: If the user asks to stop; all that was yielded is good.
    """
    import ray

    def next_unit() -> InFlight | None:
        return schedule.next(pool.size) or schedule.copy_of_straggler(pool.in_flight, time.monotonic())

    def arguments(in_flight: InFlight) -> tuple[Any, ...]:
        return shared, in_flight.unit, max(FLUSH_SECONDS, pool.size / BATCHES_PER_SECOND)

    def elsewhere(in_flight: InFlight, error: MatdiscError) -> bool:
        node = in_flight.node
        if not node or pool.has_left(node):
            return bool(node)
        if not pool.leave(node):
            return False
        say(f"node {node_name(node)}: {error}; other nodes get its work")
        return True

    shared, what = ray.put(job), f"model {job.model.key!r}"
    pool = TaskPool(answer_unit, arguments, workers, what=what, model=job.model, environment=environment)
    for arrivals in pool.arrivals(next_unit, complete=lambda in_flight: not in_flight.open):
        yield from _received(job, schedule, arrivals, elsewhere)
        for in_flight in _silent(job, pool.in_flight, grace):
            pool.kill(in_flight)
            if not in_flight.loaded:
                raise RunError(f"model {job.model.key!r} was not loaded in {grace + (job.timeout or 0):g} s")
            yield schedule.overdue(in_flight, timed_out(job)), []
        if not schedule.waiting and not any(map(schedule.unfinished, pool.in_flight)):
            return


Elsewhere = Callable[[InFlight, MatdiscError], bool]
"""Leaves the node of a unit that lacks something; whether there are others."""


def _received(
    job: Job, schedule: Schedule, arrivals: Iterable[Arrival[InFlight, Batch]], elsewhere: Elsewhere
) -> Answers:
    """Hand on what has arrived, and raise an error only then."""
    answers: list[Prediction] = []
    usages: list[Usage] = []
    trouble: MatdiscError | None = None
    for arrival in arrivals:
        try:
            answers += _fresh(job, schedule, arrival, elsewhere)
        except MatdiscError as err:
            trouble = trouble or err
        if arrival.result:
            usages.append(arrival.result.usage)
    yield answers, usages
    if trouble:
        raise trouble


def _fresh(job: Job, schedule: Schedule, arrival: Arrival[InFlight, Batch], elsewhere: Elsewhere) -> list[Prediction]:
    """Return first answers from a batch, or of what is given up. What Ray says of which death: docs/guides/scale.md."""
    from ray import exceptions as died

    in_flight, batch, death, now = arrival.item, arrival.result, arrival.death, time.monotonic()
    if batch:
        in_flight.loaded |= batch.loaded
        in_flight.node = in_flight.node or batch.node
        return schedule.answered(in_flight, batch.predictions, _asking(batch), now)
    if isinstance(arrival.error, MachineTrouble):
        return _not_to_blame(schedule, in_flight, arrival.error)
    if isinstance(arrival.error, LACKS) and not in_flight.loaded and elsewhere(in_flight, arrival.error):
        return schedule.handed_back(in_flight)
    if arrival.error:
        raise arrival.error
    if isinstance(death, died.WorkerCrashedError | died.OutOfMemoryError | died.TaskCancelledError):
        how = "its worker ran out of memory" if isinstance(death, died.OutOfMemoryError) else "its worker died"
        if not in_flight.loaded:
            return _not_to_blame(schedule, in_flight, _dies_while_loading(job, how))
        return schedule.died(in_flight, how, now, job.silence, timed_out(job))
    losses = (died.NodeDiedError, died.ObjectLostError, died.OutOfDiskError, died.ObjectStoreFullError)
    if death is None or isinstance(death, losses):
        return schedule.lost(in_flight)
    # no node can ever do it, its environment cannot be made, the driver's node is dead
    raise RunError(
        f"Ray cannot run model {job.model.key!r} ({type(death).__name__}: {one_line(str(death))}); "
        "mend that and give the same command again: all answers so far are kept"
    ) from death


def _asking(batch: Batch) -> float:
    """Seconds of a batch without the loading of the model, which says nothing about what materials cost."""
    return batch.usage.wall_seconds - batch.usage.load_seconds


def _not_to_blame(schedule: Schedule, in_flight: InFlight, trouble: RunError) -> list[Prediction]:
    """Give a unit that met trouble of the machine's to another worker; raise it where that has not helped."""
    if in_flight.losses >= NODE_LOSSES_ALLOWED:
        raise type(trouble)(str(trouble)) from None
    return schedule.lost(in_flight)


def _dies_while_loading(job: Job, how: str) -> RunError:
    return RunError(
        f"model {job.model.key!r} cannot be loaded: {how} while it loaded the model, {NODE_LOSSES_ALLOWED + 1} times; "
        "if the machine is short of memory, use fewer workers (--workers); `--workers 0` shows what its loader does"
    )


def _silent(job: Job, flight: Iterable[InFlight], grace: float) -> list[InFlight]:
    """Return those whose workers have started and said nothing for longer than any material may take."""
    if job.silence is None:
        return []
    now = time.monotonic()
    silent = []
    for in_flight in flight:
        allowed = job.silence * (len(in_flight.unit.samples) if job.model.kind == "predictor" else 1) + grace
        if in_flight.last_heartbeat is not None and now - in_flight.last_heartbeat > allowed:
            silent.append(in_flight)
    return silent
