"""Frames of extended XYZ, one after the other, so that a file may be larger than the memory.

ASE reads each frame. Before it does, the file is held to what it says of itself: ASE would stop at a blank line without
a word, and read as many lines as a number of atoms says. Names stay text: ASE would make 7 of `material_id=007`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from matdisc.errors import DataError
from matdisc.formats.fields import ID_KEYS, plain
from matdisc.formats.packed import open_text

if TYPE_CHECKING:
    from ase import Atoms

ISOTOPES = {"D": 2.014, "T": 3.016}
"""Masses of deuterium and tritium, u."""
_PAIR = re.compile(
    r"""([^\s="']+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|\{([^}]*)\}|\[([^\]]*)\]|(\S*))""", re.DOTALL
)
_NAMES = {plain(key) for key in ID_KEYS}


class Frame(NamedTuple):
    """Lines of one frame: number of atoms, comment, atoms, and lattice vectors where they stand below (ADF)."""

    lines: list[str]
    at: int
    """Line of the file in which it begins, from 1."""


def frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a file, packed or not.

    Raises:
        DataError: If one is torn, or the file goes on behind a blank line; the line is named.
    """
    with open_text(path) as file:
        yield from _frames(path, file)


def _frames(path: Path, file: TextIO) -> Iterator[Frame]:
    lines = enumerate(file, 1)
    going: Frame | None = None
    for at, header in lines:
        if going and header.lstrip().startswith("VEC"):
            going.lines.append(header)
            continue
        if going:
            yield going
            going = None
        if not header.strip():
            if rest := next((number for number, line in lines if line.strip()), None):
                raise DataError(f"{path}: line {at} is blank, but the file goes on in line {rest}; take it out")
            return
        if header.strip() == "0":
            raise DataError(f"{path}: the frame in line {at} has no atoms; take it out")
        if not header.strip().isdecimal() or not int(header):
            raise DataError(
                f"{path}: cannot be read: line {at} is {header.strip()[:40]!r}; a frame begins with its number of atoms"
            )
        count, (_, comment) = int(header), next(lines, (0, ""))
        going = Frame([header, comment], at)
        columns = sum(width for _, width in _properties(comment))
        for done in range(count):
            place, line = next(lines, (0, ""))
            if not line.strip():
                raise DataError(
                    f"{path}: cannot be read: the frame in line {at} has {done} atoms and says that it has {count}"
                )
            if done == 0 and len(line.split()) < columns:
                raise DataError(
                    f"{path}: cannot be read: line {place} has {len(line.split())} columns, but Properties in "
                    f"line {at + 1} names {columns}"
                )
            going.lines.append(line)
    if going:
        yield going


def read_frame(frame: Frame) -> Atoms:
    """Return a frame as ASE reads it; D and T are H with their mass, and names are text.

    Raises:
        Exception: Whatever ASE raises.
    """
    try:
        return _read(frame.lines)
    except KeyError as err:
        if str(err.args[0]) not in ISOTOPES:
            raise
    lines, heavy = _with_hydrogen(frame.lines)
    atoms = _read(lines)
    if heavy and "masses" not in atoms.arrays:
        own = atoms.get_masses()
        own[list(heavy)] = list(heavy.values())
        atoms.set_masses(own)
    return atoms


def _read(lines: list[str]) -> Atoms:
    from ase.io.extxyz import read_xyz

    (atoms,) = read_xyz(io.StringIO("".join(lines)), index=slice(None), properties_parser=read_comment)
    return atoms


def read_comment(text: str) -> dict[str, Any]:
    """Return the fields of a comment as ASE reads them, but those that name the frame as the text that they are."""
    from ase.io.extxyz import key_val_str_to_dict

    fields = key_val_str_to_dict(text)
    named = [key for key in fields if plain(key) in _NAMES and not isinstance(fields[key], str)]
    if named:
        pairs = [pair.groups() for pair in _PAIR.finditer(text)]
        texts = {key: next(part for part in parts if part is not None) for key, *parts in pairs}
        fields |= {key: re.sub(r"\\(.)", r"\1", texts[key]) for key in named if key in texts}
    return fields


def _properties(comment: str) -> list[tuple[str, int]]:
    """Names and widths of the columns of a frame."""
    found = re.search(r"Properties\s*=\s*[\"'{\[]?([^\s\"'}\]]+)", comment)
    fields = (found.group(1) if found else "species:S:1:pos:R:3").split(":")
    return [
        (name, int(width) if width.isdecimal() else 1) for name, width in zip(fields[::3], fields[2::3], strict=False)
    ]


def _with_hydrogen(lines: list[str]) -> tuple[list[str], dict[int, float]]:
    """Return the lines of a frame with H for D and T, and their masses by the number of the atom."""
    at = 0
    for name, width in _properties(lines[1]):
        if name in ("species", "symbols"):
            break
        at += width
    text, heavy = lines[:2], {}
    count = int(lines[0])
    for number, line in enumerate(lines[2 : 2 + count]):
        words = line.split()
        if len(words) > at and (mass := ISOTOPES.get(words[at].capitalize())):
            words[at], heavy[number] = "H", mass
        text.append(" ".join(words) + "\n")
    return text + lines[2 + count :], heavy
