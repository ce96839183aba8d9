"""What a file from outside has to be, checked while it arrives; never more than a chunk of it is in the memory.

Formats are told by their first bytes as well as by the name. Nothing is unpacked but gzip, and that is counted.
"""

from __future__ import annotations

import codecs
import zlib
from typing import Protocol

from matdisc.errors import ServiceError
from matdisc.service.blobs import Writer
from matdisc.service.settings import MIB, Uploads

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
"""What a file may be called; those of matdisc.predictions, which the API does not load."""
SLICE, INFLATED = 64 * 1024, 256 * 1024
"""Bytes that are looked at, and that may come out of gzip, at once."""
MEMBERS = 10_000
"""Parts that a gzip file may have; block-wise gzip (bgzip) makes one of each 64 KiB."""
HEAD = 512
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
SMALLEST_PARQUET = 12
TOO_LARGE, WRONG_KIND, UNUSABLE = 413, 415, 422
TEXT_PLEASE = f"save the predictions as one of {', '.join(SUFFIXES)}"
ONE_FILE = f"archives are not accepted; {TEXT_PLEASE}, alone"
KINDS: dict[bytes, tuple[str, str]] = {
    b"PK\x03\x04": ("a zip archive or a workbook", ONE_FILE),
    b"PK\x05\x06": ("an empty zip archive", ONE_FILE),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", ONE_FILE),
    b"Rar!": ("a rar archive", ONE_FILE),
    b"\xfd7zXZ": ("packed with xz", f"use gzip; {TEXT_PLEASE}"),
    b"BZh": ("packed with bzip2", f"use gzip; {TEXT_PLEASE}"),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", f"use gzip; {TEXT_PLEASE}"),
    b"\x89HDF": ("an HDF5 file", TEXT_PLEASE),
    b"\xd0\xcf\x11\xe0": ("an old workbook", TEXT_PLEASE),
    b"\x93NUMPY": ("an array of NumPy", TEXT_PLEASE),
    **{bytes((0x80, protocol)): ("a pickle, which is never opened", TEXT_PLEASE) for protocol in range(2, 6)},
    GZIP: ("packed with gzip", "pack it once, and let its name end in .gz"),
    PARQUET: ("a Parquet file", "let its name end in .parquet"),
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8"),
}
"""First bytes of what is no CSV or JSON Lines: what it is, and what to do."""


