"""Forms of the type multipart/form-data, parsed while they arrive: texts are kept, the file goes where it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from matdisc.service.http.problems import Problem

MOST_PARTS = 20
KIB = 1024
PLAIN = (b"", b"7bit", b"8bit", b"binary")


class Sink(Protocol):
    """Where a file goes."""

    def feed(self, chunk: bytes) -> None:
        """Take some bytes of it."""


class FormReader:
    """Reads a form piece by piece.

    Args:
        content_type: The request's header.
        texts: Names of the text fields, and the most bytes of each.
        file: Name of the field with the file.
        opened: Gives the place for the file; called with the client's name of it when the file begins.

    Attributes:
        fields: The texts that came so far.
    """

    def __init__(self, content_type: str, texts: Mapping[str, int], file: str, opened: Callable[[str], Sink]) -> None:
        self._texts, self._file, self._opened = texts, file, opened
        self.fields: dict[str, str] = {}
        self._seen: set[str] = set()
        self._parts, self._ended = 0, False
        self._parser = MultipartParser(_boundary(content_type), {
            "on_part_begin": self._begin_part, "on_header_begin": self._begin_header,
            "on_header_field": self._header_name, "on_header_value": self._header_value,
            "on_headers_finished": self._open_part, "on_part_data": self._data, "on_part_end": self._end_part,
            "on_end": self._end,
        })  # fmt: skip
        self._begin_part()
        self._parts = 0

    def feed(self, data: bytes) -> None:
        """Take some bytes of the form.

        Raises:
            Problem: If it is none, or has a field too many, twice or too large.
        """
        try:
            self._parser.write(data)
        except FormParserError as err:
            raise _broken(str(err)) from None

    def finish(self) -> None:
        """Raise a Problem if the form breaks off."""
        if not self._ended:
            raise _broken("it breaks off before its last boundary")

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise _broken(f"it has more than {MOST_PARTS} parts")
        self._headers: list[tuple[bytearray, bytearray]] = []
        self._name, self._text = "", bytearray()
        self._sink: Sink | None = None

    def _begin_header(self) -> None:
        self._headers.append((bytearray(), bytearray()))

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1][0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1][1].extend(data[start:end])

    def _open_part(self) -> None:
        headers = {bytes(name).lower(): bytes(value) for name, value in self._headers}
        kind, options = parse_options_header(headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise _broken("a part has no name")
        self._name = options[b"name"].decode("utf-8", "replace")
        if self._name != self._file and self._name not in self._texts:
            known = ", ".join(sorted({*self._texts, self._file}))
            raise _of_field(self._name, f"is not known; known: {known}")
        if self._name in self._seen:
            raise _of_field(self._name, "is there twice; send it once")
        if headers.get(b"content-transfer-encoding", b"").strip().lower() not in PLAIN:
            raise _of_field(self._name, "is encoded; send its bytes as they are")
        self._seen.add(self._name)
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        if self._name == self._file and name:  # browsers send an empty name where no file was chosen
            self._sink = self._opened(name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.feed(data[start:end])
            return
        if self._name == self._file:
            raise _of_field(self._name, "has no file name, which tells its format; send it as a file")
        if len(self._text) + end - start > self._texts[self._name]:
            raise _of_field(self._name, f"is longer than {self._texts[self._name] // KIB} KiB", 413)
        self._text.extend(data[start:end])

    def _end_part(self) -> None:
        if self._name == self._file:
            return
        try:
            self.fields[self._name] = self._text.decode("utf-8")
        except UnicodeDecodeError as err:
            raise _of_field(self._name, f"is not UTF-8 ({err.reason} at byte {err.start}); send it as UTF-8") from None

    def _end(self) -> None:
        self._ended = True


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        said = "send a form of the type multipart/form-data; a client library does that where a file is given"
        raise Problem(415, "Wrong content type", said, field="Content-Type")
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        raise Problem(
            400, "Broken form", "the header Content-Type names no boundary of 1 to 70 letters", field="Content-Type"
        )
    return boundary


def _broken(why: str) -> Problem:
    return Problem(400, "Broken form", f"the body is no form of the type multipart/form-data: {why}; send it again")


def _of_field(name: str, why: str, status: int = 422) -> Problem:
    return Problem(status, "Invalid field", f"field {name[:80]!a} {why}", field=name[:80])
