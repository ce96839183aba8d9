"""What is to go to the board or from it, who may write there, and which webhooks are to be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update

from matdisc.service.states import State
from matdisc.service.store.database import Store, now
from matdisc.service.store.rows import Submission, as_submission, chosen, find, move
from matdisc.service.store.tables import deliveries, locks, submissions


@dataclass(frozen=True, slots=True)
class Delivery:
    """A call of a webhook that is due; `tries` have failed before."""

    id: int
    submission_id: str
    url: str
    state: str
    tries: int


def to_publish(store: Store, *, moderation: bool) -> list[Submission]:
    """Return the results that may be published now, the oldest first."""
    wanted = submissions.c.review == "approved" if moderation else submissions.c.review.in_(("none", "approved"))
    with store.read() as connection:
        free = or_(submissions.c.embargo_until.is_(None), submissions.c.embargo_until <= now(connection))
        query = chosen().where(submissions.c.state == State.SUCCEEDED, ~submissions.c.private, wanted, free)
        query = query.where(~submissions.c.withdraw_requested).order_by(submissions.c.finished)
        return [as_submission(row) for row in connection.execute(query)]


def to_withdraw(store: Store) -> list[Submission]:
    """Return the published results that their teams have withdrawn."""
    query = chosen().where(submissions.c.state == State.PUBLISHED, submissions.c.withdraw_requested)
    with store.read() as connection:
        return [as_submission(row) for row in connection.execute(query.order_by(submissions.c.updated))]


def set_published(store: Store, submission: str) -> bool:
    """Note that a result is on the board; False if it was withdrawn meanwhile and has to be taken off again."""
    with store.begin() as connection:
        found = find(connection, submission, lock=True)
        if found is None or found.state != State.SUCCEEDED:
            return found is not None and found.state == State.PUBLISHED
        time = now(connection)
        move(connection, found, State.PUBLISHED, time, published=time)
        return True


def set_withdrawn(store: Store, submission: str) -> bool:
    """Note that a result is off the board; False if it was not there."""
    with store.begin() as connection:
        found = find(connection, submission, lock=True)
        if found is None or found.state != State.PUBLISHED:
            return False
        move(connection, found, State.WITHDRAWN, now(connection), "withdrawn by its team")
        return True


def hold(store: Store, name: str, holder: str, seconds: float) -> bool:
    """Take, or keep, a named lease for so many seconds; False if another holds it."""
    with store.begin() as connection:
        time = now(connection)
        connection.execute(_insert(store.kind).values(name=name).on_conflict_do_nothing(index_elements=["name"]))
        free = or_(locks.c.holder.is_(None), locks.c.holder == holder, locks.c.until < time)
        taken = update(locks).where(locks.c.name == name, free).values(holder=holder, until=time + seconds)
        return bool(connection.execute(taken).rowcount)


def let_go(store: Store, name: str, holder: str) -> None:
    """Give a named lease back; nothing happens if another has it."""
    with store.begin() as connection:
        own = (locks.c.name == name, locks.c.holder == holder)
        connection.execute(update(locks).where(*own).values(holder=None, until=None))


def due_deliveries(store: Store, limit: int = 20) -> list[Delivery]:
    """Return the webhook calls that are due, the oldest first."""
    with store.read() as connection:
        columns = (deliveries.c.id, deliveries.c.submission_id, submissions.c.webhook, deliveries.c.state)
        query = select(*columns, deliveries.c.tries).join(submissions, submissions.c.id == deliveries.c.submission_id)
        query = query.where(deliveries.c.ended.is_(None), deliveries.c.not_before <= now(connection))
        return [Delivery(*row) for row in connection.execute(query.order_by(deliveries.c.id).limit(limit))]


def delivered(store: Store, delivery: int) -> None:
    """Note that a webhook has been called."""
    _change(store, delivery, ended=True)


def delivery_failed(store: Store, delivery: int, reason: str, retry_after: float | None) -> None:
    """Note that a webhook could not be called; the next try is after so many seconds, None for never."""
    _change(store, delivery, ended=retry_after is None, reason=reason, pause=retry_after or 0.0)


def _change(store: Store, delivery: int, *, ended: bool, reason: str | None = None, pause: float = 0.0) -> None:
    with store.begin() as connection:
        time = now(connection)
        values: dict[str, Any] = {"tries": deliveries.c.tries + 1, "reason": reason, "not_before": time + pause}
        values |= {"ended": time} if ended else {}
        connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(values))


def _insert(kind: str) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    return (postgresql if kind == "postgresql" else sqlite).insert(locks)
