"""The state of a board in short, and what differs between two: rows, models and data sets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from matdisc.cards import model_hash
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.tables.board import Row, Table, full_name
from matdisc.scoring.record import Record, Value

Kind = Literal[
    "added", "withdrawn", "changed", "moved", "rescored",
    "model added", "model withdrawn", "dataset added", "dataset withdrawn", "dataset changed",
]  # fmt: skip
Cause = Literal["predictions", "labels", "card", "version", "metric"]


class Standing(Record):
    """A row's value of the metric that its table is sorted by, and the places it may hold; None is undefined."""

    metric: str
    value: float | None = None
    best: int | None = None
    worst: int | None = None


class RowState(Record):
    """A row as it was, with hashes of all that its numbers come from."""

    model: str
    name: str
    standing: Standing
    predictions: str | None = None
    labels: str | None = None
    card: str | None = None
    version: str | None = None


class Named(Record):
    """A model or data set: its printed name and the hash on its card."""

    name: str
    sha256: str | None = None


class State(Record):
    """A board at one time; rows by `task/dataset/entry`."""

    rows: dict[str, RowState] = Field(default_factory=dict)
    models: dict[str, Named] = Field(default_factory=dict)
    datasets: dict[str, Named] = Field(default_factory=dict)


class Event(Record):
    """One change.

    `key` is `task/dataset/entry` of a row, or the key of a model or data set. A row is `changed` if its value or what
    it was made of is another, `moved` if only its place is. `rescored` counts rows that another version of matdisc
    gave the same value.
    """

    kind: Kind
    key: str = ""
    model: str = ""
    name: str = ""
    before: Standing | None = None
    after: Standing | None = None
    causes: tuple[Cause, ...] = ()
    count: int = 0

    @property
    def table(self) -> str:
        """Task and dataset of a row's event, `task/dataset`; else empty."""
        return self.key.rpartition("/")[0]


def state_of(content: Content, tables: Sequence[Table]) -> State:
    """Return what a later build is compared with."""
    models = {key: Named(name=display_name(card), sha256=model_hash(card)) for key, card in content.models.items()}
    return State(
        rows={
            f"{table.task}/{table.dataset.key}/{row.result.entry}": _row(row, metric, models[row.card.key].sha256)
            for table in tables
            for metric in [table.headline.key]
            for row in table.rows
        },
        models=models,
        datasets={key: Named(name=card.title, sha256=card.sha256) for key, card in content.datasets.items()},
    )


def compare(before: State, now: State) -> Iterator[Event]:
    """Yield the changes from one state to another, in a fixed order."""
    yield from _cards("model", before.models, now.models)
    yield from _cards("dataset", before.datasets, now.datasets)
    rescored = 0
    for key in sorted(before.rows.keys() | now.rows.keys()):
        old, new = before.rows.get(key), now.rows.get(key)
        row = before.rows[key] if new is None else new
        causes = _causes(old, new) if old and new else ()
        kind = _kind(old, new, causes)
        rescored += kind != "changed" and "version" in causes
        if kind is not None:
            yield Event(
                kind=kind,
                key=key,
                model=row.model,
                name=row.name,
                before=old.standing if old else None,
                after=new.standing if new else None,
                causes=causes if kind == "changed" else (),
            )
    if rescored:
        yield Event(kind="rescored", count=rescored)


def _row(row: Row, metric: str, card: str | None) -> RowState:
    made = row.result.provenance
    return RowState(
        model=row.card.key,
        name=full_name(row),
        standing=Standing(
            metric=metric,
            value=(row.result.value(metric) or Value()).value,
            best=row.rank.best if row.rank else None,
            worst=row.rank.worst if row.rank else None,
        ),
        predictions=made.predictions_sha256,
        labels=made.dataset_sha256,
        card=card,
        version=made.matdisc,
    )


def _cards(what: Literal["model", "dataset"], before: dict[str, Named], now: dict[str, Named]) -> Iterator[Event]:
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old is None and new is not None:
            yield Event(kind="model added" if what == "model" else "dataset added", key=key, name=new.name)
        elif new is None and old is not None:
            yield Event(kind="model withdrawn" if what == "model" else "dataset withdrawn", key=key, name=old.name)
        elif what == "dataset" and old and new and old.sha256 != new.sha256:
            yield Event(kind="dataset changed", key=key, name=new.name)


def _causes(old: RowState, new: RowState) -> tuple[Cause, ...]:
    other: dict[Cause, bool] = {
        "predictions": old.predictions != new.predictions,
        "labels": old.labels != new.labels,
        "card": old.card != new.card,
        "version": old.version != new.version,
        "metric": old.standing.metric != new.standing.metric,
    }
    return tuple(cause for cause, differs in other.items() if differs)


def _kind(old: RowState | None, new: RowState | None, causes: Sequence[Cause]) -> Kind | None:
    if old is None or new is None:
        return "added" if old is None else "withdrawn"
    if set(causes) - {"version"} or not _same(old.standing.value, new.standing.value):
        return "changed"
    places = [(row.standing.best, row.standing.worst) for row in (old, new)]
    return "moved" if places[0] != places[1] else None


def _same(old: float | None, new: float | None) -> bool:
    """Whether two values are equal up to float noise."""
    if old is None or new is None:
        return old is new
    return math.isclose(old, new, rel_tol=1e-9, abs_tol=1e-12)
