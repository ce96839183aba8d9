"""One profile of a model over all tasks of the board: its place in each table, and what it is safe for."""

from __future__ import annotations

from collections import Counter
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
    """Return the profile of a model; `items` are its results, as `items_by_model` gives them."""
    asked = {task for dataset in datasets.values() for task in dataset.tasks}
    done = {item["result"].task for item in items}
    able = set(tasks_of(card))
    left = [task for task in TASKS if task in asked - done]
    return Profile(
        tuple(item["standing"] for item in items),
        {} if card.reference_row else findings(items),
        tuple(TASKS[task].title for task in left if task in able),
        tuple(TASKS[task].title for task in left if task not in able),
    )


@dataclass(frozen=True, slots=True)
class Places:
    """What all standings of one table share: where each placed entry stands, sizes of tie groups, and the dots."""

    at: Mapping[str, int]
    tied: Mapping[int, int]
    dots: str


def places_of(table: Table) -> Places:
    """Return the places of a table, taken once for all of its rows."""
    placed = [row.result.entry for row in table.ranked if headline_value(row.result).value is not None]
    tied = Counter(row.tie_group for row in table.rows if row.tie_group is not None)
    width, height, edge = STRIP
    dots = f"M{edge} {height // 2}H{width - edge}"
    if 2 <= len(placed) <= MOST_DOTS:
        at = _axis(len(placed))
        dots = "".join(f"M{at(i):g} {height // 2}h0" for i in range(1, len(placed) + 1))
    return Places({entry: i for i, entry in enumerate(placed, start=1)}, tied, dots)


def standing(table: Table, row: Row, places: Places) -> Standing:
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
        of=len(places.at),
        shared=places.tied[row.tie_group] - 1 if row.tie_group is not None else 0,
        strip=_strip(row, places),
        against=against(metric, found, baseline),
        baseline="" if baseline is None else show(metric, baseline),
        badges=tuple(badge for badge in row.badges if badge.warns),
    )


def _strip(row: Row, places: Places) -> Strip | None:
    """The strip of a placed row; None for one without a place, or alone."""
    if row.rank is None or len(places.at) < 2:
        return None
    at, middle = _axis(len(places.at)), STRIP[1] // 2
    bar = f"M{at(row.rank.best):g} {middle}H{at(row.rank.worst):g}"
    own = places.at[row.result.entry]  # rows of one value share places, whatever their order in the table
    return Strip(places.dots, bar, at(min(max(own, row.rank.best), row.rank.worst)))


def _axis(n: int) -> Axis:
    """From places 1 to n to the length of a strip."""
    width, _, edge = STRIP
    return Axis("", 1, n, edge, width - edge)
