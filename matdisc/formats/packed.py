"""Text files, packed or not, opened by what their name ends with."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from matdisc.errors import DataError

_OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
PACKED = tuple(_OPEN)
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
"""What the readers of packed data raise; bz2 raises OSError without a number."""


def unpacked_name(path: Path) -> str:
    """Return a file's name in small letters, without the ending of its packing."""
    name = path.name.lower()
    return name[: -len(path.suffix)] if path.suffix.lower() in PACKED else name


@contextmanager
def open_text(path: Path, encoding: str = "utf-8-sig") -> Iterator[TextIO]:
    """Open a text for reading; what goes wrong while it is read within is told in words.

    Raises:
        DataError: If it is not there, not to be read, damaged, or no text.
    """
    with reading(path), io.TextIOWrapper(_open(path), encoding=encoding, newline=None) as file:
        yield file


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell in words what goes wrong within, where a file is opened and read.

    Raises:
        DataError: Naming the file, what is wrong and what to do.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as err:
        said = f"{err.reason} at byte {err.start}"
        raise DataError(f"{path}: cannot be read: it is no text ({said}); save it as UTF-8") from None
    except DAMAGED as err:
        raise DataError(f"{path}: the packed data are damaged or cut off ({err}); pack the file again") from None
    except OSError as err:
        if err.errno is None:
            raise DataError(f"{path}: the packed data are damaged or cut off ({err}); pack the file again") from None
        raise DataError(f"{path}: cannot be read ({err.strerror or err})") from None


def _open(path: Path) -> Any:
    opened = _OPEN.get(path.suffix.lower(), Path.open)
    return opened(path, "rb")  # type: ignore[operator]
