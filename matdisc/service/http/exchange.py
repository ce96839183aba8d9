"""What requests have in common: an id, headers of the answer, a line in the log, a figure, always an answer."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matdisc.service.http.metrics import Metrics
from matdisc.service.http.problems import problem_of, problem_response, title_of

log = logging.getLogger("matdisc.service")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
GONE = 499
"""Status in the log where the client went away before it had an answer."""
QUIET = ("/healthz", "/readyz", "/metrics")
"""Routes that are asked all the time; the log has their failures only."""


class Exchange:
    """The outermost layer of an application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0
        scope["state"] = {**scope.get("state", {}), "request_id": secrets.token_hex(8)}
        request_id = scope["state"]["request_id"]

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _with_ours(scope, list(message.get("headers", [])), request_id)}
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            status = GONE
        except Exception as err:
            log.exception("%s", title_of(err), extra=_told(scope, status))
            if status:
                raise
            await problem_response(scope, problem_of(err))(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - start
            self._metrics.observe(route_of(scope), scope["method"], status, seconds)
            if status >= 400 or route_of(scope) not in QUIET:
                told = _told(scope, status) | {"seconds": round(seconds, 4)}
                log.info("%s %s %s", told["method"], told["route"], status, extra=told)


def route_of(scope: Scope) -> str:
    """Return the template of the route that took a request."""
    return str(getattr(scope.get("route"), "path", "site"))


def _told(scope: Scope, status: int) -> dict[str, Any]:
    state = scope["state"]
    told = {"request_id": state["request_id"], "method": scope["method"][:10], "route": route_of(scope)}
    named = {name: state[name] for name in ("team", "submission_id") if name in state}
    return told | named | {"status": status}


def _with_ours(scope: Scope, headers: list[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in headers}
    ours = HEADERS | {b"x-request-id": request_id.encode()}
    if scope["path"].startswith("/v1/"):
        ours = ours | {b"cache-control": b"no-store"}
    return headers + [(name, value) for name, value in ours.items() if name not in there]
