"""Files of the service by their content: a folder, or an object store that fsspec reaches by a URL.

A blob's name is the SHA-256 of its content, `ab/cd/<sha256>`; nothing that a user wrote is part of a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from matdisc.errors import ExtraError, ServiceError

SHA256 = re.compile(r"[0-9a-f]{64}")
INCOMING = "incoming"
DAY = 86400.0
PART = 5 * 2**20
"""Bytes that are sent to S3 at once, the least that it takes; of a large file no more is in the memory."""
OPTIONS: dict[str, dict[str, Any]] = {"s3": {"max_concurrency": 1, "default_block_size": PART}}
SENDING: dict[str, dict[str, Any]] = {"s3": {"chunksize": PART}}


class Writer:
    """Content on its way into a store; it is gone without a trace unless `commit` is called."""

    def __init__(self, file: IO[bytes], keep: Callable[[str], None]) -> None:
        self._file, self._keep, self._digest = file, keep, hashlib.sha256()
        self.size = 0
        self.sha256: str | None = None

    def write(self, data: bytes) -> None:
        """Append some bytes."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def commit(self) -> str:
        """Keep what was written, safe against a power cut, and return its SHA-256."""
        self._file.flush()
        sha256 = self._digest.hexdigest()
        self._keep(sha256)
        self.sha256 = sha256
        return sha256


