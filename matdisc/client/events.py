"""Server-sent events: lines of text that arrive while something goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from matdisc.errors import ServiceError

LONGEST = 2**20
"""Bytes of an event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its kind, its data, and the id after which a broken stream goes on."""

    kind: str
    data: str
    id: str | None


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of a stream, however it is cut into pieces; comments, which keep it alive, are passed over.

    Raises:
        ServiceError: If an event has no end.
    """
    known: str | None = None
    kind, data, size = "message", list[str](), 0
    for line in _lines(pieces):
        if not line:
            if data:
                yield Event(kind, "\n".join(data), known)
            kind, data, size = "message", [], 0
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
            if (size := size + len(value) + 1) > LONGEST:
                raise _too_long()
        elif name == "id" and "\0" not in value:
            known = value


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield lines that end with a line feed, a carriage return, or both; what is cut off at the end is no line."""
    rest, held = bytearray(), False
    for piece in pieces:
        rest += piece
        if len(rest) > LONGEST:
            raise _too_long()
        if not (held or b"\n" in piece or b"\r" in piece):
            continue
        held = rest.endswith(b"\r")  # a line feed may belong to it
        *done, last = bytes(rest.removesuffix(b"\r")).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = bytearray(last + b"\r" * held)
        for line in done:
            yield line.decode("utf-8", "replace")


def _too_long() -> ServiceError:
    return ServiceError(f"an event of the service is longer than {LONGEST >> 20} MiB")
