"""Reading details (curves, slices, calibration) and rankings, each checked against its place."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Literal, Self

from pydantic import Field, model_validator

from matdisc.board import Board
from matdisc.cards import TaskKey
from matdisc.leaderboard.schema.folds import BeliefDetails
from matdisc.leaderboard.schema.read import _lengths, check_place, read_part
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.record import Columns, Counts, Numbers, Record

DETAILS_SCHEMA = "matdisc.details/1"

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


class Histogram(Record):
    """Counts hold one number more at each end: rows beyond the edges."""

    edges: tuple[float, ...]
    counts: dict[Kind, Counts]
    missing: dict[Kind, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        _lengths(len(self.edges) + 1, self.counts.values())
        return self


class Parity(Record):
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


class VolumeHistogram(Record):
    """Counts of relative volume errors; one number more at each end: rows beyond the edges."""

    edges: tuple[float, ...]
    count: Counts

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        _lengths(len(self.edges) + 1, (self.count,))
        return self


class Gaussian(Record):
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


class Calibration(Record):
    gaussian: Gaussian | None = None
    probability: Probability | None = None


class Details(BeliefDetails, Artifacts):
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
