"""Options, tables, progress and words for the system's errors that several commands share."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.tasks import task_keys

if TYPE_CHECKING:
    from matdisc.scoring.metric import Metric

BoardOption = Annotated[
    Path, typer.Option("--board", "-b", help="Folder that holds models/, datasets/ and leaderboard/.")
]
TASK_HELP = ", ".join(task_keys()[:-1]) + f" or {task_keys()[-1]}."
"""Names of all tasks, without loading what they are."""
TaskOption = Annotated[str, typer.Option("--task", "-t", help=TASK_HELP)]
DatasetOption = Annotated[str, typer.Option("--dataset", "-d", help="Key of a dataset on the board.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
HERE = Path()

ELSEWHERE = "(--out or --board; MATDISC_CACHE for the cache, TMPDIR for temporary files)"
FULL = f"make room there, or write elsewhere {ELSEWHERE}"
MACHINE = {
    errno.ENOSPC: ("no space is left on the disk", FULL),
    errno.EDQUOT: ("the disk quota is used up", FULL),
    errno.EFBIG: ("the file would be larger than is allowed", f"raise the limit (ulimit -f), or {FULL}"),
    errno.EMFILE: ("too many files are open", "ask with fewer --workers, or raise the limit (ulimit -n)"),
    errno.ENFILE: ("too many files are open on this machine", "ask with fewer --workers, or end other programs"),
    errno.ENOMEM: ("the machine has no memory left", "ask with fewer --workers, or end other programs"),
    errno.EIO: ("the disk cannot be read or written", f"look after the disk, or use another {ELSEWHERE}"),
    errno.ESTALE: ("the network file system has lost it", "mount it anew, and give the same command again"),
}
"""Errors of the machine, that may come at any time and need not name a file: reason and remedy."""
NAMED = {
    errno.EROFS: ("the file system is read-only", f"name a folder that can be written {ELSEWHERE}"),
    errno.EACCES: ("permission denied", f"change the permissions, or name a place of your own {ELSEWHERE}"),
    errno.EPERM: ("the system does not permit it", f"change the owner, or name a place of your own {ELSEWHERE}"),
    errno.EISDIR: ("is a folder, and a file belongs here", "name a file, or move the folder away"),
    errno.ENOTDIR: ("a part of this path is a file and no folder", "name another path, or move the file away"),
    errno.EEXIST: ("is there already", "name another path, or move what is there away"),
    errno.ENOENT: ("there is no such file or folder", "look at its name"),
    errno.ENAMETOOLONG: ("the name is too long", "give a shorter one"),
    errno.ELOOP: ("symbolic links lead round in a circle", "mend the links, or name another path"),
}
"""Errors about a path that was asked for."""


def os_trouble(err: OSError) -> str | None:
    """Return an error of the operating system in one line, `path: reason; remedy`; None if it is a bug of ours.

    It is one if it has no number of the system's, or names no file although only a wrong file can be its cause.
    """
    named = err.filename if err.filename2 is None else err.filename2  # of two it is where something was to go
    path = os.fsdecode(named) if isinstance(named, (str, bytes)) else ""
    if not path and "temporary directory" in str(err.strerror):
        return f"{err.strerror}; set TMPDIR to a folder that can be written"
    if err.errno is None or not (path or err.errno in MACHINE):
        return None
    reason, remedy = {**MACHINE, **NAMED}.get(err.errno, (err.strerror, "name another path, or mend this one"))
    if err.errno in (errno.ENOTDIR, errno.EEXIST) and (file := _file_within(path)):
        reason = f"{'' if file == path else file + ' '}is a file, and a folder belongs here"
    return " ".join(f"{path + ': ' if path else ''}{reason}; {remedy}".splitlines())


def _file_within(path: str) -> str | None:
    """Return the first part of a path that is no folder, or None if there is none."""
    parts = [str(part) for part in (*reversed(Path(path).parents), Path(path))]
    return next((part for part in parts if os.path.lexists(part) and not os.path.isdir(part)), None)  # noqa: PTH112


def metric_text(metric: Metric, value: Mapping[str, float | None]) -> str:
    """Return a value of a metric with its interval, shares as per cent."""
    factor = 100 if metric.form == "percent" else 1
    scaled = {key: None if x is None else factor * x for key, x in value.items()}
    return with_interval(scaled, metric.decimals)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain aligned table; numbers right, text left."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, name in enumerate(header):
        cells = [row[i] for row in rows if row[i] not in ("", "–")]
        numbers = bool(cells) and all(cell[:1] in "-0123456789" for cell in cells)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 220)
    console.print(table)


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


def with_interval(metric: Mapping[str, float | None], digits: int = 3) -> str:
    """Return `0.912 (0.890-0.931)`, the value alone if there is no interval, or a dash if it is undefined."""
    value, low, high = metric.get("value"), metric.get("low"), metric.get("high")
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
