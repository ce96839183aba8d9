"""Reading the result files of a board, each checked against its place and its cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard, TaskKey
from matdisc.errors import DataError
from matdisc.leaderboard.site.details import (
    BoardRanking,
    Details,
    finite_json,
    read_details,
    read_rankings,
)
from matdisc.leaderboard.site.evidence import EvidenceMap, read_evidence
from matdisc.leaderboard.site.parts import Part, Value

SCHEMA = "matdisc.result/1"


class Scores(Part):
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


class Protocol(Part):
    key: str
    help: str | None = None


class Cost(Part):
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


class Bootstrap(Part):
    replicates: int | None = None
    seed: int | None = None
    unit: str | None = None


class Provenance(Part):
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


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a site is made of: cards by key, results in file order, and what there is beside them.

    `details` go by task, dataset and entry, `rankings` by task and dataset, `evidence` by dataset and entry; `copies`
    maps a path on the site to the text of a data file that is passed on as it is.
    """

    models: Mapping[str, ModelCard]
    datasets: Mapping[str, DatasetCard]
    results: tuple[Result, ...]
    details: Mapping[tuple[str, str, str], Details] = field(default_factory=dict)
    rankings: Mapping[tuple[str, str], BoardRanking] = field(default_factory=dict)
    evidence: Mapping[tuple[str, str], EvidenceMap] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)


def read_content(board: Board) -> Content:
    """Return all cards and results of a board, with the details, rankings and evidence that belong to results.

    Raises:
        CardError: If a card is wrong.
        DataError: If a file of results, details, rankings or evidence is damaged or misplaced, or a result names a
            model or dataset without card.
    """
    models = {key: board.model(key) for key in board.model_keys()}
    datasets = {key: board.dataset(key) for key in board.dataset_keys()}
    paths = sorted(board.results_dir.glob("*/*/*.json"))
    results = tuple(_checked(path, models, datasets) for path in paths)
    entries = {(r.task, r.dataset, r.entry) for r in results}
    tables = {(r.task, r.dataset) for r in results}
    details: dict[tuple[str, str, str], Details] = {}
    rankings: dict[tuple[str, str], BoardRanking] = {}
    copies: dict[str, str] = {}
    for found, text in read_details(board):
        if (place := (found.task, found.dataset, found.entry)) in entries:
            details[place] = found
            copies["data/curves/" + "/".join(place) + ".json"] = text
    for ranking, text in read_rankings(board):
        if (about := (ranking.task, ranking.dataset)) in tables:
            rankings[about] = ranking
            copies["data/rankings/" + "/".join(about) + ".json"] = text
    evidence: dict[tuple[str, str], EvidenceMap] = {}
    shown = {(r.dataset, r.entry) for r in results}
    for known, text in read_evidence(board):
        if (key := (known.dataset, known.entry)) in shown:
            evidence[key] = known
            copies["data/evidence/" + "/".join(key) + ".json"] = text
    return Content(models, datasets, results, details, rankings, evidence, copies)


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


def _checked(path: Path, models: Mapping[str, ModelCard], datasets: Mapping[str, DatasetCard]) -> Result:
    result = read_result(path)
    told = (path.parent.parent.name, path.parent.name, path.stem)
    says = (result.task, result.dataset, result.entry)
    if told != says:
        raise DataError(f"{path}: holds the result of {'/'.join(says)}; move it there or score it anew")
    if result.model not in models:
        raise DataError(f"{path}: field 'model' is {result.model!r}, which has no card in models/; add it")
    if result.dataset not in datasets:
        raise DataError(f"{path}: field 'dataset' is {result.dataset!r}, which has no card in datasets/; add it")
    return result
