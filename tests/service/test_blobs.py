"""Blobs in a folder and on a real S3 server: whole or not at all, whoever writes, dies or asks."""

import hashlib
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from matdisc.errors import ExtraError, ServiceError
from matdisc.service.blobs import INCOMING, FolderBlobs, open_blobs

pytestmark = pytest.mark.service
SHA = hashlib.sha256(b"some").hexdigest()
MIB = 2**20


@pytest.fixture(scope="module")
def s3_address():
    """Address of an S3 server on this machine."""
    moto_server = pytest.importorskip("moto.server", reason="needs the package moto")
    pytest.importorskip("s3fs", reason="needs matdisc[s3]")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_environment(s3_address, monkeypatch):
    """The environment of a service whose blobs are on that server; its bucket is made."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", s3_address),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    import s3fs

    bucket = f"bucket-{time.time_ns()}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}"


@pytest.fixture
def s3(s3_environment):
    return open_blobs(f"{s3_environment}/matdisc/blobs")


@pytest.fixture
def folder(tmp_path):
    return open_blobs(str(tmp_path / "blobs"))


@pytest.fixture(params=["folder", "s3"])
def kept(request):
    """Blobs of each kind."""
    return request.getfixturevalue(request.param)


def _everything(blobs):
    if isinstance(blobs, FolderBlobs):
        return sorted(str(path.relative_to(blobs.root)) for path in blobs.root.rglob("*") if path.is_file())
    return sorted(name.removeprefix(f"{blobs.root}/") for name in blobs.filesystem.find(blobs.root))


def test_what_is_put_is_read_under_its_hash(kept):
    sha256 = kept.put(b"some")
    assert sha256 == SHA
    assert kept.read(SHA) == b"some"
    assert kept.size(SHA) == 4
    assert _everything(kept) == [f"{SHA[:2]}/{SHA[2:4]}/{SHA}"]


def test_a_writer_takes_pieces_and_knows_their_size(kept):
    with kept.writing() as writer:
        for piece in (b"so", b"", b"me"):
            writer.write(piece)
        assert (writer.size, writer.sha256) == (4, None)
        assert writer.commit() == writer.sha256 == SHA
    assert kept.read(SHA) == b"some"


def test_a_writer_that_is_left_without_commit_leaves_no_trace(kept):
    kept.put(b"other")
    before = _everything(kept)
    with kept.writing() as writer:
        writer.write(b"some")
    with pytest.raises(KeyError), kept.writing() as writer:
        _write_and_fail(writer)
    assert _everything(kept) == before
    assert kept.size(SHA) is None


def _write_and_fail(writer):
    writer.write(b"some")
    raise KeyError


def test_the_same_content_is_there_once(kept):
    assert kept.put(b"some") == kept.put(b"some")
    assert len(_everything(kept)) == 1


def test_an_empty_blob_is_a_blob(kept):
    assert kept.read(kept.put(b"")) == b""
    assert kept.size(hashlib.sha256(b"").hexdigest()) == 0


def test_a_file_of_many_parts_arrives_whole(kept):
    piece = os.urandom(MIB)
    with kept.writing() as writer:
        for _ in range(21):
            writer.write(piece)
        sha256 = writer.commit()
    assert kept.size(sha256) == 21 * MIB
    assert kept.read(sha256) == piece * 21
    with kept.local(sha256, ".csv") as path:
        assert path.read_bytes() == piece * 21


def test_a_local_path_goes_by_hash_and_suffix_and_is_gone_afterwards(kept):
    kept.put(b"some")
    with kept.local(SHA, ".csv.gz") as path:
        assert path.name == f"{SHA}.csv.gz"
        assert path.read_bytes() == b"some"
    assert not path.exists()
    assert kept.read(SHA) == b"some"
    assert len(_everything(kept)) == 1


def test_a_reader_may_leave_by_an_error(kept):
    kept.put(b"some")
    with pytest.raises(KeyError), kept.local(SHA, ".csv"):
        raise KeyError
    assert len(_everything(kept)) == 1


def test_deleting_twice_is_deleting_once(kept):
    kept.put(b"some")
    kept.delete(SHA)
    kept.delete(SHA)
    assert kept.size(SHA) is None
    assert kept.put(b"some") == SHA


def test_a_blob_that_is_missing_is_said_in_words(kept):
    with pytest.raises(ServiceError, match=f"blob {SHA} is not in .*; restore it from a backup"):
        kept.read(SHA)
    with pytest.raises(ServiceError, match=f"blob {SHA} is not in"), kept.local(SHA, ".csv"):
        pass
    assert kept.size(SHA) is None


def test_a_damaged_blob_is_never_read(kept):
    kept.put(b"some")
    if isinstance(kept, FolderBlobs):
        (kept.root / _everything(kept)[0]).write_bytes(b"sOme")
    else:
        kept.filesystem.pipe_file(f"{kept.root}/{_everything(kept)[0]}", b"sOme")
    with pytest.raises(ServiceError, match="is damaged"):
        kept.read(SHA)
    with pytest.raises(ServiceError, match="is damaged"), kept.local(SHA, ".csv"):
        pass
    kept.put(b"some")
    assert kept.read(SHA) == b"some"


def test_no_path_is_made_of_what_is_no_hash(kept):
    for name in ("", "../../etc/passwd", SHA.upper(), SHA[:-1], SHA + "\n", "a" * 63 + "/", SHA + "0"):
        for call in (kept.read, kept.size, kept.delete):
            with pytest.raises(ValueError, match="no SHA-256"):
                call(name)
        with pytest.raises(ValueError, match="no SHA-256"), kept.local(name, ".csv"):
            pass


def test_many_threads_may_put_and_read_at_once(kept):
    contents = [b"%d" % (i % 5) * 1000 for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(kept.put, contents))
        assert list(pool.map(kept.read, names)) == contents
    assert len(_everything(kept)) == 5


def test_a_store_that_works_passes_its_check(kept):
    kept.check()
    kept.check()
    assert len(_everything(kept)) == 1


def test_blobs_can_be_sent_to_another_process(kept):
    kept.put(b"some")
    assert pickle.loads(pickle.dumps(kept)).read(SHA) == b"some"  # noqa: S301


WRITE = """
import sys
from matdisc.service.blobs import open_blobs
blobs = open_blobs(sys.argv[1])
for turn in range(30):
    for number in range(4):
        sha256 = blobs.put(b"%d" % number * 100_000)
        assert len(blobs.read(sha256)) == 100_000
