"""A board: the three folders `models/`, `datasets/` and `leaderboard/`, anywhere on disk."""

from __future__ import annotations

import difflib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matdisc.atomic import copy_folder, naming, write_atomic
from matdisc.errors import CardError

if TYPE_CHECKING:  # cards take a quarter of a second to import, and `matdisc --help` needs none
    from matdisc.cards import DatasetCard, ModelCard

PUBLISHED_ROWS = ("discovery/wbm-sample",)
"""Task and dataset of the published predictions that come with the package."""
SITE = Path("leaderboard", "site.toml")


@dataclass(frozen=True, slots=True)
class Board:
    """Paths and cards of one board; nothing is read before it is asked for."""

    root: Path

    @property
    def models_dir(self) -> Path:
        return self.root / "models"

    @property
    def datasets_dir(self) -> Path:
        return self.root / "datasets"

    @property
    def results_dir(self) -> Path:
        return self.root / "leaderboard" / "results"

    @property
    def predictions_dir(self) -> Path:
        return self.root / "leaderboard" / "predictions"

    @property
    def details_dir(self) -> Path:
        return self.root / "leaderboard" / "details"

    @property
    def rankings_dir(self) -> Path:
        return self.root / "leaderboard" / "rankings"

    @property
    def materials_dir(self) -> Path:
        return self.root / "leaderboard" / "materials"

    @property
    def resolution_dir(self) -> Path:
        return self.root / "leaderboard" / "resolution"

    @property
    def evidence_dir(self) -> Path:
        return self.root / "leaderboard" / "evidence"

    @property
    def site_dir(self) -> Path:
        return self.root / "leaderboard" / "_site"

    @property
    def runs_dir(self) -> Path:
        return self.root / "runs"

    def model_keys(self) -> list[str]:
        return _keys(self.models_dir, "model.toml")

    def dataset_keys(self) -> list[str]:
        return _keys(self.datasets_dir, "dataset.toml")

    def model(self, key: str) -> ModelCard:
        """Return the card of a model; an unknown key is answered with the nearest known ones."""
        from matdisc.cards import ModelCard, read_card

        path = self.models_dir / key / "model.toml"
        if not _is_folder_of(path, key):
            raise _unknown("model", key, self.model_keys(), self.root)
        return read_card(path, ModelCard)

    def dataset(self, key: str) -> DatasetCard:
        """Return the card of a dataset; an unknown key is answered with the nearest known ones."""
        from matdisc.cards import DatasetCard, read_card

        path = self.datasets_dir / key / "dataset.toml"
        if not _is_folder_of(path, key):
            raise _unknown("dataset", key, self.dataset_keys(), self.root)
        return read_card(path, DatasetCard)


def open_board(root: Path) -> Board:
    """Return the board at `root`.

    Raises:
        CardError: If the folder has neither `models/` nor `datasets/`.
    """
    if not (root / "models").is_dir() or not (root / "datasets").is_dir():
        raise CardError(
            f"{root}: no board here (it needs the folders models/ and datasets/); "
            "make one with `matdisc init DIR` or name one with --board DIR"
        )
    return Board(root)


def init_board(target: Path) -> Board:
    """Make a board at `target` with the shipped cards, embedded data and published predictions; existing files stay.

    Raises:
        CardError: If `target` already holds a board or is a file.
        OSError: If `target` cannot be written, with its name; no half of a board is left behind then.
    """
    if target.exists() and not target.is_dir():
        raise CardError(f"{target}: is a file; name a folder")
    if (target / "models").exists() or (target / "datasets").exists():
        raise CardError(f"{target}: already holds models/ or datasets/; choose another folder")
    made = not target.exists()
    try:
        with naming(target):
            _copy_shipped(Board(shipped_board()), Board(target))
    except BaseException:
        for folder in [target] if made else [target / "models", target / "datasets"]:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return Board(target)


def _copy_shipped(source: Board, board: Board) -> None:
    """Copy cards, embedded data and what is published; the folder of models, which makes it a board, comes last."""
    for rows in PUBLISHED_ROWS:
        copy_folder(source.predictions_dir / rows, board.predictions_dir / rows)
    if source.resolution_dir.is_dir():
        copy_folder(source.resolution_dir, board.resolution_dir)
    settings, copy = source.root / SITE, board.root / SITE
    copy.parent.mkdir(parents=True, exist_ok=True)
    if settings.is_file() and not copy.exists():
        write_atomic(copy, settings.read_bytes())
    copy_folder(source.datasets_dir, board.datasets_dir)
    copy_folder(source.models_dir, board.models_dir)


def shipped_board() -> Path:
    """Folder of the board that comes with the package: inside the wheel, or the checkout itself."""
    package = Path(__file__).parent
    wheel = package / "_board"
    return wheel if wheel.is_dir() else package.parent


def _keys(folder: Path, card: str) -> list[str]:
    return sorted(path.parent.name for path in folder.glob(f"*/{card}"))


def _is_folder_of(card: Path, key: str) -> bool:
    """Whether a card exists and its folder bears the key: `../elsewhere` is no key."""
    return card.parent.name == key and card.exists()


def _unknown(noun: str, key: str, known: list[str], root: Path) -> CardError:
    longer = [name for name in known if key and name.startswith(key)]
    near = list(dict.fromkeys([*longer, *difflib.get_close_matches(key, known, n=3, cutoff=0.4)]))[
        : max(3, len(longer))
    ]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
    return CardError(f"{noun} {key!r} is not on the board at {root}; {hint} (`matdisc {noun}s list`)")
