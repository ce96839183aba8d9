"""What each table of a board can tell about the order of its rows, from its ranking alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matdisc.leaderboard.site.tables.board import Table, names
from matdisc.leaderboard.site.tables.ranking import headline
from matdisc.metrics.resolution import HOPELESS, materials_needed
from matdisc.scoring.metric import Metric

SURE = 0.95
"""A row that is first in this share of resamples keeps its place."""


@dataclass(frozen=True, slots=True)
class Power:
    """What one table can tell.

    `apart` of the `rows` - 1 neighbouring pairs differ at 5 %, corrected for all pairs; `stays` is the share of
    resamples in which the row printed first is first, None where it cannot be compared with the second. `needed` says
    how many materials would tell it from the second, if the noise is that of a typical pair of neighbours.
    """

    table: Table
    metric: Metric
    materials: int | None
    rows: int
    apart: int
    leader: str
    stays: float | None
    detectable: float | None
    needed: str


def powers(tables: Sequence[Table]) -> list[Power]:
    """Return what each table with a ranking of at least two rows can tell, in the order of the board."""
    return [found for table in tables if (found := power(table)) is not None]


def power(table: Table) -> Power | None:
    """Return what a table can tell; None without a ranking of at least two rows with a headline metric."""
    if table.ranking is None:
        return None
    ranked, entries = headline(table.ranking), table.ranking.entries
    order = sorted((i for i, value in enumerate(ranked.value) if value is not None), key=lambda i: ranked.rank[i])
    if len(order) < 2:
        return None
    p_values = [ranked.p_values[i][j] for i, j in pairwise(order)]
    apart = [p is not None and p <= 0.05 for p in p_values]
    first, second = order[:2]
    n, detectable = table.n_judged, ranked.detectable
    return Power(
        table=table,
        metric=table.headline,
        materials=n,
        rows=len(order),
        apart=sum(apart),
        leader=names(table).get(entries[first], entries[first]),
        stays=None if p_values[0] is None else ranked.first[first],
        detectable=detectable,
        needed="told apart" if apart[0] else _needed(n, detectable, ranked.value[first] - ranked.value[second]),
    )


def _needed(n: int | None, detectable: float | None, difference: float) -> str:
    """Return a number of materials with two digits, a bound where it is hopeless, and a dash where nobody can say."""
    if n is None or detectable is None:
        return "–"
    needed = materials_needed(n, detectable, difference)
    if needed is None:
        return f"> {HOPELESS * n:,}"
    return f"≈ {round(needed, 2 - len(str(needed))):,}"


def board_findings(found: Sequence[Power]) -> list[str]:
    """Return in sentences what a board can tell; every number is counted."""
    if not found:
        return []
    pairs, apart = sum(power.rows - 1 for power in found), sum(power.apart for power in found)
    stays = [power.stays for power in found if power.stays is not None]
    sure, unsure = sum(share >= SURE for share in stays), sum(share < 0.5 for share in stays)
    tables = f"{len(found)} tables" if len(found) != 1 else "one table"
    return [
        f"Of {pairs:,} neighbouring pairs of rows in {tables}, {apart:,} are told apart.",
        f"First place is as good as sure (first in {100 * SURE:.0f} % of resamples) in {sure} of {len(stays)}, and "
        f"more likely wrong than right in {unsure}.",
    ]
