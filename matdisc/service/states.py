"""What a submission goes through, and which step may follow which."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """State of a submission.

    A step back from `validating` to `received`, or from `running` to `queued`, is a lease that ran out.
    """

    RECEIVED = "received"
    VALIDATING = "validating"
    REJECTED = "rejected"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


WAITING = (State.RECEIVED, State.QUEUED)
LEASED = (State.VALIDATING, State.RUNNING)
OPEN = (*WAITING, *LEASED)
"""States that a worker, or the wish to cancel, still changes."""
FINAL = tuple(state for state in State if state not in OPEN)
"""Evaluated or given up; only publication and withdrawal follow."""

NEXT: dict[State, tuple[State, ...]] = {
    State.RECEIVED: (State.VALIDATING, State.CANCELLED),
    State.VALIDATING: (State.RECEIVED, State.REJECTED, State.QUEUED, State.CANCELLED, State.FAILED, State.TIMED_OUT),
    State.QUEUED: (State.RUNNING, State.CANCELLED),
    State.RUNNING: (State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELLED, State.TIMED_OUT),
    State.SUCCEEDED: (State.PUBLISHED, State.WITHDRAWN),
    State.PUBLISHED: (State.WITHDRAWN,),
    State.REJECTED: (),
    State.FAILED: (),
    State.CANCELLED: (),
    State.TIMED_OUT: (),
    State.WITHDRAWN: (),
}
COUNTED = (State.QUEUED, State.RUNNING, State.SUCCEEDED, State.TIMED_OUT, State.PUBLISHED, State.WITHDRAWN)
"""States in which a submission takes one of a team's evaluations; `failed` is the service's fault and does not."""
