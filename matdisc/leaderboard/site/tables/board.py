"""One table of the board as data: rows in order, cells as text, nothing left for a template to decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matdisc.cards import Cited, DatasetCard, ModelCard
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.schema.ranking import BoardRanking
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.tables.cells import Badge, Cell, badges, cell, variant
from matdisc.leaderboard.site.tables.ranking import fits, headline, places
from matdisc.leaderboard.site.tables.ranks import Rank, heat_levels, rank_intervals
from matdisc.scoring.metric import Metric
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS

LONG = 200
"""Tables of more rows than this show the first `SHORT` until asked for all."""
SHORT = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a table; `rank` is None for references and where the headline metric is undefined.

    `tie_group` is that of the ranking, if the table has one; `opens_group` marks the leader of each but the first.
    """

    result: Result
    card: ModelCard
    name: str
    variant: str | None
    rank: Rank | None
    reference: bool
    badges: tuple[Badge, ...]
    cells: tuple[Cell, ...]
    tie_group: int | None = None
    opens_group: bool = False

    @property
    def search(self) -> str:
        """Text the search box looks at, beyond what the row shows."""
        card = self.card
        people = [person.name for person in card.authors]
        return " ".join([self.result.entry, card.kind, card.status, *card.training_sets, *people]).lower()


@dataclass(frozen=True, slots=True)
class Table:
    """All entries of one task on one dataset, best headline metric first.

    With a `ranking`, ranks and ties are those of the paired comparison, else of overlapping intervals; `outdated`
    says that there is a ranking, but of other results. `cited` are published rows that take no part, with their cells.
    """

    task: str
    dataset: DatasetCard
    columns: tuple[Metric, ...]
    rows: tuple[Row, ...]
    floor: tuple[Cell, ...]
    ranking: BoardRanking | None = None
    outdated: bool = False
    cited: tuple[tuple[Cited, tuple[Cell, ...]], ...] = ()

    @property
    def detectable(self) -> float | None:
        """Smallest difference in the headline metric that neighbours of this table could have shown."""
        return headline(self.ranking).detectable if self.ranking else None

    @property
    def n_judged(self) -> int | None:
        """Materials, or alloys, behind the headline metric: with a known label, where some lack one."""
        return TASKS[self.task].scoring.size(self.first) if self.first.n else None

    @property
    def detectable_in_all(self) -> float | None:
        """The same if the whole population were scored: standard errors fall with the square root of its size."""
        population, n = self.dataset.population, self.n_judged
        if self.detectable is None or population is None or n is None:
            return None
        return self.detectable * math.sqrt(n / population.size)

    @property
    def has_published(self) -> bool:
        return any(row.result.published for row in self.rows)

    @property
    def has_intervals(self) -> bool:
        return any(cell.interval for row in self.rows for cell in row.cells)

    @property
    def headline(self) -> Metric:
        """The metric that rows are sorted and ranked by."""
        return TASKS[self.task].headline_of(self.first.baseline)

    @property
    def defined(self) -> set[str]:
        """Metrics that the dataset has labels for: those of the trivial answer."""
        return {key for key, value in self.first.baseline.items() if value is not None}

    @property
    def comparable(self) -> bool:
        """Whether the ranking has a pair of entries with a defined headline metric."""
        return self.ranking is not None and len(places(self.ranking)) > 1

    @property
    def is_long(self) -> bool:
        return len(self.rows) > LONG

    @property
    def id(self) -> str:
        return f"{self.task}--{self.dataset.key}"

    @property
    def first(self) -> Result:
        return self.rows[0].result

    @property
    def ranked(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.reference)

    @property
    def n_placed(self) -> int:
        """Rows that take part in the ranking: no references, headline metric defined."""
        return sum(headline_value(row.result).value is not None for row in self.ranked)

    @property
    def has_floor(self) -> bool:
        return any(cell.sort is not None for cell in self.floor)


def make_tables(content: Content, task_order: Sequence[str], dataset_order: Sequence[str]) -> list[Table]:
    """Return one table per task and dataset that has results: tasks in the given order, large sets first."""
    task_order = [*task_order, *TASKS]
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in content.results:
        groups.setdefault((result.task, result.dataset), []).append(result)

    def place(item: tuple[tuple[str, str], list[Result]]) -> tuple[int, int, int, str]:
        (task, dataset), results = item
        return (
            _index(task_order, task), _index(dataset_order, dataset), -max(r.n or 0 for r in results), dataset,
        )  # fmt: skip

    return [
        make_table(task, content.datasets[dataset], results, content.models, content.rankings.get((task, dataset)))
        for (task, dataset), results in sorted(groups.items(), key=place)
    ]


