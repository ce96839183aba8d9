"""From content to pages: which templates there are, and what each is given."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import matdisc
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.charts.curves import model_plots, overlay_plots
from matdisc.leaderboard.site.charts.figures import measured_plots, text_sheets
from matdisc.leaderboard.site.charts.intervals import make_charts
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.export import build_json, leaderboard_csv, leaderboard_json
from matdisc.leaderboard.site.filters import FILTERS
from matdisc.leaderboard.site.fold_sections import EvidenceSection, belief_board, belief_section, evidence_section
from matdisc.leaderboard.site.settings import Settings, shown_first
from matdisc.leaderboard.site.tables.all_rows import all_rows
from matdisc.leaderboard.site.tables.board import SHORT, Row, Table, full_name, make_tables
from matdisc.leaderboard.site.tables.cells import VARIANTS, badges, variant
from matdisc.leaderboard.site.tables.folds import Named
from matdisc.leaderboard.site.tables.format import COVERAGE, METRICS
from matdisc.leaderboard.site.tables.ranking import MOST_COMPARED, at_k, pairs
from matdisc.leaderboard.site.tables.slices import periodic, slice_tables
from matdisc.leaderboard.site.verdict import headline_table, verdict
from matdisc.predictions import SUFFIXES
from matdisc.schema import STATUSES
from matdisc.scoring.metric import Metric
from matdisc.scoring.stability_metrics import STABILITY
from matdisc.tasks import TASKS

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content security policy of every page, as meta tag and as header."""

COLOUR_SCHEME = ("auto", "light", "dark")


def render_pages(content: Content, settings: Settings, created: datetime) -> dict[str, str]:
    """Return every generated file of the site: relative path to text."""
    tables = make_tables(content, settings.task_order, settings.dataset_order)
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    env = environment()
    env.globals.update(
        settings=settings,
        created=stamp,
        version=matdisc.__version__,
        suffixes=SUFFIXES,
        statuses=STATUSES,
        policy=POLICY,
        shown_first={key: shown_first(settings, task) for key, task in TASKS.items()},
        shown_tasks=[TASKS[task] for task in _tasks(tables)],
        has_results=bool(tables),
        short=SHORT,
        variants=VARIANTS,
    )

    def page(template: str, depth: int = 0, **values: Any) -> str:
        return env.get_template(template).render({"root": "../" * depth, **values})

    pages = {
        "index.html": page("index.html", **_index(content, settings, tables)),
        "methods.html": page("methods.html", metrics=metric_groups(), coverage=COVERAGE),
        "submit.html": page("submit.html", datasets=content.datasets),
        "404.html": page("404.html", root=settings.base_path),
        "data/leaderboard.json": leaderboard_json(content, tables, stamp),
        "data/leaderboard.csv": leaderboard_csv(tables),
        "build.json": build_json(content, stamp),
        **content.copies,
    }
    for task in _tasks(tables):
        mine = [table for table in tables if table.task == task]
        pages[f"tasks/{task}.html"] = page("task.html", 1, task=task, tables=mine)
    for key, model in content.models.items():
        mine_of = _results_of(content, tables, key)
        pages[f"models/{key}.html"] = page("model.html", 1, card=model, sections=mine_of, coverage_help=COVERAGE)
    for key, dataset in content.datasets.items():
        about = [(table, _beside(content, table)) for table in tables if table.dataset.key == key]
        pages[f"datasets/{key}.html"] = page("dataset.html", 1, card=dataset, tables=about)
    for table in tables:
        if table.ranking and table.comparable:
            compared = pairs(table.ranking, _names(table), most=MOST_COMPARED)
            pages[f"compare/{table.id}.html"] = page("compare.html", 1, table=table, pairs=compared)
    return pages


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
    env.globals.update(METRICS=METRICS, TASKS=TASKS, verdict=verdict, charts=make_charts, colour_schemes=COLOUR_SCHEME)
    env.filters.update(FILTERS, model_name=display_name)
    return env


def metric_groups() -> list[tuple[str, list[Metric]]]:
    """Metrics in groups: of verdicts on stability, and alone of structures, of beliefs, and of tasks that measure."""
    structures = [metric for task in TASKS.values() if task.structures for metric in task.metrics]
    beliefs = [metric for task in TASKS.values() if task.beliefs for metric in task.metrics]
    measured = {task.title: task.metrics for task in TASKS.values() if task.measured}
    others = [*structures, *beliefs, *(metric for metrics in measured.values() for metric in metrics)]
    verdicts = [metric for metric in METRICS.values() if metric not in others]
    shared = [metric for metric in METRICS.values() if metric in structures and metric in STABILITY]
    groups = {"Relaxed structures": structures, "Beliefs about alloys": beliefs, **measured}
    own = [
        (title, [metric for metric in dict.fromkeys(found) if metric not in STABILITY])
        for title, found in groups.items()
    ]
    return [("Stable or not", verdicts), *own, ("Cost", shared)]


def _tasks(tables: list[Table]) -> list[str]:
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


def _results_of(content: Content, tables: list[Table], key: str) -> list[dict[str, Any]]:
    """A model's results in the order of the board, each with its rank, flags and charts."""
    return [
        {
            **_charts_of(content, row),
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
    ]


def _evidence_of(content: Content, result: Result) -> EvidenceSection | None:
    """Heat map and graphs of a result of beliefs, where a file of evidence lies beside it."""
    found = content.evidence.get((result.dataset, result.entry)) if TASKS[result.task].beliefs else None
    if found is None:
        return None
    fits = found.fits(content.models[result.model], content.datasets[result.dataset])
    return evidence_section(found, stale=not fits)


def _charts_of(content: Content, row: Row) -> dict[str, Any]:
    """Charts, slices and the table of precision among the first k of one result, as far as there are details."""
    r = row.result
    details = content.details.get((r.task, r.dataset, r.entry))
    if details is None:
        return {"details": None, "plots": [], "periodic": None, "slices": [], "beliefs": None, "sheets": []}
    elements = details.slices.get("element")
    return {
        "details": details,
        "plots": [*model_plots(details), *measured_plots(details.figures)],
        "sheets": text_sheets(details.tables),
        "periodic": periodic(elements) if elements else None,
        "slices": slice_tables(details),
        "beliefs": belief_section(details, r, TASKS[r.task], _entry_names(content)),
    }


def _beside(content: Content, table: Table) -> dict[str, Any]:
    """What a dataset's page shows below a table: curves of the best, the first k of all, every pair."""
    found = [(row, content.details.get((table.task, table.dataset.key, row.result.entry))) for row in table.rows]
    named = [(full_name(row), details) for row, details in found if details is not None]
    best = [(full_name(row), details) for row, details in found if details is not None and not row.reference]
    beliefs = [
        Named(full_name(row), row.card.key, row.reference, details) for row, details in found if details is not None
    ]
    return {
        "beliefs": belief_board(beliefs, TASKS[table.task], _entry_names(content)),
        "plots": overlay_plots(best),
        "n_curves": len(best),
        "at_k": at_k(named),
        "pairs": pairs(table.ranking, _names(table)) if table.ranking else None,
        "all_rows": all_rows(table.ranking),
    }


def _entry_names(content: Content) -> dict[str, str]:
    """Entry to printed name, for those that bear their model's name."""
    return {key: display_name(card) for key, card in content.models.items()}


def _names(table: Table) -> dict[str, str]:
    """Entry to printed name, best first, without references."""
    return {row.result.entry: full_name(row) for row in table.ranked}
