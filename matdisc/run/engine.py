"""Two ways to get chunks answered: in this process, or by Ray tasks. Same answers, same order-free results."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matdisc.errors import MatdiscError, RunError
from matdisc.models import one_thread
from matdisc.models.load import THREAD_VARIABLES
from matdisc.run.worker import Chunk, Job, answer_chunk
from matdisc.schema import Prediction

START_GRACE = 180.0
"""Seconds beyond its time limit before a chunk is given up: starting a worker and loading a model count in."""

OBJECT_STORE_BYTES = 200 * 2**20
DEATHS_ALLOWED = 1
"""A chunk whose worker dies is asked once more; after a second death its materials are recorded as failed."""


def serial_answers(job: Job, chunks: Sequence[Chunk]) -> Iterator[list[Prediction]]:
    """Answer chunk by chunk in this process, with one thread."""
    one_thread()
    for chunk in chunks:
        yield answer_chunk(job, chunk)


def ray_answers(
    job: Job, chunks: Sequence[Chunk], workers: int, *, grace: float = START_GRACE
) -> Iterator[list[Prediction]]:
    """Answer chunks by Ray tasks on the running cluster, in the order in which they finish.

    A worker that dies costs its chunk one repetition; a chunk that outlives its time limit in native code
    loses its worker and is recorded as timed out.

    Raises:
        MatdiscError: If the model cannot be loaded in a worker.
    """
    import ray
    from ray.exceptions import NodeDiedError, OutOfMemoryError, RayTaskError, TaskCancelledError, WorkerCrashedError

    ask = ray.remote(num_cpus=1, max_retries=0, max_calls=0)(answer_chunk)
    shared = ray.put(job)
    waiting = [(chunk, 0) for chunk in reversed(chunks)]
    flight: dict[Any, tuple[Chunk, int, float]] = {}
    try:
        while waiting or flight:
            while waiting and len(flight) < workers:
                chunk, deaths = waiting.pop()
                flight[ask.remote(shared, chunk)] = (chunk, deaths, time.monotonic())
            ready, _ = ray.wait(list(flight), num_returns=1, timeout=1.0)
            for ref in ready:
                chunk, deaths, _ = flight.pop(ref)
                try:
                    yield ray.get(ref)
                except (WorkerCrashedError, OutOfMemoryError, NodeDiedError) as err:
                    if deaths < DEATHS_ALLOWED:
                        waiting.append((chunk, deaths + 1))
                    else:
                        yield _all(
                            chunk, "failed", f"its worker died twice, often out of memory ({type(err).__name__})"
                        )
                except TaskCancelledError:
                    yield _all(chunk, "timed_out", f"no answer within {job.timeout:g} s; its worker was stopped")
                except RayTaskError as err:
                    cause = err.cause
                    if isinstance(cause, MatdiscError):
                        raise type(cause)(str(cause)) from None
                    raise RunError(f"model {job.model.key!r} cannot be asked: {type(cause).__name__}: {cause}") from err
            for ref in _overdue(job, flight, grace):
                chunk, _, _ = flight.pop(ref)
                ray.cancel(ref, force=True)
                yield _all(chunk, "timed_out", f"no answer within {job.timeout:g} s; its worker was stopped")
    finally:
        for ref in flight:
            ray.cancel(ref, force=True)


@contextmanager
def ray_cluster(workers: int, address: str | None = None) -> Iterator[None]:
    """Have a Ray cluster for the block: the one at `address`, one that runs already, or a local one.

    Raises:
        RunError: If no cluster answers at `address`.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    for name in THREAD_VARIABLES:  # before Ray starts, so that its workers inherit it
        os.environ[name] = "1"
    import ray

    if ray.is_initialized():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if address:
            _refuse_closed_door(address)
            variables = dict.fromkeys(THREAD_VARIABLES, "1")
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": variables})
        else:
            ray.init(
                address="local",  # else Ray would join any cluster it finds on this machine, and refuse num_cpus
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level="ERROR",
            )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as err:
        where = f"at {address!r}" if address else "on this machine"
        token = "; if the cluster asks for a token, set RAY_AUTH_MODE=token" if address else ""
        raise RunError(
            f"no Ray cluster could be reached or started {where}: {err}{token}; `--workers 0` runs without Ray"
        ) from err
    finally:
        for number, handler in handlers.items():  # Ray puts its own in place, which would skip our clean-up
            signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def _refuse_closed_door(address: str) -> None:
    """Raise ConnectionError at once if nobody listens at host:port; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():  # `auto`, or a name that Ray resolves
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as err:
        raise ConnectionError(f"nobody answers there ({err})") from err


def _overdue(job: Job, flight: dict[Any, tuple[Chunk, int, float]], grace: float) -> list[Any]:
    if job.timeout is None:
        return []
    now = time.monotonic()
    return [ref for ref, (chunk, _, start) in flight.items() if now - start > job.timeout * len(chunk.asked) + grace]


def _all(chunk: Chunk, status: Any, error: str) -> list[Prediction]:
    return [Prediction(s.material_id, status=status, error=error) for s in chunk.asked]
