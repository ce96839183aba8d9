"""Workers that start and load the model while their driver still reads the dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from matdisc.cards import ModelCard
from matdisc.models.load import Factory
from matdisc.run.engine.cluster import cluster_cpus, ray_cluster
from matdisc.run.engine.pool import resources
from matdisc.run.engine.worker import preload

LONGEST_LOAD = 180.0
"""Seconds that a model may take to be loaded ahead; what takes longer is left to the units, which have limits of their
own."""


@contextmanager
def preloading_workers(
    model: ModelCard, factory: Factory | None, workers: int | None, address: str | None, *, load: bool
) -> Iterator[None]:
    """Have a cluster for the block, as `ray_cluster`, on which each worker begins to load a model at once.

    Args:
        model, factory: What they load.
        workers, address: As for `ray_cluster`; with 0 workers nothing happens.
        load: Whether the workers' environment is at hand, so that they can load anything.
    """
    with ray_cluster(workers, address):
        if load and workers != 0:
            import ray

            task = ray.remote(preload).options(**resources(model), max_retries=0)
            for _ in range(workers or cluster_cpus()):
                task.remote(model, factory, LONGEST_LOAD)
        yield