class Refused(ServiceError):
    """A file is not taken; `status` is that of the HTTP answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Upload:
    """A file that arrives; it is kept by `finish`, and leaves nothing if anything before that refuses it."""

    def __init__(self, limits: Uploads, suffix: str, writer: Writer) -> None:
        self._most, self._writer, self._left = limits.mib, writer, limits.mib * MIB
        self._content = _content(limits, suffix)

    def feed(self, chunk: bytes) -> None:
        """Take some bytes.

        Raises:
            Refused: If the file is too large, or not what its name says.
        """
        self._left -= len(chunk)
        if self._left < 0:
            raise Refused(TOO_LARGE, f"predictions: larger than {self._most} MiB; pack it with gzip, or use .parquet")
        with memoryview(chunk) as view:
            for start in range(0, len(view), SLICE):
                self._content.feed(bytes(view[start : start + SLICE]))
        self._writer.write(chunk)

    def finish(self) -> tuple[str, int]:
        """Keep the file; return its SHA-256 and its bytes.

        Raises:
            Refused: If it is empty, breaks off, or is not what its name says.
        """
        if not self._writer.size:
            raise Refused(UNUSABLE, f"predictions: the file is empty; {TEXT_PLEASE}")
        self._content.finish()
        return self._writer.commit(), self._writer.size


def suffix_of(name: str | None) -> str:
    """Return the suffix of a client's file name; nothing else of the name is used.

    Raises:
        Refused: If it is of no format that is accepted.
    """
    lower = (name or "").lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if lower.endswith(suffix):
            return suffix
    said = f"the file name ends in {lower[-20:]!r}" if lower else "the file has no name that tells its format"
    raise Refused(WRONG_KIND, f"predictions: {said}; {TEXT_PLEASE}")


class _Content(Protocol):
    def feed(self, data: bytes) -> None: ...

    def finish(self) -> None: ...


def _content(limits: Uploads, suffix: str) -> _Content:
    if suffix not in SUFFIXES:
        raise ValueError(f"suffix {suffix!r} is none of {', '.join(SUFFIXES)}")
    if suffix == ".parquet":
        return _Parquet()
    text = _Text(suffix)
    return _Gzip(limits, suffix, text) if suffix.endswith(".gz") else text


class _Text:
    """Text in UTF-8 without NUL bytes."""

    def __init__(self, suffix: str) -> None:
        self._suffix, self._head, self._before = suffix, b"", 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, data: bytes) -> None:
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
            self._look()
        if b"\0" in data:
            raise self._with_nul(self._before + data.index(b"\0"))
        self._decode(data)
        self._before += len(data)

    def finish(self) -> None:
        self._decode(b"", final=True)
        if not self._head.strip():
            raise Refused(UNUSABLE, f"predictions: the file is empty; {TEXT_PLEASE}")

    def _look(self) -> None:
        for first, (kind, remedy) in KINDS.items():
            if self._head.startswith(first):
                raise Refused(WRONG_KIND, f"predictions: the content of this {self._suffix} is {kind}; {remedy}")

    def _with_nul(self, place: int) -> Refused:
        if self._head[257:262] == b"ustar":
            return Refused(WRONG_KIND, f"predictions: the content of this {self._suffix} is a tar archive; {ONE_FILE}")
        return Refused(UNUSABLE, f"predictions: byte {place} is NUL, so this is no text; {TEXT_PLEASE}, text in UTF-8")

    def _decode(self, data: bytes, final: bool = False) -> None:
        kept = len(self._decoder.getstate()[0])  # of a letter that began in the data before
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as err:
            raise Refused(
                UNUSABLE,
                f"predictions: the text is not UTF-8 at byte {self._before - kept + err.start} ({err.reason}); "
                "save it as UTF-8",
            ) from None


class _Gzip:
    """Text packed with gzip, in one or several parts; it is counted as it comes out."""

    def __init__(self, limits: Uploads, suffix: str, text: _Text) -> None:
        self._limits, self._suffix, self._text = limits, suffix, text
        self._packed = self._expanded = self._members = 0
        self._begun = b""  # of the next part
        self._inflater: zlib._Decompress | None = None

    def feed(self, data: bytes) -> None:
        self._packed += len(data)
        while data:
            if self._inflater is None:
                data, self._begun = self._begun + data, b""
                if not data.startswith(GZIP[: len(data)]):
                    raise self._no_gzip()
                if len(data) < len(GZIP):
                    self._begun = data
                    return
                self._inflater = self._next()
            data = self._inflate(self._inflater, data)

    def finish(self) -> None:
        if self._inflater is not None or self._begun:
            raise Refused(UNUSABLE, f"predictions: the {self._suffix} breaks off; pack and send it again")
        self._text.finish()

    def _next(self) -> zlib._Decompress:
        self._members += 1
        if self._members > MEMBERS:
            raise Refused(TOO_LARGE, f"predictions: more than {MEMBERS} gzip parts; pack the file as one")
        return zlib.decompressobj(zlib.MAX_WBITS + 16)

    def _inflate(self, inflater: zlib._Decompress, data: bytes) -> bytes:
        """Inflate a slice piece by piece and return what follows the end of its part."""
        while True:
            try:
                text = inflater.decompress(data, INFLATED)
            except zlib.error as err:
                raise Refused(
                    UNUSABLE, f"predictions: the {self._suffix} is damaged ({err}); pack and send it again"
                ) from None
            self._count(len(text))
            self._text.feed(text)
            if inflater.eof:
                self._inflater = None
                return inflater.unused_data
            data = inflater.unconsumed_tail
            if not data and len(text) < INFLATED:
                return b""

    def _count(self, n_bytes: int) -> None:
        self._expanded += n_bytes
        if self._expanded > self._limits.expanded_mib * MIB:
            raise Refused(
                TOO_LARGE, f"predictions: unpacked it is larger than {self._limits.expanded_mib} MiB; use .parquet"
            )
        if self._expanded > MIB and self._expanded > self._limits.ratio * self._packed:
            raise Refused(
                TOO_LARGE,
                f"predictions: unpacked it is more than {self._limits.ratio} times as large, as no predictions are; "
                "send it without gzip",
            )

    def _no_gzip(self) -> Refused:
        if self._members:
            return Refused(
                UNUSABLE, f"predictions: something that is not gzip follows the {self._suffix}; pack and send it again"
            )
        return Refused(WRONG_KIND, f"predictions: the content of this {self._suffix} is not gzip; {TEXT_PLEASE}")


class _Parquet:
    """Begins and ends as Parquet does; what lies between is read by a worker, with a limit to its memory."""

    def __init__(self) -> None:
        self._size, self._first, self._last = 0, b"", b""

    def feed(self, data: bytes) -> None:
        self._first += data[: len(PARQUET) - len(self._first)]
        if not PARQUET.startswith(self._first):
            raise Refused(WRONG_KIND, f"predictions: the content of this .parquet is not Parquet; {TEXT_PLEASE}")
        self._size += len(data)
        self._last = (self._last + data)[-8:]

    def finish(self) -> None:
        whole = self._size >= SMALLEST_PARQUET and self._last.endswith(PARQUET)
        if not whole or int.from_bytes(self._last[:4], "little") + SMALLEST_PARQUET > self._size:
            raise Refused(UNUSABLE, "predictions: the .parquet breaks off; write and send it again")
