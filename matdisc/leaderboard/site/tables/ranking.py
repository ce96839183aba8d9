"""What a ranking says about a table: whether it fits, and the difference of every pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matdisc.leaderboard.schema.ranking import BoardRanking, Ranked
from matdisc.leaderboard.schema.result import Result
from matdisc.scoring.metric import Metric
from matdisc.tasks import TASKS

MOST_PAIRED = 12
MOST_COMPARED = 40
TOLERANCE = 1e-5
"""Rankings keep six digits; values farther apart than this share belong to other predictions."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Row minus column: `difference` as text, `p` corrected; `certain` at 5 %."""

    difference: str
    p: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every pair of the best entries, in the order of the table; None on the diagonal."""

    names: tuple[str, ...]
    rows: tuple[tuple[Pair | None, ...], ...]
    left_out: int


def fits(ranking: BoardRanking, results: Sequence[Result]) -> bool:
    """Whether the ranking is of these results (references left out): same entries, same headline metric."""
    key = TASKS[ranking.task].headline_of(results[0].baseline if results else {}).key
    ranked = ranking.metrics.get(key)
    if ranked is None or ranked != ranking.metrics.get(_metric(ranking).key):
        return False
    theirs = {entry: value for entry, value in zip(ranking.entries, ranked.value, strict=True) if value is not None}
    mine = {r.entry: value.value for r in results if (value := r.value(key)) and value.value is not None}
    return theirs.keys() == mine.keys() and all(
        abs(theirs[entry] - mine[entry]) <= TOLERANCE * max(1.0, abs(mine[entry])) for entry in mine
    )


def headline(ranking: BoardRanking) -> Ranked:
    """Return the ranking by the metric that the table is sorted by."""
    return ranking.metrics[_metric(ranking).key]


def _metric(ranking: BoardRanking) -> Metric:
    """The headline metric: where the dataset may lack labels, the first with a value."""
    defined = {key: next((v for v in found.value if v is not None), None) for key, found in ranking.metrics.items()}
    return TASKS[ranking.task].headline_of(defined)


def places(ranking: BoardRanking) -> dict[str, tuple[int, int, int]]:
    """Return lowest rank, highest rank and tie group of each entry with a defined headline metric."""
    ranked = headline(ranking)
    rows = zip(ranking.entries, ranked.value, ranked.low, ranked.high, ranked.tie_group, strict=True)
    return {entry: (low, high, group) for entry, value, low, high, group in rows if value is not None}


def pairs(ranking: BoardRanking, names: Mapping[str, str], *, most: int = MOST_PAIRED) -> Pairs | None:
    """Return the differences in the headline metric of the best entries; None with fewer than two.

    Args:
        ranking: The ranking.
        names: Entry to printed name, best first.
        most: Entries at most.
    """
    ranked = headline(ranking)
    digits = max(3, _metric(ranking).decimals)
    index = {entry: i for i, entry in enumerate(ranking.entries)}
    order = [index[entry] for entry in names if entry in index and ranked.value[index[entry]] is not None]
    shown = order[:most]
    if len(shown) < 2:
        return None
    rows = tuple(tuple(_pair(ranked, i, j, digits) for j in shown) for i in shown)
    return Pairs(tuple(names[ranking.entries[i]] for i in shown), rows, len(order) - len(shown))


def p_text(p: float | None) -> str:
    """Return a p-value with two digits; tiny ones as a bound, undefined ones as an en dash."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _pair(ranked: Ranked, i: int, j: int, digits: int) -> Pair | None:
    mine, other, p = ranked.value[i], ranked.value[j], ranked.p_values[i][j]
    if i == j or mine is None or other is None:
        return None
    text = f"{mine - other:+.{digits}f}".replace("-", "−")
    return Pair(text, p_text(p), p is not None and p <= 0.05)
