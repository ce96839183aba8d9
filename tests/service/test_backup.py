"""Backups of a service that is at work: whole or not there, and a service again when they are copied back."""

import shutil
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from matdisc.errors import ServiceError
from matdisc.service import backup
from matdisc.service.backup import back_up, check_copy
from matdisc.service.blobs import open_blobs
from matdisc.service.secret import derived_key
from matdisc.service.settings import load_settings
from matdisc.service.store import leases, submissions
from matdisc.service.store.database import open_store
from matdisc.service.store.results import Evaluated, get_result, put_result

pytestmark = pytest.mark.service


@pytest.fixture
def service(sqlite_store, settings, blobs, make_team):
    """A service's store with a team, a settings file and a secret."""
    (settings.home / "service.toml").write_text("moderation = true\n")
    (settings.home / "service.toml").chmod(0o640)
    derived_key(settings, "sessions")
    return make_team(sqlite_store)


def submit(team, blobs, number):
    """Submit a file of its own; return the submission."""
    sha256 = blobs.put(f"material_id,e_form\nmp-{number},0.1\n".encode())
    return team.submit(file_sha256=sha256, file_suffix=".csv", idempotency_key=str(number))


def restored(settings, copy, tmp_path):
    """Copy a backup to where a new machine would have it, and return its settings."""
    home = tmp_path / "new" / "service"
    shutil.copytree(copy, home)
    return load_settings(settings.board, home, {})


def ids(store):
    return {one.id for one in submissions.listing(store, limit=10_000)}


def test_a_backup_that_is_copied_back_is_the_service_again(service, settings, blobs, tmp_path):
    made = submit(service, blobs, 1)
    report = blobs.put(b"<html>")
    put_result(service.store, Evaluated("k" * 64, "discovery", "d", "p" * 64, None, "1", {}, None, report, None, 0.0))
    done = back_up(settings, tmp_path / "copy")
    assert (done.submissions, done.files, done.problems, done.notes) == (1, 2, (), ())
    found = restored(settings, tmp_path / "copy", tmp_path)
    assert found.moderation
    assert derived_key(found, "sessions") == derived_key(settings, "sessions")
    store = open_store(found.database)
    assert submissions.get(store, made.id) == submissions.get(service.store, made.id)
    assert get_result(store, "k" * 64).report_sha256 == report
    assert open_blobs(found.blobs).read(report) == b"<html>"
    store.close()


def test_modes_are_kept_and_the_folder_is_closed_to_others(service, settings, blobs, tmp_path):
    submit(service, blobs, 1)
    target = back_up(settings, tmp_path / "copy").path
    modes = {name: (target / name).stat().st_mode & 0o777 for name in ("service.toml", "secret", "service.db", "blobs")}
    assert modes == {"service.toml": 0o640, "secret": 0o600, "service.db": 0o600, "blobs": 0o700}
    assert target.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in target.iterdir()) == ["blobs", "secret", "service.db", "service.toml"]


def test_what_is_submitted_before_it_begins_is_in_it_and_what_comes_meanwhile_does_no_harm(
    service, settings, blobs, tmp_path
):
    before, stop, count = {submit(service, blobs, n).id for n in range(20)}, threading.Event(), 20
    lease = leases.claim(service.store, leases.register(service.store, "host", 1), settings)

    def go_on():
        nonlocal count
        while not stop.is_set():
            submissions.cancel(service.store, submit(service, blobs, count).id, "lab")
            count += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    while count < 25:
        time.sleep(0.01)
    copies = [back_up(settings, tmp_path / f"copy-{n}") for n in range(3)]
    stop.set()
    thread.join()
    assert count > 25
    for done in copies:
        assert done.problems == ()
        store = open_store(f"sqlite:///{done.path / 'service.db'}")
        assert before <= ids(store) <= ids(service.store)
        with store.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        kept = open_blobs(str(done.path / "blobs"))
        for one in submissions.listing(store, limit=10_000):
            kept.read(one.file_sha256)  # raises if it is missing, or another
        store.close()
    assert submissions.get(service.store, lease.submission.id).attempt == 1


def test_a_restored_service_takes_up_what_the_dead_one_had_begun(service, settings, blobs, tmp_path):
    submit(service, blobs, 1)
    dead = leases.register(service.store, "host", 1)
    brief = settings.model_copy(update={"work": settings.work.model_copy(update={"lease_seconds": 0.2})})
    first = leases.claim(service.store, dead, brief)
    found = restored(settings, back_up(settings, tmp_path / "copy").path, tmp_path)
    store = open_store(found.database)
    worker, second, until = leases.register(store, "new", 2), None, time.monotonic() + 10
    while second is None and time.monotonic() < until:
        second = leases.claim(store, worker, settings)
        time.sleep(0.05)
    assert (second.submission.id, second.attempt) == (first.submission.id, 2)
    store.close()


