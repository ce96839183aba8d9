"""Figures for Prometheus; those of the queue are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from matdisc.service.states import WAITING
from matdisc.service.store.database import Store, now
from matdisc.service.store.leases import all_workers
from matdisc.service.store.submissions import counts, queue_age
from matdisc.service.store.tables import attempts

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """The figures of one application."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "http_request_duration_seconds", "Time until an answer was sent.", ["route", "method", "status"],
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.upload_bytes = Counter(
            "matdisc_upload_bytes", "Bytes of predictions files that were taken.", registry=self.registry
        )
        self.registry.register(_Queue(store))

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request by the template of its route, never by its address."""
        self._seconds.labels(route, method if method in METHODS else "other", str(status)).observe(seconds)

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Queue(Collector):
    """What the database knows of submissions and workers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        by_state = counts(self._store)
        total = GaugeMetricFamily("matdisc_submissions_total", "Submissions by state.", labels=["state"])
        for state, n in by_state.items():
            total.add_metric([state], n)
        yield total
        waiting = sum(by_state[state] for state in WAITING)
        yield GaugeMetricFamily("matdisc_queue_depth", "Submissions that wait.", value=waiting)
        yield GaugeMetricFamily(
            "matdisc_queue_age_seconds", "How long the oldest has waited.", value=queue_age(self._store)
        )
        yield self._evaluations()
        yield self._heartbeats()

    def _evaluations(self) -> Metric:
        columns = attempts.c
        taken = select(func.count(), func.sum(columns.ended - columns.started)).where(columns.ended.is_not(None))
        with self._store.read() as connection:
            n, seconds = connection.execute(taken).one()
        return SummaryMetricFamily("matdisc_eval_seconds", "Time of attempts that ended.", int(n), float(seconds or 0))

    def _heartbeats(self) -> Metric:
        ages = GaugeMetricFamily(
            "matdisc_worker_heartbeat_age_seconds", "Time since a worker's last sign of life.", labels=["worker"]
        )
        with self._store.read() as connection:
            time = now(connection)
        for worker in all_workers(self._store):
            if worker.ended is None:
                ages.add_metric([worker.id], max(0.0, time - worker.heartbeat))
        return ages
