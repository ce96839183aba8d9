"""What a card says of its data: hashes, sizes and numbers of samples, measured, and written into the card."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.cards import UNKNOWN_HASH, DataFile, DatasetCard, read_card
from matdisc.datasets.fetch import cached_path, dataset_files, embedded_path, file_hash
from matdisc.datasets.load import builder, built_hash
from matdisc.datasets.relaxation_starts import relaxation_starts
from matdisc.errors import CardError, DataError
from matdisc.schema import Dataset

Fields = dict[str, int | str]


@dataclass(frozen=True, slots=True)
class Measured:
    """Fields of a card that follow from its data: of the card itself, of its table `relaxation`, and of each file."""

    card: Fields
    relaxation: Fields = field(default_factory=dict)
    files: Mapping[str, Fields] = field(default_factory=dict)


def measure(board: Board, key: str) -> Measured:
    """Return what follows from the data of a dataset.

    What the card says of it may be missing or wrong: embedded files are taken as they are, so that whoever makes or
    changes a table on purpose gets the new numbers. A public file is fetched by the hash on the card; without one it
    has to lie in the cache or in the mirror.

    Raises:
        CardError: If there is no such dataset, or its card is wrong in something else.
        DataError: If a file is missing, or the samples cannot be built.
    """
    if key not in board.dataset_keys():
        board.dataset(key)  # says which there are
    card = read_card(_card_path(board, key), DatasetCard, measured=False)
    paths = {file.name: _described(board, card, file) for file in card.files}
    built = builder(card)(card, paths)
    relaxation: Fields = {}
    if card.relaxation and isinstance(built, Dataset):
        asked = relaxation_starts(card, built, verify=False)
        relaxation = {"n_samples": len(asked), "sha256": asked.sha256}
    files: dict[str, Fields] = {
        name: {"sha256": file_hash(path), "bytes": path.stat().st_size} for name, path in paths.items()
    }
    return Measured({"n_samples": len(built), "sha256": built_hash(built)}, relaxation, files)


def describe(board: Board, key: str) -> str:
    """Return the lines of a card that follow from the data.

    Raises: As `measure`.
    """
    found = measure(board, key)
    parts = [_lines(found.card)]
    if found.relaxation:
        parts.append("# relaxation\n" + _lines(found.relaxation))
    parts += [f"# {name}\n{_lines(fields)}" for name, fields in found.files.items()]
    return "\n\n".join(parts)


def write_described(board: Board, key: str) -> int:
    """Write those lines into the card, whose other lines and comments stay, and return how many fields are new.

    Raises: As `measure`; and
        CardError: If the card is written in a way that its fields cannot be found line by line.
    """
    found = measure(board, key)
    path = _card_path(board, key)
    data = path.read_bytes()
    text = data.decode("utf-8-sig")
    before = tomllib.loads(text)
    wanted = _with(before, found)
    edited = _edited(text.splitlines(keepends=True), found)
    try:
        right = tomllib.loads(edited) == wanted
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise CardError(
            f"{path}: the fields cannot be found line by line; give each file a table [[files]] with a line for each "
            "field, or write by hand what `matdisc datasets describe` prints"
        )
    if wanted != before:
        write_atomic(path, edited.encode())
    return _changes(before, found)


def _card_path(board: Board, key: str) -> Path:
    return board.datasets_dir / key / "dataset.toml"


def _lines(fields: Fields) -> str:
    return "\n".join(f"{name} = {_toml(value)}" for name, value in fields.items())


def _toml(value: int | str) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _with(content: dict[str, Any], found: Measured) -> dict[str, Any]:
    """Return the content that a card has to have."""
    new = content | found.card
    if found.relaxation:
        new["relaxation"] = content["relaxation"] | found.relaxation
    new["files"] = [file | _of_file(file, found) for file in content["files"]]
    return new


def _of_file(file: Mapping[str, Any], found: Measured) -> Fields:
    """Fields of a file; one that has an md5 alone keeps it."""
    known = found.files[file["name"]]
    return known if "md5" not in file else {name: value for name, value in known.items() if name in file}


def _changes(before: dict[str, Any], found: Measured) -> int:
    pairs = [(before, found.card), (before.get("relaxation", {}), found.relaxation)]
    pairs += [(file, _of_file(file, found)) for file in before["files"]]
    return sum(table.get(name) != value for table, fields in pairs for name, value in fields.items())


def _edited(lines: list[str], found: Measured) -> str:
    return "".join(line for table in _tables(lines) for line in _filled(table, found))


def _tables(lines: list[str]) -> Iterator[list[str]]:
    """Yield the lines of a card table by table, each with its header."""
    table: list[str] = []
    within = ""
    for line in lines:
        if not within and re.match(r"\s*\[\[?[\w.\"-]+\]\]?\s*(#.*)?$", line):
            yield table
            table = []
        table.append(line)
        for mark in ('"""', "'''"):
            if (not within or within == mark) and line.count(mark) % 2:
                within = "" if within else mark
    yield table


def _filled(table: list[str], found: Measured) -> list[str]:
    """Return the lines of a table with its fields."""
    head = table[0].split("#")[0].strip() if table else ""
    if head == "[relaxation]":
        return _set(table, found.relaxation)
    if head == "[[files]]":
        file = tomllib.loads("".join(table))["files"][0]
        return _set(table, _of_file(file, found))
    return table if head.startswith("[") else _set(table, found.card)


def _set(table: list[str], fields: Fields) -> list[str]:
    """Return the lines of a table with fields set; those that are not there come after the last line with content."""
    found, left = [], dict(fields)
    for line in table:
        name = re.match(r"\s*(\w+)\s*=", line)
        if name and name[1] in left:
            line = re.sub(r"=\s*(\"[^\"]*\"|'[^']*'|[\w.+-]*)", f"= {_toml(left.pop(name[1]))}", line, count=1)
        found.append(line)
    at = max((i for i, line in enumerate(found) if line.strip() and not line.startswith("#")), default=-1) + 1
    if left and at and not found[at - 1].endswith("\n"):
        found[at - 1] += "\n"
    return [*found[:at], *(f"{name} = {_toml(value)}\n" for name, value in left.items()), *found[at:]]


def _described(board: Board, card: DatasetCard, file: DataFile) -> Path:
    """Return the path of a file whose hash may not be known yet."""
    if not file.embedded and file.sha256 != UNKNOWN_HASH:
        return dataset_files(board, card.model_copy(update={"files": (file,)}))[file.name]
    places = [embedded_path(board, card.key, file)] if file.embedded else [cached_path(card.key, file), *_mirror(file)]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        remedy = "restore it" if file.embedded else f"download it by hand from {file.url or 'its source'}"
        raise DataError(f"dataset {card.key!r}, file {file.name}: {places[0]} does not exist; {remedy}")
    return found


def _mirror(file: DataFile) -> list[Path]:
    folder = os.environ.get("MATDISC_MIRROR")
    return [Path(folder).expanduser() / file.mirror] if folder and file.mirror else []
