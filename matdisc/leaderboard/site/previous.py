"""Reading the history that an earlier build left, and keeping aside what cannot be read."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from matdisc.atomic import write_atomic
from matdisc.errors import DataError
from matdisc.leaderboard.schema.read import read_file
from matdisc.leaderboard.site.history import History

HISTORY = "data/history.json"
"""Where a site has its history."""


def read_history(place: Path) -> History:
    """Return the history in a site's folder, or in a file; an empty one where the folder has none.

    Raises:
        DataError: If the file is damaged or of another schema, or `place` does not exist.
    """
    if not place.exists():
        raise DataError(f"{place}: there is no such file or folder; `--since none` begins a new history")
    path = place / HISTORY if place.is_dir() else place
    return read_file(path, History)[0] if path.exists() else History()


def to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def history_of(site: Path, say: Callable[[str], None] = to_stderr) -> History:
    """Return the history of a site that is about to be replaced; none is needed.

    A file that cannot be read is copied beside the folder, said so, and the history begins anew.
    """
    try:
        return read_history(site) if site.exists() else History()
    except DataError as err:
        data = (site / HISTORY).read_bytes()
        copy = site.with_name(f"{site.name}.history-{hashlib.sha256(data).hexdigest()[:8]}.broken")
        write_atomic(copy, data)
        say(f"warning: {err}. This build begins a new history; the old file is kept as {copy}")
        return History()
