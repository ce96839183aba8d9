"""States, times and sizes in words."""

from __future__ import annotations

from datetime import UTC, datetime

from matdisc.service.settings import MIB
from matdisc.service.states import LEASED, OPEN, State

GROUPS: dict[str, tuple[str, tuple[State, ...]]] = {
    "waiting": ("Waiting", (State.RECEIVED, State.QUEUED)),
    "working": ("At work", LEASED),
    "succeeded": ("Succeeded", (State.SUCCEEDED,)),
    "published": ("Published", (State.PUBLISHED,)),
    "stopped": ("Stopped", (State.REJECTED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.WITHDRAWN)),
}
"""Filters of the queue: states that a person looks for together."""

LABELS = {state: state.value.replace("_", " ") for state in State}
MEANING = {
    State.RECEIVED: "The file is here and waits to be checked.",
    State.VALIDATING: "A worker reads the file.",
    State.QUEUED: "The file is in order and waits to be evaluated.",
    State.RUNNING: "A worker evaluates it.",
    State.REJECTED: "It could not be scored as it is.",
    State.SUCCEEDED: "There is a result.",
    State.FAILED: "The service could not evaluate it.",
    State.CANCELLED: "It was cancelled before there was a result.",
    State.TIMED_OUT: "The evaluation took too long.",
    State.PUBLISHED: "The result is on the board.",
    State.WITHDRAWN: "The result was taken back and is not on the board.",
}
REMEDY = {
    State.REJECTED: "Correct what the reason names and submit again. What is rejected takes none of your evaluations.",
    State.FAILED: "This is a fault of the service, not of your file, and takes none of your evaluations. Submit the "
    "same file again later, or give the maintainers the number of this submission.",
    State.TIMED_OUT: "Check that the file holds only what the data set asks for, and submit again; if it does, give "
    "the maintainers the number of this submission.",
    State.CANCELLED: "You can submit the same file again.",
    State.WITHDRAWN: "You can submit again; the same file is not evaluated twice.",
}
"""What to do after a state that gives no result."""
TONES = {
    **dict.fromkeys(OPEN, "waits"),
    State.RUNNING: "works",
    State.VALIDATING: "works",
    State.SUCCEEDED: "good",
    State.PUBLISHED: "good",
    State.REJECTED: "bad",
    State.FAILED: "bad",
    State.TIMED_OUT: "bad",
    State.CANCELLED: "over",
    State.WITHDRAWN: "over",
}


def label(state: str) -> str:
    """A state, or the outcome of an attempt, as it is printed."""
    return state.replace("_", " ")


def iso(seconds: float) -> str:
    """A time for machines, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(seconds: float) -> str:
    """A time for people, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def day(seconds: float) -> str:
    """A date as form fields have it, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def took(seconds: float) -> str:
    """A length of time, in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def size(n_bytes: float) -> str:
    """A size in its largest unit."""
    if n_bytes < 1024:
        return f"{n_bytes:.0f} bytes"
    if n_bytes >= MIB / 10:
        return f"{n_bytes / MIB:,.1f} MiB"
    return f"{n_bytes / 1024:,.1f} KiB"


FILTERS = {"iso": iso, "when": when, "day": day, "took": took, "size": size, "label": label}
