"""The application: routes, layers, and what they share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI
from starlette.types import Scope

from matdisc.board import Board
from matdisc.service.blobs import Blobs
from matdisc.service.http import events, health, reading, submissions
from matdisc.service.http.auth import limit_address, may_read
from matdisc.service.http.bodies import Bodies
from matdisc.service.http.catalogue import Catalogue
from matdisc.service.http.context import Service
from matdisc.service.http.exchange import Exchange
from matdisc.service.http.health import Readiness
from matdisc.service.http.metrics import Metrics
from matdisc.service.http.problems import handle_problems
from matdisc.service.http.rates import Rates, Slots, Turns
from matdisc.service.http.schemas import ProblemDocument
from matdisc.service.http.site import Site
from matdisc.service.settings import Settings
from matdisc.service.store.database import Store
from matdisc.service.web.pages import web_router
from matdisc.version import __version__

THREADS, UPLOAD_THREADS = 8, 4
"""Threads that work on requests, and so connections to the database; more would wait for each other. Uploads have their
own: they look up names and write to far stores, and nobody else waits for that."""
UPLOADS, UPLOADS_EACH = 16, 4
STREAMS, STREAMS_EACH = 200, 50


def create_app(settings: Settings, store: Store, blobs: Blobs) -> FastAPI:
    """Return the application that serves the API, the pages and the published board."""
    board = Board(settings.board)
    rates = settings.quota.requests_per_minute
    service = Service(
        settings=settings,
        store=store,
        blobs=blobs,
        catalogue=Catalogue(board),
        metrics=Metrics(store),
        token_rates=Rates(rates),
        address_rates=Rates(rates),
        uploads=Slots("uploads", UPLOADS, UPLOADS_EACH),
        upload_threads=CapacityLimiter(UPLOAD_THREADS),
        turns=Turns(),
        streams=Slots("event streams", STREAMS, STREAMS_EACH),
    )
    app = FastAPI(
        title="matdisc submission service", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False,
        lifespan=_few_threads,
    )  # fmt: skip
    app.state.service, app.state.readiness = service, Readiness(store, blobs)
    for router in (submissions.router, events.router, reading.router, health.router):
        app.include_router(router)
    pages = web_router(settings, store, blobs)
    app.include_router(pages, dependencies=[Depends(limit_address)], include_in_schema=False)
    app.router.default = Site(board.site_dir, may_read)
    handle_problems(app)
    app.add_middleware(Bodies, limits=settings.uploads, takes_uploads=_takes_uploads)
    app.add_middleware(Exchange, metrics=service.metrics)
    _describe_problems(app)
    return app


@asynccontextmanager
async def _few_threads(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    yield


def _takes_uploads(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"] in ("/v1/submissions", "/submit")


def _describe_problems(app: FastAPI) -> None:
    """Let the OpenAPI document hold the form of a problem, which all routes refer to."""
    describe = app.openapi

    def described() -> dict[str, object]:
        found = describe()
        found["components"].setdefault("schemas", {})["ProblemDocument"] = ProblemDocument.model_json_schema()
        return found

    app.openapi = described  # type: ignore[method-assign]
