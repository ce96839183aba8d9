"""The worker's main loop: lease, evaluate on Ray, note the outcome; publication and webhooks go on beside it."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from matdisc.board import open_board
from matdisc.errors import RunError
from matdisc.run.engine.cluster import dead_parts, node_cpus, node_is_alive, ray_cluster
from matdisc.run.engine.pool import Arrival, TaskPool
from matdisc.service.blobs import open_blobs
from matdisc.service.guards import check_guards
from matdisc.service.settings import Settings
from matdisc.service.store import leases, publication, submissions
from matdisc.service.store.database import open_store
from matdisc.service.webhooks import deliver_due
from matdisc.service.worker.desk import Desk, Job
from matdisc.service.worker.heart import Beside
from matdisc.service.worker.jobs import Order, Step, evaluate
from matdisc.service.worker.models import clean_runs
from matdisc.service.worker.publish import Publisher

PAUSE = 0.5
"""Seconds between two looks for work when there is none."""
GRACE = 30.0
"""Seconds beyond its time that a process gets to notice it, and to start, before it is stopped from outside."""
LISTEN_SECONDS = 2.0
SILENCE = 20.0
"""Seconds without a sign of life of the Ray cluster after which it is given up."""
WEBHOOK_SECONDS = 1.0
PUBLISH_SECONDS = 1.0
CLEAN_SECONDS = 3600.0
SHARE = 3.0
"""Publication pauses so many times as long as it took: one build of the site then stands for many rows."""

log = logging.getLogger("matdisc.service.worker")
Arrivals = Iterator[list[Arrival[Job, Step]]]


class Pool(Protocol):
    """Where evaluations happen: tasks of Ray, or this process."""

    @property
    def in_flight(self) -> list[Job]: ...

    def arrivals(self, next_item: Callable[[], Job | None]) -> Arrivals: ...

    def kill(self, item: Job) -> None: ...


class RayTasks:
    """Evaluates by tasks of Ray on the node of this process, each of which may be stopped, or die, by itself."""

    def __init__(self, workers: int | None) -> None:
        """Prepare as many tasks as there are to be, or as the node has cores.

        Raises:
            RunError: If it has none.
        """
        n = workers or node_cpus()
        if n == 0:
            raise RunError(
                "the Ray node on this machine has no core for tasks, and evaluations stay where the labels are; start "
                "it with --num-cpus, or start the worker on another node"
            )
        self._pool: TaskPool[Job, Step] = TaskPool(
            evaluate, lambda job: (_order(job),), n, what="an evaluation", here=True
        )
        self._heard = time.monotonic()

    @property
    def in_flight(self) -> list[Job]:
        return self._pool.in_flight

    def arrivals(self, next_item: Callable[[], Job | None]) -> Arrivals:
        """As TaskPool.

        Raises:
            RunError: If the cluster is gone: Ray itself may wait for it for ever.
        """
        self._check()
        for arrivals in self._pool.arrivals(next_item):
            yield arrivals
            self._check()

    def kill(self, item: Job) -> None:
        self._pool.kill(item)

    def listen(self) -> None:
        """Note a sign of life of the cluster; called from another thread, because it may hang."""
        if node_is_alive():
            self._heard = time.monotonic()

    def _check(self) -> None:
        if dead := dead_parts():
            raise RunError(f"{' and '.join(dead)} of the Ray cluster died; start the worker again")
        if time.monotonic() - self._heard > SILENCE:
            raise RunError(f"the Ray cluster has not answered for {SILENCE:g} s; start the worker again")


class ThisProcess:
    """Evaluates one thing after another in this process; what is at work cannot be stopped from outside."""

    def __init__(self) -> None:
        self.in_flight: list[Job] = []

    def arrivals(self, next_item: Callable[[], Job | None]) -> Arrivals:
        """Yield the steps of one job after another until there is no next."""
        while (job := next_item()) is not None:
            self.in_flight = [job]
            for step in evaluate(_order(job)):
                yield [Arrival(job, step)]
                if not self.in_flight:  # killed
                    break
            else:
                self.in_flight = []
                yield [Arrival(job)]

    def kill(self, item: Job) -> None:
        """Take no further step."""
        self.in_flight = []


def work(
    settings: Settings,
    *,
    workers: int | None = None,
    address: str | None = None,
    stop: Callable[[], bool] = lambda: False,
    once: bool = False,
) -> None:
    """Work through submissions until told to stop.

    Args:
        settings: Of the service.
        workers: Evaluations at a time, each a process of Ray; None for one on each core of this machine; 0 for none
            beside this process, without Ray.
        address: A Ray cluster that runs already and has a node on this machine, where evaluations are kept.
        stop: Whether to stop: nothing more is leased then, and what is at work is given back.
        once: Return when nothing is left to do.

    Raises:
        MatdiscError: If the service cannot work as it is set up, or its Ray cluster is gone; leases are given back.
    """
    board = open_board(settings.board)
    check_guards(board, settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    store = open_store(settings.database)
    try:
        host = socket.gethostname()
        if expired := leases.expire_dead(store, settings.work, host, is_worker):
            log.warning("taken over from workers that are gone: %s", ", ".join(expired))
        worker, blobs = leases.register(store, host, os.getpid()), open_blobs(settings.blobs)
        clean_runs(settings, store)
        desk = Desk(settings, store, blobs, worker, workers=workers, address=address)
        publisher = Publisher(settings, store, blobs, worker)
        beside = _beside(desk, publisher, once=once)
        try:
            with _pool(workers, address) as pool, _given_back(desk):
                log.info("worker %s is ready", worker)
                _until(desk, publisher, pool, stop, once=once)
        except KeyboardInterrupt:
            log.info("worker %s was asked to stop", worker)
        finally:
            for thread in beside:
                thread.stop()
            leases.leave(store, worker)
    finally:
        store.close()


def _beside(desk: Desk, publisher: Publisher, *, once: bool) -> list[Beside]:
    """Start what goes on beside the main loop."""
    settings, beat = desk.settings, desk.settings.work.heartbeat_seconds
    threads = [Beside("heartbeat", desk.beat, lambda took: max(0.0, beat - took))]
    if not once:
        threads += [
            Beside("publication", publisher.publish_due, lambda took: max(PUBLISH_SECONDS, SHARE * took)),
            Beside("lease of the board", publisher.keep, lambda took: max(0.0, beat - took)),
            Beside("webhooks", lambda: deliver_due(settings, desk.store), lambda took: WEBHOOK_SECONDS),
            Beside("cleaning", desk.blobs.clean, lambda took: CLEAN_SECONDS),
        ]
    return threads


@contextmanager
def _pool(workers: int | None, address: str | None) -> Iterator[Pool]:
    """Have a place where evaluations happen."""
    if workers == 0:
        yield ThisProcess()
        return
    with ray_cluster(workers, address):
        pool = RayTasks(workers)
        listener = Beside("cluster", pool.listen, lambda took: LISTEN_SECONDS)
        try:
            yield pool
        finally:
            listener.stop(LISTEN_SECONDS)


@contextmanager
def _given_back(desk: Desk) -> Iterator[None]:
    """Give back what is leased at the end of the block, however that comes."""
    outcome, reason = "lost", "its worker came to an end"
    try:
        yield
        outcome, reason = "released", "its worker was stopped"
    except KeyboardInterrupt:
        outcome, reason = "released", "its worker was stopped"
        raise
    finally:
        desk.give_all_back(outcome, reason)


def _until(desk: Desk, publisher: Publisher, pool: Pool, stop: Callable[[], bool], *, once: bool) -> None:
    """Work until told to stop, or with `once` until nothing is left to do."""
    while not stop():
        _round(desk, pool, stop)
        if once and _nothing_left(desk, publisher):
            return
        time.sleep(PAUSE)


def _order(job: Job) -> Order:
    assert job.order is not None, "it was prepared"
    return job.order


def _round(desk: Desk, pool: Pool, stop: Callable[[], bool]) -> None:
    """Evaluate until there is nothing to do, or it is time to stop."""
    desk.look_after_models()
    for arrivals in pool.arrivals(lambda: desk.next_job(stop)):
        _note(desk, arrivals)
        for job in pool.in_flight:
            if desk.unwanted(job, GRACE):
                pool.kill(job)
        desk.look_after_models()
        if stop():
            return


def _note(desk: Desk, arrivals: Iterable[Arrival[Job, Step]]) -> None:
    gone = None
    for arrival in arrivals:
        if arrival.result is not None:
            desk.received(arrival.item, arrival.result)
        elif how := arrival.own_death:
            desk.died(arrival.item, how)
        elif arrival.death is not None:
            gone = arrival.death
        else:  # the end of an evaluation that has said all; one that has not is given back
            desk.give_back(arrival.item, "crashed", f"the evaluation said nothing more ({arrival.error or 'no error'})")
    if gone is not None:
        raise RunError(f"the Ray cluster is gone ({type(gone).__name__}); start the worker again") from gone


def _nothing_left(desk: Desk, publisher: Publisher) -> bool:
    """Publish what is due, call webhooks, and return whether there is no more to do now or soon."""
    publisher.publish_due()
    deliver_due(desk.settings, desk.store)
    waiting = submissions.counts(desk.store)
    due = publication.to_publish(desk.store, moderation=desk.settings.moderation)
    return desk.idle and not (waiting["received"] or waiting["queued"] or due)


def is_worker(pid: int) -> bool:
    """Whether a process of this machine is alive and may be a worker: numbers of dead ones are given to others."""
    if pid == os.getpid():
        return False  # this one has leased nothing yet
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return b"python" in Path(f"/proc/{pid}/cmdline").read_bytes().lower()
    except OSError:  # no /proc here
        return True
