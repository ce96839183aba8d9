"""The files of a dataset: embedded beside the card, cached, copied from a local mirror, or downloaded.

`MATDISC_CACHE` names the cache folder, `MATDISC_MIRROR` a folder with copies of the public files. Whatever the
source, a file is used only if its sha256 is the card's.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from pathlib import Path
from typing import Literal

from matdisc.board import Board
from matdisc.cards import DataFile, DatasetCard
from matdisc.errors import DataError

Source = Literal["embedded", "cache", "mirror", "download"]
TIMEOUT = (5.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""
ATTEMPTS = 2
USER_AGENT = {"User-Agent": "matdisc (https://pypi.org/project/matdisc)"}


def dataset_files(board: Board, card: DatasetCard) -> dict[str, Path]:
    """Return the verified path of each file of a dataset by its name, fetching what is not cached.

    Raises:
        DataError: If a file is missing or damaged, or cannot be fetched.
    """
    return {file.name: obtain(board, card.key, file)[0] for file in card.files}


def pull(board: Board, key: str) -> list[tuple[str, Path, Source]]:
    """Fetch all files of the dataset `key`; return name, path and source of each.

    Raises:
        CardError: If there is no such dataset.
        DataError: If a file is missing or damaged, or cannot be fetched.
    """
    return [(file.name, *obtain(board, key, file)) for file in board.dataset(key).files]


def cache_dir() -> Path:
    """Folder of the cached public files: `MATDISC_CACHE`, or the platform's own place."""
    named = os.environ.get("MATDISC_CACHE")
    if named:
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("matdisc"))


def file_hash(path: Path) -> str:
    """sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def card_hash(path: Path, file: DataFile) -> str:
    """Hash of a file of the kind that its card gives: sha256, or md5 where nobody has published more."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256" if file.sha256 else "md5").hexdigest()


def embedded_path(board: Board, key: str, file: DataFile) -> Path:
    """Where an embedded file lies: beside the card."""
    return board.datasets_dir / key / file.name


def cached_path(key: str, file: DataFile) -> Path:
    """Where a public file lies, or will lie, in the cache."""
    return cache_dir() / (file.mirror or f"{key}/{file.name}")


def obtain(board: Board, key: str, file: DataFile) -> tuple[Path, Source]:
    """Return the verified path of one file of the dataset `key`, and where it came from; it is fetched if need be.

    Raises:
        DataError: If it is missing or damaged, or cannot be fetched.
    """
    if file.embedded:
        path = embedded_path(board, key, file)
        _check(path, key, file, "restore the file, or correct the card if the change is meant")
        return path, "embedded"
    target = cached_path(key, file)
    found = card_hash(target, file) if target.is_file() else ""
    if found == (file.sha256 or file.md5):
        return target, "cache"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return target, _from_mirror(target, key, file) or _from_web(target, key, file)
    except OSError as err:
        raise DataError(
            f"dataset {key!r}, file {file.name}: cannot be written to {target}: {err}; "
            "set MATDISC_CACHE to a folder that can be written"
        ) from err
    except DataError as err:
        if not found:
            raise
        raise DataError(
            f"{target} is damaged (hash {found}, the card says {file.sha256 or file.md5}) and cannot be replaced: {err}"
        ) from err


def _from_mirror(target: Path, key: str, file: DataFile) -> Source | None:
    named = os.environ.get("MATDISC_MIRROR")
    if not named or file.mirror is None:
        return None
    mirror = Path(named).expanduser()
    if not mirror.is_dir():
        raise DataError(f"MATDISC_MIRROR is {named!r}, which is no folder; name a folder with copies or unset it")
    copy = mirror / file.mirror
    if not copy.is_file():
        return None
    _check(copy, key, file, "replace the copy in the mirror, or unset MATDISC_MIRROR to download the file")
    copy_whole(copy, target)
    return "mirror"


def _from_web(target: Path, key: str, file: DataFile) -> Source:
    by_hand = f"set MATDISC_MIRROR to a folder that has {file.mirror}, or " if file.mirror else ""
    remedy = f"{by_hand}download it by hand to {target}"
    if file.url is None:
        raise DataError(f"dataset {key!r}, file {file.name}: not public at any address; {remedy}")
    about = f"dataset {key!r}, file {file.name}"
    try:
        retrieve(file.url, target, f"sha256:{file.sha256}" if file.sha256 else f"md5:{file.md5}")
    except ValueError as err:
        raise DataError(f"{about}: {file.url}: {err}; {remedy}") from err
    except OSError as err:  # every error of the network is one
        raise DataError(f"{about}: cannot be downloaded from {file.url} ({type(err).__name__}); {remedy}") from err
    return "download"


def copy_whole(copy: Path, target: Path) -> None:
    """Copy a file to its place, whole or not at all."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(copy, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def retrieve(url: str, target: Path, known_hash: str | None) -> None:
    """Download as `download` does, and try again where the network fails.

    Raises:
        ValueError: If the hash differs.
        OSError: If the last attempt fails.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return download(url, target, known_hash)
        except OSError:
            time.sleep(1)
    return download(url, target, known_hash)


def download(url: str, target: Path, known_hash: str | None) -> None:
    """Download to a temporary file, compare the hash (`sha256:...` or `md5:...`; None: any), then rename.

    Raises:
        ValueError: If the hash differs; both are named.
        OSError: If the network fails.
    """
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    downloader = pooch.HTTPDownloader(headers=USER_AGENT, timeout=TIMEOUT)
    pooch.retrieve(url, known_hash, fname=target.name, path=target.parent, downloader=downloader)


def _check(path: Path, key: str, file: DataFile, remedy: str) -> None:
    if not path.is_file():
        raise DataError(f"dataset {key!r}, file {file.name}: {path} does not exist; {remedy}")
    found, said = card_hash(path, file), file.sha256 or file.md5
    if found != said:
        kind = "sha256" if file.sha256 else "md5"
        raise DataError(f"dataset {key!r}, file {file.name}: {path} has {kind} {found}, the card says {said}; {remedy}")
