"""Logging in with a token, and out."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from matdisc.service.store.accounts import authenticate
from matdisc.service.web.forms import read_form
from matdisc.service.web.sessions import new_session, token_of_session
from matdisc.service.web.shell import Shell, see

OURS = re.compile(r"/(submit|queue|review|submissions/[a-z0-9_]{1,40})")
"""Pages that a login may lead to; an address of another site is none."""
WRONG = (
    "No token of this service is written so. It may be mistyped, expired or revoked; ask a maintainer for a new one."
)


def login_router(shell: Shell) -> APIRouter:
    """Return the routes of /login and /logout."""
    router = APIRouter(route_class=shell.route_class, include_in_schema=False)

    @router.get("/login", response_class=HTMLResponse)
    def show(request: Request, next: str = "") -> Response:
        if token_of_session(request, shell.settings, shell.store):
            return see(_target(next))
        return shell.page(request, "login.html", next=_target(next), errors={})

    @router.post("/login", response_class=HTMLResponse)
    async def enter(request: Request) -> Response:
        fields = await read_form(request, shell.settings)
        target = _target(fields.get("next", ""))
        token = await run_in_threadpool(authenticate, shell.store, fields.get("token", "").strip())
        if token is None:
            return shell.page(request, "login.html", status=403, next=target, errors={"token": WRONG})
        return shell.enter(new_session(token), target)

    @router.post("/logout")
    async def leave(request: Request) -> Response:
        await read_form(request, shell.settings)
        return shell.enter(new_session(), "/login")

    return router


def _target(wanted: str) -> str:
    return wanted if OURS.fullmatch(wanted) else "/queue"
