"""What the endpoints share."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import CapacityLimiter
from starlette.requests import Request

from matdisc.service.blobs import Blobs
from matdisc.service.http.catalogue import Catalogue
from matdisc.service.http.metrics import Metrics
from matdisc.service.http.rates import Rates, Slots, Turns
from matdisc.service.settings import Settings
from matdisc.service.store.database import Store


@dataclass(frozen=True)
class Service:
    """The service as its endpoints see it; they find it by `service_of`."""

    settings: Settings
    store: Store
    blobs: Blobs
    catalogue: Catalogue
    metrics: Metrics
    token_rates: Rates
    address_rates: Rates
    uploads: Slots
    upload_threads: CapacityLimiter
    turns: Turns
    streams: Slots


def service_of(request: Request) -> Service:
    """Return the service that a request is put to."""
    service: Service = request.app.state.service
    return service
