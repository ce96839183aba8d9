"""What changed from build to build: rows that came, went or changed, and places that moved only through others.

A site carries its own history, `data/history.json` (schema `matdisc.history/1`). A build compares the board with the
state that the file keeps, and adds an entry only where they differ; so the same board built twice has one history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import StringConstraints

from matdisc.canonical import canonical_json
from matdisc.leaderboard.schema.read import BoardFile
from matdisc.leaderboard.site.differences import Event, State, compare
from matdisc.scoring.record import Record
from matdisc.version import __version__

MOST_BUILDS = 500
MOST_BYTES = 2_000_000
"""Builds that a history keeps in full: the newest 500, or as many as fit into 2 MB; at least one."""

Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Build(Record):
    """A build that changed something; `rows`, `models` and `datasets` count what the board had after it."""

    number: int
    time: Time
    matdisc: str
    rows: int = 0
    models: int = 0
    datasets: int = 0
    first: bool = False
    events: tuple[Event, ...] = ()


class Older(Record):
    """What is left of the builds that a history no longer keeps."""

    builds: int
    events: int
    until: Time


class History(BoardFile):
    """Builds that changed something, newest first, and the state that the newest left; empty if nothing was built."""

    SCHEMA: ClassVar[str] = "matdisc.history/1"
    ADVICE: ClassVar[str] = "name another with --since, or begin a new one with `--since none`"

    id: UUID | None = None
    builds: tuple[Build, ...] = ()
    older: Older | None = None
    state: State | None = None

    def text(self) -> str:
        """Return the content of the file."""
        return canonical_json({"schema": self.SCHEMA, **self.model_dump(mode="json", exclude_defaults=True)})


def continued(previous: History, state: State, time: str) -> History:
    """Return the history with one build more if `state` differs from the last one, else with the same builds."""
    rows, models, datasets = len(state.rows), len(state.models), len(state.datasets)
    if previous.state is None or previous.id is None or not previous.builds:
        first = Build(number=1, time=time, matdisc=__version__, rows=rows, models=models, datasets=datasets, first=True)
        named = hashlib.sha256((time + state.model_dump_json()).encode()).digest()[:16]
        return History(id=UUID(bytes=named, version=5), builds=(first,), state=state)
    events = tuple(compare(previous.state, state))
    if not events:
        return previous.model_copy(update={"state": state})
    build = Build(
        number=previous.builds[0].number + 1,
        time=time,
        matdisc=__version__,
        rows=rows,
        models=models,
        datasets=datasets,
        events=events,
    )
    kept, older = _bounded((build, *previous.builds), previous.older)
    return History(id=previous.id, builds=kept, older=older, state=state)


def changes_of(history: History, model: str) -> list[tuple[Build, Event]]:
    """Return what happened to a model and its rows, newest first, each with its build."""
    return [
        (build, event)
        for build in history.builds
        for event in build.events
        if model == (event.key if event.kind.startswith("model ") else event.model)
    ]


def _bounded(builds: Sequence[Build], older: Older | None) -> tuple[tuple[Build, ...], Older | None]:
    """Return the newest builds within the limits, and a summary of all before them."""
    size, kept = 0, 0
    for build in builds[:MOST_BUILDS]:
        size += len(canonical_json(build.model_dump(mode="json", exclude_defaults=True)).encode())
        if kept and size > MOST_BYTES:
            break
        kept += 1
    gone = builds[kept:]
    if not gone:
        return tuple(builds), older
    found = Older(
        builds=len(gone) + (older.builds if older else 0),
        events=sum(len(build.events) for build in gone) + (older.events if older else 0),
        until=gone[0].time,
    )
    return tuple(builds[:kept]), found
