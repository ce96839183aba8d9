"""What the details of a task of beliefs hold: protocols, elements left out, curves and bins of stated probabilities."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from matdisc.scoring.record import Columns, Counts, Numbers, Record, Value


class Difference(Value):
    """This row minus the null row; `detectable` is the smallest difference that such a test would find."""

    p_value: float | None = None
    detectable: float | None = None


class FoldProtocol(Record):
    """All metrics of one way to part training from test; means over its folds."""

    name: str
    title: str
    n_folds: int
    n: int
    n_alloys: int
    n_high: int
    prevalence: float | None = None
    n_missing: int = 0
    n_abstained: int = 0
    metrics: dict[str, Value] = Field(default_factory=dict)
    dummy: dict[str, float | None] = Field(default_factory=dict)
    against_null: dict[str, Difference] = Field(default_factory=dict)

    @property
    def small(self) -> bool:
        """Whether the alloys are so few that a share is uncertain by several hundredths."""
        return self.n_alloys < 400

    @property
    def coarse(self) -> float:
        """Largest standard error of a share among the alloys: 1 / (2 sqrt(n))."""
        return 0.5 / max(self.n_alloys, 1) ** 0.5


class ByElement(Columns):
    """One fold for each element that no training alloy holds."""

    element: tuple[str, ...]
    n: Counts
    n_high: Counts
    prevalence: Numbers
    prior: Numbers
    majority_high: tuple[bool, ...]
    coverage: Numbers
    macro_f1: Numbers
    f1_high: Numbers
    roc_auc: Numbers
    brier: Numbers


class RiskCoverage(Columns):
    """Error rate among the most certain share; `least` is a perfect order of the same errors."""

    coverage: Numbers
    by_u: Numbers
    by_p: Numbers
    least: Numbers


class IntervalBins(Columns):
    """Mean interval beside the observed share of High in bins of the stated probability."""

    n: Counts
    p_high: Numbers
    belief: Numbers
    plausibility: Numbers
    rate: Numbers
    hit: tuple[bool, ...]


class Reliability(Columns):
    p_high: Numbers
    rate: Numbers
    n: Counts
    ece: float | None = None


class ConflictHistogram(Record):
    edges: tuple[float, ...]
    count: Counts
    n_unknown: int = 0

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        if len(self.count) != len(self.edges) - 1:
            raise ValueError(f"{len(self.edges) - 1} counts are needed, not {len(self.count)}")
        return self


class BySize(Columns):
    """Metrics by number of elements, over the alloys of all folds together."""

    length: Counts
    n: Counts
    n_high: Counts
    coverage: Numbers
    accuracy: Numbers
    brier: Numbers
    f1_high: Numbers


def _or_none(given: Any) -> Any:
    return given or None


class BeliefDetails(Record):
    """The parts of details that only tasks of beliefs have; every one may be absent."""

    headline: str | None = None
    null: str | None = None
    protocols: tuple[FoldProtocol, ...] = ()
    loeo: Annotated[ByElement | None, BeforeValidator(_or_none)] = None
    risk_coverage: dict[str, RiskCoverage] = Field(default_factory=dict)
    intervals: dict[str, IntervalBins] = Field(default_factory=dict)
    reliability: dict[str, Reliability] = Field(default_factory=dict)
    conflict: dict[str, ConflictHistogram] = Field(default_factory=dict)
    sizes: dict[str, BySize] = Field(default_factory=dict)
