"""A form with a file as the body of a request, read from disk while it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from matdisc.errors import SubmissionError

CHUNK = 256 * 1024
Progress = Callable[[int, int], None]
"""Called with the bytes that are sent and those of the whole file."""


class Form:
    """A body of `multipart/form-data` of known length that can be sent again: same boundary, same bytes.

    Args:
        fields: Texts by name.
        file: What is sent as `predictions`, if anything.
        boundary: A line that is in none of them.
        progress: Hears how far the file is.
    """

    def __init__(
        self, fields: Mapping[str, str], file: Path | None, boundary: str, progress: Progress | None = None
    ) -> None:
        self._file, self._progress, self._size = file, progress, 0 if file is None else file.stat().st_size
        parts = [_head(boundary, f'name="{name}"') + text.encode() + b"\r\n" for name, text in fields.items()]
        if file is not None:
            kind = "\r\nContent-Type: application/octet-stream"
            parts.append(_head(boundary, f'name="predictions"; filename="{plain_name(file)}"{kind}'))
        self._before = b"".join(parts)
        self._after = (b"" if file is None else b"\r\n") + f"--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        if self._file is not None:
            yield from self._content(self._file)
        yield self._after

    def _content(self, path: Path) -> Iterator[bytes]:
        sent = 0
        try:
            with path.open("rb") as file:
                while (chunk := file.read(CHUNK)) and (sent := sent + len(chunk)) <= self._size:
                    yield chunk
                    if self._progress is not None:
                        self._progress(sent, self._size)
        except OSError as err:  # raised as it is, it would pass for one of the connection
            raise SubmissionError(f"{path}: cannot be read ({err.strerror})") from err
        if sent != self._size:
            raise SubmissionError(f"{path}: has changed while it was sent; send it again when it is complete")


def plain_name(path: Path) -> str:
    """Return a file's name with what could end a header's text replaced; the service looks at its suffix alone."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", path.name)[-100:]


def _head(boundary: str, said: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {said}\r\n\r\n".encode()
