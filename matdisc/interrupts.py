"""One guard for Ctrl-C and SIGTERM: long work ends between two units, and says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Stop = Callable[[], None]
"""Raises KeyboardInterrupt if the user has asked to stop; called where nothing can be lost."""


@contextmanager
def stopping_in_order() -> Iterator[Stop]:
    """Keep Ctrl-C and SIGTERM out of the block's own code: the first is noted for `stop`, a second one interrupts.

    A KeyboardInterrupt that strikes inside Ray comes out as some other error, or leaves a lock held.
    """
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    def stop() -> None:
        if asked:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
