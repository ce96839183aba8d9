"""From content to pages: which templates there are, and what each is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from matdisc.cards import DatasetCard
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.schema.result import COST_METRICS, Result
from matdisc.leaderboard.site.charts.evidence_graph import Drawing, evidence_graph
from matdisc.leaderboard.site.charts.figures import MOST_CURVES, overlay
from matdisc.leaderboard.site.charts.intervals import make_charts
from matdisc.leaderboard.site.charts.pair_map import pair_map
from matdisc.leaderboard.site.charts.svg import Plot
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.export import build_json, leaderboard_csv, leaderboard_json
from matdisc.leaderboard.site.filters import FILTERS
from matdisc.leaderboard.site.findings import CONDITIONS, LEVELS
from matdisc.leaderboard.site.profile import make_profile
from matdisc.leaderboard.site.settings import Settings, shown_first
from matdisc.leaderboard.site.tables.board import SHORT, Table, full_name, make_tables
from matdisc.leaderboard.site.tables.cells import VARIANTS, badges, variant
from matdisc.leaderboard.site.tables.format import COVERAGE, METRICS
from matdisc.leaderboard.site.tables.ranking import MOST_COMPARED, pairs
from matdisc.leaderboard.site.tables.sections import all_rows, draw_by_section, part_by_part, sections
from matdisc.leaderboard.site.verdict import headline_table, verdict
from matdisc.predictions import SUFFIXES
from matdisc.schema import STATUSES
from matdisc.scoring.metric import Metric
from matdisc.tasks import TASKS
from matdisc.tasks.describe import columns
from matdisc.tasks.task import Task
from matdisc.version import __version__

TEMPLATES, ASSETS = (Path(__file__).parent / name for name in ("templates", "assets"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content security policy of every page, as meta tag and as header."""

COLOUR_SCHEME = ("auto", "light", "dark")


def render_pages(content: Content, settings: Settings, created: datetime) -> dict[str, str]:
    """Return every generated file of the site: relative path to text."""
    tables = make_tables(content, settings.task_order, settings.dataset_order)
    env = environment()
    stamp = set_up(env, settings, tables, created)

    def page(template: str, depth: int = 0, **values: Any) -> str:
        return env.get_template(template).render({"root": "../" * depth, **values})

    pages = {
        "index.html": page("index.html", **_index(content, settings, tables)),
        "methods.html": page(
            "methods.html", metrics=metric_groups(TASKS.values()), coverage=COVERAGE, conditions=CONDITIONS
        ),
        "submit.html": page("submit.html", datasets=content.datasets, columns=columns),
        "404.html": page("404.html", root=settings.base_path),
        "data/leaderboard.json": leaderboard_json(content, tables, stamp),
        "data/leaderboard.csv": leaderboard_csv(tables),
        "build.json": build_json(content, stamp),
        **content.copies,
    }
    for task in _tasks(tables):
        mine = [table for table in tables if table.task == task]
        pages[f"tasks/{task}.html"] = page("task.html", 1, task=TASKS[task], tables=mine)
    for key, model in content.models.items():
        mine_of = results_of(content, tables, key)
        profile = make_profile(model, mine_of, content.datasets)
        values = {"card": model, "sections": mine_of, "profile": profile, "levels": LEVELS}
        pages[f"models/{key}.html"] = page("model.html", 1, **values, coverage_help=COVERAGE)
    for key, dataset in content.datasets.items():
        about = [(table, beside(content, table)) for table in tables if table.dataset.key == key]
        pages[f"datasets/{key}.html"] = page("dataset.html", 1, card=dataset, tables=about, hull=_has_hull(dataset))
    for table in tables:
        if table.ranking and table.comparable:
            compared = pairs(table.ranking, _names(table), most=MOST_COMPARED)
            pages[f"compare/{table.id}.html"] = page("compare.html", 1, table=table, pairs=compared)
    return pages


def set_up(env: Environment, settings: Settings, tables: Sequence[Table], created: datetime) -> str:
    """Give the templates what all pages need, and return the time as it is printed."""
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    env.globals.update(
        settings=settings,
        created=stamp,
        version=__version__,
        suffixes=SUFFIXES,
        statuses=STATUSES,
        policy=POLICY,
        shown_first={key: shown_first(settings, task) for key, task in TASKS.items()},
        shown_tasks=[TASKS[task] for task in _tasks(tables)],
        has_results=bool(tables),
        short=SHORT,
        variants=VARIANTS,
    )
    return stamp


