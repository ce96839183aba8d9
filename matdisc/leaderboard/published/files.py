"""Published rows on a board: one file for each source, in `leaderboard/published/`."""

from __future__ import annotations

from pathlib import Path

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.canonical import canonical_json
from matdisc.errors import DataError
from matdisc.leaderboard.schema.published import Published


def published_dir(board: Board) -> Path:
    return board.root / "leaderboard" / "published"


def write_published(root: Path, published: Published) -> Path:
    """Write published rows onto the board at `root` and return the file; where there is no board, an empty one is made.

    The same rows make the same bytes.

    Raises:
        DataError: If `root` is a file, or a folder that holds something else than a board.
        OSError: If it cannot be written, with its name; nothing of the file is left behind then.
    """
    board = Board(root)
    check_target(root)
    path = published_dir(board) / f"{published.key}.json"
    write_atomic(path, canonical_json(published.to_json()).encode())
    for folder in (board.datasets_dir, board.models_dir):
        folder.mkdir(exist_ok=True)
    return path


def check_target(root: Path) -> None:
    """Raise DataError unless `root` is a board, is empty, or is not there yet."""
    if root.exists() and not root.is_dir():
        raise DataError(f"{root}: is a file; name a folder with --board")
    board = Board(root)
    parts = (board.models_dir, board.datasets_dir, root / "leaderboard")
    if root.is_dir() and any(root.iterdir()) and not any(part.is_dir() for part in parts):
        raise DataError(f"{root}: holds something else and no board; name a board, or a new folder, with --board")
