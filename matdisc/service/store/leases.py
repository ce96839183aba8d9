"""Work for workers: a submission is leased for some seconds, and what a worker leaves behind goes to another.

The number of the attempt is the fence: a worker whose lease ran out and was taken over can no longer write.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select

from matdisc.service.settings import Settings, Work
from matdisc.service.states import LEASED, WAITING, State
from matdisc.service.store.database import CLAIM, Store, now, one_at_a_time
from matdisc.service.store.rows import Submission, as_submission, change, chosen, find, move, note
from matdisc.service.store.tables import attempts, submissions, workers

BACK = {State.VALIDATING: State.RECEIVED, State.RUNNING: State.QUEUED}
STARTED = {State.RECEIVED: State.VALIDATING, State.QUEUED: State.RUNNING}
MOST_BACKOFF = 60.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A submission that a worker has for a while."""

    submission: Submission
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process; `ended` is empty while it lives, or where it died without a word."""

    id: str
    host: str
    pid: int
    started: float
    heartbeat: float
    ended: float | None


def register(store: Store, host: str, pid: int) -> str:
    """Return the id of a new worker."""
    worker = f"wrk_{secrets.token_hex(8)}"
    with store.begin() as connection:
        time = now(connection)
        connection.execute(workers.insert().values(id=worker, host=host, pid=pid, started=time, heartbeat=time))
    return worker


def beat(store: Store, worker: str, held: Iterable[Lease], seconds: float) -> set[str]:
    """Note that a worker lives, renew its leases for so many seconds, and return the ids of those it still has."""
    kept = set()
    with store.begin() as connection:
        time = now(connection)
        connection.execute(workers.update().where(workers.c.id == worker).values(heartbeat=time, ended=None))
        for lease in held:
            renewed = submissions.update().where(*_holds(lease)).values(lease_until=time + seconds)
            if connection.execute(renewed).rowcount:
                kept.add(lease.submission.id)
    return kept


def leave(store: Store, worker: str) -> None:
    """Note that a worker has ended; it has given its leases back before."""
    with store.begin() as connection:
        connection.execute(workers.update().where(workers.c.id == worker).values(ended=now(connection)))


def all_workers(store: Store) -> list[Worker]:
    """Return the workers, the newest heartbeat first."""
    with store.read() as connection:
        rows = connection.execute(select(workers).order_by(workers.c.heartbeat.desc()))
        return [Worker(**row._mapping) for row in rows]


def claim(store: Store, worker: str, settings: Settings) -> Lease | None:
    """Lease the oldest waiting submission of a team that may have one more at work; None if there is none."""
    running = submissions.alias()
    at_work = select(func.count()).where(running.c.team_id == submissions.c.team_id, running.c.state.in_(LEASED))
    with store.begin() as connection:
        one_at_a_time(connection, CLAIM)
        time = now(connection)
        _expire(connection, settings.work, time)
        query = (
            chosen()
            .where(submissions.c.state.in_(WAITING), submissions.c.not_before <= time)
            .where(at_work.scalar_subquery() < settings.quota.running)
            .order_by(submissions.c.created, submissions.c.id)
            .limit(1)
            .with_for_update(of=submissions)
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        found = as_submission(row)
        number = found.attempt + 1
        until = time + settings.work.lease_seconds
        move(connection, found, STARTED[found.state], time, attempt=number, lease_worker=worker, lease_until=until)
        connection.execute(attempts.insert().values(submission_id=found.id, number=number, worker=worker, started=time))
        leased = find(connection, found.id)
        assert leased is not None  # it was changed in this transaction
        return Lease(leased, number, worker)


def validated(store: Store, lease: Lease) -> bool:
    """Note that the file can be scored, and that scoring begins; False if the lease is lost."""
    with store.begin() as connection:
        if (found := _held(connection, lease)) is None:
            return False
        if found.state == State.VALIDATING:
            time = now(connection)
            change(connection, found.id, state=State.RUNNING, validated=time)
            note(connection, found.id, time, State.QUEUED)
            note(connection, found.id, time, State.RUNNING)
        return True


def progress(store: Store, lease: Lease, done: int, total: int, text: str = "") -> None:
    """Say how far the work is; nothing happens if the lease is lost."""
    said = {"done": done, "total": total, "text": text}
    with store.begin() as connection:
        connection.execute(submissions.update().where(*_holds(lease)).values(progress=said))


def wanted_cancelled(store: Store, lease: Lease) -> bool:
    """Whether its team wants the submission cancelled."""
    with store.read() as connection:
        found = _held(connection, lease)
        return found is not None and found.cancel_requested


def finish(
    store: Store,
    lease: Lease,
    state: State,
    reason: str | None = None,
    *,
    result_key: str | None = None,
    cached: bool = False,
    file_sha256: str | None = None,
    file_suffix: str | None = None,
    review: str = "none",
) -> bool:
    """End a submission; False, and nothing is written, if the lease is lost.

    Args:
        lease: What was done.
        state: How it ended: rejected, succeeded, failed, cancelled or timed out.
        reason: Why, in words that its team may read.
        result_key: Of the result, where it succeeded.
        cached: Whether that result was there before.
        file_sha256, file_suffix: The predictions file, where the service has run a model.
        review: `pending` where a maintainer has to look at it before publication.
    """
    more: dict[str, Any] = {"result_key": result_key, "cached": cached, "review": review, "cancel_requested": False}
    if file_sha256 is not None:
        more |= {"file_sha256": file_sha256, "file_suffix": file_suffix}
    with store.begin() as connection:
        if (found := _held(connection, lease)) is None:
            return False
        time = now(connection)
        move(connection, found, state, time, reason, **more)
        _end(connection, found, time, state, reason)
        return True


def give_back(store: Store, lease: Lease, outcome: str, reason: str, work: Work) -> State | None:
    """Let another attempt follow, at once or after a pause, or park what has come to no end too often.

    Args:
        lease: What was not done.
        outcome: `crashed` if its own process died, `lost` if the whole worker or cluster did, `released` if the worker
            stops in good order, which counts for nothing.
        reason: What happened, in words.
        work: How often which is borne.

    Returns:
        The new state; None if the lease was lost before.
    """
    with store.begin() as connection:
        if (found := _held(connection, lease)) is None:
            return None
        return _back(connection, found, outcome, reason, work, now(connection))


def expire(store: Store, work: Work) -> list[str]:
    """Give back what is leased to workers that have not been heard of in time; return the ids."""
    with store.begin() as connection:
        return _expire(connection, work, now(connection))


def expire_dead(store: Store, work: Work, host: str, alive: Callable[[int], bool]) -> list[str]:
    """Give back at once what is leased to workers of this host whose process is gone; return the ids."""
    with store.begin() as connection:
        time = now(connection)
        query = select(workers.c.id, workers.c.pid).where(workers.c.host == host, workers.c.ended.is_(None))
        dead = [worker for worker, pid in connection.execute(query).all() if not alive(pid)]
        if not dead:
            return []
        connection.execute(workers.update().where(workers.c.id.in_(dead)).values(ended=time))
        gone = and_(submissions.c.state.in_(LEASED), submissions.c.lease_worker.in_(dead))
        return _all_back(connection, gone, work, time)


def _holds(lease: Lease) -> tuple[Any, ...]:
    return (
        submissions.c.id == lease.submission.id,
        submissions.c.lease_worker == lease.worker,
        submissions.c.attempt == lease.attempt,
        submissions.c.state.in_(LEASED),
    )


def _held(connection: Connection, lease: Lease) -> Submission | None:
    row = connection.execute(chosen().where(*_holds(lease)).with_for_update(of=submissions)).one_or_none()
    return None if row is None else as_submission(row)


def _expire(connection: Connection, work: Work, time: float) -> list[str]:
    return _all_back(connection, and_(submissions.c.state.in_(LEASED), submissions.c.lease_until < time), work, time)


def _all_back(connection: Connection, which: Any, work: Work, time: float) -> list[str]:
    query = chosen().where(which).with_for_update(of=submissions, skip_locked=True)
    found = [as_submission(row) for row in connection.execute(query).all()]
    for submission in found:
        _back(connection, submission, "lost", "the worker was not heard of any more", work, time)
    return [submission.id for submission in found]


def _back(connection: Connection, found: Submission, outcome: str, reason: str, work: Work, time: float) -> State:
    """Take a leased submission to where it came from, or to its end."""
    _end(connection, found, time, outcome, reason)
    if found.cancel_requested:
        move(connection, found, State.CANCELLED, time, "cancelled by its team")
        return State.CANCELLED
    bad = _count(connection, found.id, outcome)
    limit = {"crashed": work.crashes, "lost": work.lost}.get(outcome)
    if limit is not None and bad >= limit:
        text = f"parked after {bad} attempts that came to no end; the last one: {reason}; it is not counted"
        move(connection, found, State.FAILED, time, text)
        return State.FAILED
    pause = min(work.backoff_seconds * 2 ** (bad - 1), MOST_BACKOFF) if outcome == "crashed" else 0.0
    move(connection, found, BACK[found.state], time, f"another attempt follows: {reason}", not_before=time + pause)
    return BACK[found.state]


def _count(connection: Connection, submission: str, outcome: str) -> int:
    query = select(func.count()).where(attempts.c.submission_id == submission, attempts.c.outcome == outcome)
    return int(connection.execute(query).scalar_one())


def _end(connection: Connection, found: Submission, time: float, outcome: str, reason: str | None) -> None:
    own = and_(attempts.c.submission_id == found.id, attempts.c.number == found.attempt)
    connection.execute(attempts.update().where(own).values(ended=time, outcome=outcome, reason=reason))
