"""Saying how far something is, on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_line(title: str) -> Iterator[Callable[[int, int, Counter[str]], None]]:
    """Show how far a run is, how fast, and the time left; without a terminal one line in ten seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    started = time.monotonic()
    first: list[int] = []
    last = [started]
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[troubles]}", markup=False),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        line = bar.add_task(title, total=None, rate="", troubles="")

        def update(done: int, total: int, counts: Counter[str]) -> None:
            if not first:
                first.append(done)
            now = time.monotonic()
            rate = (done - first[0]) / max(now - started, 1e-9)
            troubles = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if status != "ok")
            bar.update(line, completed=done, total=total, rate=f"{rate:.1f}/s" if rate else "", troubles=troubles)
            if not console.is_terminal and (now - last[0] > 10 or done == total):
                last[0] = now
                left = f", about {(total - done) / rate:.0f} s left" if rate and done < total else ""
                print(
                    f"{title}: {done} of {total}, {rate:.1f}/s{left} {troubles}".rstrip(), file=sys.stderr, flush=True
                )

        yield update


def news(line: str) -> None:
    """Tell the user what takes long."""
    print(line, file=sys.stderr, flush=True)
