"""Stopping a long computation between two steps, so that nothing half done is kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C or a request to end sets; the step at hand is finished first. A second Ctrl-C ends
    the program at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    for name in before:
        signal.signal(name, ask)
    try:
        yield event
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
