"""Reading details (curves, slices, calibration) and rankings, each checked against its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sized
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from matdisc.board import Board
from matdisc.cards import TaskKey
from matdisc.errors import DataError
from matdisc.leaderboard.site.beliefs import BeliefDetails
from matdisc.leaderboard.site.figures import WithFigures
from matdisc.leaderboard.site.parts import Columns, Counts, Numbers, Part

DETAILS_SCHEMA = "matdisc.details/1"
RANKING_SCHEMA = "matdisc.ranking/1"

Kind = Literal["tp", "fn", "fp", "tn"]


class PrecisionAtK(Columns):
    k: Counts
    hits: Numbers
    precision: Numbers
    daf: Numbers
    ceiling: Numbers


class Roc(Columns):
    fpr: Numbers
    tpr: Numbers
    auc: float | None = None


class PrecisionRecall(Columns):
    recall: Numbers
    precision: Numbers
    average_precision: float | None = None


class Cumulative(Columns):
    screened: Counts
    precision: Numbers
    recall: Numbers


class RollingMae(Columns):
    e_hull: Numbers
    mae: Numbers
    count: Counts


class Sweep(Columns):
    threshold: Numbers
    f1: Numbers
    precision: Numbers
    recall: Numbers


class Histogram(Part):
    """Counts hold one number more at each end: rows beyond the edges."""

    edges: tuple[float, ...]
    counts: dict[Kind, Counts]
    missing: dict[Kind, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        _lengths(len(self.edges) + 1, self.counts.values())
        return self


class Parity(Part):
    edges: tuple[float, ...] = Field(min_length=2)
    true_bin: Counts
    pred_bin: Counts
    count: Counts
    outside: int = 0
    missing: int = 0

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        _lengths(len(self.count), (self.true_bin, self.pred_bin))
        if any(not 0 <= i < len(self.edges) - 1 for i in chain(self.true_bin, self.pred_bin)):
            raise ValueError("a bin lies outside the edges")
        return self


class Slice(Columns):
    """Metrics by category, one number each."""

    name: tuple[str, ...]
    n: Counts
    n_stable: Counts | None = None
    f1: Numbers | None = None
    daf: Numbers | None = None
    precision: Numbers | None = None
    recall: Numbers | None = None
    mae: Numbers | None = None
    rmsd: Numbers | None = None
    symmetry_match_loose: Numbers | None = None
    volume_abs_error: Numbers | None = None


class RmsdCurve(Columns):
    """Share of all materials up to each RMSD."""

    rmsd: Numbers
    share: Numbers


class VolumeHistogram(Part):
    """Counts of relative volume errors; one number more at each end: rows beyond the edges."""

    edges: tuple[float, ...]
    count: Counts

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        _lengths(len(self.edges) + 1, (self.count,))
        return self


class Gaussian(Part):
    n: int
    nll: float | None = None
    crps: float | None = None
    sharpness: float | None = None
    miscalibration_area: float | None = None
    spearman: float | None = None
    coverage: dict[str, float | None] = Field(default_factory=dict)
    observed: Numbers = ()


class Probability(Columns):
    n: int
    brier: float | None = None
    log_loss: float | None = None
    expected_calibration_error: float | None = None
    mean_probability: Numbers = ()
    stable_share: Numbers = ()


class Calibration(Part):
    gaussian: Gaussian | None = None
    probability: Probability | None = None


class Details(BeliefDetails, WithFigures):
    """What the charts and slices of one result are drawn from; every part may be absent."""

    entry: str
    task: TaskKey
    dataset: str
    subset: str | None = None
    n: int | None = None
    precision_at_k: PrecisionAtK | None = None
    roc: Roc | None = None
    precision_recall: PrecisionRecall | None = None
    cumulative: Cumulative | None = None
    rolling_mae: RollingMae | None = None
    threshold_sweep: Sweep | None = None
    histogram: Histogram | None = None
    parity: Parity | None = None
    rmsd_curve: RmsdCurve | None = None
    volume_histogram: VolumeHistogram | None = None
    slices: dict[str, Slice] = Field(default_factory=dict)
    calibration: Calibration | None = None


class Ranked(Columns):
    """One metric of all entries: ranks, tie groups and corrected p-values of every pair."""

    value: Numbers
    rank: Counts
    low: Counts
    high: Counts
    first: Numbers
    tie_group: Counts
    p_values: tuple[Numbers, ...]
    detectable: float | None = None

    @model_validator(mode="after")
    def _square(self) -> Self:
        _lengths(len(self.value), self.p_values)
        return self


class Resampling(Part):
    replicates: int | None = None
    seed: int | None = None


class BoardRanking(WithFigures):
    """How sure the order of one table is, and what its rows show together."""

    task: TaskKey
    dataset: str
    entries: tuple[str, ...]
    metrics: dict[str, Ranked]
    bootstrap: Resampling = Resampling()
    correction: str | None = None

    @model_validator(mode="after")
    def _one_number_each(self) -> Self:
        _lengths(len(self.entries), (ranked.value for ranked in self.metrics.values()))
        if len(set(self.entries)) < len(self.entries):
            raise ValueError("an entry is named twice")
        return self


Read = TypeVar("Read", bound=Part)
ADVICE = "write it anew with `matdisc rescore`"


def read_details(board: Board) -> Iterator[tuple[Details, str]]:
    """Yield every details file of the board with its text.

    Raises:
        DataError: If a file is damaged or misplaced.
    """
    for path in sorted(board.details_dir.glob("*/*/*.json")):
        found, text = read_part(path, Details, DETAILS_SCHEMA, ADVICE)
        check_place(path, (found.task, found.dataset, found.entry), ADVICE)
        yield found, text


def read_rankings(board: Board) -> Iterator[tuple[BoardRanking, str]]:
    """Yield every ranking of the board with its text.

    Raises:
        DataError: If a file is damaged or misplaced.
    """
    for path in sorted(board.rankings_dir.glob("*/*.json")):
        found, text = read_part(path, BoardRanking, RANKING_SCHEMA, ADVICE)
        check_place(path, (found.task, found.dataset), ADVICE)
        yield found, text


def finite_json(text: str) -> Any:
    """Return the content of a JSON text; NaN and infinities, which Python would read, are refused."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise ValueError(f"numbers have to be finite, not {name}")