def environment() -> Environment:
    """Return the templates with autoescape on; an unknown variable is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.globals.update(
        METRICS=METRICS, TASKS=TASKS, verdict=verdict, charts=make_charts, colour_schemes=COLOUR_SCHEME, method=_method
    )
    env.filters.update(FILTERS, model_name=display_name)
    return env


def _method(task: Task) -> Markup:
    """The fragment of a task; it comes with installed code, so that it is trusted as code is."""
    return Markup(task.method.read_text(encoding="utf-8")) if task.method else Markup()


def metric_groups(tasks: Iterable[Task]) -> list[tuple[str, list[Metric]]]:
    """Return the metrics of each task that no task before it has, and what answers cost at the end."""
    groups: list[tuple[str, list[Metric]]] = []
    cost: dict[str, Metric] = {}
    seen: set[Metric] = set()
    for task in tasks:
        cost = {metric.key: metric for metric in task.metrics if metric.key in COST_METRICS} | cost
        own = [metric for metric in task.metrics if metric not in seen and cost.get(metric.key) != metric]
        seen.update(own)
        groups += [(task.title, own)] if own else []
    return [*groups, ("Cost", list(cost.values()))]


def _has_hull(dataset: DatasetCard) -> bool:
    return any(TASKS[task].scoring.hull for task in dataset.tasks if task in TASKS)


def _tasks(tables: Sequence[Table]) -> list[str]:
    return list(dict.fromkeys(table.task for table in tables))


def _index(content: Content, settings: Settings, tables: list[Table]) -> dict[str, Any]:
    entries = {row.result.entry for table in tables for row in table.ranked}
    rows = {key: sum(r.dataset == key for r in content.results) for key in content.datasets}
    lead = headline_table(tables, settings)
    return {
        "tables": tables,
        "lead": lead,
        "lead_rows": all_rows(lead.ranking) if lead else None,
        "models": content.models,
        "datasets": content.datasets,
        "n_entries": len(entries),
        "n_results": len(content.results),
        "rows_of": rows,
    }


def results_of(content: Content, tables: list[Table], key: str) -> list[dict[str, Any]]:
    """A model's results in the order of the board, each with its rank, flags and charts."""
    return [
        {
            "details": details,
            "sections": sections(details) if details else [],
            "evidence": _evidence_of(content, row.result),
            "result": row.result,
            "table": table,
            "row": row,
            "dataset": content.datasets[row.result.dataset],
            "variant": variant(row.result),
            "has_run": any(other.result.entry == key for other in table.rows),
            "badges": badges(row.result, table.dataset),
        }
        for table in tables
        for row in table.rows
        if row.result.model == key
        for details in [content.details.get((table.task, table.dataset.key, row.result.entry))]
    ]


@dataclass(frozen=True, slots=True)
class EvidenceSection:
    """What an evidence model learnt in one fold: a heat map of pairs, and graphs of explained alloys.

    Nothing is drawn of a file that was made of another model card or of other alloys.
    """

    found: EvidenceMap
    stale: bool
    heat: Plot | None = None
    graphs: tuple[Drawing, ...] = ()


def _evidence_of(content: Content, result: Result) -> EvidenceSection | None:
    """Heat map and graphs of a result, where a file of evidence about its dataset lies beside it."""
    found = content.evidence.get((result.dataset, result.entry))
    if found is None:
        return None
    if not found.fits(content.models[result.model], content.datasets[result.dataset]):
        return EvidenceSection(found, stale=True)
    graphs = tuple(evidence_graph(explained, i) for i, explained in enumerate(found.alloys) if explained.steps)
    return EvidenceSection(found, False, pair_map(found), graphs)


def beside(content: Content, table: Table) -> dict[str, Any]:
    """What stands below a table: part by part, curves of the best, every pair, all rows together."""
    found = [(row, content.details.get((table.task, table.dataset.key, row.result.entry))) for row in table.ranked]
    curves = overlay([(full_name(row), details.figures) for row, details in found if details is not None])
    return {
        "parts": part_by_part(table),
        "plots": draw_by_section(curves),
        "most_curves": MOST_CURVES,
        "pairs": pairs(table.ranking, _names(table)) if table.ranking else None,
        "all_rows": all_rows(table.ranking),
    }


def _names(table: Table) -> dict[str, str]:
    """Entry to printed name, best first, without references."""
    return {row.result.entry: full_name(row) for row in table.ranked}
