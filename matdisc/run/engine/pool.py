"""A pool of Ray tasks: items go out, results arrive in any order, and a worker that died is told from an error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from matdisc.cards import ModelCard
from matdisc.errors import MatdiscError, RunError
from matdisc.interrupts import stopping_in_order
from matdisc.predictions import one_line
from matdisc.run.engine.cluster import cluster_cpus, cluster_gpus, node_id

LOOK_SECONDS = 0.5
"""How often the driver looks up from waiting."""
RECOUNT_SECONDS = 5.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Arrival(Generic[Item, Result]):
    """A result of an item; or the end of its task, with the error that it raised, or what Ray says of its death."""

    item: Item
    result: Result | None = None
    error: MatdiscError | None = None
    death: Exception | None = None

    @property
    def own_death(self) -> str:
        """How the process of this task died, in words; empty if it did not, or a node or the cluster died with it."""
        if self.death is None:
            return ""
        from ray.exceptions import OutOfMemoryError, WorkerCrashedError

        if isinstance(self.death, OutOfMemoryError):
            return "its process ran out of memory"
        return "its process died" if isinstance(self.death, WorkerCrashedError) else ""


def resources(model: ModelCard | None) -> dict[str, Any]:
    """Return what one task asks of the running cluster, as Ray's options."""
    gpus = model.gpus_of_worker if model and cluster_gpus() > 0 else 0
    memory = int(model.memory_gib * 2**30) if model and model.memory_gib is not None else None
    return {"num_cpus": 1, "num_gpus": gpus, "memory": memory}


class TaskPool(Generic[Item, Result]):
    """Ray tasks on the running cluster, each of which runs a generator function over one item at a time."""

    def __init__(
        self,
        function: Callable[..., Iterator[Result]],
        arguments: Callable[[Item], tuple[Any, ...]],
        workers: int | None,
        *,
        what: str,
        model: ModelCard | None = None,
        environment: Mapping[str, Any] | None = None,
        here: bool = False,
    ) -> None:
        """Prepare the tasks; none starts yet.

        Args:
            function, arguments: What a task runs, and what it is given for an item; it never yields None.
            workers: Tasks at a time; None for as many as the cluster has cores, as nodes come and go.
            what: Subject of the message if the function fails.
            model: Card that says what memory and accelerators a task takes.
            environment: Ray runtime environment of the workers.
            here: Whether all tasks run on the node of this process, where its files are.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._with = ray.remote(function).options
        self._options = resources(model) | {
            "max_retries": 0, "num_returns": "streaming", "runtime_env": environment,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id(), soft=False) if here else None,
        }  # fmt: skip
        self._task = self._with(**self._options)
        self._arguments, self._what = arguments, what
        self._workers, self._counted, self._elastic = workers or 0, -1e9, workers is None
        self._streams: dict[Any, Item] = {}
        self._left: set[str] = set()

    @property
    def in_flight(self) -> list[Item]:
        """The items whose tasks have not ended."""
        return list(self._streams.values())

    @property
    def size(self) -> int:
        """How many tasks there are at a time."""
        if self._elastic and time.monotonic() - self._counted > RECOUNT_SECONDS:
            cores = cluster_cpus(without=self._left)
            # some more tasks wait at Ray, so that an autoscaler sees that there is work
            self._workers, self._counted = cores + 1 + cores // 4, time.monotonic()
        return self._workers

    def arrivals(
        self, next_item: Callable[[], Item | None], *, complete: Callable[[Item], bool] = lambda item: False
    ) -> Iterator[list[Arrival[Item, Result]]]:
        """Keep all tasks busy until there is no next item and none in flight; yield what arrives together.

        The list is empty if nothing has arrived for LOOK_SECONDS. What is still in flight when the caller leaves is
        cancelled, unless it is `complete`: then its task ends by itself.

        Raises:
            KeyboardInterrupt: If the user asks to stop; what was yielded is good.
        """
        import ray

        with stopping_in_order() as stop:
            try:
                while True:
                    stop()
                    while len(self._streams) < self.size and (item := next_item()) is not None:
                        self._streams[self._task.remote(*self._arguments(item))] = item
                    if not self._streams:
                        stop()  # a signal that came while the next item was looked for
                        return
                    ready, _ = ray.wait(list(self._streams), num_returns=1, timeout=LOOK_SECONDS)
                    if ready:  # all that are ready, lest the first ones keep the others waiting
                        ready, _ = ray.wait(list(self._streams), num_returns=len(self._streams), timeout=0)
                    yield [self._arrived(stream) for stream in ready]
            finally:
                for stream, item in self._streams.items():
                    if not complete(item):  # never by force: Ray aborts the driver if a task ends at that moment
                        ray.cancel(stream, force=False)

    def leave(self, node: str) -> bool:
        """Give the node that has this id no more tasks; return whether others have cores."""
        self._left.add(node)
        self._counted = -1e9
        others = {"ray.io/node-id": f"!in({','.join(sorted(self._left))})"}
        self._task = self._with(**self._options, label_selector=others)
        return cluster_cpus(without=self._left) > 0

    def has_left(self, node: str) -> bool:
        """Whether a node is given no more tasks."""
        return node in self._left

    def kill(self, item: Item) -> None:
        """Stop the worker of an item in flight, whatever it does."""
        import ray

        stream = next(stream for stream, one in self._streams.items() if one is item)
        del self._streams[stream]
        ray.cancel(stream, force=True)

    def _arrived(self, stream: Any) -> Arrival[Item, Result]:
        import ray
        from ray.exceptions import RayError, RayTaskError

        item = self._streams[stream]
        try:
            return Arrival(item, ray.get(next(stream)))
        except StopIteration:
            end: Arrival[Item, Result] = Arrival(item)
        except RayTaskError as err:
            cause = err.cause
            said = f"{self._what} failed in a worker: {type(cause).__name__}: {one_line(str(cause))}"
            end = Arrival(item, error=type(cause)(*cause.args) if isinstance(cause, MatdiscError) else RunError(said))
        except RayError as err:
            end = Arrival(item, death=err)
        del self._streams[stream]
        return end