def test_files_on_their_way_in_are_left_out(service, settings, blobs, tmp_path):
    with blobs.writing() as writer:
        writer.write(b"half")
        assert back_up(settings, tmp_path / "copy").files == 0
    assert list((tmp_path / "copy" / "blobs").rglob("*")) == []


def test_a_damaged_and_a_missing_file_are_named_and_the_rest_is_saved(service, settings, blobs, tmp_path):
    good, bad, gone = (submit(service, blobs, n).file_sha256 for n in range(3))
    (settings.home / "blobs" / bad[:2] / bad[2:4] / bad).write_bytes(b"rotten")
    blobs.delete(gone)
    done = back_up(settings, tmp_path / "copy")
    assert done.problems == (
        f"file {bad} is damaged, and not copied",
        f"file {gone} of table submissions is not among the files",
    )
    kept = open_blobs(str(tmp_path / "copy" / "blobs"))
    assert kept.size(good)
    assert kept.size(bad) is None


def test_a_backup_that_fails_leaves_nothing(service, settings, blobs, tmp_path, monkeypatch):
    submit(service, blobs, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_copy_hashed", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space left"):
        back_up(settings, tmp_path / "copy")
    assert sorted(tmp_path.iterdir()) == before


def test_the_target_has_to_be_new_and_elsewhere(service, settings, tmp_path):
    (tmp_path / "copy").mkdir()
    with pytest.raises(ServiceError, match="is there already; name a folder that is not"):
        back_up(settings, tmp_path / "copy")
    with pytest.raises(ServiceError, match="lies in the service's own folder"):
        back_up(settings, settings.home / "copy")
    assert not (settings.home / "copy").exists()


def test_without_a_service_there_is_nothing_to_copy(board, tmp_path):
    with pytest.raises(ServiceError, match="no service has been started here yet"):
        back_up(load_settings(board.root, None, {}), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not (board.root / "service").exists()


def test_a_postgresql_database_is_left_to_its_own_tool_and_its_password_is_not_told(settings, blobs, tmp_path):
    blobs.put(b"a file")
    away = settings.model_copy(update={"database": "postgresql+psycopg://me:hunter2@db:5433/matdisc?sslmode=require"})
    with pytest.raises(ServiceError) as refused:
        back_up(away, tmp_path / "copy")
    said = str(refused.value)
    assert "pg_dump --format=custom" in said
    assert "postgresql://me@db:5433/matdisc?sslmode=require" in said
    assert "hunter2" not in said
    done = back_up(away, tmp_path / "copy", files_only=True)
    assert (done.submissions, done.files) == (None, 1)
    assert not (tmp_path / "copy" / "service.db").exists()


def test_files_in_an_object_store_are_left_to_it_and_it_is_said(service, settings, tmp_path):
    away = settings.model_copy(update={"blobs": "s3://bucket/prefix"})
    done = back_up(away, tmp_path / "copy")
    assert "are not copied" in done.notes[0]
    assert not (tmp_path / "copy" / "blobs").exists()


def test_a_copy_that_is_damaged_is_refused(service, settings, blobs, tmp_path):
    for number in range(20):
        submit(service, blobs, number)
    target = back_up(settings, tmp_path / "copy").path
    size = (target / "service.db").stat().st_size
    with (target / "service.db").open("rb+") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * 3 * 4096)
    with pytest.raises(ServiceError, match="its copy is damaged"):
        check_copy(target)


def test_copying_the_database_file_alone_loses_what_is_still_in_the_log(service, settings, blobs, tmp_path):
    submit(service, blobs, 1)
    shutil.copy(settings.home / "service.db", tmp_path / "alone.db")
    with closing(sqlite3.connect(tmp_path / "alone.db")) as database:
        try:
            found = database.execute("SELECT count(*) FROM submissions").fetchone()[0]
        except sqlite3.OperationalError:  # the tables are still in the log
            found = 0
    assert found == 0
    assert len(ids(service.store)) == 1


def test_a_plain_copy_is_torn_if_the_log_is_written_back_between_its_files(service, settings, blobs, tmp_path):
    for number in range(20):
        submit(service, blobs, number)
    shutil.copy(settings.home / "service.db", tmp_path / "service.db")
    with closing(sqlite3.connect(settings.home / "service.db")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    last = submit(service, blobs, 20)
    shutil.copy(settings.home / "service.db-wal", tmp_path / "service.db-wal")
    with closing(sqlite3.connect(tmp_path / "service.db")) as database:
        try:
            whole = database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            found = database.execute("SELECT id FROM submissions").fetchall()
        except sqlite3.DatabaseError:
            whole, found = False, []
    assert not whole or len(found) < 21, last
