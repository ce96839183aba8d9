"""Errors as problem documents (RFC 9457): what is wrong with a request, and what to do about it."""

from __future__ import annotations

import errno
import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from matdisc.errors import ServiceError
from matdisc.service.store.quota import QuotaExceeded
from matdisc.service.store.submissions import KeyReused, NotPossible
from matdisc.service.uploads import Refused

MEDIA_TYPE = "application/problem+json"
LONGEST = 4000
"""Letters of a detail that are sent."""
MOST_PROBLEMS = 10
FULL = (errno.ENOSPC, errno.EDQUOT)
log = logging.getLogger("matdisc.service")


class Problem(HTTPException):
    """A request that is refused: status, a title that is the same for all of its kind, detail and field in question."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        extra = {} if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}
        super().__init__(status, detail, {**extra, **(headers or {})})
        self.title, self.field = title, field


class ProblemResponse(Response):
    """A problem document; all that is not ASCII is escaped, so that no text of a user can break it."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=True).encode()


def problem_response(scope: Scope, problem: Problem) -> Response:
    """Return the answer to a request that is refused."""
    content = {
        "type": f"urn:matdisc:problem:{problem.title.lower().replace(' ', '-')}",
        "title": problem.title,
        "status": problem.status_code,
        "detail": str(problem.detail)[:LONGEST],
        "instance": str(scope.get("path", ""))[:200],
        **({"field": problem.field} if problem.field else {}),
        "request_id": scope.get("state", {}).get("request_id", ""),
    }
    return ProblemResponse(content, problem.status_code, dict(problem.headers or {}))


def problem_of(err: Exception) -> Problem:
    """Return what is said of an error; of one that the user cannot help, only that it happened."""
    match err:
        case Problem():
            return err
        case RequestValidationError():
            return _invalid(err)
        case HTTPException():
            phrase = HTTPStatus(err.status_code).phrase
            said = _SAID.get(err.status_code, str(err.detail))
            return Problem(err.status_code, phrase, said, headers=err.headers)
        case Refused():
            return Problem(err.status, "File refused", str(err), field="predictions")
        case KeyReused():
            return Problem(409, "Key reused", str(err), field="Idempotency-Key")
        case NotPossible():
            return Problem(409, "Not possible", str(err))
        case QuotaExceeded():
            return Problem(429, "Quota exceeded", str(err), retry_after=err.retry_after)
        case OperationalError() | PoolTimeout():
            return Problem(503, "Not available", "the database is busy or away; try again in a moment", retry_after=5)
        case OSError() if err.errno in FULL:
            return Problem(507, "No room", "the service's disk is full; tell the maintainers, and try again later")
        case ServiceError():
            return Problem(503, "Not available", "a part of the service does not answer; try again", retry_after=30)
    said = "this is a fault of the service, and its log knows more under this request id; tell the maintainers"
    return Problem(500, "Internal error", said)


def handle_problems(app: FastAPI) -> None:
    """Let an application answer with problem documents."""

    async def answer(request: Request, err: Exception) -> Response:
        problem = problem_of(err)
        if problem.status_code >= 500:
            log.error("%s", title_of(err), extra={"request_id": request.scope["state"]["request_id"]}, exc_info=err)
        return problem_response(request.scope, problem)

    for kind in (HTTPException, RequestValidationError, ServiceError, OperationalError, PoolTimeout, OSError):
        app.add_exception_handler(kind, answer)


def title_of(err: BaseException) -> str:
    """Return what a log says of an error; from here on it does not tell the values of an SQL statement."""
    if isinstance(err, StatementError):
        err.hide_parameters = True
    return f"{type(err).__name__} on the way to an answer"


_SAID = {
    404: "there is nothing here, or it is another team's",
    405: "this address does not take that method; the header Allow names those it takes",
}


def _invalid(err: RequestValidationError) -> Problem:
    found = [(".".join(str(part) for part in one["loc"][1:]), one) for one in err.errors()]
    said = [f"{place or one['loc'][0]}: {_lower(one['msg'])}" for place, one in found[:MOST_PROBLEMS]]
    return Problem(422, "Invalid request", "; ".join(said), field=found[0][0][:80] if found else None)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
