"""Building the site: render every page into a new folder, then put it in the old one's place."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from matdisc.atomic import copy_folder, naming
from matdisc.board import Board
from matdisc.errors import DataError
from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.history import History
from matdisc.leaderboard.site.pages import render_pages
from matdisc.leaderboard.site.previous import history_of, to_stderr
from matdisc.leaderboard.site.settings import published_at, read_settings
from matdisc.leaderboard.site.site import ASSETS, make_site


def build(
    board: Board,
    out: Path | None = None,
    *,
    created: datetime | None = None,
    withheld: Set[str] = frozenset(),
    since: History | None = None,
    base_url: str | None = None,
    say: Callable[[str], None] = to_stderr,
) -> Path:
    """Write the whole site of a board and return its folder.

    The pages go into a temporary folder beside `out`, which takes its place at the very end: a reader never
    sees a half-built site, and an error leaves the previous one as it was.

    Args:
        board: Where cards, results and `leaderboard/site.toml` are read from.
        out: The folder to write; default: the board's own `leaderboard/_site`.
        created: Time printed on the pages; default: `SOURCE_DATE_EPOCH` if set, else now.
        withheld: Datasets of which nothing is told material by material, for their labels are private.
        since: The history that this build goes on with; default: that of the site in `out`, if there is one.
        base_url: Where the site is published, in the place of what `site.toml` says.
        say: Takes the warning that a previous history cannot be read.

    Raises:
        CardError: If a card or `site.toml` is wrong.
        DataError: If a result is damaged, or `out` holds something that is no site.
        OSError: If `out` cannot be written, with its name.
    """
    out = board.site_dir if out is None else out
    _refuse_other_folders(out)
    settings = published_at(read_settings(board.root / "leaderboard" / "site.toml"), base_url)
    created = build_time() if created is None else created
    with _no_collections():
        content = read_content(board, withheld=withheld)
        previous = history_of(out, say) if since is None else since
        pages = render_pages(make_site(content, settings, created, previous))
    with naming(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-new-", dir=out.parent))
        try:
            _write(fresh, pages)
            _swap(fresh, out)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return out


@contextmanager
def _no_collections() -> Iterator[None]:
    """Pause the search for reference cycles: all that is read lives to the end, and is walked over in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def build_time() -> datetime:
    """Return `SOURCE_DATE_EPOCH` (seconds since 1970) if set, else the present, in UTC.

    Raises:
        DataError: If the variable is no whole number of seconds.
    """
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if not told:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(told), UTC)
    except (ValueError, OverflowError, OSError) as err:
        raise DataError(f"SOURCE_DATE_EPOCH is {told!r}; set it to seconds since 1970, or unset it") from err


def _refuse_other_folders(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / "build.json").is_file():
        raise DataError(f"{out}: is not empty and holds no site (no build.json); name another folder or empty it")
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; name a folder")


def _write(folder: Path, pages: dict[str, str]) -> None:
    folder.chmod(0o755)
    copy_folder(ASSETS, folder / "assets")
    for name, text in sorted(pages.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _swap(fresh: Path, out: Path) -> None:
    """Put `fresh` at `out`; if that fails, the previous folder goes back."""
    if not out.exists():
        fresh.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
    out.rename(old)
    try:
        fresh.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
