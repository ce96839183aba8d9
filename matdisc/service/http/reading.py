"""What can be read: submissions and their results, the board, what can be submitted to, and who one is."""

from __future__ import annotations

import html
import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from matdisc.errors import ServiceError
from matdisc.service.guards import check_dataset, is_private
from matdisc.service.http.auth import Reader, anybody, submission_for
from matdisc.service.http.context import Service, service_of
from matdisc.service.http.exchange import POLICY
from matdisc.service.http.problems import Problem
from matdisc.service.http.schemas import (
    ID,
    PROBLEMS,
    WORD,
    Attempts,
    Datasets,
    Leaderboard,
    Me,
    SubmissionAnswer,
    Submissions,
    iso,
    shown,
    shown_attempt,
)  # fmt: skip
from matdisc.service.release import released, released_details, released_report
from matdisc.service.states import State
from matdisc.service.store import submissions as store_of
from matdisc.service.store.accounts import Token
from matdisc.service.store.rows import Submission
from matdisc.tasks import TASKS, get_task

STATED = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')
HEAD_BYTES = 4096
router = APIRouter(prefix="/v1", responses=PROBLEMS, tags=["reading"])
Id = Annotated[str, Path(pattern=ID)]
Word = Annotated[str | None, Query(pattern=WORD)]


@router.get("/submissions", response_model=Submissions)
def listing(
    request: Request,
    token: Reader,
    state: Annotated[list[State] | None, Query(max_length=20)] = None,
    task: Word = None,
    dataset: Word = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(pattern=ID)] = None,
    team: Annotated[Literal["*"] | None, Query(description="`*`: all teams (scope admin)")] = None,
) -> Response:
    """List a team's submissions, the newest first."""
    service = service_of(request)
    if team is not None and "admin" not in token.scopes:
        raise Problem(
            403, "Not allowed", "the submissions of all teams need a token with the scope 'admin'", field="team"
        )
    if before is not None:
        submission_for(service, token, before)
    found = store_of.listing(
        service.store, team_id=None if team else token.team_id, states=state or (), task=task, dataset=dataset,
        limit=limit + 1, before=before,
    )  # fmt: skip
    page = found[:limit]
    return JSONResponse(
        {"submissions": [shown(one) for one in page], "next": page[-1].id if len(found) > limit else None}
    )


@router.get("/submissions/{id}", response_model=SubmissionAnswer)
def status(request: Request, id: Id, token: Reader) -> Response:
    """Tell how far a submission is."""
    service = service_of(request)
    found = submission_for(service, token, id)
    waits = found.state in (State.RECEIVED, State.QUEUED)
    return JSONResponse(shown(found, store_of.position(service.store, id) if waits else None))


@router.get("/submissions/{id}/attempts", response_model=Attempts)
def attempts(request: Request, id: Id, token: Reader) -> Response:
    """Tell what workers did with a submission."""
    service = service_of(request)
    found = store_of.attempts(service.store, submission_for(service, token, id).id)
    return JSONResponse({"attempts": [shown_attempt(one) for one in found]})


@router.get("/submissions/{id}/result", responses={200: {"description": "The result, schema `matdisc.result/2`"}})
def result(request: Request, id: Id, token: Reader) -> Response:
    """Return the result of a submission."""
    service = service_of(request)
    found = submission_for(service, token, id)
    said = released(service.store, service.settings, found)
    if said is None:
        raise _not_there(found, "result")
    return JSONResponse(said)


@router.get("/submissions/{id}/details", responses={200: {"description": "Figures and tables, `matdisc.details/2`"}})
def details(request: Request, id: Id, token: Reader) -> Response:
    """Return figures and tables of a result; there are none where labels are private."""
    service, found = _service_and(request, token, id)
    said = released_details(service.store, service.settings, service.blobs, found)
    if said is None:
        raise _not_there(found, "details")
    return Response(said, media_type="application/json")