def make_table(
    task: str,
    dataset: DatasetCard,
    results: Sequence[Result],
    models: Mapping[str, ModelCard],
    ranking: BoardRanking | None = None,
) -> Table:
    """Return the table of `results`, which all belong to one task and dataset; a ranking of others is not used."""
    results = sorted(results, key=_best_first)
    first = TASKS[task].headline_of(results[0].baseline)
    columns = tuple(metric for metric in TASKS[task].metrics if metric == first or _some(metric, results))
    ranked = [r for r in results if not models[r.model].reference_row]
    usable = ranking if ranking and fits(ranking, ranked) else None
    stands = places(usable) if usable else {}
    ranks = dict(
        zip(
            map(_entry, ranked),
            rank_intervals([headline_value(r) for r in ranked], first.better or "higher"),
            strict=True,
        )
    )
    if usable:
        ranks = {entry: Rank(low, high) for entry, (low, high, _) in stands.items()}
    groups = {entry: group for entry, (_, _, group) in stands.items()}
    leaders = _leaders([r.entry for r in ranked], groups)
    heats = {metric.key: _heats(metric, ranked) for metric in columns}
    rows = tuple(
        Row(
            result=result,
            card=models[result.model],
            name=display_name(models[result.model]),
            variant=variant(result),
            rank=ranks.get(result.entry),
            reference=models[result.model].reference_row,
            badges=badges(result, dataset),
            cells=tuple(
                cell(m, result.value(m.key), heats[m.key].get(result.entry), result.published.get(m.key))
                for m in columns
            ),
            tie_group=groups.get(result.entry),
            opens_group=result.entry in leaders,
        )
        for result in results
    )
    floor = tuple(_floor(metric, results) for metric in columns)
    cited = tuple(
        (one, tuple(_only(m, one.values.get(m.key)) for m in columns)) for one in dataset.cited if one.task == task
    )
    return Table(task, dataset, columns, rows, floor, usable, ranking is not None and usable is None, cited)


def headline_value(result: Result) -> Value:
    """Return a result's value of the metric that its table is sorted by."""
    return result.value(TASKS[result.task].headline_of(result.baseline).key) or Value()


def _entry(result: Result) -> str:
    return result.entry


def _best_first(result: Result) -> tuple[bool, float, str]:
    value = headline_value(result).value
    sign = 1 if TASKS[result.task].headline_of(result.baseline).better == "lower" else -1
    return value is None, sign * (value or 0.0), result.entry


def _heats(metric: Metric, results: Sequence[Result]) -> dict[str, int | None]:
    values = [(r.value(metric.key) or Value()).value for r in results]
    return dict(zip(map(_entry, results), heat_levels(values, metric.better), strict=True))


def _some(metric: Metric, results: Sequence[Result]) -> bool:
    """Whether any result has a value: a column of dashes is left out."""
    return any((r.value(metric.key) or Value()).value is not None for r in results)


def _floor(metric: Metric, results: Sequence[Result]) -> Cell:
    found = (r.baseline.get(metric.key) for r in results)
    return _only(metric, next((v for v in found if v is not None), None))


def _only(metric: Metric, value: float | None) -> Cell:
    """A number without interval, shade and remark; nothing where there is none."""
    return cell(metric, Value(value=value)) if value is not None else Cell("", title=None)


def _leaders(entries: Sequence[str], groups: Mapping[str, int]) -> set[str]:
    """Entries that open a tie group, but for the very first; `entries` are best first."""
    placed = [entry for entry in entries if entry in groups]
    return {new for old, new in pairwise(placed) if groups[old] != groups[new]}


def _index(order: Sequence[str], key: str) -> int:
    return order.index(key) if key in order else len(order)


def full_name(row: Row) -> str:
    return f"{row.name} ({row.variant})" if row.variant else row.name


def names(table: Table) -> dict[str, str]:
    """Return entry to printed name, best first, without references."""
    return {row.result.entry: full_name(row) for row in table.ranked}
