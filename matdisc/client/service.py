"""A submission service, as one who submits to it sees it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from matdisc.client.address import find_token, service_address
from matdisc.client.answers import Refusal
from matdisc.client.connection import Connection, silent
from matdisc.client.events import Event, events
from matdisc.client.multipart import Form, Progress
from matdisc.client.status import Status, status_of
from matdisc.errors import ServiceError

ALIVE = 45.0
"""Seconds after which a silent stream of events counts as broken: a living one says something every 15 s or so."""
RESULT_SCHEMA = "matdisc.result/2"


def service(address: str, *, patience: float = 60.0, say: Callable[[str], None] = silent) -> Service:
    """Return the service at an address, with the token of the environment or of a prompt.

    Raises:
        ServiceError: If the address is none, or there is no token.
    """
    place = service_address(address)
    return Service(Connection(place, find_token(place), patience, say))


@dataclass(frozen=True)
class Service:
    """What a service can be asked; all methods raise ServiceError with the service's own words if it says no."""

    connection: Connection

    @property
    def address(self) -> str:
        return self.connection.address

    def submit(self, fields: Mapping[str, str], file: Path | None = None, progress: Progress | None = None) -> Status:
        """Submit once, however often the connection breaks, and return where the submission is.

        Args:
            fields: `task`, `dataset`, `card` (its TOML), and what else the form knows.
            file: The predictions; none where the service is to run a model.
            progress: Hears how far the upload is.
        """
        key = f"{_digest(fields, file)}-{secrets.token_hex(16)}"
        form = Form(fields, file, f"matdisc-{key[-32:]}", progress)
        headers = {"Idempotency-Key": key, "Content-Type": form.content_type}
        return status_of(self.connection.json("POST", "/v1/submissions", body=form, headers=headers))

    def status(self, submission: str) -> Status:
        """Return where a submission is."""
        return status_of(self.connection.json("GET", self._path(submission)))

    def submissions(self, limit: int = 50, **wanted: str | None) -> list[Status]:
        """Return submissions, newest first; `wanted`: `state`, `task`, `dataset`, `team`."""
        found: list[Status] = []
        before: str | None = None
        while len(found) < limit:
            params = {**wanted, "limit": min(limit - len(found), 100), "before": before}
            said = self.connection.json("GET", "/v1/submissions", params=params)
            if not isinstance(said, Mapping) or not isinstance(said.get("submissions"), list):
                raise ServiceError(f"{self.address} answers with no list of submissions; is it a matdisc service?")
            found += map(status_of, said["submissions"])
            before = said.get("next")
            if not before or not said["submissions"]:
                break
        return found

    def cancel(self, submission: str) -> Status:
        """Cancel a submission that has no result yet, and return where it is; the worker ends one that is running."""
        return self._changed(submission, "cancel", "cancelled")

    def withdraw(self, submission: str) -> Status:
        """Take a result back, from the board too, and return where the submission is."""
        return self._changed(submission, "withdraw", "withdrawn")

    def embargo(self, submission: str, until: str | None) -> Status:
        """Have a result published at a time (ISO 8601), or as soon as it may be."""
        return status_of(self.connection.json("PUT", self._path(submission, "embargo"), json={"until": until}))

    def result(self, submission: str) -> dict[str, Any]:
        """Return the result as the service releases it (schema `matdisc.result/2`)."""
        found = self.connection.json("GET", self._path(submission, "result"))
        if not isinstance(found, dict) or found.get("schema") != RESULT_SCHEMA:
            said = found.get("schema") if isinstance(found, dict) else type(found).__name__
            raise ServiceError(f"the result of {submission} is {said!r} and no {RESULT_SCHEMA!r}; update matdisc")
        return found

    def details(self, submission: str) -> dict[str, Any]:
        """Return the figures and tables of a result, where the service releases them."""
        found = self.connection.json("GET", self._path(submission, "details"))
        if not isinstance(found, dict):
            raise ServiceError(f"the details of {submission} are a {type(found).__name__}; update matdisc")
        return found

    def events(self, submission: str, last: str | None = None, alive: float = ALIVE) -> Iterator[Event]:
        """Yield the events of a submission as they come, until the stream ends or breaks.

        Args:
            submission: Its id.
            last: Id of the event after which they begin.
            alive: Seconds of silence after which the stream counts as broken.
        """
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        headers |= {} if last is None else {"Last-Event-ID": last}
        path = self._path(submission, "events")
        with self.connection.opened("GET", path, headers=headers, read_timeout=alive) as answer:
            kind = answer.headers.get("Content-Type", "")
            if not kind.startswith("text/event-stream"):
                raise ServiceError(f"{self.address} answers with {kind or 'no type'} in place of events")
            yield from events(answer.iter_content(1))

    def _changed(self, submission: str, wish: str, state: str) -> Status:
        """Return a submission after a wish, which a broken connection may have brought twice."""
        try:
            return status_of(self.connection.json("POST", self._path(submission, wish)))
        except Refusal as err:
            if err.status == 409 and (now := self.status(submission)).state == state:
                return now
            raise

    def _path(self, submission: str, part: str = "") -> str:
        return f"/v1/submissions/{quote(submission, safe='')}{f'/{part}' if part else ''}"


def _digest(fields: Mapping[str, str], file: Path | None) -> str:
    """Return a digest of what is sent, so that a key never stands for two contents."""
    found = hashlib.sha256(json.dumps(dict(fields), sort_keys=True).encode())
    if file is not None:
        with file.open("rb") as opened:
            found.update(hashlib.file_digest(opened, "sha256").digest())
    return found.hexdigest()[:32]
