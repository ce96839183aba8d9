"""A submission on its way in: the form is read while it arrives, and nothing is kept unless all of it is right."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from io import BytesIO

from anyio.to_thread import run_sync
from starlette.requests import Request

from matdisc.service.blobs import Writer
from matdisc.service.http.context import Service
from matdisc.service.http.forms import FormReader, Sink
from matdisc.service.http.intake import FILE, TEXTS, new_submission, place_of, request_digest
from matdisc.service.store.accounts import Token
from matdisc.service.store.quota import refuse_beyond, usage
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import KeyReused, create, replayed
from matdisc.service.uploads import Upload, suffix_of

BATCH = 64 * 1024
"""Bytes that are handed to another thread at once."""


async def receive(request: Request, service: Service, token: Token, key: str | None) -> tuple[Submission, bool]:
    """Read a form to its end and return its submission, and whether this key had made it before.

    Raises:
        Problem, ServiceError: Whatever is wrong with it.
    """
    work = partial(run_sync, limiter=service.upload_threads)
    async with service.uploads.waited_for(token.team_id):
        with ExitStack() as stack:
            content_type = request.headers.get("content-type", "")
            intake = await work(Intake, service, token, key, stack, content_type)
            async for data in batches(request):
                await work(intake.feed, data)
            return await work(intake.finish)


class Intake:
    """One form; its methods take time and belong into another thread.

    Args:
        stack: Ends what a file that is not finished has begun.
    """

    def __init__(self, service: Service, token: Token, key: str | None, stack: ExitStack, content_type: str) -> None:
        self._service, self._token, self._key, self._stack = service, token, key, stack
        self._before = replayed(service.store, token, key)
        self._form = FormReader(content_type, TEXTS, FILE, self._open)
        self._upload: Upload | None = None
        self._writer: Writer | None = None
        self._suffix: str | None = None

    def feed(self, data: bytes) -> None:
        """Take some bytes of the form."""
        self._form.feed(data)

    def finish(self) -> tuple[Submission, bool]:
        """Return the submission, and whether it was there before."""
        self._form.finish()
        fields, service = self._form.fields, self._service
        if self._before is not None:
            return self._same(self._before), True
        new = new_submission(service, fields, has_file=self._upload is not None, now=time.time())
        with service.turns.of(self._token.team_id):  # lest two files are kept where the quota has room for one
            self._check_quota(new.dataset, self._writer.size if self._writer else 0)
            sha256, size = self._upload.finish() if self._upload else (None, 0)
            new = replace(
                new, request_sha256=request_digest(fields, sha256, self._suffix), file_sha256=sha256,
                file_suffix=self._suffix, file_bytes=size, idempotency_key=self._key,
            )  # fmt: skip
            return create(service.store, self._token, new, service.settings.quota)

    def _same(self, before: Submission) -> Submission:
        """Return what this key has made before, if the request is the same."""
        sha256 = self._upload.finish()[0] if self._upload else None
        if request_digest(self._form.fields, sha256, self._suffix) != before.request_sha256:
            raise KeyReused(f"idempotency key {self._key!r} was used for another request; use a new key for this one")
        return before

    def _open(self, name: str) -> Sink:
        """Refuse a file as soon as that is possible, else say where it goes; a replayed one is only hashed."""
        fields = self._form.fields
        if self._before is None and "task" in fields and "dataset" in fields:
            self._check_quota(place_of(self._service, fields).dataset)
        self._suffix = suffix_of(name)
        self._writer = Void() if self._before is not None else self._stack.enter_context(self._service.blobs.writing())
        self._upload = Upload(self._service.settings.uploads, self._suffix, self._writer)
        return self._upload

    def _check_quota(self, dataset: str, size: int = 0) -> None:
        """Refuse a file before it is read or kept; what counts is the same check when the submission is made."""
        quota = self._service.settings.quota
        used = usage(self._service.store, self._token.team_id, dataset, quota)
        refuse_beyond(used, dataset, size, quota, time.time())


class Void(Writer):
    """A writer that hashes and keeps nothing."""

    def __init__(self) -> None:
        super().__init__(BytesIO(), lambda sha256: None)

    def write(self, data: bytes) -> None:
        """Count and hash some bytes."""
        self._digest.update(data)
        self.size += len(data)


async def batches(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces that are worth a change of threads."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= BATCH:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