@router.get(
    "/submissions/{id}/report",
    response_class=HTMLResponse,
    responses={200: {"description": "One page that needs nothing else", "content": {"text/html": {}}}},
)
def report(request: Request, id: Id, token: Reader) -> Response:
    """Return the report of a result, one HTML page; there is none where labels are private."""
    service, found = _service_and(request, token, id)
    said = released_report(service.store, service.settings, service.blobs, found)
    if said is None:
        raise _not_there(found, "report")
    return HTMLResponse(said, headers={"Content-Security-Policy": _policy(said)})


@router.get("/leaderboard", response_model=Leaderboard, dependencies=[Depends(anybody)])
def leaderboard(
    request: Request, task: Annotated[str, Query(pattern=WORD)], dataset: Annotated[str, Query(pattern=WORD)]
) -> Response:
    """Return the public rows of a task on a dataset, the best first."""
    service = service_of(request)
    card = service.catalogue.dataset(dataset)
    if card is None or task not in card.tasks or task not in TASKS:
        raise Problem(404, "Not found", f"there is no task {task!r} on a dataset {dataset!r}; /v1/datasets names them")
    rows = service.catalogue.rows(task, dataset)
    headline = get_task(task).headline_of(rows[0].get("baseline") or {} if rows else {})

    def rank(row: dict[str, object]) -> tuple[bool, float, str]:
        value = row["metrics"].get(headline.key, {}).get("value")  # type: ignore[attr-defined]
        sign = -1.0 if headline.better == "higher" else 1.0
        return value is None, sign * (value or 0.0), str(row["entry"])

    return JSONResponse({
        "task": task, "dataset": dataset, "headline": headline.key, "better": headline.better,
        "rows": sorted(rows, key=rank),
    })  # fmt: skip


@router.get("/datasets", response_model=Datasets, dependencies=[Depends(anybody)])
def datasets(request: Request) -> Response:
    """Tell what can be submitted to, and which models the service runs itself."""
    service = service_of(request)
    found = [
        {
            "task": task, "dataset": card.key, "title": card.title, "n_samples": card.n_samples,
            "private": is_private(service.settings, card.key), "open": _is_open(service, card),
            "columns": [
                {"name": column.name, "unit": column.unit, "help": column.help, "shape": list(column.shape)}
                for column in get_task(task).columns
            ],
        }
        for card in service.catalogue.datasets()
        for task in card.tasks
        if task in TASKS
    ]  # fmt: skip
    return JSONResponse({"datasets": found, "models": list(service.settings.models)})


@router.get("/me", response_model=Me)
def me(request: Request, token: Reader, dataset: Word = None) -> Response:
    """Tell who the holder of a token is, and what of the quota is used: with `dataset` also of evaluations on it."""
    service = service_of(request)
    quota = service.settings.quota
    used = store_of.usage(service.store, token.team_id, dataset, quota)
    counted = {} if dataset is None else {"scored": used.scored, "next_free": iso(used.next_free)}
    return JSONResponse({
        "team": token.team, "person": token.person, "orcid": token.orcid, "role": token.role,
        "scopes": sorted(token.scopes), "expires": iso(token.expires),
        "usage": {
            "running": used.running, "queued": used.queued, "stored_bytes": used.stored_bytes,
            "limits": quota.model_dump(), **counted,
        },
    })  # fmt: skip


def _service_and(request: Request, token: Token, id: str) -> tuple[Service, Submission]:
    service = service_of(request)
    return service, submission_for(service, token, id)


def _policy(page: bytes) -> str:
    """Return the content security policy that a report states in its head: it allows its own style and script alone."""
    found = STATED.search(page, 0, HEAD_BYTES)
    return html.unescape(found[1].decode()) + "; frame-ancestors 'none'" if found else POLICY


def _not_there(found: Submission, what: str) -> Problem:
    if found.state in (State.SUCCEEDED, State.PUBLISHED, State.WITHDRAWN):
        return Problem(404, "Not released", f"labels of {found.dataset!r} are private, so this has no {what} to show")
    return Problem(404, "Not found", f"submission {found.id} is {found.state}, so there is no {what}")


def _is_open(service: Service, card: object) -> bool:
    try:
        check_dataset(card, service.settings)  # type: ignore[arg-type]
    except ServiceError:
        return False
    return True
