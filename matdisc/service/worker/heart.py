"""What goes on beside a worker's main loop: heartbeats, so that slow work loses no lease; publication; webhooks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

LONGEST = 30.0
"""Seconds between two tries of what fails again and again."""

log = logging.getLogger("matdisc.service.worker")


class Beside:
    """A thread that does something again and again until it is stopped; an error is logged, and tried again."""

    def __init__(self, name: str, act: Callable[[], object], pause: Callable[[float], float]) -> None:
        """Start it.

        Args:
            name: Of the thread, for logs.
            act: What is done.
            pause: From the seconds that it took to those until it is done again.
        """
        self._act, self._pause, self._stop = act, pause, threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Let it end after what it is doing; wait for that a while."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self._act()
                failures = 0
            except Exception:
                log.exception("%s did not succeed and is tried again", self._thread.name)
                failures += 1
            pause = self._pause(time.monotonic() - started)
            self._stop.wait(max(pause, min(2.0 ** (failures - 2), LONGEST)) if failures else pause)
