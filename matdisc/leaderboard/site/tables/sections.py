"""What stands beside the metrics, in order: figures and tables under their headings, and all rows part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.schema.ranking import BoardRanking
from matdisc.leaderboard.schema.result import Part, Result
from matdisc.leaderboard.site.charts.figures import draw
from matdisc.leaderboard.site.charts.svg import Plot
from matdisc.leaderboard.site.tables import board
from matdisc.leaderboard.site.tables.format import percent
from matdisc.scoring.figures import Artifacts, Figure, Table
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Section:
    """Figures and tables under one heading; the figures of a `folded` one are shown on demand."""

    title: str
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...]
    folded: bool


@dataclass(frozen=True, slots=True)
class AllRows:
    """What a ranking shows of all rows together: the first table, the figures, and the other tables."""

    first: Table | None
    plots: tuple[Plot, ...]
    rest: tuple[Table, ...]


def sections(found: Artifacts) -> list[Section]:
    """Return figures and tables by heading, in the order of the file; of later headings the figures are folded."""
    plots = draw_by_section(found.figures)
    titles = list(dict.fromkeys([*plots, *(table.section for table in found.tables)]))
    drawn = [title for title in titles if plots.get(title)]
    return [
        Section(
            title,
            tuple(table for table in found.tables if table.section == title),
            plots.get(title, ()),
            folded=title in drawn[1:],
        )
        for title in titles
    ]


def draw_by_section(figures: Sequence[Figure]) -> dict[str, tuple[Plot, ...]]:
    """Return the drawings of figures by their headings."""
    titles = dict.fromkeys(figure.section for figure in figures)
    return {title: tuple(draw(one for one in figures if one.section == title)) for title in titles}


def all_rows(ranking: BoardRanking | None) -> AllRows | None:
    """Return what a ranking has to draw; None if that is nothing."""
    if ranking is None or not (ranking.figures or ranking.tables):
        return None
    return AllRows(next(iter(ranking.tables), None), tuple(draw(ranking.figures)), tuple(ranking.tables[1:]))


def part_by_part(found: board.Table) -> list[Table]:
    """Return the ranked metrics and the coverage of all rows, a table for each part of the results.

    The headline part comes first; parts are protocols, subsets, or other thresholds. Nothing without other parts.
    """
    names = list(dict.fromkeys(part.name for row in found.rows for part in row.result.secondary))
    if not names:
        return []
    task = TASKS[found.task]
    known = (key for key in task.ranked if not task.scoring.optional_labels or key in found.defined)
    metrics = list(dict.fromkeys(task.metric(key) for key in known))
    metrics += [metric for metric in task.metrics if metric.key == "coverage" and metric not in metrics]
    first = [(board.full_name(row), row.result) for row in found.rows]
    tables = [_part_table("headline", "Headline", found.task, metrics, first)]
    for i, name in enumerate(names):
        rows = [
            (board.full_name(row), part) for row in found.rows for part in row.result.secondary if part.name == name
        ]
        tables.append(_part_table(f"part-{i}", task.scoring.part_title(name), found.task, metrics, rows))
    return tables


def _part_table(
    key: str, name: str, task: str, metrics: Sequence[Metric], rows: Sequence[tuple[str, Part | Result]]
) -> Table:
    scoring, one = TASKS[task].scoring, rows[0][1]
    shown = [metric for metric in metrics if any(metric.key in part.metrics for _, part in rows)]
    said = [f"{one.n:,} {scoring.rows_noun}" if one.n is not None else ""]
    if one.prevalence is not None and scoring.positive:
        said.append(f"{percent(one.prevalence)} {scoring.positive}")
    head = ("Model", *(f"{metric.label}, {metric.unit}" if metric.unit else metric.label for metric in shown))
    cells = [(who, *(_text(metric, part.metrics.get(metric.key)) for metric in shown)) for who, part in rows]
    return Table(key, name, head, cells, ", ".join(filter(None, said)))


def _text(metric: Metric, value: Value | None) -> str:
    if value is None:
        return "–"
    interval = show_interval(metric, value.low, value.high)
    return show(metric, value.value) + (f" ({interval})" if interval else "")
