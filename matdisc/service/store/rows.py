"""Rows of the table of submissions, and the one way in which they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from matdisc.errors import ServiceError
from matdisc.service.states import LEASED, NEXT, OPEN, State
from matdisc.service.store.database import now
from matdisc.service.store.tables import deliveries, submissions, teams
from matdisc.service.store.tables import events as events_table


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as it lies in the database, with its team's name; see the columns of `tables.submissions`."""

    id: str
    team_id: str
    token_id: str
    idempotency_key: str | None
    request_sha256: str
    task: str
    dataset: str
    kind: str
    model: str
    card: str
    file_sha256: str | None
    file_suffix: str | None
    file_bytes: int
    private: bool
    embargo_until: float | None
    webhook: str | None
    state: State
    reason: str | None
    progress: dict[str, Any] | None
    created: float
    updated: float
    validated: float | None
    finished: float | None
    not_before: float
    cancel_requested: bool
    attempt: int
    lease_worker: str | None
    lease_until: float | None
    result_key: str | None
    cached: bool
    review: str
    published: float | None
    withdraw_requested: bool
    team: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a worker's; `outcome` is empty while it goes on."""

    number: int
    worker: str
    started: float
    ended: float | None
    outcome: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a submission."""

    id: int
    at: float
    state: str
    text: str | None


def chosen() -> Select[Any]:
    """The query of all columns of `Submission`."""
    return select(submissions, teams.c.name.label("team")).join(teams, teams.c.id == submissions.c.team_id)


def as_submission(row: Row[Any]) -> Submission:
    """Return a row of `chosen`."""
    fields = dict(row._mapping)
    return Submission(**fields | {"state": State(fields["state"])})


def find(connection: Connection, submission: str, *, lock: bool = False) -> Submission | None:
    """Return a submission within a transaction; `lock` keeps others from changing it until the end of that."""
    query = chosen().where(submissions.c.id == submission)
    row = connection.execute(query.with_for_update(of=submissions) if lock else query).one_or_none()
    return None if row is None else as_submission(row)


def need(connection: Connection, submission: str, *, lock: bool = False) -> Submission:
    """As `find`.

    Raises:
        ServiceError: If there is none of this id.
    """
    found = find(connection, submission, lock=lock)
    if found is None:
        raise ServiceError(f"submission {submission!r}: there is none of this id")
    return found


def change(connection: Connection, submission: str, **values: Any) -> None:
    """Change columns of a submission."""
    connection.execute(
        submissions.update().where(submissions.c.id == submission).values(updated=now(connection), **values)
    )


def move(
    connection: Connection, found: Submission, state: State, time: float, reason: str | None = None, **values: Any
) -> None:
    """Take a submission to its next state, with an event, and a call of its webhook where it rests there.

    Raises:
        ValueError: If that state cannot follow: a bug.
    """
    if state not in NEXT[found.state]:
        raise ValueError(f"{found.id}: {state} cannot follow {found.state}")
    leased = state in LEASED
    rests = state not in OPEN
    if not leased:
        values |= {"lease_worker": None, "lease_until": None, "progress": None}
    if rests and found.finished is None:
        values["finished"] = time
    change(connection, found.id, state=state, reason=reason, **values)
    note(connection, found.id, time, state, reason)
    if rests and found.webhook:
        connection.execute(
            deliveries.insert().values(submission_id=found.id, state=state, created=time, not_before=time, tries=0)
        )


def note(connection: Connection, submission: str, time: float, state: State, text: str | None = None) -> None:
    """Add an event."""
    connection.execute(events_table.insert().values(submission_id=submission, at=time, state=state, text=text))
