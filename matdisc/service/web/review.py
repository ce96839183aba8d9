"""The maintainers' page: results that wait for publication."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from matdisc.errors import ServiceError
from matdisc.service.release import copy_notes, released
from matdisc.service.states import State
from matdisc.service.store import submissions as store
from matdisc.service.store.accounts import Token
from matdisc.service.store.rows import Submission
from matdisc.service.web.forms import read_form
from matdisc.service.web.metrics import MetricRow, metric_rows
from matdisc.service.web.shell import Refusal, Shell, see
from matdisc.service.web.submission import visible

MOST = 500
"""Results that are looked through for those that wait."""
LONGEST = 1000
NO_TEXT = f"The reason is text of at most {LONGEST} letters, without control characters; shorten or clean it."
NO_REASON = "Say why you decline it: the team reads the reason."


@dataclass(frozen=True, slots=True)
class Pending:
    """A result that waits, with what is worth a look."""

    submission: Submission
    metrics: list[MetricRow]
    flags: list[str]


def review_router(shell: Shell) -> APIRouter:
    """Return the routes of /review."""
    router = APIRouter(route_class=shell.route_class, include_in_schema=False)

    @router.get("/review", response_class=HTMLResponse)
    def show(request: Request) -> Response:
        return _page(shell, request, shell.token(request, "publish"))

    @router.post("/review/{id}")
    async def decide(request: Request, id: str) -> Response:
        fields = await read_form(request, shell.settings)
        return await run_in_threadpool(_decided, shell, request, id, fields)

    return router


def _decided(shell: Shell, request: Request, id: str, fields: Mapping[str, str]) -> Response:
    token = shell.token(request, "publish")
    found = visible(shell, token, id)
    decision, reason = fields.get("decision", ""), fields.get("reason", "").replace("\r\n", "\n").strip()
    if decision not in ("approved", "declined"):
        raise Refusal(400, "No decision", "Use one of the two buttons of the page.")
    if decision == "declined" and not reason:
        return _page(shell, request, token, {f"reason-{found.id}": NO_REASON}, {}, 422)
    if len(reason) > LONGEST or any(not (letter.isprintable() or letter == "\n") for letter in reason):
        return _page(shell, request, token, {f"reason-{found.id}": NO_TEXT}, {found.id: reason}, 422)
    try:
        store.review(shell.store, found.id, decision, token.id, reason)
    except ServiceError as err:
        return _page(shell, request, token, {"": str(err)}, {found.id: reason}, 409)
    return see("/review")


def _page(
    shell: Shell,
    request: Request,
    token: Token,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    waiting = [
        one for one in store.listing(shell.store, states=(State.SUCCEEDED,), limit=MOST) if one.review == "pending"
    ]
    return shell.page(
        request,
        "review.html",
        token=token,
        status=status,
        items=[_pending(shell, one) for one in reversed(waiting)],
        moderation=shell.settings.moderation,
        errors=errors or {},
        typed=typed or {},
    )


def _pending(shell: Shell, found: Submission) -> Pending:
    result = released(shell.store, shell.settings, found) or {}
    flags = [*copy_notes(shell.store, shell.settings, found), *(result.get("flags") or ())]
    return Pending(found, metric_rows(found.task, result), flags)
