"""Limits on one material: time, also in native code, and memory."""

from __future__ import annotations

import faulthandler
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from matdisc.physics.together import TimedOut

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
            faulthandler.dump_traceback_later(latest - time.monotonic(), exit=True)
            self._strikes = latest


@contextmanager
def time_limit(seconds: float | None, *, deadly: bool = False) -> Iterator[None]:
    """Raise TimedOut in this block after `seconds` of wall-clock time; see Watch."""
    with Watch(deadly=deadly) as limit, limit(seconds):
        yield


def _ring(signum: int, frame: object) -> None:
    raise TimedOut


def limit_memory(gib: float | None) -> None:
    """Let this process have `gib` GiB of data; what asks for more gets a MemoryError, and the process lives on.

    The limit is on private memory (RLIMIT_DATA), not on address space, of which Ray and torch reserve plenty.
    """
    if gib is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def machine_memory_gib() -> float | None:
    """Return the memory of this machine, or of the container it is; None where it cannot be told."""
    limits = []
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        path = Path(name)
        if path.exists() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        limits.append(int(meminfo.read_text().split("MemTotal:")[1].split()[0]) * 1024)
    return min(limits) / 2**30 if limits else None
