"""A result as it lies on the board."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from matdisc.leaderboard.schema.read import BoardFile
from matdisc.scoring.record import Record, Value

RESULT_SCHEMA = "matdisc.result/2"


class Scores(Record):
    """Metrics over one set of rows at one threshold (eV/atom).

    `n_positive` counts the rows of the positive class, `prevalence` is their share, and `n_defined` says how many rows
    each metric is of, where not all have it.
    """

    threshold: float | None = None
    n: int | None = None
    n_groups: int | None = None
    n_labelled: int | None = None
    n_positive: int | None = None
    n_defined: dict[str, int] = Field(default_factory=dict)
    prevalence: float | None = None
    prevalence_rounded: float | None = None
    daf_max: float | None = None
    metrics: dict[str, Value] = Field(default_factory=dict)


class Part(Scores):
    """The same answers on other rows, or at another threshold."""

    name: str


class Protocol(Record):
    key: str
    help: str | None = None


class Cost(Record):
    """Seconds and steps as the file says them; hours, memory and machines as our own run measured them."""

    seconds_total: float | None = None
    seconds_per_material: float | None = None
    steps_median: float | None = None
    cpu_hours: float | None = None
    crystals_per_cpu_hour: float | None = None
    hits_per_cpu_hour: float | None = None
    failure_rate: float | None = None
    peak_mib: float | None = None
    workers: int | None = None
    machines: tuple[Any, ...] = ()


COST_METRICS = {
    "seconds": "seconds_per_material",
    "steps": "steps_median",
    "crystals_per_cpu_hour": "crystals_per_cpu_hour",
    "hits_per_cpu_hour": "hits_per_cpu_hour",
}
"""Metrics that stand in the cost block of a result, and their names there."""


class Bootstrap(Record):
    replicates: int | None = None
    seed: int | None = None
    unit: str | None = None


class Provenance(Record):
    predictions_sha256: str | None = None
    dataset_sha256: str | None = None
    matdisc: str | None = None
    bootstrap: Bootstrap | None = None
    run: dict[str, Any] | None = None


class Result(Scores, BoardFile):
    """One row of the board: one entry's metrics on one dataset.

    `published` holds values for the whole population that the dataset is drawn from. Where only `n_labelled` of the `n`
    materials have a known label, scores of stability are over those, and errors over all. `baseline` are the metrics of
    the trivial answer. `entry` and `model` are empty for a file that belongs to none.
    """

    SCHEMA: ClassVar[str] = RESULT_SCHEMA

    entry: str
    model: str
    task: str
    dataset: str
    protocol: Protocol | None = None
    origin: Literal["run", "submission"] = "run"
    published: dict[str, float] = Field(default_factory=dict)
    secondary: tuple[Part, ...] = ()
    baseline: dict[str, float | None] = Field(default_factory=dict)
    subset: str | None = None
    bounds: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    leakage: dict[str, Any] | None = None
    coverage: dict[str, int] = Field(default_factory=dict)
    surplus_ids: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    cost: Cost | None = None
    flags: tuple[str, ...] = ()
    provenance: Provenance = Provenance()

    def value(self, key: str) -> Value | None:
        """The value of a metric, None where the result does not report it."""
        if key in COST_METRICS:
            return Value(value=getattr(self.cost, COST_METRICS[key])) if self.cost else None
        return self.metrics.get(key)
