"""Where a submission is, as the service says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matdisc.errors import ServiceError

EVALUATED = ("succeeded", "published")
FINAL = (*EVALUATED, "rejected", "failed", "cancelled", "timed_out", "withdrawn")
WORDS = {"timed_out": "timed out"}


@dataclass(frozen=True, slots=True)
class Status:
    """A submission at one moment.

    Attributes:
        content: What the service says of it: `id`, `state`, `reason`, `task`, `dataset`, `progress` and more.
    """

    content: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.content["id"])

    @property
    def state(self) -> str:
        """`received`, `validating`, `queued`, `running`, or one of the states in `FINAL`."""
        return str(self.content["state"])

    @property
    def reason(self) -> str:
        """Why it ended as it did, in words; empty if there is nothing to say."""
        return str(self.content.get("reason") or "")

    @property
    def final(self) -> bool:
        """Whether it is decided; only publication and withdrawal may follow."""
        return self.state in FINAL

    @property
    def evaluated(self) -> bool:
        """Whether there is a result."""
        return self.state in EVALUATED

    @property
    def page(self) -> str | None:
        """Path of its page below the service's address."""
        links = self.content.get("links")
        page = links.get("page") if isinstance(links, Mapping) else None
        return page if isinstance(page, str) and page.startswith("/") else None

    @property
    def line(self) -> str:
        """State, place in the queue, progress and reason in one line."""
        said = [WORDS.get(self.state, self.state)]
        position = self.content.get("position")
        if isinstance(position, int) and not self.final:
            said.append(f"{position} before it" if position else "next in the queue")
        if not self.final and self.content.get("cancel_requested"):
            said.append("it is being cancelled")
        said += [part for part in (self._progress(), self.reason) if part]
        return ": ".join([said[0], ", ".join(said[1:])]) if said[1:] else said[0]

    def _progress(self) -> str:
        found = self.content.get("progress")
        if self.final or not isinstance(found, Mapping):
            return ""
        counted = f"{found['done']} of {found['total']}" if found.get("total") else ""
        return " ".join(part for part in (counted, str(found.get("text") or "")) if part)


def status_of(content: Any) -> Status:
    """Return a submission from what a service answered.

    Raises:
        ServiceError: If it is none.
    """
    if not isinstance(content, Mapping) or not all(isinstance(content.get(key), str) for key in ("id", "state")):
        raise ServiceError("what answers is no submission service: a submission has no 'id' or 'state'")
    return Status(content)