def read_part(path: Path, model: type[Read], schema: str, advice: str) -> tuple[Read, str]:
    """Return the checked content of a JSON file and its text; `advice` ends every message.

    Raises:
        DataError: If the file is damaged or has another schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = finite_json(text)
    except ValueError as err:
        raise DataError(f"{path}: not valid JSON ({err}); {advice}") from err
    told = content.get("schema") if isinstance(content, dict) else None
    if told != schema:
        raise DataError(f"{path}: field 'schema' is {told!r}, this version reads {schema!r}; {advice}")
    try:
        return model.model_validate(content), text
    except ValidationError as err:
        problems = "; ".join(f"field '{'.'.join(map(str, p['loc']))}': {p['msg']}" for p in err.errors()[:5])
        raise DataError(f"{path}: {problems}; {advice}") from err


def check_place(path: Path, says: tuple[str, ...], advice: str) -> None:
    """Raise DataError if the last folders and the stem of a path are not what the file says."""
    told = (*(parent.name for parent in reversed(path.parents[: len(says) - 1])), path.stem)
    if told != says:
        raise DataError(f"{path}: is about {'/'.join(says)}; move it there or {advice}")


def _lengths(expected: int, columns: Any) -> None:
    found: list[Sized] = list(columns)
    if any(len(column) != expected for column in found):
        raise ValueError(f"arrays of length {expected} are needed, not {[len(column) for column in found]}")
