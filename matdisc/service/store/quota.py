"""What a team has in use, counted from its submissions: nothing is kept, so that nothing can be lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from matdisc.errors import ServiceError
from matdisc.service.settings import MIB, Quota
from matdisc.service.states import COUNTED, LEASED, OPEN, WAITING
from matdisc.service.store.database import Store, now
from matdisc.service.store.tables import submissions

DAY = 86400.0


class QuotaExceeded(ServiceError):
    """A team has used up one of its limits; `retry_after` seconds are a good time to wait."""

    def __init__(self, said: str, retry_after: float) -> None:
        super().__init__(said)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Usage:
    """What a team has in use; `next_free` is when one more evaluation on the data set is free again, None for now."""

    running: int
    queued: int
    scored: int
    stored_bytes: int
    next_free: float | None


def usage(store: Store, team_id: str, dataset: str | None, quota: Quota) -> Usage:
    """Return what a team has in use; evaluations are counted on one data set, or for None on all."""
    with store.read() as connection:
        return used_by(connection, team_id, dataset, quota, now(connection))


def used_by(connection: Connection, team: str, dataset: str | None, quota: Quota, time: float) -> Usage:
    """As `usage`, within a transaction at the given time."""
    own = submissions.c.team_id == team

    def count(*where: Any) -> int:
        return int(connection.execute(select(func.count()).where(own, *where)).scalar_one())

    since = time - quota.period_days * DAY
    counted = [own, submissions.c.state.in_((*OPEN, *COUNTED)), submissions.c.created > since, ~submissions.c.cached]
    if dataset is not None:
        counted.append(submissions.c.dataset == dataset)
    oldest = select(submissions.c.created).where(*counted).order_by(submissions.c.created.desc())
    times = [float(created) for created in connection.execute(oldest.limit(quota.scored)).scalars()]
    stored = connection.execute(select(func.sum(submissions.c.file_bytes)).where(own)).scalar()
    return Usage(
        running=count(submissions.c.state.in_(LEASED)),
        queued=count(submissions.c.state.in_(WAITING)),
        scored=count(*counted[1:]),
        stored_bytes=int(stored or 0),
        next_free=times[-1] + quota.period_days * DAY if len(times) >= quota.scored else None,
    )


def refuse_beyond(used: Usage, dataset: str, file_bytes: int, quota: Quota, time: float) -> None:
    """Refuse one more submission of a file of so many bytes where a limit is used up.

    Raises:
        QuotaExceeded: Naming the limit.
    """
    if used.queued >= quota.queued:
        raise QuotaExceeded(f"your team has {used.queued} submissions that wait; send more when some have ended", 60.0)
    if used.next_free is not None:
        days = (used.next_free - time) / DAY
        raise QuotaExceeded(
            f"your team has had {used.scored} evaluations on {dataset} in {quota.period_days} days, which is the "
            f"limit; the next one is free in {days:.1f} days",
            used.next_free - time,
        )
    if used.stored_bytes + file_bytes > quota.stored_mib * MIB:
        raise QuotaExceeded(
            f"your team's files would take more than {quota.stored_mib} MiB; ask a maintainer for more room", 86400.0
        )
