"""Opening the database of the service: SQLite in its folder, or PostgreSQL by URL; tables are made and upgraded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from matdisc.errors import ExtraError, ServiceError

HEAD = "0001"
"""The revision that this version of matdisc works with."""
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10.0
CLOCKS = {
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())"),
}
LOCK = text("SELECT pg_advisory_xact_lock(:number)")
UPGRADE, CLAIM = 7_261_640, 7_261_641
"""Numbers of PostgreSQL's advisory locks; SQLite has one writer at a time anyway."""


@dataclass(frozen=True)
class Store:
    """An open database; threads may share it."""

    engine: Engine

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Have a transaction that writes: all of it happens, or nothing."""
        with self.engine.connect().execution_options(matdisc_writes=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Have a transaction that reads one state of the database."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Open a database, and make or upgrade its tables.

    Before an upgrade a copy of an SQLite database is laid beside it, `service.db.before-REVISION`.

    Args:
        url: `sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/NAME`.

    Raises:
        ServiceError: If it cannot be reached, or a newer matdisc has made it.
        ExtraError: If a package that it needs is not installed.
    """
    store = Store(_engine(_checked(url)))
    try:
        if _revision(store) != HEAD:
            _upgrade(store)
    except OperationalError as err:
        raise ServiceError(
            f"database {store.engine.url.render_as_string()}: cannot be opened "
            f"({str(err.orig).splitlines()[0]}); see that it is there and may be written, or name another in MATDISC_DB"
        ) from None
    return store


def now(connection: Connection) -> float:
    """Return the time by the database's clock, seconds since 1970: the one clock by which leases run."""
    return float(connection.execute(CLOCKS[connection.dialect.name]).scalar_one())


def one_at_a_time(connection: Connection, number: int) -> None:
    """Let this transaction wait for others that have called this with the same number."""
    if connection.dialect.name == "postgresql":
        connection.execute(LOCK, {"number": number})


def _checked(url: str) -> URL:
    try:
        found = make_url(url)
    except ArgumentError:
        raise ServiceError(
            "database: its URL is none; MATDISC_DB is sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    if found.drivername in ("postgresql", "postgres"):
        found = found.set(drivername="postgresql+psycopg")
    if found.get_backend_name() not in CLOCKS:
        said = f"database {found.render_as_string()}: of an unknown kind"
        raise ServiceError(f"{said}; MATDISC_DB is sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    if found.get_backend_name() == "sqlite":
        if not found.database or found.database == ":memory:":
            raise ServiceError("database: SQLite needs a file, because several processes share it: sqlite:///PATH")
        Path(found.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "postgresql":
            return create_engine(url, pool_size=10, max_overflow=30, pool_pre_ping=True, hide_parameters=True)
        engine = create_engine(
            url,
            pool_size=10,
            max_overflow=30,
            hide_parameters=True,  # of errors in logs: they may hold what a team said
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
    except (ModuleNotFoundError, NoSuchModuleError) as err:
        raise ExtraError(f'PostgreSQL needs a driver ({err}); pip install "matdisc[postgres]"') from None
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # else the driver begins transactions of its own, and too late
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin as a writer where it will write: a reader cannot become one once another has written."""
    writes = connection.get_execution_options().get("matdisc_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(store: Store) -> str | None:
    with store.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(store: Store) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    before = _revision(store)
    if before is not None:
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if before not in known:
            raise ServiceError(
                f"database {store.engine.url.render_as_string()}: is of revision {before!r}, which a newer matdisc has "
                f"made; this one knows up to {HEAD!r}: install the newer version again"
            )
        if store.kind == "sqlite":
            _copy_sqlite(Path(str(store.engine.url.database)), before)
    try:
        with store.begin() as connection:
            one_at_a_time(connection, UPGRADE)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError:
        if _revision(store) != HEAD:  # else another process was first
            raise


def _copy_sqlite(path: Path, revision: str) -> None:
    copy = path.with_name(f"{path.name}.before-{revision}")
    copy.unlink(missing_ok=True)
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
