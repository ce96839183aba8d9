"""Limits on one material: time, also in native code, and memory."""

from __future__ import annotations

import faulthandler
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matdisc.physics.together import TimedOut

DEADLY_AFTER = 5.0
"""Seconds that native code gets beyond its limit before its process is ended."""


@contextmanager
def time_limit(seconds: float | None, *, deadly: bool = False) -> Iterator[None]:
    """Raise TimedOut in this block after `seconds` of wall-clock time.

    Python code is interrupted by a signal, in a main thread only. Native code that never returns cannot be: with
    `deadly`, the process ends itself a little later, from a thread that needs no interpreter. That is for worker
    processes, whose driver knows what to do.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: object) -> None:
        raise TimedOut

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    if deadly:
        faulthandler.dump_traceback_later(seconds + DEADLY_AFTER, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if deadly:
            faulthandler.cancel_dump_traceback_later()


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
