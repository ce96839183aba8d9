"""Event streams, which have no end of their own, end when the server is asked to; other answers are finished."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOK_SECONDS = 0.25


class EndingStreams:
    """The outermost layer: to an event stream of a server that stops, the client seems to leave.

    The stream is then closed as a whole answer is, so that the client comes back without having seen an error.
    """

    def __init__(self, app: App, stopping: Callable[[], bool]) -> None:
        self._app, self._stopping = app, stopping

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._stopping)
        await self._app(scope, exchange.receive, exchange.send)
        if exchange.ended:
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})


class _Exchange:
    """One request and its answer."""

    def __init__(self, receive: Receive, send: Send, stopping: Callable[[], bool]) -> None:
        self._receive, self._send, self._stopping = receive, send, stopping
        self._whole_request = self._streams = self._whole_answer = self._left = False

    @property
    def ended(self) -> bool:
        """Whether it is a stream that was left open because the server stops."""
        return self._left and not self._whole_answer

    async def receive(self) -> Message:
        if self._whole_request:
            return await self._departure()
        message = await self._receive()
        self._whole_request = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {bytes(name).lower(): bytes(value) for name, value in message.get("headers", [])}
            self._streams = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        elif message["type"] == "http.response.body":
            self._whole_answer = not message.get("more_body", False)
        await self._send(message)

    async def _departure(self) -> Message:
        """Wait until the client leaves, or until this is a stream and the server stops."""
        waiting = asyncio.ensure_future(self._receive())
        try:
            while not (self._streams and self._stopping()):
                if (await asyncio.wait({waiting}, timeout=LOOK_SECONDS))[0]:
                    return waiting.result()
        finally:
            waiting.cancel()
        self._left = True
        return {"type": "http.disconnect"}
