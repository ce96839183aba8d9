"""Submissions as their teams see them: made, looked up, cancelled, withdrawn, reviewed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select

from matdisc.errors import ServiceError
from matdisc.service.settings import Quota
from matdisc.service.states import OPEN, WAITING, State
from matdisc.service.store.accounts import Token, record
from matdisc.service.store.database import Store, now
from matdisc.service.store.quota import QuotaExceeded, Usage, refuse_beyond, usage, used_by
from matdisc.service.store.rows import (
    Attempt,
    Event,
    Submission,
    as_submission,
    change,
    chosen,
    find,
    move,
    need,
    note,
)
from matdisc.service.store.tables import attempts as attempts_table
from matdisc.service.store.tables import events as events_table
from matdisc.service.store.tables import submissions, teams

__all__ = [
    "Attempt", "Event", "KeyReused", "NewSubmission", "NotPossible", "QuotaExceeded", "Submission", "Usage", "attempts",
    "cancel", "counts", "create", "events", "get", "listing", "position", "queue_age", "replayed", "review",
    "set_embargo", "usage", "withdraw",
]  # fmt: skip


class KeyReused(ServiceError):
    """An idempotency key came again with another request."""


class NotPossible(ServiceError):
    """The state of a submission does not allow it."""


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """What a request says; see the columns of `tables.submissions`."""

    task: str
    dataset: str
    kind: str
    model: str
    card: str
    request_sha256: str
    file_sha256: str | None = None
    file_suffix: str | None = None
    file_bytes: int = 0
    private: bool = False
    embargo_until: float | None = None
    webhook: str | None = None
    idempotency_key: str | None = None


def create(store: Store, token: Token, new: NewSubmission, quota: Quota) -> tuple[Submission, bool]:
    """Return a new submission and False, or the one that this idempotency key has made before and True.

    Raises:
        KeyReused: If the key came before with another request.
        QuotaExceeded: If the team has used up a limit.
    """
    with store.begin() as connection:  # one at a time for a team, lest two pass the same quota or key
        connection.execute(select(teams.c.id).where(teams.c.id == token.team_id).with_for_update())
        if (before := _of_key(connection, token.id, new.idempotency_key)) is not None:
            if before.request_sha256 != new.request_sha256:
                raise KeyReused(
                    f"idempotency key {new.idempotency_key!r} was used for another request; use a new key for this one"
                )
            return before, True
        time = now(connection)
        used = used_by(connection, token.team_id, new.dataset, quota, time)
        refuse_beyond(used, new.dataset, new.file_bytes, quota, time)
        fields = {name: getattr(new, name) for name in NewSubmission.__slots__}
        fields |= {"id": f"sub_{secrets.token_hex(10)}", "team_id": token.team_id, "token_id": token.id}
        fields |= {"state": State.RECEIVED, "created": time, "updated": time}
        connection.execute(submissions.insert().values(fields))
        note(connection, str(fields["id"]), time, State.RECEIVED)
        record(connection, token.id, "submit", str(fields["id"]), f"{new.task} on {new.dataset} by {new.model}")
        return need(connection, str(fields["id"])), False


def replayed(store: Store, token: Token, idempotency_key: str | None) -> Submission | None:
    """Return the submission that a key has made before, if any."""
    with store.read() as connection:
        return _of_key(connection, token.id, idempotency_key)


def get(store: Store, submission: str) -> Submission | None:
    """Return a submission; None if there is none of this id."""
    with store.read() as connection:
        return find(connection, submission)


def listing(
    store: Store,
    *,
    team_id: str | None = None,
    states: Sequence[State] = (),
    task: str | None = None,
    dataset: str | None = None,
    limit: int = 50,
    before: str | None = None,
) -> list[Submission]:
    """Return submissions, the newest first; `before` is the id of the last one of the page before."""
    query = chosen().order_by(submissions.c.created.desc(), submissions.c.id.desc()).limit(limit)
    wanted = {"team_id": team_id, "task": task, "dataset": dataset}
    query = query.where(*(submissions.c[name] == value for name, value in wanted.items() if value is not None))
    if states:
        query = query.where(submissions.c.state.in_(states))
    with store.read() as connection:
        if before is not None and (last := find(connection, before)) is not None:
            query = query.where(
                or_(
                    submissions.c.created < last.created,
                    and_(submissions.c.created == last.created, submissions.c.id < last.id),
                )
            )
        return [as_submission(row) for row in connection.execute(query)]


def cancel(store: Store, submission: str, who: str) -> Submission:
    """Cancel at once what waits; what is at work is cancelled by its worker.

    Raises:
        NotPossible: If it has ended.
    """
    with store.begin() as connection:
        found = need(connection, submission, lock=True)
        if found.state not in OPEN:
            raise NotPossible(f"submission {submission} has ended ({found.state}); there is nothing to cancel")
        record(connection, who, "cancel", submission)
        if found.state in WAITING:
            move(connection, found, State.CANCELLED, now(connection), reason="cancelled by its team")
        else:
            change(connection, submission, cancel_requested=True)
        return need(connection, submission)


def withdraw(store: Store, submission: str, who: str) -> Submission:
    """Withdraw a result: at once, or when a worker has taken it from the board.

    Raises:
        NotPossible: If there is no result.
    """
    with store.begin() as connection:
        found = need(connection, submission, lock=True)
        if found.state == State.WITHDRAWN:
            return found
        if found.state not in (State.SUCCEEDED, State.PUBLISHED):
            remedy = "cancel it" if found.state in OPEN else "there is nothing to withdraw"
            raise NotPossible(f"submission {submission} has no result ({found.state}); {remedy}")
        record(connection, who, "withdraw", submission)
        change(connection, submission, withdraw_requested=True)
        if found.state == State.SUCCEEDED and found.lease_worker is None:
            move(connection, found, State.WITHDRAWN, now(connection), reason="withdrawn by its team")
        return need(connection, submission)


def set_embargo(store: Store, submission: str, until: float | None, who: str) -> Submission:
    """Say when a result may be published at the earliest, seconds since 1970; None for as soon as it is there.

    Raises:
        NotPossible: If it is published or has ended without a result.
    """
    with store.begin() as connection:
        found = need(connection, submission, lock=True)
        if found.state not in (*OPEN, State.SUCCEEDED):
            raise NotPossible(f"submission {submission} is {found.state}; an embargo is set before publication")
        record(connection, who, "embargo", submission, str(until))
        change(connection, submission, embargo_until=until)
        return need(connection, submission)


def review(store: Store, submission: str, decision: str, who: str, reason: str = "") -> Submission:
    """Let a maintainer approve or decline the publication of a result.

    Raises:
        NotPossible: If there is no result that waits for publication.
    """
    if decision not in ("approved", "declined"):
        raise ServiceError(f"decision {decision!r}: is none; give 'approved' or 'declined'")
    with store.begin() as connection:
        found = need(connection, submission, lock=True)
        if found.state != State.SUCCEEDED:
            raise NotPossible(f"submission {submission} is {found.state}; a review is of a result before publication")
        record(connection, who, f"review: {decision}", submission, reason)
        text = f"publication {decision}" + (f": {reason}" if reason else "")
        change(connection, submission, review=decision, reason=text if decision == "declined" else None)
        note(connection, submission, now(connection), found.state, text)
        return need(connection, submission)


def position(store: Store, submission: str) -> int | None:
    """Return how many submissions wait before this one; None if it does not wait."""
    with store.read() as connection:
        found = find(connection, submission)
        if found is None or found.state not in WAITING:
            return None
        before = select(func.count()).where(submissions.c.state.in_(WAITING), submissions.c.created < found.created)
        return int(connection.execute(before).scalar_one())


def attempts(store: Store, submission: str) -> list[Attempt]:
    """Return the attempts at a submission, the first one first."""
    table = attempts_table.c
    columns = (table.number, table.worker, table.started, table.ended, table.outcome, table.reason)
    query = select(*columns).where(table.submission_id == submission).order_by(table.number)
    with store.read() as connection:
        return [Attempt(*row) for row in connection.execute(query)]


def events(store: Store, submission: str, after: int = 0, limit: int = 100) -> list[Event]:
    """Return the steps of a submission after the one of the id `after`, in order."""
    table = events_table.c
    query = select(table.id, table.at, table.state, table.text).where(
        table.submission_id == submission, table.id > after
    )
    with store.read() as connection:
        return [Event(*row) for row in connection.execute(query.order_by(table.id).limit(limit))]


def counts(store: Store) -> dict[str, int]:
    """Return how many submissions are in each state."""
    query = select(submissions.c.state, func.count()).group_by(submissions.c.state)
    with store.read() as connection:
        known = {str(state): int(n) for state, n in connection.execute(query)}
    return {state.value: known.get(state.value, 0) for state in State}


def queue_age(store: Store) -> float:
    """Return how long the oldest waiting submission has waited, seconds; 0 if none waits."""
    with store.read() as connection:
        oldest = connection.execute(
            select(func.min(submissions.c.created)).where(submissions.c.state.in_(WAITING))
        ).scalar()
        return 0.0 if oldest is None else max(0.0, now(connection) - float(oldest))


def _of_key(connection: Connection, token: str, key: str | None) -> Submission | None:
    if key is None:
        return None
    query = chosen().where(submissions.c.token_id == token, submissions.c.idempotency_key == key)
    row = connection.execute(query).one_or_none()
    return None if row is None else as_submission(row)