class Blobs(ABC):
    """Files by their content. Several processes may write the same one at once; a reader sees all of it or nothing."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Writer]:
        """Give a writer; what it has not committed at the end leaves no trace."""

    @abstractmethod
    def local(self, sha256: str, suffix: str) -> AbstractContextManager[Path]:
        """Give a path `<sha256><suffix>` to read a blob from, for readers that go by the name.

        Raises:
            ServiceError: If there is no such blob, or its content is not what its name says.
        """

    @abstractmethod
    def read(self, sha256: str) -> bytes:
        """Return a blob.

        Raises:
            ServiceError: If there is no such blob, or its content is not what its name says.
        """

    @abstractmethod
    def size(self, sha256: str) -> int | None:
        """Return the bytes of a blob, None if there is none."""

    @abstractmethod
    def delete(self, sha256: str) -> None:
        """Remove a blob if it is there."""

    def clean(self, older_than: float = DAY) -> int:
        """Remove what killed writers and readers left and nobody touched for so many seconds; return how many."""
        return 0

    def put(self, data: bytes) -> str:
        """Keep some bytes and return their SHA-256."""
        with self.writing() as writer:
            writer.write(data)
            return writer.commit()

    def check(self) -> None:
        """Write and read a small blob.

        Raises:
            ServiceError: If that is not possible; says why.
        """
        self.read(self.put(b"matdisc"))


def open_blobs(url: str, **options: Any) -> Blobs:
    """Return the store in a folder, or behind a URL such as `s3://bucket/prefix`.

    Args:
        options: Of fsspec for such a URL. Without them S3 goes by the environment: AWS_ACCESS_KEY_ID,
            AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL.

    Raises:
        ServiceError: If there is no store of that kind.
        ExtraError: If its package is not installed.
    """
    if "://" not in url or url.startswith("file://"):
        return FolderBlobs(Path(url.removeprefix("file://")))
    protocol = url.partition("://")[0]
    settings = {"use_listings_cache": False, **OPTIONS.get(protocol, {}), **options}
    try:
        import fsspec

        filesystem, root = fsspec.url_to_fs(url, **settings)
    except ImportError as err:
        package = "'matdisc[s3]'" if protocol == "s3" else "the package of that store"
        raise ExtraError(f"blobs: {_shown(url)}: {err}; run: pip install {package}") from err
    except ValueError as err:
        raise ServiceError(f"blobs: {_shown(url)}: {err}; name a folder, or a URL such as s3://bucket/prefix") from err
    return RemoteBlobs(filesystem, root.rstrip("/"), _shown(url), protocol)


@dataclass(frozen=True, slots=True)
class FolderBlobs(Blobs):
    """Blobs in a folder. New ones are written in its folder `incoming`, put on the disk and renamed."""

    root: Path

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        number, name = tempfile.mkstemp(dir=self._incoming())
        path = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                yield Writer(file, partial(self._keep, path, number))
        finally:
            path.unlink(missing_ok=True)  # after a commit it has its new name

    @contextmanager
    def local(self, sha256: str, suffix: str) -> Iterator[Path]:
        place = self._place(sha256)
        with _opened(place, str(self.root)) as file:
            _verify(sha256, file, str(self.root))
        with tempfile.TemporaryDirectory(dir=self._incoming(), ignore_cleanup_errors=True) as folder:
            path = Path(folder) / f"{sha256}{suffix}"
            path.symlink_to(place.absolute())
            yield path

    def read(self, sha256: str) -> bytes:
        with _opened(self._place(sha256), str(self.root)) as file:
            return _verified(sha256, file.read(), str(self.root))

    def size(self, sha256: str) -> int | None:
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, sha256: str) -> None:
        self._place(sha256).unlink(missing_ok=True)

    def clean(self, older_than: float = DAY) -> int:
        old = [path for path in self._incoming().iterdir() if _age(path) > older_than]
        for path in old:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return len(old)

    def _place(self, sha256: str) -> Path:
        return self.root / _key(sha256)

    def _incoming(self) -> Path:
        folder = self.root / INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _keep(self, path: Path, number: int, sha256: str) -> None:
        place = self._place(sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.fsync(number)
        path.replace(place)
        for folder in (place.parent, place.parent.parent, self.root):  # new names are on the disk after that only
            _sync_folder(folder)


@dataclass(frozen=True, slots=True)
class RemoteBlobs(Blobs):
    """Blobs in an object store, where an upload that breaks off leaves nothing. Files wait on the local disk."""

    filesystem: Any
    root: str
    shown: str
    protocol: str

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        with tempfile.NamedTemporaryFile(prefix="matdisc-") as file:
            yield Writer(file, partial(self._keep, file.name))

    @contextmanager
    def local(self, sha256: str, suffix: str) -> Iterator[Path]:
        key = self._place(sha256)
        with tempfile.TemporaryDirectory(prefix="matdisc-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / f"{sha256}{suffix}"
            with self._reached(sha256):
                self.filesystem.get_file(key, str(path))
            with path.open("rb") as file:
                _verify(sha256, file, self.shown)
            yield path

    def read(self, sha256: str) -> bytes:
        key = self._place(sha256)
        with self._reached(sha256):
            data = self.filesystem.cat_file(key)
        return _verified(sha256, data, self.shown)

    def size(self, sha256: str) -> int | None:
        key = self._place(sha256)
        with self._reached():
            try:
                return int(self.filesystem.info(key)["size"])
            except FileNotFoundError:
                return None

    def delete(self, sha256: str) -> None:
        key = self._place(sha256)
        with self._reached():
            try:
                self.filesystem.rm_file(key)
            except FileNotFoundError:
                return

    def _place(self, sha256: str) -> str:
        return f"{self.root}/{_key(sha256)}"

    def _keep(self, path: str, sha256: str) -> None:
        key = self._place(sha256)
        with self._reached():
            self.filesystem.put_file(path, key, **SENDING.get(self.protocol, {}))

    @contextmanager
    def _reached(self, wanted: str = "") -> Iterator[None]:
        """Say in words what a store answers; each kind of store raises errors of its own."""
        try:
            yield
        except Exception as err:
            if wanted and isinstance(err, FileNotFoundError):
                raise ServiceError(_missing(wanted, self.shown)) from err
            told = f"{type(err).__name__}: {err}".splitlines()[0]
            raise ServiceError(
                f"blobs: {self.shown} does not answer as it should ({told}); look at its address, "
                "at the credentials in the environment, and whether it is up"
            ) from err


def _key(sha256: str) -> str:
    if not SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is no SHA-256 of 64 hexadecimal digits")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


@contextmanager
def _opened(place: Path, store: str) -> Iterator[BufferedReader]:
    try:
        file = place.open("rb")
    except FileNotFoundError as err:
        raise ServiceError(_missing(place.name, store)) from err
    with file:
        yield file


def _missing(sha256: str, store: str) -> str:
    return f"blob {sha256} is not in {store}; restore it from a backup, or submit the file again"


def _verify(sha256: str, file: BufferedReader, store: str) -> None:
    _compare(sha256, hashlib.file_digest(file, "sha256").hexdigest(), store)


def _verified(sha256: str, data: bytes, store: str) -> bytes:
    _compare(sha256, hashlib.sha256(data).hexdigest(), store)
    return data


def _compare(sha256: str, found: str, store: str) -> None:
    if found != sha256:
        raise ServiceError(
            f"blob {sha256} in {store} is damaged: its content has the SHA-256 {found}; restore it from a backup"
        )


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:  # its writer has just ended
        return 0.0


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _shown(url: str) -> str:
    """Return a URL without the name and password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", url)