"""


def test_processes_that_put_the_same_files_do_not_disturb_one_another(folder):
    running = [subprocess.Popen([sys.executable, "-c", WRITE, str(folder.root)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(_everything(folder)) == 4


DIE = """
import sys, time
from matdisc.service.blobs import open_blobs
blobs = open_blobs(sys.argv[1])
with blobs.writing() as writer, blobs.local(blobs.put(b"other"), ".csv") as path:
    writer.write(b"some" * 100_000)
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_what_clean_removes_and_nothing_else(folder):
    process = subprocess.Popen([sys.executable, "-c", DIE, str(folder.root)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    sha256 = hashlib.sha256(b"other").hexdigest()
    left = list((folder.root / INCOMING).iterdir())
    assert len(left) == 2  # a writer's file, a reader's folder
    assert folder.clean(older_than=3600) == 0
    for path in left:
        os.utime(path, (time.time() - 7200,) * 2)
    assert folder.clean(older_than=3600) == 2
    assert _everything(folder) == [f"{sha256[:2]}/{sha256[2:4]}/{sha256}"]


def test_clean_has_nothing_to_do_in_a_new_folder_or_a_remote_store(kept):
    kept.put(b"some")
    assert kept.clean(older_than=0) == 0
    assert kept.read(SHA) == b"some"


def test_what_is_committed_was_put_on_the_disk_before_it_got_its_name(folder, monkeypatch):
    calls = []
    real_sync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: calls.append("sync") or real_sync(number))
    monkeypatch.setattr(Path, "replace", lambda path, to: calls.append("rename") or real_replace(path, to))
    folder.put(b"some")
    assert calls == ["sync", "rename", "sync", "sync", "sync"]


def test_a_disk_that_is_full_leaves_nothing(folder, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        folder.put(b"some")
    assert _everything(folder) == []


def test_a_folder_may_be_given_as_a_url(tmp_path):
    open_blobs(f"file://{tmp_path}/blobs").put(b"some")
    assert open_blobs(str(tmp_path / "blobs")).read(SHA) == b"some"


def test_a_bucket_that_is_missing_is_said_in_words(s3_environment):
    blobs = open_blobs("s3://no-such-bucket/blobs")
    with pytest.raises(ServiceError, match="s3://no-such-bucket/blobs does not answer as it should"):
        blobs.check()


def test_a_server_that_is_away_is_said_in_words(s3_environment):
    options = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 1}}}
    blobs = open_blobs("s3://bucket/blobs", **options)
    for call in (blobs.check, lambda: blobs.size(SHA), lambda: blobs.read(SHA)):
        with pytest.raises(ServiceError, match=r"blobs: s3://bucket/blobs does not answer .* whether it is up"):
            call()


def test_an_upload_that_breaks_off_leaves_nothing(s3, monkeypatch):
    real = s3.filesystem._call_s3

    async def failing(method, *arguments, **options):
        if method == "upload_part" and options["PartNumber"] == 2:
            raise ConnectionResetError("the server has gone away")
        return await real(method, *arguments, **options)

    monkeypatch.setattr(s3.filesystem, "_call_s3", failing)
    with pytest.raises(ServiceError, match="does not answer"):
        s3.put(os.urandom(20 * MIB))
    monkeypatch.undo()
    assert _everything(s3) == []


@pytest.mark.parametrize("url", ["nothing://x/y", "http2://x"])
def test_an_unknown_kind_of_store_is_refused(url):
    with pytest.raises(ServiceError, match=re.escape(f"blobs: {url}:") + ".*s3://bucket/prefix"):
        open_blobs(url)


def test_a_store_whose_package_is_missing_is_refused(monkeypatch):
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(ExtraError, match=r"Install s3fs .* pip install 'matdisc\[s3\]'"):
        open_blobs("s3://bucket/x")


def test_no_password_of_a_url_is_shown():
    with pytest.raises(ServiceError) as caught:
        open_blobs("nothing://ada:secret@host/x")
    assert "secret" not in str(caught.value)
