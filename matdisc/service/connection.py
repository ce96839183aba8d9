"""A connection of a client, with an end to patience: who sends no request, or reads no answer, is cut off.

uvicorn by itself waits for both for ever, so that a thousand idle connections would shut everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10.0
"""Time for the head of a request; how long its body may take is the app's business."""
ANSWER_SECONDS = 60.0
"""Time in which a client has to take something of an answer that waits for it."""
MOST_READ = 2**16
"""Bytes that are read at once; the default of asyncio is four times as much, for each of many uploads."""


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, which closes connections that neither ask nor read."""

    _timers: dict[str, asyncio.TimerHandle]

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        transport.max_size = MOST_READ  # type: ignore[attr-defined]
        self._timers = {}
        self._expect("request", REQUEST_SECONDS)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._got("request")
        else:
            self._expect("request", REQUEST_SECONDS)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect("answer", ANSWER_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._got("answer")

    def connection_lost(self, exc: Exception | None) -> None:
        for what in ("request", "answer"):
            self._got(what)
        super().connection_lost(exc)

    def _expect(self, what: str, seconds: float) -> None:
        """Close the connection after some seconds, unless that was asked for before."""
        if what not in self._timers:
            self._timers[what] = self.loop.call_later(seconds, self.transport.abort)

    def _got(self, what: str) -> None:
        timer: Any = self._timers.pop(what, None)
        if timer is not None:
            timer.cancel()
