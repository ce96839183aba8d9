"""The board as the API reads it: dataset cards and public results, read again when their files change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from matdisc.board import Board
from matdisc.cards import DatasetCard, is_key, read_card
from matdisc.errors import MatdiscError
from matdisc.tasks import task_keys

MOST_FILES = 5000
Content = TypeVar("Content")


class Files:
    """Contents of files by path, read again when a file has changed; None for one that is missing or broken."""

    def __init__(self, read: Callable[[Path], Content]) -> None:
        self._read = read
        self._known: dict[Path, tuple[tuple[int, int, int], Any]] = {}
        self._lock = Lock()

    def get(self, path: Path) -> Any:
        """Return the content of a file."""
        try:
            found = path.stat()
        except OSError:
            return None
        version = (found.st_mtime_ns, found.st_size, found.st_ino)
        known = self._known.get(path)
        if known is not None and known[0] == version:
            return known[1]
        with self._lock:  # one reads, and those who wait find what it has read
            known = self._known.get(path)
            if known is None or known[0] != version:
                if len(self._known) >= MOST_FILES:
                    self._known.clear()
                known = self._known[path] = (version, self._content(path))
            return known[1]

    def _content(self, path: Path) -> Any:
        try:
            return self._read(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, MatdiscError):
            return None


class Catalogue:
    """Cards and results of a board."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._cards = Files(lambda path: read_card(path, DatasetCard))
        self._rows = Files(_row)

    def dataset(self, key: str) -> DatasetCard | None:
        """Return the card of a dataset; None if there is none of this key."""
        found = self._cards.get(self.board.datasets_dir / key / "dataset.toml") if is_key(key) else None
        return found if isinstance(found, DatasetCard) else None

    def datasets(self) -> list[DatasetCard]:
        """Return the cards of all datasets, by key."""
        return [card for key in self.board.dataset_keys() if (card := self.dataset(key)) is not None]

    def rows(self, task: str, dataset: str) -> list[dict[str, Any]]:
        """Return the public rows of a task on a dataset, by their names; none for keys that are unknown."""
        if task not in task_keys() or self.dataset(dataset) is None:
            return []
        paths = sorted((self.board.results_dir / task / dataset).glob("*.json"))
        return [row for path in paths if (row := self._rows.get(path)) is not None]


ROW = ("entry", "model", "task", "dataset", "origin", "subset", "n", "n_positive", "prevalence", "threshold", "metrics",
       "baseline", "coverage", "flags")  # fmt: skip
"""What a row shows of a result."""


def _row(path: Path) -> dict[str, Any]:
    said = json.loads(path.read_text(encoding="utf-8"))
    metrics = {key: value for key, value in said["metrics"].items() if isinstance(value["value"], float | int | None)}
    return {"entry": said["entry"], **{key: said[key] for key in ROW if key in said}, "metrics": metrics}
