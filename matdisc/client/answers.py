"""What a service answers: JSON of bounded size, or a refusal in words. Nothing of it is trusted with a terminal."""

from __future__ import annotations

import json
import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from matdisc.errors import ServiceError

if TYPE_CHECKING:
    from requests import Response

AGAIN = (429, 502, 503, 504)
"""Answers after which the same request may succeed."""
LARGEST = 64 * 2**20
"""Bytes of an answer."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Letters that move a cursor or turn the writing's direction."""
SAID = 2000
"""Letters of a message that are shown."""


class Unreachable(ServiceError):
    """The service, or the way to it, does not work for now.

    Attributes:
        silent: Whether there was a connection that brought nothing.
    """

    pause = 0.0

    def __init__(self, message: str, *, silent: bool = False) -> None:
        self.silent = silent
        super().__init__(message)


class Refusal(ServiceError):
    """The service says no.

    Attributes:
        status: HTTP status of the answer.
        title: Its kind in a few words.
        detail: The reason, with the remedy.
        field: What of the request it is about, if anything.
        pause: Seconds after which the same request may succeed; None if it never will.
    """

    def __init__(
        self, status: int, title: str, detail: str = "", field: str | None = None, pause: float | None = None
    ) -> None:
        self.status, self.title, self.detail, self.field, self.pause = status, title, detail, field, pause
        super().__init__(": ".join(part for part in (title, detail) if part) + (f" (field '{field}')" if field else ""))


def content_of(response: Response) -> bytes:
    """Return an answer's bytes, once they are there.

    Raises:
        ServiceError: If there are more than any answer has.
    """
    content = bytearray()
    for chunk in response.iter_content(65536):
        content += chunk
        if len(content) > LARGEST:
            raise ServiceError(f"{_place(response)} answered with more than {LARGEST >> 20} MiB; that is no service's")
    return bytes(content)


def json_of(response: Response) -> Any:
    """Return the JSON of an answer that is no refusal, without letters that a terminal would obey.

    Raises:
        ServiceError: If it is no JSON.
    """
    content = content_of(response)
    try:
        return printable(json.loads(content, parse_constant=_no_number))
    except (ValueError, RecursionError) as err:
        raise ServiceError(
            f"{_place(response)} answered {response.status_code} with {_kind(response)} and no JSON; is this the "
            f"address of a matdisc service? It begins: {_beginning(content)}"
        ) from err


def refusal(response: Response) -> Refusal:
    """Return the problem document of an answer as an error; of another's answer, such as a proxy's page, what it is."""
    content = content_of(response)
    try:
        said = printable(json.loads(content))
    except (ValueError, RecursionError):
        said = None
    status = response.status_code
    pause = _retry_after(response) if status in AGAIN else None
    if not isinstance(said, dict) or not (said.get("title") or said.get("detail")):
        what = f"with {_kind(response)}: {_beginning(content)}" if content else "with nothing else"
        return Refusal(
            status, f"{_place(response)} answered {status} {response.reason or ''}".rstrip(), what, pause=pause
        )
    detail = "" if said.get("detail") is None else str(said["detail"])[:SAID]
    field = said.get("field")
    title, field = str(said.get("title") or status)[:SAID], None if field is None else str(field)[:80]
    return Refusal(status, title, detail, field, pause)


def printable(content: Any) -> Any:
    """Return JSON-ready data with control letters in its texts replaced by blanks."""
    if isinstance(content, str):
        return CONTROL.sub(" ", content)
    if isinstance(content, list):
        return [printable(item) for item in content]
    if isinstance(content, dict):
        return {CONTROL.sub(" ", key): printable(value) for key, value in content.items()}
    return content


def _retry_after(response: Response) -> float:
    """Return the seconds that an answer's Retry-After asks to wait, given in either of its two forms; 0 without one."""
    said = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError):
            return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _place(response: Response) -> str:
    return CONTROL.sub(" ", str(response.url).partition("?")[0])


def _kind(response: Response) -> str:
    return CONTROL.sub(" ", response.headers.get("Content-Type", "no type"))[:80]


def _beginning(content: bytes) -> str:
    text = re.sub(r"<[^<>]*>", " ", CONTROL.sub(" ", content[:2000].decode("utf-8", "replace")))
    return " ".join(text.split())[:120] or "(nothing)"
