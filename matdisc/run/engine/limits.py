"""Limits on one material: time, also in native code, and memory; and what is the machine's fault, no material's."""

from __future__ import annotations

import errno
import faulthandler
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import TracebackType
from typing import Any

from matdisc.errors import RunError
from matdisc.physics.drivers import TimedOut
from matdisc.physics.evaluation import evaluate
from matdisc.run.engine.memory import GIB, refuse_too_little

DEADLY_AFTER = 5.0
"""Seconds that native code gets beyond its limit before its process is ended."""


class Watch:
    """Time limits for one block of code after another: `with Watch() as limit: ... with limit(seconds): ...`.

    A block that takes longer is left by TimedOut, which a signal raises in Python code, in a main thread only.
    Native code that never returns cannot be interrupted: if `deadly`, the process ends itself a little later, from
    a thread that needs no interpreter. That is for worker processes, whose driver knows what to do.

    A block costs microseconds: the signal handler is set once for all, and the deadly clock, which takes a thread,
    only where it would strike too early or too late.
    """

    def __init__(self, *, deadly: bool = False) -> None:
        self._on = threading.current_thread() is threading.main_thread()
        self._deadly = deadly
        self._strikes = 0.0  # when the process ends, in monotonic seconds; 0 while the deadly clock is not set
        self._before: Any = None

    @contextmanager
    def __call__(self, seconds: float | None) -> Iterator[None]:
        """Limit a block to so many seconds; None for no limit. Blocks do not nest."""
        if seconds is None or not self._on:
            yield
            return
        if self._deadly:
            self._set_deadly_clock(time.monotonic() + seconds + DEADLY_AFTER)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def __enter__(self) -> Watch:
        if self._on:
            self._before = signal.signal(signal.SIGALRM, _ring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on:
            signal.signal(signal.SIGALRM, self._before)
        if self._strikes:
            faulthandler.cancel_dump_traceback_later()
            self._strikes = 0.0

    def _set_deadly_clock(self, latest: float) -> None:
        if not latest - 0.2 * DEADLY_AFTER <= self._strikes <= latest:
            self._strikes = 0.0
            try:
                with _as_much_memory_as_allowed():  # the clock is a thread, whose stack counts as memory
                    faulthandler.dump_traceback_later(latest - time.monotonic(), exit=True)
            except (RuntimeError, MemoryError) as err:
                raise MachineTrouble(f"no thread can be started for the time limit ({err}); {PROCESSES}") from err
            self._strikes = latest


@contextmanager
def time_limit(seconds: float | None, *, deadly: bool = False) -> Iterator[None]:
    """Raise TimedOut in this block after `seconds` of wall-clock time; see Watch."""
    with Watch(deadly=deadly) as limit, limit(seconds):
        yield


def _ring(signum: int, frame: object) -> None:
    raise TimedOut


class MachineTrouble(RunError):
    """The machine, and no material, is the reason why there is no answer."""


FULL = "make room on the disk (TMPDIR says where temporary files go)"
FILES = "raise the limit on open files (ulimit -n), or use fewer workers"
PROCESSES = "raise the limit on processes and threads (ulimit -u), or use fewer workers"
REMEDIES = {
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: "let TMPDIR name a folder that can be written",
    errno.EIO: "look after the disk",
    errno.EAGAIN: PROCESSES,
    errno.ENOMEM: "give more --memory, or use fewer workers",
}
SAID_OTHERWISE = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT)
"""What packages also report as errors of their own, in the system's words."""


def remedy_for_machine(error: BaseException) -> str:
    """Return what to do about an error that is the machine's fault; empty if it may be a material's.

    Memory that runs out while the potential is at work is the material's: another one may fit.
    """
    text = str(error)
    if isinstance(error, MemoryError):
        return "" if _in_calculator(error) else REMEDIES[errno.ENOMEM]
    if isinstance(error, ImportError):
        return "install what is missing"
    if isinstance(error, OSError) and error.errno in REMEDIES:
        return REMEDIES[error.errno]
    if isinstance(error, RuntimeError) and ("start new thread" in text or "watchdog thread" in text):
        return PROCESSES
    return next((REMEDIES[number] for number in SAID_OTHERWISE if os.strerror(number) in text), "")


def _in_calculator(error: BaseException) -> bool:
    return any(frame.f_code is evaluate.__code__ for frame, _ in walk_tb(error.__traceback__))


_BEFORE: list[int] = []
"""The limit that this process had before it set one of its own, bytes."""
_HAD_ROOM: set[tuple[str, float | None]] = set()
"""Models and limits that were found to go together in this process: what it takes on later is the materials'."""


def limit_memory(gib: float | None, model: str = "its model", *, in_worker: bool = True) -> None:
    """Let this process have `gib` GiB of data; what asks for more gets a MemoryError, and the process lives on.

    The limit is on private memory (RLIMIT_DATA), not on address space, of which Ray and torch reserve plenty. To be
    called when `model` is loaded; None lifts the limit.

    Raises:
        TooLittleMemory: If the process holds more already, or nearly so much.
        RunError: If a limit of the shell's is that low.
    """
    lift_memory_limit()
    if (model, gib) not in _HAD_ROOM:
        refuse_too_little(gib, model, in_worker=in_worker)
        _HAD_ROOM.add((model, gib))
    if gib is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(gib * GIB)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    _BEFORE.append(soft)


def lift_memory_limit() -> None:
    """Undo limit_memory."""
    if _BEFORE:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (_BEFORE.pop(), hard))


@contextmanager
def _as_much_memory_as_allowed() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
