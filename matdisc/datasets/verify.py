"""Does a dataset still say what its card says? File by file, then the built samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets.fetch import dataset_files, file_hash
from matdisc.datasets.load import builder, built_hash
from matdisc.datasets.relaxation_starts import relaxation_starts
from matdisc.errors import DataError
from matdisc.schema import Dataset


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of a dataset with its card: what was compared, and how it came out."""

    what: str
    ok: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'WRONG'}: {self.what}: {self.detail}"


def verify(board: Board, key: str) -> list[Check]:
    """Compare hash and size of each file, and number and hash of the samples, with the card.

    What is wrong is told in the list and not raised; samples are built only if every file is right.

    Raises:
        CardError: If there is no such dataset, or its card is wrong.
    """
    card = board.dataset(key)
    checks = list(_file_checks(board, card))
    if all(check.ok for check in checks):
        checks += _content_checks(board, card)
    return checks


def _file_checks(board: Board, card: DatasetCard) -> Iterator[Check]:
    for file in card.files:
        try:
            path = dataset_files(board, card.model_copy(update={"files": (file,)}))[file.name]
        except DataError as err:
            yield Check(f"file {file.name}", False, str(err))
            continue
        size = _size(path)
        said = f"sha256 {file.sha256}" if file.sha256 else f"md5 {file.md5} (its sha256: {file_hash(path)})"
        detail = f"{path}, {size} bytes, {said}"
        right = file.bytes is None or size == file.bytes
        yield Check(f"file {file.name}", right, detail if right else f"{detail}; the card says {file.bytes} bytes")


def _content_checks(board: Board, card: DatasetCard) -> Iterator[Check]:
    try:
        built = builder(card)(card, dataset_files(board, card))
    except DataError as err:
        yield Check("samples", False, str(err))
        return
    yield _compare("number of samples", len(built), card.n_samples)
    found = built_hash(built)
    if card.sha256 is None:
        yield Check("content sha256", True, f"{found}; the card says none")
    else:
        yield _compare("content sha256", found, card.sha256)
    if card.relaxation and isinstance(built, Dataset):
        asked = relaxation_starts(card, built, verify=False)
        yield _compare("number of start structures", len(asked), card.relaxation.n_samples)
        yield _compare("start and reference structures sha256", asked.sha256, card.relaxation.sha256)


def _compare(what: str, found: object, said: object) -> Check:
    return Check(what, found == said, str(found) if found == said else f"{found}, the card says {said}")


def _size(path: Path) -> int:
    return path.stat().st_size
