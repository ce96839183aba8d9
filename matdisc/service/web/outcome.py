"""What belongs to the page of a submission: its events, its result as files, and the full report."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from matdisc.service.http.context import service_of
from matdisc.service.http.events import event_stream
from matdisc.service.release import released, released_details, released_report
from matdisc.service.web.shell import HEADERS, Refusal, Shell
from matdisc.service.web.submission import visible

ALONE = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Policy of a report: a page of an origin of its own, whose scripts reach nothing of the service's."""
NONE = Refusal(
    404, "Not here", "There is no such file of this submission: it has no result yet, or its labels are private."
)


def outcome_router(shell: Shell) -> APIRouter:
    """Return the routes below /submissions/{id} that are no pages of ours."""
    router = APIRouter(prefix="/submissions/{id}", route_class=shell.route_class, include_in_schema=False)

    @router.get("/events")
    def events(request: Request, id: str, after: str = "") -> Response:
        token = shell.token(request)
        last = request.headers.get("last-event-id") or after
        return event_stream(service_of(request), visible(shell, token, id), last, token.team_id)

    @router.get("/result")
    def result(request: Request, id: str) -> Response:
        found = released(shell.store, shell.settings, visible(shell, shell.token(request), id))
        return _file(None if found is None else json.dumps(found, indent=1).encode(), f"{id}.result.json")

    @router.get("/details")
    def details(request: Request, id: str) -> Response:
        found = visible(shell, shell.token(request), id)
        return _file(released_details(shell.store, shell.settings, shell.blobs, found), f"{id}.details.json")

    @router.get("/report", response_class=HTMLResponse)
    def report(request: Request, id: str) -> Response:
        found = visible(shell, shell.token(request), id)
        content = released_report(shell.store, shell.settings, shell.blobs, found)
        if content is None:
            raise NONE
        headers = {**HEADERS, "Content-Security-Policy": ALONE, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(content, headers=headers)

    return router


def _file(content: bytes | None, name: str) -> Response:
    """Return a download; `name` is made of the id of a submission that there is."""
    if content is None:
        raise NONE
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/json", headers=headers)
