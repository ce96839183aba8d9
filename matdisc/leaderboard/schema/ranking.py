"""A ranking as it lies on the board."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from matdisc.leaderboard.schema.read import BoardFile
from matdisc.leaderboard.schema.result import Bootstrap
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.record import Columns, Counts, Numbers, equal_lengths

RANKING_SCHEMA = "matdisc.ranking/2"


class Ranked(Columns):
    """One metric of all entries: ranks, tie groups and corrected p-values of every pair.

    `detectable` is the smallest difference between neighbours that the comparison would find.
    """

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
        equal_lengths(self.value, *self.p_values)
        return self


class BoardRanking(Artifacts, BoardFile):
    """How sure the order of one table is, and what its rows show together."""

    SCHEMA: ClassVar[str] = RANKING_SCHEMA
    PLACE: ClassVar[tuple[str, ...]] = ("task", "dataset")

    task: str
    dataset: str
    entries: tuple[str, ...]
    metrics: dict[str, Ranked]
    bootstrap: Bootstrap = Bootstrap()
    correction: str | None = None

    @model_validator(mode="after")
    def _one_number_each(self) -> Self:
        equal_lengths(self.entries, *(ranked.value for ranked in self.metrics.values()))
        if len(set(self.entries)) < len(self.entries):
            raise ValueError("an entry is named twice")
        return self
