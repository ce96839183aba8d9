"""`matdisc up` as it is: real processes with Ray, killed one after the other, and none that outlives it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.ray]
START_SECONDS = 120
MARK = "MATDISC_TEST_FAMILY"


class Service:
    """A running `matdisc up`; all its processes carry a mark in their environment."""

    def __init__(self, board: Path, log: Path) -> None:
        self.mark, self.log = f"{MARK}={uuid.uuid4().hex}", log
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "matdisc", "up", "--board", str(board), "--port", str(self.port)]
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [*command, "--workers", "1", "--log-format", "json"],
                stdout=file, stderr=file, env=os.environ | dict([self.mark.split("=")]),
            )  # fmt: skip

    def alive(self) -> list[int]:
        """Return the process ids of all that descend from it, whatever session or group they are in."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                marked = self.mark.encode() in (path / "environ").read_bytes()
                dead = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX"
            except OSError:
                continue
            found += [int(path.name)] * (marked and not dead)
        return found

    def part(self, name: str) -> int | None:
        """Return the process id of the API or the worker."""
        for pid in self.alive():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[1:4] == [b"-m", b"matdisc", name.encode()]:
                return pid
        return None

    def get(self, path: str, seconds: float = START_SECONDS) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait(self, what: str, met, seconds: float = START_SECONDS) -> None:
        until = time.monotonic() + seconds
        while not met():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, f"not {what}: {self.log.read_text()}"
            time.sleep(0.1)

    def wait_until_ready(self) -> None:
        self.wait("told", lambda: "Ctrl-C ends it" in self.log.read_text())
        self.wait("ready", lambda: self.log.read_text().count("is ready") >= 1)

    def wait_for_all_to_end(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while found := self.alive():
            assert time.monotonic() < until, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in found]
            time.sleep(0.1)


@pytest.fixture
def up(board, tmp_path):
    service = Service(board.root, tmp_path / "log")
    yield service
    service.process.kill()
    service.process.wait()
    for pid in service.alive():
        os.kill(pid, signal.SIGKILL)


def test_parts_that_are_killed_come_back_and_all_end_on_sigterm(up, board):
    up.wait_until_ready()
    assert up.get("/readyz")[0] == 200
    assert b"<html" in up.get("/")[1]
    assert (board.root / "service").stat().st_mode & 0o777 == 0o700
    assert "no token yet" in up.log.read_text()
    assert "mdt_" not in up.log.read_text()

    os.kill(up.part("api"), signal.SIGKILL)
    assert up.get("/healthz")[0] == 200  # whoever asks meanwhile waits, and is not refused

    worker, ray = up.part("worker"), set(up.alive()) - {up.process.pid, up.part("api")}
    assert len(ray) > 3
    os.kill(worker, signal.SIGKILL)
    up.wait("another worker", lambda: up.part("worker") not in (None, worker))
    up.wait("rid of the dead one's Ray", lambda: not ray & set(up.alive()), 5)
    up.wait("ready again", lambda: up.log.read_text().count("is ready") >= 2)

    began = time.monotonic()
    up.process.terminate()
    assert up.process.wait(30) == 0
    assert time.monotonic() - began < 17
    assert up.alive() == []
    assert "is killed" not in up.log.read_text()


def test_nobody_outlives_a_supervisor_that_is_killed(up):
    up.wait_until_ready()
    up.process.kill()
    up.wait_for_all_to_end(20)
    with pytest.raises(ConnectionRefusedError):
        up.get("/healthz")


def test_nobody_outlives_a_supervisor_that_is_killed_while_they_start(up):
    up.wait("started", lambda: up.part("api") is not None)
    up.process.kill()
    up.wait_for_all_to_end(30)
