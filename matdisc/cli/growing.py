"""A board that grows while it is evaluated: rankings and site from time to time, and the leaders at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matdisc.board import Board
from matdisc.leaderboard.ranking import ranking_path, write_ranking
from matdisc.scoring.metric import show, show_interval
from matdisc.tasks import TASKS

if TYPE_CHECKING:
    from matdisc.leaderboard.site import History

SECONDS = 20.0
"""Least time between two builds of the site."""
SHARE = 0.1
"""Most of the time that goes into builds."""
WIDTH = 80


@dataclass
class GrowingSite:
    """Rankings and site of a board to which rows are added.

    Attributes:
        build: Whether there is a site.
        tables: Task and dataset of all rows that were added.
    """

    board: Board
    build: bool = True
    tables: list[tuple[str, str]] = field(default_factory=list)
    _unranked: set[tuple[str, str]] = field(default_factory=set)
    _since: History | None = None
    _next: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    def score(self, task: str, dataset: str, say: Callable[[str], None] = lambda line: None) -> None:
        """Score the predictions files of a table that have no result; rankings and site follow at times."""
        from matdisc.leaderboard.results import publish_new

        rows = publish_new(self.board, task, dataset)
        for row in rows:
            say(f"scored: {row} on {dataset} ({task})")
        self.add(task, dataset, changed=bool(rows) or not ranking_path(self.board, task, dataset).exists())
        self.refresh_at_times()

    def add(self, task: str, dataset: str, *, changed: bool = True) -> None:
        """Note that a table has a row, and whether its ranking has to be made anew."""
        if (task, dataset) not in self.tables:
            self.tables.append((task, dataset))
        if changed:
            self._unranked.add((task, dataset))

    def refresh_at_times(self) -> None:
        """Make rankings and site anew if the last time is long enough ago."""
        if self.build and time.monotonic() >= self._next:
            self.refresh()

    def begin(self, say: Callable[[str], None]) -> None:
        """Make rankings and site, and say where the site is that later rows are added to."""
        if page := self.refresh():
            say(f"site so far: {page}")

    def refresh(self) -> Path | None:
        """Make rankings and site anew, and return the site's first page; None where there is no site."""
        started = time.monotonic()
        for task, dataset in sorted(self._unranked):
            write_ranking(self.board, task, dataset)
        self._unranked.clear()
        page = self._build_site() if self.build else None
        ended = time.monotonic()
        self._next = ended + max(SECONDS, (ended - started) / SHARE)
        return page

    def _build_site(self) -> Path:
        """Build the site; all builds of one evaluation are one entry of its history."""
        from matdisc.leaderboard import site

        if self._since is None:
            self._since = site.history_of(self.board.site_dir)
        return site.build(self.board, since=self._since) / "index.html"


@contextmanager
def one_after_the_other() -> Iterator[Callable[..., None]]:
    """Yield a function that takes calls, which are done in their order beside the block; the block ends after them.

    A call's error is raised when the next one is given, or at the end. If the block fails, calls that have not begun
    are left out.
    """
    calls: list[Future[None]] = []
    with ThreadPoolExecutor(max_workers=1) as thread:

        def call(function: Callable[..., None], *arguments: object) -> None:
            while calls and calls[0].done():
                calls.pop(0).result()
            calls.append(thread.submit(function, *arguments))

        try:
            yield call
            for waiting in calls:
                waiting.result()
        finally:
            thread.shutdown(wait=False, cancel_futures=True)


def leaders(board: Board, tables: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each table, at most 80 columns wide: dataset, leader, score; above them task and metric.

    The leader has the best value of the task's headline metric; dummies lead only where there is nobody else.
    """
    rows = {table: row for table in sorted(tables, key=_as_on_the_site) if (row := _leader(board, *table))}
    if not rows:
        return []
    name, who, score = (max(map(len, column)) for column in zip(*rows.values(), strict=True))
    who = min(who, WIDTH - name - score - 6)
    lines: list[str] = []
    for (task, _), (dataset, leader, value) in rows.items():
        if (heading := _heading(task)) not in lines:
            lines.append(heading)
        lines.append(f"  {dataset:{name}}  {_shortened(leader, who):{who}}  {value}")
    return lines


def _heading(task: str) -> str:
    metric = TASKS[task].headline
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{task}: leaders by {metric.label}{unit} (95 % interval)"


def _as_on_the_site(table: tuple[str, str]) -> tuple[int, str]:
    return list(TASKS).index(table[0]), table[1]


def _leader(board: Board, task: str, dataset: str) -> tuple[str, str, str] | None:
    """Return dataset, entry and score with its interval; None where nobody has a score."""
    metric = TASKS[task].headline
    found: list[tuple[bool, float, str, dict[str, Any]]] = []
    for path in sorted((board.results_dir / task / dataset).glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        metric = TASKS[task].headline_of(result.get("baseline", {}))
        value = result["metrics"].get(metric.key) or {}
        if value.get("value") is not None:
            dummy = result["model"] in board.model_keys() and board.model(result["model"]).reference_row
            worse = -value["value"] if metric.better == "higher" else value["value"]
            found.append((dummy, worse, result["entry"], value))
    if not found:
        return None
    *_, entry, value = min(found, key=lambda row: row[:3])
    interval = show_interval(metric, value.get("low"), value.get("high"))
    other = "" if metric == TASKS[task].headline else f" {metric.label}"
    return dataset, entry, show(metric, value["value"]) + (f" ({interval})" if interval else "") + other


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
