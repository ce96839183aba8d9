"""Watching a submission until it is decided, through broken connections and proxies that hold events back."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from matdisc.client.answers import Refusal, Unreachable, printable
from matdisc.client.events import Event
from matdisc.client.service import ALIVE, Service
from matdisc.client.status import Status
from matdisc.errors import ServiceError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds between two looks at a submission."""
PATIENCE = 600.0
"""Seconds that the service may be away: a restart, an update, a laptop that is carried to another network."""


def follow(service: Service, submission: str, seconds: float | None = None) -> Iterator[Status]:
    """Yield where a submission is, at once and whenever that changes, until it is decided.

    Events of the service are listened to, after a broken connection from the last one on; where they do not come
    through, the submission is looked at now and then.

    Raises:
        ServiceError: If it is not decided within so many seconds, or the service cannot be reached.
    """
    until = math.inf if seconds is None else time.monotonic() + seconds
    service = Service(replace(service.connection, patience=PATIENCE if seconds is None else min(PATIENCE, seconds)))
    status, pause, listener = service.status(submission), FIRST_PAUSE, _Listener(service)
    yield status
    while not status.final:
        for now in listener.listen(status, until):
            status, pause = now, FIRST_PAUSE
            yield status
        if (now := service.status(submission)) != status:
            status = now
            yield status
        if not status.final:
            if (left := until - time.monotonic()) <= 0:
                raise ServiceError(f"submission {submission} is {status.state} after {seconds:.0f} s; it goes on there")
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)


@dataclass
class _Listener:
    """Listens to events while they come through, and knows the last one."""

    service: Service
    last: str | None = None
    usable: bool = True

    def listen(self, status: Status, until: float) -> Iterator[Status]:
        """Yield where a submission is after each event, until the stream ends, it is decided, or time is over."""
        alive = min(ALIVE, until - time.monotonic())
        if not self.usable or alive <= 0:
            return
        try:
            for event in self.service.events(status.id, self.last, alive):
                self.last = event.id or self.last
                if (now := _after(status, event)) is not None:
                    status = now
                    if status.final:  # which the service itself says in full
                        return
                    yield status
                if event.kind == "end" or time.monotonic() > until:
                    return
        except (Unreachable, Refusal) as err:
            self.usable = err.pause is not None and not (isinstance(err, Unreachable) and err.silent)
        except ServiceError:
            self.usable = False


def _after(status: Status, event: Event) -> Status | None:
    """Return a submission after an event; None if it says nothing new."""
    try:
        said = printable(json.loads(event.data))
    except ValueError:
        return None
    if not isinstance(said, dict) or _is_older(said.get("at"), status.content.get("updated")):
        return None
    known = {"progress": said.get("progress"), "reason": said.get("text"), "position": None}
    if isinstance(said.get("state"), str):
        known["state"] = said["state"]
    return replace(status, content={**status.content, **known})


def _is_older(at: Any, updated: Any) -> bool:
    try:
        return datetime.fromisoformat(at) < datetime.fromisoformat(updated)
    except (TypeError, ValueError):
        return False
