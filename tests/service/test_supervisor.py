"""The supervisor: who dies is started again, all end together, and nobody outlives it, whatever happens to it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from matdisc.service.supervisor import ending, kill_session, pauses

pytestmark = [pytest.mark.service, pytest.mark.slow]

DRIVER = """
import logging, sys
from matdisc.service.logs import configure_logs
from matdisc.service import supervisor
configure_logs("up")
supervisor.STOP_SECONDS = 3.0
def part(name, text, seconds):
    return supervisor.Part(name, (sys.executable, "-c", text, name, sys.argv[1]), (), seconds)
supervisor.supervise(
    [part("first", open(sys.argv[2]).read(), 1.0), part("second", open(sys.argv[3]).read(), 3.0)],
    lambda: print("stopping", flush=True),
)
print("over", flush=True)
"""
START = """
import os, signal, subprocess, sys, time
from matdisc.service import supervisor
supervisor.STOP_SECONDS = 1.0
supervisor.end_with_supervisor()
name, folder = sys.argv[1:]
def note(what, pid=None):
    with open(os.path.join(folder, name), "a") as file:
        file.write(f"{what} {pid or os.getpid()}\\n")
"""
GOOD = (
    START
    + """
def end(number, frame):
    note("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("started")
while True:
    time.sleep(0.05)
"""
)
STUBBORN = (
    START
    + """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note("started")
while True:
    time.sleep(0.05)
"""
)
PARENT = (
    START
    + """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(
    [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"],
    process_group=0,
)
note("child", child.pid)
note("started")
while True:
    time.sleep(0.05)
"""
)
BROKEN = (
    START
    + """
note("started")
sys.exit(3)
"""
)


class Family:
    """A supervisor in a process of its own, with two children that note what they do."""

    def __init__(self, folder: Path, first: str, second: str) -> None:
        self.folder = folder
        for name, text in (("first.py", first), ("second.py", second)):
            (folder / name).write_text(text)
        arguments = [str(folder), str(folder / "first.py"), str(folder / "second.py")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def notes(self, name: str, what: str) -> list[int]:
        """Return the process ids in a child's notes of one kind."""
        path = self.folder / name
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line.split()[1]) for line in lines if line.startswith(what + " ")]

    def wait_for(self, name: str, what: str, number: int = 1, seconds: float = 30) -> list[int]:
        until = time.monotonic() + seconds
        while len(found := self.notes(name, what)) < number:
            assert time.monotonic() < until, f"{name} has not {what} {number} times"
            time.sleep(0.02)
        return found

    def running(self) -> list[int]:
        """Return the process ids of the family that are alive."""
        noted = [pid for name in ("first", "second") for kind in ("started", "child") for pid in self.notes(name, kind)]
        return [pid for pid in noted if _alive(pid)]

    def wait_for_all_to_end(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while found := self.running():
            assert time.monotonic() < until, f"still alive: {found}"
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def family(tmp_path):
    """Start a family: `family(first, second)` returns it when both children are up."""
    families = []

    def start(first=GOOD, second=GOOD):
        families.append(Family(tmp_path, first, second))
        for name in ("first", "second"):
            families[-1].wait_for(name, "started")
        return families[-1]

    yield start
    for one in families:
        one.process.kill()
        for pid in one.running():  # before `communicate`, which waits for whoever holds the pipes
            os.kill(pid, signal.SIGKILL)
        one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_on_a_signal_both_end_in_their_order_and_the_supervisor_after_them(family, number):
    started = family()
    started.process.send_signal(number)
    said, logged = started.process.communicate(timeout=20)
    assert started.process.returncode == 0
    assert said.split() == ["stopping", "over"]
    assert started.running() == []
    assert [len(started.notes(name, "ended")) for name in ("first", "second")] == [1, 1]
    assert logged.index("first is asked to end") < logged.index("second is asked to end")


def test_a_child_that_is_killed_is_started_again_and_the_other_stays(family):
    started = family()
    (pid,), (other,) = started.notes("first", "started"), started.notes("second", "started")
    os.kill(pid, signal.SIGKILL)
    _, again = started.wait_for("first", "started", 2)
    assert again != pid
    assert started.notes("second", "started") == [other]
    started.process.terminate()
    _, logged = started.process.communicate(timeout=20)
    assert "first was ended by SIGKILL after" in logged
    assert "started again in 0.5 s" in logged


def test_what_a_killed_child_had_started_is_killed_before_it_is_started_again(family):
    started = family(PARENT)
    (pid,), (grandchild,) = started.notes("first", "started"), started.notes("first", "child")
    os.kill(pid, signal.SIGKILL)
    started.wait_for("first", "started", 2)
    assert not _alive(grandchild)


def test_a_child_that_does_not_end_is_killed_with_all_that_it_started(family):
    started = family(STUBBORN, PARENT)
    began = time.monotonic()
    started.process.terminate()
    _, logged = started.process.communicate(timeout=20)
    assert time.monotonic() - began < 15
    assert started.running() == []
    assert started.process.returncode == 0
    assert "first still runs and is killed" in logged


def test_a_second_signal_kills_at_once(family):
    started = family(STUBBORN)
    started.process.terminate()
    time.sleep(0.5)
    started.process.terminate()
    _, logged = started.process.communicate(timeout=20)
    assert "asked to stop a second time: all is killed" in logged
    assert started.running() == []


def test_when_the_supervisor_is_killed_its_children_end_in_good_order(family):
    started = family()
    started.process.kill()
    started.wait_for_all_to_end(10)
    assert [len(started.notes(name, "ended")) for name in ("first", "second")] == [1, 1]


def test_when_the_supervisor_is_killed_even_stubborn_children_end(family):
    started = family(STUBBORN, PARENT)
    started.process.kill()
    started.wait_for_all_to_end(10)


def test_a_child_that_dies_at_once_is_started_again_ever_more_seldom(family):
    started = family(GOOD, BROKEN)
    began = time.monotonic()
    started.wait_for("second", "started", 3)
    assert time.monotonic() - began > 0.5 + 1.0 - 0.3
    started.process.terminate()
    _, logged = started.process.communicate(timeout=20)
    assert "second ended with code 3" in logged
    assert [f"started again in {pause} s" in logged for pause in ("0.5", "1")] == [True, True]


def test_pauses_double_up_to_ten_seconds_and_begin_anew_after_a_minute_of_life():
    pause, waits = 0.5, []
    for _ in range(7):
        pause, wait = pauses(pause, lived=1.0)
        waits.append(wait)
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
    assert pauses(pause, lived=61.0) == (1.0, 0.5)


def test_an_end_is_told_in_words():
    assert ending(0) == "ended with code 0"
    assert ending(-9) == "was ended by SIGKILL"
    assert ending(-63) == "was ended by signal 63"


def test_only_the_session_asked_for_is_killed():
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    one, other = (subprocess.Popen(sleeping, start_new_session=True) for _ in range(2))
    kill_session(one.pid)
    assert one.wait(5) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()
