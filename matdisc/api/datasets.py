"""What a call from Python may name as its data set: a key, a folder, files of structures, or ASE atoms."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matdisc.api.atoms import is_structure, write_structures
from matdisc.api.workplace import Workplace, cards_of, fresh_folder, in_python, key_of, temporary_workplace
from matdisc.atomic import copy_folder
from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.errors import CardError, DataError

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.datasets.new import NewOptions


@dataclass(frozen=True, eq=False)
class Located:
    """A data set that was found.

    Attributes:
        card: What is said of it: source, licence, units, tasks.
        place: The board, or workplace, that it is on.
    """

    card: DatasetCard
    place: Board

    @property
    def key(self) -> str:
        return self.card.key


DatasetLike = Located | str | os.PathLike[str] | Sequence["str | os.PathLike[str]"] | Sequence["Atoms"]
"""What `load_dataset` returned, a key, a folder with a card, files of labelled structures, or atoms with labels."""
CARD = "dataset.toml"
GIVEN = "structures.extxyz"
"""Where structures of a list are written."""
Say = Callable[[str], None]


def locate(
    dataset: DatasetLike, board: Board | None, options: NewOptions | None = None, say: Say = lambda line: None
) -> tuple[Board, str]:
    """Return where a data set can be read, and its key there.

    With a board, one that lies elsewhere, or is made of files here, is added to it. Without one, nothing is written
    but to a folder that lasts as long as this process.

    Args:
        dataset: As the functions of the package take it.
        board: Where it is looked for and goes; None for the board that comes with the package.
        options: What is said of the labels of files.
        say: Told what was found in files.

    Raises:
        CardError: If there is no such data set, or the board has another one of this key.
        DataError: If files cannot be read, or their labels would have to be guessed.
    """
    known = isinstance(dataset, str) and dataset in cards_of(board).dataset_keys()
    folder = None if known else _folder(dataset, board)
    if options is not None and (known or folder):
        raise CardError(
            f"{folder or dataset}: has a card, which says what its labels are; name nothing but the data set"
        )
    if known:
        return board or temporary_workplace(None), str(dataset)
    if folder is None:
        folder = _made(dataset, options, say)
    if board is None:
        return temporary_workplace(None, folder.parent), folder.name
    return board, add(folder, board)


def add(folder: Path, board: Board) -> str:
    """Copy a data set to a board that does not have it yet, and return its key.

    Raises:
        CardError: If the board has another one of this key.
    """
    target = board.datasets_dir / folder.name
    if target.resolve() == folder.resolve():
        return folder.name
    if not target.exists():
        copy_folder(folder, target)
    elif not filecmp.cmp(folder / CARD, target / CARD, shallow=False):
        raise CardError(f"{target}: the board has another data set {folder.name!r}; rename one of the two")
    return folder.name


def _folder(dataset: DatasetLike, board: Board | None) -> Path | None:
    """Return the folder of a data set that has a card; None for files that are still to become one."""
    if isinstance(dataset, Located):
        return dataset.place.datasets_dir / dataset.key
    if not isinstance(dataset, str | os.PathLike):
        return None
    path = Path(dataset)
    if (path / CARD).is_file():
        return path.resolve()
    if path.name == CARD and path.is_file():
        return path.resolve().parent
    if not path.exists():
        if isinstance(dataset, str) and os.sep not in dataset and not re.search(r"\.[a-z]+$", dataset, re.IGNORECASE):
            cards_of(board).dataset(dataset)  # says which keys come near
        raise DataError(f"{path}: no such file or folder; give the key of a data set, or a path")
    return None


def _made(dataset: DatasetLike, options: NewOptions | None, say: Say) -> Path:
    """Make a data set of files or atoms, in a folder that lasts as long as this process."""
    from matdisc.datasets.new import NewOptions, make

    place = fresh_folder()
    paths = _paths(dataset, place)
    key = key_of(paths[0].name.split(".")[0])
    board = Workplace(place, place / "datasets", place)
    shorter = f"{board.datasets_dir}{os.sep}"
    try:
        make(board, key, paths, options or NewOptions(), lambda line: say(in_python(line.replace(shorter, ""))))
    except DataError as err:
        said = str(err).replace(str(place / GIVEN), "the list of structures")
        hint = "; options go to `matdisc.load_dataset`" if options is None and "--" in said else ""
        raise DataError(f"{said}{hint}") from err.__cause__
    return board.datasets_dir / key


def _paths(dataset: DatasetLike, place: Path) -> list[Path]:
    if isinstance(dataset, str | os.PathLike):
        return [Path(dataset)]
    assert not isinstance(dataset, Located)
    if not isinstance(dataset, Iterable):
        raise DataError(f"dataset is {dataset!r}; give a key, a folder, files, or atoms with labels")
    items = list(dataset)
    if not items:
        raise DataError("dataset is empty; give a key, a folder, files, or atoms with labels")
    if all(isinstance(item, str | os.PathLike) for item in items):
        return [Path(item) for item in items]
    foreign = next((i for i, item in enumerate(items) if not is_structure(item)), None)
    if foreign is not None:
        kind = type(items[foreign]).__name__
        raise DataError(f"dataset: item {foreign} is a {kind}; give paths only, or structures only")
    write_structures(place / GIVEN, items)
    return [place / GIVEN]
