"""Files that appear whole or not at all, and errors that say which file could not be written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file and a rename, so that no reader sees half a file.

    Raises:
        OSError: If it cannot be written, with the name of `path`; nothing of it is left behind then.
    """
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(data)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Let a file be written beside `path`, under the name that is given; it becomes `path` when that is done.

    Raises:
        OSError: If it cannot be written, with the name of `path`; nothing of it is left behind then.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def copy_folder(source: Path, target: Path) -> None:
    """Copy what a folder holds to `target`; files that are there stay, and the first error ends it.

    Raises:
        OSError: If a file cannot be copied, with the name of the copy; half a copy is not left behind.
    """
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir() or copy.exists():
            continue
        with naming(copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(path, copy)
            except BaseException:
                copy.unlink(missing_ok=True)
                raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an operating-system error within name `path`: a write does not tell its file, a temporary name says nothing.

    Raises:
        OSError: What was raised within, with the name of `path`.
    """
    try:
        yield
    except OSError as err:
        if err.errno is None:  # not the system's: damaged gzip data, say
            raise
        raise OSError(err.errno, err.strerror, str(path)) from err
