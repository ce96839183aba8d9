"""All web pages of the service as one router."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from matdisc.service.blobs import Blobs
from matdisc.service.settings import Settings
from matdisc.service.store.database import Store
from matdisc.service.web.login import login_router
from matdisc.service.web.queue import queue_router
from matdisc.service.web.report import report_router
from matdisc.service.web.review import review_router
from matdisc.service.web.shell import ASSETS, Shell, asset
from matdisc.service.web.submission import submission_router
from matdisc.service.web.submit import submit_router

KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


def web_router(settings: Settings, store: Store, blobs: Blobs) -> APIRouter:
    """Return the routes of the pages and of the files that they load."""
    shell = Shell(settings, store, blobs)
    router = APIRouter(include_in_schema=False)

    @router.get("/service/assets/{name}")
    def file(name: str) -> Response:
        if name not in ASSETS:
            return PlainTextResponse("There is no such file.", 404)
        content, kind = asset(name)
        return Response(content, media_type=kind, headers=KEPT)

    for part in (login_router, submit_router, queue_router, submission_router, report_router, review_router):
        router.include_router(part(shell))
    return router
