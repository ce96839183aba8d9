"""Guards for Ctrl-C and SIGTERM: long work ends between two units, and says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Stop = Callable[[], None]
"""Raises KeyboardInterrupt if the user has asked to stop; called where nothing can be lost."""


@contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """Keep Ctrl-C and SIGTERM out of the block's own code: the first sets the event, a second one interrupts."""
    event = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    with _handled_by(note):
        yield event


@contextmanager
def stopping_in_order() -> Iterator[Stop]:
    """Keep Ctrl-C and SIGTERM out of the block's own code: the first is noted for `stop`, a second one interrupts.

    A KeyboardInterrupt that strikes inside Ray comes out as some other error, or leaves a lock held.
    """
    with stop_requested() as event:

        def stop() -> None:
            if event.is_set():
                raise KeyboardInterrupt

        yield stop


@contextmanager
def stopping_at_once() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM interrupt whatever the block does; a block that goes on all the same is its last.

    Packages may take a KeyboardInterrupt for an error of their own. Native code is interrupted when it returns.
    """
    event = threading.Event()

    def strike(number: int, frame: FrameType | None) -> None:
        event.set()
        raise KeyboardInterrupt

    with _handled_by(strike):
        yield
    if event.is_set():
        raise KeyboardInterrupt


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle both signals so for a while; signals reach the main thread only, so that elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
