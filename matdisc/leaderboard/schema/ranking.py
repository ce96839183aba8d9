"""A ranking as it lies on the board."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import model_validator

from matdisc.board import Board
from matdisc.cards import TaskKey
from matdisc.leaderboard.schema.details import ADVICE, _lengths, check_place, read_part
from matdisc.scoring.figures import Artifacts
from matdisc.scoring.record import Columns, Counts, Numbers, Record

RANKING_SCHEMA = "matdisc.ranking/1"


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


class Resampling(Record):
    replicates: int | None = None
    seed: int | None = None


class BoardRanking(Artifacts):
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


def read_rankings(board: Board) -> Iterator[tuple[BoardRanking, str]]:
    """Yield every ranking of the board with its text.

    Raises:
        DataError: If a file is damaged or misplaced.
    """
    for path in sorted(board.rankings_dir.glob("*/*.json")):
        found, text = read_part(path, BoardRanking, RANKING_SCHEMA, ADVICE)
        check_place(path, (found.task, found.dataset), ADVICE)
        yield found, text
