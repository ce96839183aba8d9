"""One profile of a model over all tasks of the board: its place in each table, and what it is safe for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matdisc.cards import DatasetCard, ModelCard
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.charts.svg import Axis
from matdisc.leaderboard.site.findings import Finding, against, findings
from matdisc.leaderboard.site.tables.board import Row, Table, headline_value
from matdisc.leaderboard.site.tables.cells import Badge
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.tasks import TASKS
from matdisc.tasks.fit import tasks_of

STRIP = (120, 14, 5)
"""Width and height of a strip, and how far from its ends the places lie."""
MOST_DOTS = 60


@dataclass(frozen=True, slots=True)
class Strip:
    """The rows of a table from best to worst: a dot for each, a bar of the places that this row may hold."""

    others: str
    bar: str
    at: float
    width: int = STRIP[0]
    height: int = STRIP[1]


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of the profile; texts are as printed, and empty where there is nothing to say."""

    result: Result
    table: Table
    variant: str | None
    metric: Metric
    value: str
    interval: str
    rank: str
    of: int
    shared: int
    strip: Strip | None
    against: str
    baseline: str
    badges: tuple[Badge, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """What stands at the top of a model's page.

    `findings` are by level; `missing` are titles of tasks that the model could answer and has not, `barred` of those
    that it cannot answer.
    """

    standings: tuple[Standing, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    missing: tuple[str, ...]
    barred: tuple[str, ...]


def make_profile(card: ModelCard, items: Sequence[Mapping[str, Any]], datasets: Mapping[str, DatasetCard]) -> Profile:
    """Return the profile of a model; `items` are its results in the order of the board, as `items_of` gives them."""
    asked = {task for dataset in datasets.values() for task in dataset.tasks}
    done = {item["result"].task for item in items}
    able = set(tasks_of(card))
    left = [task for task in TASKS if task in asked - done]
    return Profile(
        tuple(standing(item["table"], item["row"]) for item in items),
        {} if card.reference_row else findings(items),
        tuple(TASKS[task].title for task in left if task in able),
        tuple(TASKS[task].title for task in left if task not in able),
    )


def standing(table: Table, row: Row) -> Standing:
    """Return the place of a row in its table, and how far it is from the trivial answer."""
    metric, found = table.headline, headline_value(row.result)
    baseline = table.first.baseline.get(metric.key)
    return Standing(
        result=row.result,
        table=table,
        variant=row.variant,
        metric=metric,
        value=show(metric, found.value),
        interval=show_interval(metric, found.low, found.high),
        rank=row.rank.text if row.rank else "",
        of=table.n_placed,
        shared=sum(other.tie_group == row.tie_group for other in table.rows) - 1 if row.tie_group is not None else 0,
        strip=_strip(table, row),
        against=against(metric, found, baseline),
        baseline="" if baseline is None else show(metric, baseline),
        badges=tuple(badge for badge in row.badges if badge.warns),
    )


def _strip(table: Table, row: Row) -> Strip | None:
    """The strip of a placed row; None for one without a place, or alone."""
    placed = [other.result.entry for other in table.ranked if headline_value(other.result).value is not None]
    if row.rank is None or len(placed) < 2:
        return None
    width, height, edge = STRIP
    at = Axis("", 1, len(placed), edge, width - edge)
    places = range(1, len(placed) + 1)
    many = len(placed) > MOST_DOTS
    others = f"M{edge} {height // 2}H{width - edge}" if many else "".join(f"M{at(i):g} {height // 2}h0" for i in places)
    bar = f"M{at(row.rank.best):g} {height // 2}H{at(row.rank.worst):g}"
    own = 1 + placed.index(row.result.entry)  # rows of one value share places, whatever their order in the table
    return Strip(others, bar, at(min(max(own, row.rank.best), row.rank.worst)))
