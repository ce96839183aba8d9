"""Bodies of requests, counted and timed whatever their headers say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matdisc.service.http.problems import Problem, problem_response
from matdisc.service.settings import MIB, Uploads

SMALL = 2**16
"""Bytes of a body that is no upload."""
SMALL_SECONDS = 30.0
REST = MIB
"""Room for an upload's other fields and for what is between them."""
LINGER_SECONDS, SILENT_SECONDS = 5.0, 1.0
"""How long the rest of a body is still taken after a refusal, and how long without a byte: who is cut off while sending
may never see the answer."""


class Bodies:
    """Gives an application at most so many bytes in so many seconds.

    Args:
        app: The application.
        limits: Of uploads.
        takes_uploads: Whether the address of a request takes a file; others get little.
    """

    def __init__(self, app: ASGIApp, limits: Uploads, takes_uploads: Callable[[Scope], bool]) -> None:
        self._app, self._limits, self._takes_uploads = app, limits, takes_uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = self._takes_uploads(scope)
        most = self._limits.mib * MIB + REST if upload else SMALL
        seconds = self._limits.seconds if upload else min(SMALL_SECONDS, self._limits.seconds)
        body = Body(scope, receive, most, seconds)
        answer = Answer(body, send)
        try:
            body.check_headers(upload)
        except Problem as problem:
            await problem_response(scope, problem)(scope, body.receive, answer.send)
            return
        await self._app(scope, body.receive, answer.send)


class Body:
    """The body of one request."""

    def __init__(self, scope: Scope, receive: Receive, most: int, seconds: float) -> None:
        headers = Headers(scope=scope)
        self._lengths = headers.getlist("content-length")
        self._chunked = "transfer-encoding" in headers
        self._receive, self._most, self._seconds = receive, most, seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._size = 0
        self.ended = not self._chunked and self._lengths in ([], ["0"])

    def check_headers(self, upload: bool) -> None:
        """Raise a Problem if the headers alone are reason to refuse."""
        if upload and not self._lengths and not self._chunked:
            raise Problem(
                411, "Length required", "the request has no body; send a form of the type multipart/form-data"
            )
        if not self._lengths:
            return
        length = self._lengths[0]
        if len(self._lengths) > 1 or self._chunked or not (length.isascii() and length.isdigit() and len(length) < 20):
            raise Problem(
                400, "Bad length", "the header Content-Length has to be one number of bytes", field="Content-Length"
            )
        if int(length) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        """Receive as a server lets an application, and raise a Problem when it is too much or takes too long."""
        if self.ended:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            said = f"the body took longer than {self._seconds:g} seconds; send it faster, or less"
            raise Problem(408, "Too slow", said) from None
        self._note(message)
        if self._size > self._most:
            raise self._too_large()
        return message

    async def drain(self) -> None:
        """Take what still comes, for a while, and forget it."""
        size = 0
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.ended and size <= self._most:
                    async with asyncio.timeout(SILENT_SECONDS):
                        message = await self._receive()
                    size += len(message.get("body", b""))
                    self._note(message)
        except TimeoutError:
            return

    def _note(self, message: Message) -> None:
        self._size += len(message.get("body", b""))
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)

    def _too_large(self) -> Problem:
        size = f"{self._most // MIB} MiB" if self._most >= MIB else f"{self._most // 1024} KiB"
        return Problem(413, "Too large", f"the body is larger than {size}, which is the limit here; send less")


class Answer:
    """The answer to one request; a connection on which a body was not read to its end is closed after it."""

    def __init__(self, body: Body, send: Send) -> None:
        self._body, self._send = body, send

    async def send(self, message: Message) -> None:
        """Send as a server lets an application."""
        if not self._body.ended:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            elif not message.get("more_body", False):
                await self._send({**message, "more_body": True})
                await self._body.drain()
                message = {"type": "http.response.body", "body": b""}
        await self._send(message)
