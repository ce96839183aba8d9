"""`matdisc up`: API and worker as children of one process that starts them again, and ends them together."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matdisc.interrupts import stop_requested

STOP_SECONDS = 15.0
"""Until children that were asked to end are killed."""
SHORTEST, LONGEST = 0.5, 10.0
"""Pauses before a child is started again, in seconds."""
WELL_SECONDS = 60.0
"""Who lived as long begins anew with the shortest pause."""
TICK = 0.1

log = logging.getLogger("matdisc.service.supervisor")


@dataclass(frozen=True, slots=True)
class Part:
    """A child: its name, command, open files that it inherits, and the seconds that the next one waits for its end."""

    name: str
    command: tuple[str, ...]
    files: tuple[int, ...] = ()
    seconds: float = STOP_SECONDS


@dataclass
class Child:
    """A part at work, or between two tries."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = SHORTEST
    due: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C reaches the supervisor only.

        Its standard input is a pipe that nobody writes to: it ends when the supervisor does, however that is.
        """
        self.process = subprocess.Popen(
            self.part.command, stdin=subprocess.PIPE, pass_fds=self.part.files, start_new_session=True
        )
        self.started = time.monotonic()

    def look(self) -> None:
        """Start it if that is due; take notice if it has ended."""
        if self.process is None:
            if time.monotonic() >= self.due:
                self._try()
        elif (code := self.process.poll()) is not None:
            self.end()
            self._later(time.monotonic() - self.started, ending(code))

    def _try(self) -> None:
        try:
            self.start()
        except OSError as err:  # the machine has no room for another process
            self._later(0.0, f"cannot be started ({err.strerror})")

    def _later(self, lived: float, reason: str) -> None:
        self.pause, wait = pauses(self.pause, lived)
        self.due = time.monotonic() + wait
        log.error("%s %s after %.0f s; it is started again in %g s", self.part.name, reason, lived, wait)

    def ask(self) -> None:
        """Ask it to end in good order."""
        if self.process is not None and self.process.poll() is None:
            log.info("%s is asked to end", self.part.name)
            self.process.terminate()

    def wait(self, until: float) -> None:
        """Wait for its end, until a time of the monotonic clock."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, until - time.monotonic()))

    def end(self) -> None:
        """Kill whatever is left of it, the processes that it started too."""
        if self.process is None:
            return
        if self.process.poll() is None:
            log.error("%s still runs and is killed", self.part.name)
            self.process.kill()
        kill_session(self.process.pid)
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


def supervise(parts: Sequence[Part], stopping: Callable[[], None] = lambda: None) -> None:
    """Keep all parts alive until Ctrl-C or SIGTERM; then end them in their order. None survives the call.

    Args:
        stopping: Called before the first is asked to end.
    """
    children = [Child(part) for part in parts]
    with stop_requested() as stop:
        try:
            while not stop.is_set():  # no `stop.wait`: a signal within it would wait for itself
                for child in children:
                    child.look()
                time.sleep(TICK)
            stopping()
            _end_in_order(children)
        except KeyboardInterrupt:
            log.warning("asked to stop a second time: all is killed")
        finally:
            for child in children:
                child.end()


def _end_in_order(children: Sequence[Child]) -> None:
    last = time.monotonic() + STOP_SECONDS
    for child in children:
        child.ask()
        child.wait(min(last, time.monotonic() + child.part.seconds))
    for child in children:
        child.wait(last)


def pauses(pause: float, lived: float) -> tuple[float, float]:
    """Return the next pause and the one to make now, for a child that lived some seconds."""
    now = SHORTEST if lived >= WELL_SECONDS else pause
    return min(LONGEST, 2 * now), now


def ending(code: int) -> str:
    """Return in words how a process ended."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def kill_session(leader: int) -> None:
    """Kill all processes of a session, the caller last; where there is no /proc, those of its first group."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            after_name = path.read_text(errors="replace").rpartition(")")[2].split()
            pid = int(path.parent.name)
            if int(after_name[3]) == leader and pid != os.getpid():  # state, parent, group, session
                os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def end_with_supervisor() -> None:
    """Let this process end when standard input does, which `supervise` holds open: first as by SIGTERM, then at once.

    Called first in a child, before anything that takes time.
    """
    threading.Thread(target=_watch, name="supervisor", daemon=True).start()


def _watch() -> None:
    while os.read(0, 1):
        pass
    log.warning("the supervisor is gone; this process ends too")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    kill_session(os.getsid(0))


def tell_when_ready(host: str, port: int, tell: Callable[[str], None]) -> None:
    """Call `tell` with the address once the API answers there, from a thread of its own."""
    threading.Thread(target=_tell_when_ready, args=(host, port, tell), daemon=True).start()


def _tell_when_ready(host: str, port: int, tell: Callable[[str], None]) -> None:
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    while not _answers(reached, port):
        time.sleep(SHORTEST)
    tell(f"http://{f'[{reached}]' if ':' in reached else reached}:{port}")


def _answers(host: str, port: int) -> bool:
    """Return whether the API is up; its socket is there before it is, so that this waits for the answer."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
