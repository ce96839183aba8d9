"""What every page is made from: a board's content, its tables, and the templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Macro
from markupsafe import Markup

from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.charts.intervals import make_charts
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.differences import state_of
from matdisc.leaderboard.site.filters import FILTERS
from matdisc.leaderboard.site.history import History, continued
from matdisc.leaderboard.site.paths import result_path
from matdisc.leaderboard.site.settings import Settings, shown_first
from matdisc.leaderboard.site.tables.board import SHORT, Table, make_tables
from matdisc.leaderboard.site.tables.cells import VARIANTS
from matdisc.leaderboard.site.tables.format import METRICS
from matdisc.leaderboard.site.verdict import verdict
from matdisc.predictions import SUFFIXES
from matdisc.schema import STATUSES
from matdisc.tasks import TASKS
from matdisc.tasks.task import Task
from matdisc.templates import CompiledOnce
from matdisc.version import __version__

TEMPLATES, ASSETS = (Path(__file__).parent / name for name in ("templates", "assets"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content security policy of every page, as meta tag and as header."""

COLOUR_SCHEME = ("auto", "light", "dark")
_COMPILED = CompiledOnce()


@dataclass(frozen=True, slots=True)
class Site:
    """A board about to be printed; `stamp` is the time as the pages say it."""

    content: Content
    settings: Settings
    tables: tuple[Table, ...]
    stamp: str
    env: Environment
    history: History

    def page(self, path: str, template: str, **values: Any) -> dict[str, str]:
        """Return one page: its path on the site to its text."""
        return {path: self.env.get_template(template).render({"root": "../" * path.count("/"), **values})}

    @property
    def tasks(self) -> list[str]:
        """Keys of the tasks that have results, in the order of the board."""
        return list(dict.fromkeys(table.task for table in self.tables))


def make_site(content: Content, settings: Settings, created: datetime, previous: History) -> Site:
    """Return the site of a board, ready for its pages; `previous` is the history that it goes on with."""
    tables = make_tables(content, settings.task_order, settings.dataset_order)
    env = environment()
    paged = {result_path(result) for result in content.results if content.tells_more(result)}
    stamp = set_up(env, settings, tables, created, paged)
    history = continued(previous, state_of(content, tables), stamp)
    return Site(content, settings, tuple(tables), stamp, env, history)


def set_up(
    env: Environment, settings: Settings, tables: Sequence[Table], created: datetime, paged: Set[str] = frozenset()
) -> str:
    """Give the templates what all pages need, and return the time as it is printed; `paged` results have a page."""
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    env.globals.update(
        settings=settings,
        created=stamp,
        version=__version__,
        suffixes=SUFFIXES,
        statuses=STATUSES,
        policy=POLICY,
        shown_first={key: shown_first(settings, task) for key, task in TASKS.items()},
        shown_tasks=[TASKS[task] for task in dict.fromkeys(table.task for table in tables)],
        has_results=bool(tables),
        short=SHORT,
        variants=VARIANTS,
        paged=paged,
        page_of=lambda result: _page_of(result, paged),
        once=_once(),
    )
    return stamp


def _page_of(result: Result, paged: Set[str]) -> str:
    """Where a result leads to: its page, else the table that has all there is to say."""
    path = result_path(result)
    return path if path in paged else f"tasks/{result.task}.html#s-{result.task}--{result.dataset}"


def _once() -> Callable[[Macro, Table, str], str]:
    """Return a function that calls a macro once for a table: the pages of a task and of a data set share it."""
    made: dict[tuple[str, str, str], str] = {}

    def called(macro: Macro, table: Table, root: str) -> str:
        key = (macro.name, table.id, root)
        if key not in made:
            made[key] = macro(table, root)
        return made[key]

    return called


def environment() -> Environment:
    """Return the templates with autoescape on; an unknown variable is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=_COMPILED,
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
