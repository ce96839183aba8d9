"""Whether the service is up, whether it can work, and its figures."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import Any

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from matdisc.errors import MatdiscError
from matdisc.service.blobs import Blobs
from matdisc.service.http.auth import anybody
from matdisc.service.http.context import service_of
from matdisc.service.http.schemas import PROBLEMS
from matdisc.service.store.database import Store, now
from matdisc.service.store.leases import all_workers
from matdisc.service.store.tables import locks

router = APIRouter(responses=PROBLEMS, tags=["health"])
log = logging.getLogger("matdisc.service")
HEARTBEAT_SECONDS = 60.0
KEPT_SECONDS = 2.0
PROBE = "readiness"


class Readiness:
    """Looks at what the service needs, at most once in two seconds."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store, self._blobs = store, blobs
        self._until, self._found = 0.0, dict[str, bool]()
        self._lock = Lock()

    def look(self) -> dict[str, bool]:
        """Return what works, by name."""
        with self._lock:
            if time.monotonic() >= self._until:
                looks = {"store": self._writes, "worker": self._has_worker, "blobs": self._keeps_files}
                self._found = {name: self._succeeds(name, look) for name, look in looks.items()}
                self._until = time.monotonic() + KEPT_SECONDS
            return self._found

    def _succeeds(self, name: str, look: Any) -> bool:
        try:
            return bool(look())
        except (SQLAlchemyError, MatdiscError, OSError) as err:
            log.warning("not ready: %s: %s", name, err)
            return False

    def _writes(self) -> bool:
        with self._store.begin() as connection:
            connection.execute(locks.delete().where(locks.c.name == PROBE))
        return True

    def _has_worker(self) -> bool:
        with self._store.read() as connection:
            latest = now(connection) - HEARTBEAT_SECONDS
        return any(worker.ended is None and worker.heartbeat > latest for worker in all_workers(self._store))

    def _keeps_files(self) -> bool:
        self._blobs.check()
        return True


@router.get("/healthz")
async def healthz() -> Response:
    """Tell that the process is up."""
    return JSONResponse({"status": "up"})


@router.get("/readyz", responses={503: {"description": "What does not work"}})
def readyz(request: Request) -> Response:
    """Tell whether submissions can be taken and evaluated."""
    found = request.app.state.readiness.look()
    ready = all(found.values())
    content = {"status": "ready" if ready else "not ready", **found}
    return JSONResponse(content) if ready else JSONResponse(content, 503, {"Retry-After": "5"})


@router.get(
    "/metrics",
    dependencies=[Depends(anybody)],
    responses={200: {"description": "Figures in the text format of Prometheus", "content": {"text/plain": {}}}},
)
def metrics(request: Request) -> Response:
    """Give figures to Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
