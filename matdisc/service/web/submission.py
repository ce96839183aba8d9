"""The page of one submission: its state, what happened, its result, and what its team may still change."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from matdisc.errors import ServiceError
from matdisc.service.guards import is_private
from matdisc.service.http.auth import SEES_ALL
from matdisc.service.http.context import Service, service_of
from matdisc.service.http.intake import embargo_of
from matdisc.service.http.problems import Problem
from matdisc.service.http.schemas import ID
from matdisc.service.release import evaluated, released
from matdisc.service.states import OPEN, State
from matdisc.service.store import submissions as store
from matdisc.service.store.accounts import Token
from matdisc.service.store.database import now
from matdisc.service.store.rows import Submission
from matdisc.service.web.forms import read_form
from matdisc.service.web.metrics import metric_rows
from matdisc.service.web.shell import NOT_HERE, Refusal, Shell, see
from matdisc.service.web.words import MEANING, REMEDY, when


def submission_router(shell: Shell) -> APIRouter:
    """Return the routes of /submissions/{id} and of its buttons."""
    router = APIRouter(route_class=shell.route_class, include_in_schema=False)

    @router.get("/submissions/{id}", response_class=HTMLResponse)
    def show(request: Request, id: str) -> Response:
        token = shell.token(request)
        return _page(shell, request, token, visible(shell, token, id))

    async def change(
        request: Request, id: str, do: Callable[[Submission, Token, Mapping[str, str]], object]
    ) -> Response:
        fields = await read_form(request, shell.settings)
        return await run_in_threadpool(_changed, shell, request, id, fields, do)

    @router.post("/submissions/{id}/cancel")
    async def cancel(request: Request, id: str) -> Response:
        return await change(request, id, lambda found, token, _: store.cancel(shell.store, found.id, token.id))

    @router.post("/submissions/{id}/withdraw")
    async def withdraw(request: Request, id: str) -> Response:
        return await change(request, id, lambda found, token, _: store.withdraw(shell.store, found.id, token.id))

    @router.post("/submissions/{id}/embargo")
    async def embargo(request: Request, id: str) -> Response:
        def do(found: Submission, token: Token, fields: Mapping[str, str]) -> None:
            until = embargo_of(fields.get("embargo_until", "").strip(), time.time())
            store.set_embargo(shell.store, found.id, until, token.id)

        return await change(request, id, do)

    return router


def visible(shell: Shell, token: Token, id: str) -> Submission:
    """Return a submission of the token's team; maintainers see all.

    Raises:
        Refusal: If there is none, or it is another team's: both look alike.
    """
    found = store.get(shell.store, id) if re.fullmatch(ID, id) else None
    if found is None or not (found.team_id == token.team_id or token.scopes & SEES_ALL):
        raise NOT_HERE
    return found


def _changed(
    shell: Shell,
    request: Request,
    id: str,
    fields: Mapping[str, str],
    do: Callable[[Submission, Token, Mapping[str, str]], object],
) -> Response:
    token = shell.token(request)
    found = visible(shell, token, id)
    if not _may_change(token, found):
        raise Refusal(403, "Not with this token", "Changing a submission needs a token with the scope 'submit'.")
    try:
        do(found, token, fields)
    except Problem as problem:
        text = str(problem.detail).removeprefix("field 'embargo_until' ")
        return _page(shell, request, token, found, {"embargo_until": f"The date {text}"}, fields, 422)
    except ServiceError as err:
        return _page(shell, request, token, visible(shell, token, id), {"": str(err)}, None, 409)
    return see(f"/submissions/{found.id}")


def _may_change(token: Token, found: Submission) -> bool:
    return "submit" in token.scopes and (found.team_id == token.team_id or "admin" in token.scopes)


def _page(
    shell: Shell,
    request: Request,
    token: Token,
    found: Submission,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    result = released(shell.store, shell.settings, found)
    own = evaluated(shell.store, found)
    private_labels = is_private(shell.settings, found.dataset)
    with shell.store.read() as connection:
        at = now(connection)
    may = _may_change(token, found)
    return shell.page(
        request,
        "submission.html",
        token=token,
        status=status,
        submission=found,
        task_title=_task_title(found.task),
        dataset_title=_dataset_title(service_of(request), found.dataset),
        is_open=found.state in OPEN,
        meaning=MEANING[found.state],
        remedy=REMEDY.get(found.state),
        position=store.position(shell.store, found.id),
        events=store.events(shell.store, found.id),
        attempts=store.attempts(shell.store, found.id),
        result=result,
        metrics=metric_rows(found.task, result) if result else [],
        notes=list(result.get("flags") or ()) if result else [],
        publication=_publication(shell, found, at),
        is_private=private_labels,
        has_report=own is not None and own.report_sha256 is not None and not private_labels,
        has_details=own is not None and own.details_sha256 is not None and not private_labels,
        may_cancel=may and found.state in OPEN and not found.cancel_requested,
        may_withdraw=may and found.state in (State.SUCCEEDED, State.PUBLISHED) and not found.withdraw_requested,
        may_embargo=may and found.state in (*OPEN, State.SUCCEEDED) and not found.private,
        errors=errors or {},
        typed=typed,
        now=at,
    )


def _task_title(key: str) -> str:
    from matdisc.tasks import TASKS

    return TASKS[key].title if key in TASKS else key


def _dataset_title(service: Service, key: str) -> str:
    card = service.catalogue.dataset(key)
    return key if card is None else card.title


def _publication(shell: Shell, found: Submission, at: float) -> str:
    """Return in a sentence whether a result is on the board, or when it gets there."""
    if found.state == State.PUBLISHED:
        return f"It has been on the board since {when(found.published or found.updated)}."
    if found.state == State.WITHDRAWN:
        return "It was withdrawn and is not on the board."
    if found.private:
        return "It is private: only your team and the maintainers see it."
    if found.review == "declined":
        return "A maintainer has declined its publication."
    if found.review != "approved" and shell.settings.moderation:
        return "It goes to the board when a maintainer has approved it."
    if found.embargo_until is not None and found.embargo_until > at:
        return f"It goes to the board after {when(found.embargo_until)}."
    return "It goes to the board within a minute or so."
