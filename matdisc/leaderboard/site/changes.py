"""A build of the history in words: what came, went and changed, table by table, and whose place moved only for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.differences import Event, Standing
from matdisc.leaderboard.site.history import Build
from matdisc.leaderboard.site.tables.format import METRICS
from matdisc.leaderboard.site.tables.ranks import Rank
from matdisc.scoring.metric import show
from matdisc.tasks import TASKS

MOST_ROWS = 60
"""Rows of one table that a page lists for one build."""
MOST_NAMED = 3
"""Rows that are named as the reason for a move, of those added, withdrawn and changed each."""
ORDER = ("added", "withdrawn", "changed", "moved")
CAUSES = {
    "predictions": "other predictions",
    "labels": "other labels",
    "card": "other model card",
    "version": "another version of matdisc",
    "metric": "ranked by another metric",
}
CARDS = {
    "model added": "Models added",
    "model withdrawn": "Models withdrawn",
    "dataset added": "Data sets added",
    "dataset withdrawn": "Data sets withdrawn",
    "dataset changed": "Data sets with other labels",
}


class Move(NamedTuple):
    """Where a place went: a sign, and the word for it."""

    sign: str
    word: str


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row of a table of changes, ready to be printed; `href` is the path of its page on the site, if it has one."""

    name: str
    href: str | None
    what: str
    value: str
    place: str
    move: Move | None
    why: str

    @property
    def sentence(self) -> str:
        """The row in one line, for a feed."""
        place = f"{self.place} ({self.move.word})" if self.move else self.place
        return "; ".join([self.value, f"place {place}", self.why])


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What a build changed in one table; `left_out` counts the rows that are not listed."""

    title: str
    href: str | None
    id: str
    metric: str
    rows: tuple[RowChange, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Changes:
    """A build as a page and the feed show it; `cards` are names and pages of models and data sets."""

    number: int
    time: str
    matdisc: str
    summary: str
    cards: dict[str, list[tuple[str, str | None]]]
    tables: tuple[TableChanges, ...]


def changes_in(build: Build, content: Content) -> Changes:
    """Return what a build changed; links lead only to pages of models and data sets that the board still has."""
    cards: dict[str, list[tuple[str, str | None]]] = {}
    tables: dict[str, list[Event]] = {}
    for event in build.events:
        if event.kind in ORDER:
            tables.setdefault(event.table, []).append(event)
        elif event.kind in CARDS:
            cards.setdefault(CARDS[event.kind], []).append((event.name, _page(content, event)))
    found = tuple(_table(place, events, content) for place, events in sorted(tables.items(), key=_as_on_the_board))
    return Changes(build.number, build.time, build.matdisc, summary(build), cards, found)


def summary(build: Build) -> str:
    """Return a build in one sentence.

    >>> summary(Build(number=1, time="2026-01-01T00:00:00Z", matdisc="0.1.0", rows=8, models=2, datasets=1, first=True))
    'First build: 8 rows of 2 models on 1 data set.'
    """
    if build.first:
        rows, models = _count(build.rows, "row"), _count(build.models, "model")
        return f"First build: {rows} of {models} on {_count(build.datasets, 'data set')}."
    kinds = [event.kind for event in build.events]
    counts = [(kinds.count(kind), kind) for kind in ORDER if kind in kinds]
    told = [f"{n:,} {kind}" if i else f"{_count(n, 'row')} {kind}" for i, (n, kind) in enumerate(counts)]
    for kind in ("model added", "model withdrawn", "dataset added", "dataset withdrawn", "dataset changed"):
        noun, _, done = kind.replace("dataset", "data set").rpartition(" ")
        told += [f"{_count(kinds.count(kind), noun)} {done}"] if kind in kinds else []
    again = sum(event.count for event in build.events if event.kind == "rescored")
    told += [f"{_count(again, 'row')} scored by another version of matdisc with the same value"] if again else []
    return f"{', '.join(told)}."


def _table(place: str, events: Sequence[Event], content: Content) -> TableChanges:
    task, _, dataset = place.partition("/")
    title = f"{TASKS[task].title if task in TASKS else task} · "
    title += content.datasets[dataset].title if dataset in content.datasets else dataset
    known = any(result.task == task and result.dataset == dataset for result in content.results)
    metrics = {_label(standing.metric) for event in events for standing in (event.before, event.after) if standing}
    order = sorted(events, key=lambda event: (ORDER.index(event.kind), _standing(event), event.name))
    return TableChanges(
        title=title,
        href=f"datasets/{dataset}.html" if known else None,
        id=f"{task}--{dataset}",
        metric=metrics.pop() if len(metrics) == 1 else "Headline",
        rows=tuple(_row(event, events, content) for event in order[:MOST_ROWS]),
        left_out=max(0, len(order) - MOST_ROWS),
    )


def _row(event: Event, events: Sequence[Event], content: Content) -> RowChange:
    old, new = event.before, event.after
    both = old is not None and new is not None
    values = [_value(standing, named=both and old.metric != new.metric) for standing in (old, new) if standing]  # type: ignore[union-attr]
    places = [_place(standing) for standing in (old, new) if standing]
    return RowChange(
        name=event.name,
        href=_page(content, event),
        what=event.kind,
        value=_arrow(values),
        place=_arrow(places),
        move=_move(old, new),
        why=_why(event, events),
    )


def _why(event: Event, events: Sequence[Event]) -> str:
    if event.kind == "changed":
        return "changed: " + (", ".join(CAUSES[cause] for cause in event.causes) or "scored in another way")
    old, new = event.before, event.after
    if event.kind != "moved" or old is None or new is None:
        return event.kind
    causes = [other for other in events if other.kind in ORDER[:3] and _pushes(other, old, new)]
    told = [_names([other.name for other in causes if other.kind == kind], kind) for kind in ORDER[:3]]
    return "; ".join(filter(None, told)) or "ranking computed anew"


def _names(names: Sequence[str], done: str) -> str:
    """Who was added, withdrawn or changed; empty where nobody was."""
    more = len(names) - MOST_NAMED
    verb = "" if done == "changed" else "was " if len(names) == 1 else "were "
    who = ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{who} {verb}{done}" if names else ""


def _pushes(other: Event, before: Standing, after: Standing) -> bool:
    """Whether another row came over, beside or under one that moved, in the direction that it moved to.

    A row that cannot be told apart stands beside it; one that is below, or absent, has no say in its place.
    """
    risen = _height(other.after, after) - _height(other.before, before)
    move = _move(before, after)
    return risen < 0 if move and move.word == "up" else risen > 0 if move and move.word == "down" else risen != 0


def _height(other: Standing | None, row: Standing) -> int:
    """2 above a row, 1 beside it, 0 below or absent or without place."""
    if other is None or None in (other.best, other.worst, row.best, row.worst):
        return 0
    return 2 if (other.worst or 0) < (row.best or 0) else 0 if (other.best or 0) > (row.worst or 0) else 1


def _move(old: Standing | None, new: Standing | None) -> Move | None:
    """Which way a place went; None where it did not, or is undefined before or after."""
    if old is None or new is None or None in (old.best, old.worst, new.best, new.worst):
        return None
    before, after = (old.best or 0, old.worst or 0), (new.best or 0, new.worst or 0)
    if before == after:
        return None
    if sum(before) != sum(after):
        return Move("▲", "up") if sum(after) < sum(before) else Move("▼", "down")
    return Move("↔", "wider") if after[0] < before[0] else Move("›‹", "narrower")


def _arrow(texts: Sequence[str]) -> str:
    """Before and after, once where they are the same."""
    return " → ".join(dict.fromkeys(texts))


def _value(standing: Standing, named: bool) -> str:
    metric = METRICS.get(standing.metric)
    text = show(metric, standing.value) if metric else "–" if standing.value is None else f"{standing.value:.4g}"
    return f"{_label(standing.metric)} {text}" if named else text


def _place(standing: Standing) -> str:
    known = standing.best is not None and standing.worst is not None
    return Rank(standing.best, standing.worst).text if known else "–"  # type: ignore[arg-type]


def _label(metric: str) -> str:
    return METRICS[metric].label if metric in METRICS else metric


def _page(content: Content, event: Event) -> str | None:
    """The page that an event is about; None where the board no longer has it."""
    if event.kind.startswith("dataset"):
        return f"datasets/{event.key}.html" if event.key in content.datasets else None
    model = event.key if event.kind.startswith("model") else event.model
    return f"models/{model}.html" if model in content.models else None


def _standing(event: Event) -> tuple[int, int]:
    """For the order of rows: best places first, rows without place last."""
    last = 10**9
    found = event.after or event.before
    return ((found.best or last), (found.worst or last)) if found else (last, last)


def _as_on_the_board(item: tuple[str, Iterable[Event]]) -> tuple[int, str]:
    task = item[0].partition("/")[0]
    return (list(TASKS).index(task) if task in TASKS else len(TASKS)), item[0]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
