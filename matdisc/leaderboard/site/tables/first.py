"""Who may be first in a table: no row is set above another that its intervals, or a paired test, cannot tell apart."""

from __future__ import annotations

from matdisc.leaderboard.site.tables.board import Row, Table, headline_value
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS


def defined(table: Table) -> list[Row]:
    """Return the ranked rows with a defined headline metric, best first."""
    return [row for row in table.ranked if headline_value(row.result).value is not None]


def may_be_first(row: Row, first: Row) -> bool:
    """Return whether a row is tied with the first one: same tie group, or without a ranking, overlapping intervals.

    A row without interval counts with its bare value.
    """
    if first.tie_group is not None:
        return row.tie_group == first.tie_group
    up = TASKS[first.result.task].headline_of(first.result.baseline).better != "lower"
    mine, top = headline_value(row.result), headline_value(first.result)
    farthest = reach(mine, up, best=True)
    floor = reach(top, up, best=False)
    if row is first or floor is None:
        return True
    farthest = mine.value if farthest is None else farthest
    return farthest is not None and (farthest >= floor if up else farthest <= floor)


def reach(value: Value, up: bool, *, best: bool) -> float | None:
    """Return the better or the worse end of an interval; `up` says that higher is better."""
    return value.high if up == best else value.low
