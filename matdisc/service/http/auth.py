"""Who asks, and whether they may: bearer tokens, their scopes and rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from matdisc.service.http.context import Service, service_of
from matdisc.service.http.problems import Problem
from matdisc.service.http.rates import network_of
from matdisc.service.store.accounts import Token, authenticate
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import get
from matdisc.service.web.sessions import token_of_session

bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token, `mdt_<id>_<secret>`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
SEES_ALL = frozenset({"publish", "admin"})
"""Scopes whose tokens see the submissions of all teams."""


def needs(scope: str) -> Callable[[Request, Credentials], Token]:
    """Return what gives an endpoint the token of a request; it raises a Problem if there is none or it may not."""

    def holder(request: Request, credentials: Credentials) -> Token:
        service = service_of(request)
        token = _token(service, request, credentials)
        if token is None:
            service.address_rates.take(address_of(request))
            raise _unauthorised(credentials is not None)
        service.token_rates.take(token.id)
        request.scope["state"]["team"] = token.team
        if scope not in token.scopes:
            said = (
                f"this needs a token with the scope {scope!r}; yours has: {', '.join(sorted(token.scopes)) or 'none'}"
            )
            raise Problem(403, "Not allowed", said, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
        return token

    return holder


Reader = Annotated[Token, Depends(needs("read"))]
Submitter = Annotated[Token, Depends(needs("submit"))]
Publisher = Annotated[Token, Depends(needs("publish"))]


def anybody(request: Request, credentials: Credentials) -> None:
    """Let in whoever asks where the service may be read without a token; else as `needs("read")`."""
    settings = service_of(request).settings
    if credentials is not None or not settings.web.anonymous_read:
        needs("read")(request, credentials)
    else:
        service_of(request).address_rates.take(address_of(request))


def may_read(request: Request) -> bool:
    """Whether whoever asks may see the published board: everybody, or whom a token or a page's session makes known."""
    service = service_of(request)
    if service.settings.web.anonymous_read:
        return True
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    given = HTTPAuthorizationCredentials(scheme=scheme, credentials=text) if scheme.lower() == "bearer" else None
    token = _token(service, request, given)
    return token is not None and "read" in token.scopes


async def limit_address(request: Request) -> None:
    """Count a request of a browser by its address."""
    service_of(request).address_rates.take(address_of(request))


def address_of(request: Request) -> str:
    """Return whose address a request comes from."""
    return network_of(request.client.host) if request.client else "unknown"


def submission_for(service: Service, token: Token, submission: str, scope: str | None = None) -> Submission:
    """Return a submission that a token may see, or with `scope` change although it is another team's.

    Raises:
        Problem: If there is none; of another team's nobody learns that it exists.
    """
    found = get(service.store, submission)
    if found is not None:
        others = token.scopes & SEES_ALL if scope is None else scope in token.scopes
        if found.team_id == token.team_id or others:
            return found
    raise Problem(404, "Not found", "there is no submission of this id, or it is another team's")


def _token(service: Service, request: Request, credentials: Credentials) -> Token | None:
    """Return the token of a header; of a page's session only for reading, which other sites cannot abuse."""
    if credentials is not None:
        return authenticate(service.store, credentials.credentials)
    if request.method in ("GET", "HEAD"):
        return token_of_session(request, service.settings, service.store)
    return None


def _unauthorised(given: bool) -> Problem:
    if not given:
        said = "this needs a token; send the header `Authorization: Bearer mdt_...` (`matdisc token create` makes one)"
        return Problem(401, "Token needed", said, headers={"WWW-Authenticate": "Bearer"})
    said = "this token is unknown, expired or revoked; ask the maintainers for a new one"
    return Problem(401, "Token not valid", said, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
