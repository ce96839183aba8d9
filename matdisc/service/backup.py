"""A backup of a service while it runs: one folder, that is whole or not there.

The database is copied first, in one state of it; the files after it. A file is kept before a row names it, and never
changes, so that every file of the copied rows is there to be copied.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from matdisc.atomic import naming
from matdisc.errors import ServiceError
from matdisc.service.secret import SECRET
from matdisc.service.settings import BLOBS, SETTINGS, Settings

DATABASE_FILE, BLOBS_FOLDER = "service.db", "blobs"
SMALL = (SETTINGS, SECRET, ".gitignore")
CHUNK = 2**20
NAMES = {"submissions": ("file_sha256",), "results": ("details_sha256", "report_sha256")}
"""Columns, by table, that name files."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied; `problems` are files that are damaged or missing in the service itself, a line each."""

    path: Path
    submissions: int | None
    files: int
    bytes: int
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def back_up(settings: Settings, target: Path, *, files_only: bool = False) -> Backup:
    """Copy a service into a new folder, which can take the place of its own.

    Args:
        target: The folder to make.
        files_only: Leave the database out; it was saved before by other means.

    Raises:
        ServiceError: If there is something at `target`, or no service; or if the database is PostgreSQL, unless
            `files_only`: says how to save that.
        OSError: If something cannot be read or written; nothing is left at `target` then.
    """
    source = _sqlite_file(settings)
    if source is None and not files_only:
        raise ServiceError(_dump_first(settings.database, target))
    _refuse_target(settings, target)
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))  # closed to other users
        try:
            done = _copy(settings, None if files_only else source, fresh, target)
            fresh.rename(target)
            _sync(target.parent)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    return done


def check_copy(folder: Path, damaged: Callable[[str], bool] = lambda sha256: False) -> tuple[int, list[str]]:
    """Return how many submissions a copied database holds, and which of its files are missing beside it.

    Args:
        damaged: Whether a file is known to be there with another content.

    Raises:
        ServiceError: If the copy is damaged.
    """
    copy = (folder / DATABASE_FILE).absolute().as_uri() + "?immutable=1"  # leaves no files of its own beside it
    try:
        with closing(sqlite3.connect(copy, uri=True)) as database:
            (answer,) = database.execute("PRAGMA integrity_check").fetchone()
            (submissions,) = database.execute("SELECT count(*) FROM submissions").fetchone()
            named = [(table, sha256) for table in NAMES for sha256 in _named(database, table)]
    except sqlite3.DatabaseError as err:
        answer, submissions, named = str(err), 0, []
    if answer != "ok":
        raise ServiceError(f"database: its copy is damaged ({answer}); look after the disk, and restore a backup")
    lost = [(table, sha256) for table, sha256 in named if not damaged(sha256) and not _kept(folder, sha256)]
    return submissions, [f"file {sha256} of table {table} is not among the files" for table, sha256 in lost]


def _named(database: sqlite3.Connection, table: str) -> list[str]:
    queries = (f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL" for column in NAMES[table])
    return [sha256 for (sha256,) in database.execute(" UNION ".join(queries))]


def _kept(folder: Path, sha256: str) -> bool:
    return (folder / BLOBS_FOLDER / _place(sha256)).is_file()


def _copy(settings: Settings, database: Path | None, fresh: Path, target: Path) -> Backup:
    notes, submissions = [], None
    for name in SMALL:
        if (settings.home / name).is_file():
            shutil.copy2(settings.home / name, fresh / name)
    if database is not None:
        _copy_database(database, fresh / DATABASE_FILE)
    folder = _blobs_folder(settings)
    if folder is None:
        notes.append(f"the files in {BLOBS} are not copied; let that store keep versions, or copy it by its own tool")
        copied: dict[str, int] = {}
        damaged: set[str] = set()
    else:
        copied, damaged = _copy_blobs(folder, fresh / BLOBS_FOLDER)
    problems = [f"file {sha256} is damaged, and not copied" for sha256 in sorted(damaged)]
    if database is not None:
        submissions, missing = check_copy(fresh, damaged.__contains__)
        problems += missing if folder is not None else []
    _sync(fresh)
    return Backup(target, submissions, len(copied), sum(copied.values()), tuple(problems), tuple(notes))


def _copy_database(source: Path, copy: Path) -> None:
    """Copy one state of an SQLite database in one step; who writes meanwhile neither waits nor is seen."""
    opened = source.absolute().as_uri() + "?mode=rw"  # a reader in WAL mode writes to the index of the log
    try:
        with closing(sqlite3.connect(opened, uri=True, timeout=30)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
    except sqlite3.Error as err:
        raise ServiceError(
            f"database {source}: cannot be copied ({err}); look after it, and give the command again"
        ) from err
    copy.chmod(0o600)
    with copy.open("rb+") as file:
        os.fsync(file.fileno())


def _copy_blobs(source: Path, target: Path) -> tuple[dict[str, int], set[str]]:
    """Copy files whose content is what their name says; return their sizes, and the names of the others."""
    sizes, damaged = {}, set()
    target.mkdir(mode=0o700)
    for path in _blobs(source):
        copy = target / _place(path.name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            found, size = _copy_hashed(path, copy)
        except FileNotFoundError:  # removed since the folder was listed
            continue
        if found == path.name:
            sizes[path.name] = size
        else:
            damaged.add(path.name)
            copy.unlink()
    return sizes, damaged


def _copy_hashed(source: Path, copy: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as old, copy.open("xb") as new:
        while data := old.read(CHUNK):
            digest.update(data)
            size += new.write(data)
        new.flush()
        os.fsync(new.fileno())
    return digest.hexdigest(), size


def _blobs(folder: Path) -> Iterator[Path]:
    """Give the files of a store, without those on their way into it."""
    yield from sorted(path for path in folder.glob("??/??/*") if path.parent == folder / _place(path.name).parent)


def _place(sha256: str) -> Path:
    return Path(sha256[:2], sha256[2:4], sha256)


def _sqlite_file(settings: Settings) -> Path | None:
    from sqlalchemy.engine import make_url

    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite":
        return None
    path = Path(url.database or "")
    if not path.is_file():
        raise ServiceError(
            f"{settings.home}: no service has been started here yet (there is no {path}); "
            "name its board by --board or its folder by --home"
        )
    return path


def _blobs_folder(settings: Settings) -> Path | None:
    local = "://" not in settings.blobs or settings.blobs.startswith("file://")
    return Path(settings.blobs.removeprefix("file://")) if local else None


def _refuse_target(settings: Settings, target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise ServiceError(f"{target}: is there already; name a folder that is not, e.g. {target}-2")
    for folder in (settings.home, _blobs_folder(settings)):
        if folder is not None and target.resolve().is_relative_to(folder.resolve()):
            raise ServiceError(f"{target}: lies in the service's own folder {folder}; name one elsewhere")


def _dump_first(database: str, target: Path) -> str:
    """Say how to save a PostgreSQL database; its password is not repeated."""
    from sqlalchemy.engine import make_url

    url = make_url(database).set(drivername="postgresql")._replace(password=None).render_as_string()
    return (
        "the database is PostgreSQL and has a tool of its own; give first\n"
        f"    pg_dump --format=custom --file={target}.dump {url}\n"
        f"and after it, so that no file is missing,\n    matdisc backup --files-only {target}"
    )


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
