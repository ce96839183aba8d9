"""A result as it lies on the board."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from matdisc.cards import TaskKey
from matdisc.errors import DataError
from matdisc.leaderboard.schema.read import finite_json
from matdisc.scoring.record import Record, Value

SCHEMA = "matdisc.result/1"


class Scores(Record):
    """Metrics over one set of rows at one threshold (eV/atom)."""

    threshold: float | None = None
    n: int | None = None
    n_stable: int | None = None
    prevalence: float | None = None
    prevalence_rounded: float | None = None
    daf_max: float | None = None
    metrics: dict[str, Value] = Field(default_factory=dict)


class Secondary(Scores):
    name: str


class Protocol(Record):
    key: str
    help: str | None = None


class Cost(Record):
    seconds_total: float | None = None
    seconds_per_material: float | None = None
    steps_median: float | None = None
    cpu_hours: float | None = None
    crystals_per_cpu_hour: float | None = None
    hits_per_cpu_hour: float | None = None
    failure_rate: float | None = None
    peak_mib: float | None = None


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


class Result(Scores):
    """One row of the board: one entry's metrics on one dataset.

    `published` holds values for the whole population that the dataset is drawn from. Where only `n_labelled` of the `n`
    materials have a known label, scores of stability are over those, and errors over all.
    """

    entry: str
    model: str
    task: TaskKey
    dataset: str
    protocol: Protocol | None = None
    origin: Literal["run", "submission"] = "run"
    n_groups: int | None = None
    n_labelled: int | None = None
    published: dict[str, float] = Field(default_factory=dict)
    secondary: tuple[Secondary, ...] = ()
    dummy: dict[str, float | None] = Field(default_factory=dict)
    subset: str | None = None
    bounds: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    leakage: dict[str, Any] | None = None
    coverage: dict[str, int] = Field(default_factory=dict)
    cost: Cost | None = None
    bootstrap: Bootstrap | None = None
    flags: tuple[str, ...] = ()
    provenance: Provenance = Provenance()

    def value(self, key: str) -> Value | None:
        """The value of a metric, None where the result does not report it."""
        if key in COST_METRICS:
            return Value(value=getattr(self.cost, COST_METRICS[key])) if self.cost else None
        return self.metrics.get(key)


def read_result(path: Path) -> Result:
    """Return the result at `path`.

    Raises:
        DataError: If the file is no JSON, has another schema, holds NaN, or lacks a field.
    """
    try:
        content = finite_json(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise DataError(f"{path}: not valid JSON ({err}); write it anew with `matdisc score`") from err
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise DataError(f"{path}: field 'schema' is {schema!r}, this version reads {SCHEMA!r}; score it anew")
    try:
        return Result.model_validate(content)
    except ValidationError as err:
        problems = "; ".join(f"field '{'.'.join(map(str, p['loc']))}': {p['msg']}" for p in err.errors()[:5])
        raise DataError(f"{path}: {problems}; write it anew with `matdisc score`") from err
