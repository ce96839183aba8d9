"""What happens to a submission, sent as it happens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from matdisc.service.http.auth import Reader, submission_for
from matdisc.service.http.context import Service, service_of
from matdisc.service.http.rates import Slots
from matdisc.service.http.schemas import ID, PROBLEMS, iso
from matdisc.service.states import OPEN
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import events, get

router = APIRouter(prefix="/v1/submissions", responses=PROBLEMS, tags=["submissions"])
LOOK_SECONDS = 0.5
ALIVE_SECONDS = 15.0
PAGE = 100


@router.get(
    "/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"description": "Events `state`, `progress` and `end`", "content": {"text/event-stream": {}}}},
)
def follow(
    request: Request,
    id: Annotated[str, Path(pattern=ID)],
    token: Reader,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", description="Go on after this event.")] = None,
) -> Response:
    """Follow a submission until it ends."""
    service = service_of(request)
    return event_stream(service, submission_for(service, token, id), last_event_id, token.team_id)


def event_stream(service: Service, submission: Submission, last_event_id: str | None, who: str) -> Response:
    """Return the stream of a submission's events, for this router and for pages.

    Args:
        last_event_id: What the client's header says; what is no number counts as none.
        who: Whose stream it is; each has a limited number at once.

    Raises:
        Problem: If there are too many streams.
    """
    given = (last_event_id or "").strip()
    after = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
    service.streams.take(who)
    return _Stream(_messages(service, submission, after), service.streams, who)


class _Stream(StreamingResponse):
    """A stream that gives its slot back, however it ends."""

    def __init__(self, messages: AsyncIterator[str], slots: Slots, who: str) -> None:
        super().__init__(messages, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._slots, self._who = slots, who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._slots.give_back(self._who)


async def _messages(service: Service, submission: Submission, after: int) -> AsyncIterator[str]:
    """Yield events after the one of the id `after`, then progress as it comes, and `end` after a final state."""
    clock = asyncio.get_running_loop().time
    seen: Submission | None = None
    silent_since = clock()
    yield "retry: 2000\n\n"
    while True:
        found, after, messages = await run_in_threadpool(_news, service, submission.id, seen, after)
        for message in messages:
            yield message
        if found is None or (found.state not in OPEN and not messages):
            yield _message("end", found or submission)
            return
        if messages:
            silent_since = clock()
        elif clock() - silent_since >= ALIVE_SECONDS:
            silent_since = clock()
            yield ": still here\n\n"
        seen = found
        if found.state in OPEN:
            await asyncio.sleep(LOOK_SECONDS)


def _news(service: Service, id: str, seen: Submission | None, after: int) -> tuple[Submission | None, int, list[str]]:
    """Return a submission, the last event's id and messages of what is new since it was `seen`."""
    found = get(service.store, id)
    if found is None or (seen == found and found.state in OPEN):
        return found, after, []
    messages = []
    for event in events(service.store, id, after, PAGE):
        data = {"state": event.state, "text": event.text, "at": iso(event.at), "progress": None}
        messages.append(f"id: {event.id}\nevent: state\ndata: {json.dumps(data)}\n\n")
        after = event.id
    if found.progress is not None and (seen is None or seen.progress != found.progress):
        messages.append(_message("progress", found))
    return found, after, messages


def _message(kind: str, submission: Submission) -> str:
    data: dict[str, Any] = {
        "state": submission.state.value, "text": submission.reason, "at": iso(submission.updated),
        "progress": submission.progress,
    }  # fmt: skip
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
