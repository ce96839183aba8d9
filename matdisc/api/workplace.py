"""Where a call from Python works: cards of one board, data sets of another place, and files that go to neither."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matdisc.board import Board, open_board, shipped_board
from matdisc.cards.base import KEY_PATTERN
from matdisc.errors import CardError, MatdiscError

FLAGS = ("any_anion", "own_hull", "polymorphs", "relaxed", "replace", "restart")
OPTION = re.compile(r"--(?P<name>[a-z]+(?:-[a-z]+)*)(?: (?P<value>[\w.-]*[\d_][\w-]*|[A-Z]+\b|[\w./-]+(?=[)`])))?")
"""An option of the command line, with its value where that has a digit, is a word in capitals, or ends a bracket."""
BoardLike = Board | str | Path | None


@dataclass(frozen=True, slots=True)
class Workplace(Board):
    """The models of the board at `root`, the data sets in a folder, and a place for what is made.

    Nothing is ever written to `root`, which may be the board that comes with the package.
    """

    datasets: Path
    made: Path

    @property
    def datasets_dir(self) -> Path:
        return self.datasets

    @property
    def runs_dir(self) -> Path:
        return self.made / "runs"

    @property
    def results_dir(self) -> Path:
        return self.made / "results"

    @property
    def predictions_dir(self) -> Path:
        return self.made / "predictions"

    @property
    def details_dir(self) -> Path:
        return self.made / "details"

    @property
    def rankings_dir(self) -> Path:
        return self.made / "rankings"


def board_of(board: BoardLike) -> Board | None:
    """Return the board that was given, by itself or its folder; None for none.

    Raises:
        CardError: If there is no board.
    """
    return open_board(Path(board)) if isinstance(board, str | Path) else board


def cards_of(board: Board | None) -> Board:
    """Return the board that was given, or else the one that comes with the package."""
    return board or Board(shipped_board())


def temporary_workplace(board: Board | None, datasets: Path | None = None) -> Workplace:
    """Return a workplace whose files last as long as this process."""
    cards = cards_of(board)
    return Workplace(cards.root, datasets or cards.datasets_dir, fresh_folder())


def fresh_folder() -> Path:
    """Return a new folder that is deleted when this process ends."""
    return Path(tempfile.mkdtemp(dir=_session_folder()))


@cache
def _session_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="matdisc-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def key_of(name: str) -> str:
    """Return the key that a name comes to: `My MACE, v2` to `my-mace-v2`.

    Raises:
        CardError: If it is no text, or nothing of it can stand in a key.
    """
    if not isinstance(name, str):
        raise CardError(f"name is {name!r}; give a text")
    key = re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-._")[:64]
    if not re.fullmatch(KEY_PATTERN[1:-1], key):
        raise CardError(f"name {name!r} has no letter or digit that could stand in a key; give another name")
    return key


@contextmanager
def python_words() -> Iterator[None]:
    """Let errors within name arguments as Python writes them: `restart=True` for `--restart`."""
    try:
        yield
    except MatdiscError as err:
        if (said := in_python(str(err))) == str(err):
            raise
        raise type(err)(said) from err.__cause__


def in_python(text: str) -> str:
    """Return a message with options of the command line as arguments; commands in backquotes stay commands."""
    parts = re.split(r"(`matdisc [^`]*`)", text)
    return "".join(part if part.startswith("`matdisc ") else OPTION.sub(_argument, part) for part in parts)


def _argument(option: re.Match[str]) -> str:
    name, value = option["name"].replace("-", "_"), option["value"]
    if name in FLAGS:
        return f"{name}=True{f' {value}' if value else ''}"
    if value is None:
        return f"{name}="
    return f"{name}={value}" if re.fullmatch(r"[\d.]+|[A-Z]+", value) else f"{name}={value!r}"
