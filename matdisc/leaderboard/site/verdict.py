"""Sentences computed from the rows. None claims a lead that the intervals do not carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.site.settings import Settings
from matdisc.leaderboard.site.tables.board import Row, Table, full_name, headline_value
from matdisc.leaderboard.site.tables.first import defined, may_be_first, reach
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said about a table.

    `claim` is one sentence, by tie groups where the table has a ranking, else by overlapping intervals; `context`
    adds the trivial answer and the flags of the rows the claim names.
    """

    claim: str
    context: str


def verdict(table: Table) -> Verdict:
    """Return what a table says about its best rows."""
    return Verdict(_claim(table), " ".join(filter(None, [_context(table), _flags(table)])))


def headline_table(tables: Sequence[Table], settings: Settings) -> Table | None:
    """Return the table of the first sentence: the one the settings name, else the first that has something to say.

    A set that its own leader helped to build says little, so such tables come after the others.
    """
    chosen = settings.headline
    for table in tables:
        if chosen and (table.task, table.dataset.key) == (chosen.task, chosen.dataset):
            return table
    telling = sorted((t for t in tables if defined(t)), key=led_by_its_maker)
    return next(iter([*telling, *tables]), None)


def led_by_its_maker(table: Table) -> bool:
    """Return whether the best row of a table is of a model that helped to build its data set; no where none is best."""
    return any(table.dataset.key in first.card.used_in_construction_of for first in defined(table)[:1])


def _claim(table: Table) -> str:
    name, most = table.headline.label, "lowest" if table.headline.better == "lower" else "highest"
    rows, where = defined(table), f"{TASKS[table.task].title.lower()} on {table.dataset.title}"
    if not rows:
        return f"No model has a defined {name} for {where} yet."
    first = rows[0]
    if len(rows) == 1:
        return f"{full_name(first)} is the only entry with a defined {name} for {where} so far: {_told(first)}."
    if first.rank is None:
        return f"{full_name(first)} has the {most} {name} for {where}, {_told(first)}, so no lead is claimed."
    together = [row for row in rows if may_be_first(row, first)]
    if len(together) == 1:
        return f"{full_name(first)} leads {where} with {name} {_told(first)}."
    if len(together) == 2:
        a, b = together
        return f"{full_name(a)} and {full_name(b)} cannot be told apart for {where}: {name} {_told(a)} and {_told(b)}."
    rest = len(together) - 2
    others = "one other" if rest == 1 else f"{rest} others"
    if first.tie_group is not None:  # members of a tie group may differ from each other, not from its leader
        best = f"{full_name(first)} has the {most} {name}, {_told(first)}, for {where}"
        return f"{best}, but {full_name(together[1])} and {others} cannot be told apart from it."
    names = f"{full_name(together[0])}, {full_name(together[1])} and {others}"
    return f"{names} cannot be told apart for {where}; the {most} {name} is {_told(first)}."


def _context(table: Table) -> str:
    metric = table.headline
    value = table.first.baseline.get(metric.key)
    if value is None:
        return ""
    text = f"{TASKS[table.task].scoring.baseline_text} would score {show(metric, value, decimals=_decimals(metric))}"
    best = defined(table)
    worst = reach(headline_value(best[0].result), metric.better != "lower", best=False) if best else None
    if worst is not None and (worst >= value if metric.better == "lower" else worst <= value):
        return text + ", which the best entry does not clearly beat."
    return text + "."


def _flags(table: Table) -> str:
    rows = defined(table)
    leading = [row for row in rows if may_be_first(row, rows[0])]
    labels = dict.fromkeys(badge.label for row in leading for badge in row.badges if badge.warns)
    return f"Flags to weigh: {', '.join(labels)}." if labels else ""


def _told(row: Row) -> str:
    found, metric = headline_value(row.result), TASKS[row.result.task].headline_of(row.result.baseline)
    decimals = _decimals(metric)
    interval = show_interval(metric, found.low, found.high, decimals=decimals)
    return show(metric, found.value, decimals=decimals) + (f" ({interval})" if interval else " without an interval")


def _decimals(metric: Metric) -> int:
    """Digits in a sentence: two for a score, three for an error."""
    return 3 if metric.better == "lower" else 2
