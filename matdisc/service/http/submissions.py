"""Submitting, and what a team or a maintainer does with a submission."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Header, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from matdisc.service.http.auth import Publisher, Submitter, submission_for
from matdisc.service.http.context import service_of
from matdisc.service.http.intake import embargo_of
from matdisc.service.http.problems import Problem
from matdisc.service.http.receive import receive
from matdisc.service.http.schemas import FORM, ID, KEY, PROBLEMS, Embargo, Review, SubmissionAnswer, shown
from matdisc.service.store import submissions as store_of

router = APIRouter(prefix="/v1/submissions", responses=PROBLEMS, tags=["submissions"])
Id = Annotated[str, Path(pattern=ID)]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", pattern=KEY, description="The same key never makes two submissions.")
]


@router.post(
    "",
    status_code=202,
    response_model=SubmissionAnswer,
    responses={200: {"model": SubmissionAnswer, "description": "The submission that this key has made before"}},
    openapi_extra=FORM,
)
async def submit(request: Request, token: Submitter, idempotency_key: IdempotencyKey = None) -> Response:
    """Submit predictions, or ask for a run of an approved model."""
    service = service_of(request)
    submission, replayed = await receive(request, service, token, idempotency_key)
    request.scope["state"]["submission_id"] = submission.id
    if not replayed:
        service.metrics.upload_bytes.inc(submission.file_bytes)
    headers = {"Location": f"/v1/submissions/{submission.id}"} | ({"Idempotent-Replayed": "true"} if replayed else {})
    position = await run_in_threadpool(store_of.position, service.store, submission.id)
    return JSONResponse(shown(submission, position), 200 if replayed else 202, headers)


@router.post("/{id}/cancel", response_model=SubmissionAnswer)
def cancel(request: Request, id: Id, token: Submitter) -> Response:
    """Cancel a submission that has not ended."""
    service = service_of(request)
    found = submission_for(service, token, id, "admin")
    return JSONResponse(shown(store_of.cancel(service.store, found.id, token.id)))


@router.post("/{id}/withdraw", response_model=SubmissionAnswer)
def withdraw(request: Request, id: Id, token: Submitter) -> Response:
    """Withdraw a result, from the board too."""
    service = service_of(request)
    found = submission_for(service, token, id, "admin")
    return JSONResponse(shown(store_of.withdraw(service.store, found.id, token.id)))


@router.put("/{id}/embargo", response_model=SubmissionAnswer)
def embargo(request: Request, id: Id, wanted: Embargo, token: Submitter) -> Response:
    """Say when a result may be published at the earliest."""
    service = service_of(request)
    found = submission_for(service, token, id, "admin")
    until = embargo_of(wanted.until, time.time(), "until")
    return JSONResponse(shown(store_of.set_embargo(service.store, found.id, until, token.id)))


@router.post("/{id}/review", response_model=SubmissionAnswer)
def review(request: Request, id: Id, wanted: Review, token: Publisher) -> Response:
    """Approve or decline the publication of a result."""
    service = service_of(request)
    if any(not (letter.isprintable() or letter == "\n") for letter in wanted.reason):
        raise Problem(422, "Invalid field", "field 'reason' has control characters; remove them", field="reason")
    found = submission_for(service, token, id, "publish")
    return JSONResponse(shown(store_of.review(service.store, found.id, wanted.decision, token.id, wanted.reason)))
