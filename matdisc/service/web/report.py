"""The full report of a submission, as a page that reaches nothing of the service's."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from matdisc.service.release import released_report
from matdisc.service.web.shell import HEADERS, Refusal, Shell
from matdisc.service.web.submission import visible

ALONE = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Policy of a report: an origin of its own. What the report says of itself is narrower still, and holds as well."""
NONE = Refusal(404, "No report", "There is no report of this submission: it has no result, or its labels are private.")


def report_router(shell: Shell) -> APIRouter:
    """Return the route of /submissions/{id}/report."""
    router = APIRouter(route_class=shell.route_class, include_in_schema=False)

    @router.get("/submissions/{id}/report", response_class=HTMLResponse)
    def show(request: Request, id: str) -> Response:
        found = visible(shell, shell.token(request), id)
        content = released_report(shell.store, shell.settings, shell.blobs, found)
        if content is None:
            raise NONE
        headers = {**HEADERS, "Content-Security-Policy": ALONE, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(content, headers=headers)

    return router
