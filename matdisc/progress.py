"""Saying how far something is and how long it will take, on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called with answers so far, materials in all, answers by status and, if it is known, what lies ahead in words."""

    def __call__(self, done: int, total: int, counts: Counter[str], ahead: str = "", /) -> None: ...


@contextmanager
def progress_line(title: str) -> Iterator[Progress]:
    """Show how far a run is, how fast, and the time left; without a terminal one line in ten seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    started = time.monotonic()
    first: list[int] = []
    last = [started]
    with Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.fields[troubles]}", markup=False),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        line = bar.add_task(title, total=None, rate="", left="", troubles="")

        def update(done: int, total: int, counts: Counter[str], ahead: str = "") -> None:
            if not first:
                first.append(done)
            now = time.monotonic()
            rate = (done - first[0]) / max(now - started, 1e-9)
            troubles = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if status != "ok")
            left = ahead or (f"about {duration((total - done) / rate)} left" if rate > 0 and done < total else "")
            pace = f"{rate:.1f}/s" if rate else ""
            bar.update(line, completed=done, total=total, rate=pace, left=left, troubles=troubles)
            if not console.is_terminal and (now - last[0] > 10 or done == total):
                last[0] = now
                parts = ", ".join(part for part in (f"{done} of {total}", f"{rate:.1f}/s", left) if part)
                print(f"{title}: {parts} {troubles}".rstrip(), file=sys.stderr, flush=True)

        yield update


def news(line: str) -> None:
    """Tell the user what takes long."""
    print(line, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return a time in words, in the unit that fits it; what is negative is 0 s."""
    for size, unit in ((2 * 86400, "days"), (2 * 3600, "h"), (90, "min")):
        if seconds >= size:
            value = seconds / {"days": 86400, "h": 3600, "min": 60}[unit]
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
