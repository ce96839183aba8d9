"""Options, tables and words for the system's errors that several commands share."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.tasks import task_keys

if TYPE_CHECKING:
    from matdisc.leaderboard.text import Part

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


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain aligned table; numbers right, text left."""
    from rich.console import Console

    from matdisc.leaderboard.text import WIDTH, drawn

    Console(width=None if sys.stdout.isatty() else WIDTH).print(drawn(header, rows))


def print_parts(parts: Iterable[Part]) -> None:
    """Print lines and tables in their order."""
    for part in parts:
        if isinstance(part, str):
            typer.echo(part)
        else:
            print_table(*part)
