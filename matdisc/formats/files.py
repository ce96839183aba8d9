"""Structures of files of any format that ASE reads, and in words why there are none."""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matdisc.errors import DataError
from matdisc.formats.fields import Note, silent

if TYPE_CHECKING:
    from ase import Atoms

ISOTOPES = {"D": 2.014, "T": 3.016}
"""Masses of deuterium and tritium, u."""
LOOKED_AT = 2_000_000
"""Characters of a file that are searched for what is wrong with it."""


def to_stderr(line: str) -> None:
    """Tell a person."""
    print(line, file=sys.stderr, flush=True)


class Notes(Counter[str]):
    """Notes, and of how many structures each is."""

    def __call__(self, text: str) -> None:
        """Count a note."""
        self[text] += 1

    def tell(self, source: str, say: Callable[[str], None]) -> None:
        """Say each note once."""
        for text, n in self.items():
            say(f"{source}: {text}" + (f" ({n} structures)" if n > 1 else ""))


def read_structures(path: Path, *, last: bool = False, note: Note = silent) -> list[Atoms]:
    """Return the structures in a file, as they are there (see `checked`); D and T in .xyz are H with their mass.

    Args:
        path: Any format that ASE knows by the file's name or content.
        last: Whether the last one is enough.
        note: Told what the reader has to remark.

    Raises:
        DataError: If the file cannot be read or holds no structure, saying why.
    """
    from ase.io.formats import filetype

    kind = ""
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        try:
            kind = filetype(str(path))
            if kind == "extxyz":
                _refuse_torn(path)
            found = _read(path, kind, last)
        except FileNotFoundError:
            raise DataError(f"{path}: there is no such file") from None
        except DataError:
            raise
        except Exception as err:  # readers of many formats raise whatever they like
            raise DataError(f"{path}: cannot be read: {_why(path, kind, err)}") from err
    for text in dict.fromkeys(str(remark.message).split("\n")[0] for remark in remarks):
        note(f"the reader says: {text[:200]}")
    return found


def _read(path: Path, kind: str, last: bool) -> list[Atoms]:
    from ase import Atoms
    from ase.io import read

    index = slice(-1, None) if last else slice(None)
    heavy: list[dict[int, float]] = []
    try:
        found = read(path, index=index, format=kind, do_not_split_by_at_sign=True)
    except KeyError as err:
        if kind != "extxyz" or str(err.args[0]) not in ISOTOPES:
            raise
        text, heavy = _with_hydrogen(_lines(path))
        found = read(io.StringIO(text), index=index, format=kind)
    if not found or not all(isinstance(atoms, Atoms) for atoms in found):
        why = _why_no_cif(path) if kind == "cif" else ""
        raise DataError(f"{path}: holds no atoms{why and f': {why}'}")
    for atoms, masses in zip(found, heavy[index], strict=False):
        if masses and "masses" not in atoms.arrays:
            own = atoms.get_masses()
            own[list(masses)] = list(masses.values())
            atoms.set_masses(own)
    return list(found)


def _open(path: Path) -> Any:
    from ase.io.formats import open_with_compression

    return open_with_compression(str(path), "r")


def _lines(path: Path) -> list[str]:
    with _open(path) as file:
        return list(file)


def _refuse_torn(path: Path) -> None:
    """Raise DataError unless the frames of an .xyz file are whole and follow upon each other.

    ASE would stop at a blank line without a word, and read as many lines as a number of atoms says.
    """
    with _open(path) as file:
        lines = enumerate(file, 1)
        for at, header in lines:
            if not header.strip():
                if rest := next((number for number, line in lines if line.strip()), None):
                    raise DataError(f"{path}: line {at} is blank, but the file goes on in line {rest}; take it out")
                return
            if header.lstrip().startswith("VEC"):  # lattice vectors as ADF writes them
                continue
            if not header.strip().isdecimal() or not int(header):
                raise DataError(
                    f"{path}: cannot be read: line {at} is {header.strip()[:40]!r}; a frame begins with its number of "
                    "atoms"
                )
            count, (_, comment) = int(header), next(lines, (0, ""))
            columns = _columns(comment)
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


def _properties(comment: str) -> list[tuple[str, int]]:
    """Names and widths of the columns of an .xyz frame."""
    found = re.search(r"Properties\s*=\s*[\"'{\[]?([^\s\"'}\]]+)", comment)
    fields = (found.group(1) if found else "species:S:1:pos:R:3").split(":")
    return [
        (name, int(width) if width.isdecimal() else 1) for name, width in zip(fields[::3], fields[2::3], strict=False)
    ]


def _columns(comment: str) -> int:
    return sum(width for _, width in _properties(comment))


def _with_hydrogen(lines: Iterable[str]) -> tuple[str, list[dict[int, float]]]:
    """Return the text of .xyz frames with H for D and T, and their masses in each frame by the number of the atom."""
    text, frames, going = [], [], iter(lines)
    for header in going:
        if not header.strip():
            break
        comment = next(going, "")
        text += [header, comment]
        at = 0
        for name, width in _properties(comment):
            if name in ("species", "symbols"):
                break
            at += width
        heavy = {}
        for number in range(int(header)):
            words = next(going, "").split()
            if len(words) > at and (mass := ISOTOPES.get(words[at].capitalize())):
                words[at], heavy[number] = "H", mass
            text.append(" ".join(words) + "\n")
        frames.append(heavy)
    return "".join(text), frames


def _why(path: Path, kind: str, err: Exception) -> str:
    """Return in words why a file cannot be read, and what to do."""
    if isinstance(err, UnicodeDecodeError):
        return "it is no text; save it as UTF-8, or name it by its format"
    if not path.stat().st_size:
        return "it is empty"
    if type(err).__name__ == "UnknownFileTypeError":
        return "its format is not known; name it by it, as .extxyz, .cif or POSCAR"
    if isinstance(err, IsADirectoryError | PermissionError):
        return f"{err.strerror}"
    if kind == "cif" and (reason := _why_no_cif(path)):
        return reason
    if "Could not determine chemical symbols" in str(err):
        return (
            "it names no elements, as POSCAR files of VASP 4; add a line with their symbols, as in 'Cu Au', above that "
            "with their numbers"
        )
    if tensor := re.search(r"Got info item (\w+), expecting special 3x3", str(err)):
        return f"'{tensor.group(1)}' has to hold the nine numbers of a 3 x 3 tensor in extended XYZ"
    if isinstance(err, KeyError) and err.args and re.fullmatch(r"[A-Za-z0-9*?_+-]{1,12}", str(err.args[0])):
        return f"{err.args[0]!r} is no symbol of an element; write symbols as in Cu"
    said = " ".join(str(err).split())[:200]
    return f"{type(err).__name__}: {said}" if said else f"it is no file of the format {kind!r}, or damaged"


def _why_no_cif(path: Path) -> str:
    with path.open(encoding="latin1") as file:
        lines = file.read(LOOKED_AT).split("\n")
    if not any(line.strip().lower().startswith("data_") for line in lines):
        return "it is no CIF; one has a line that begins with data_"
    columns: list[str] = []
    for at, line in enumerate(lines, 1):
        words = line.split()
        if words and words[0].lower().startswith("_cell_") and words[-1] in ("?", "."):
            return f"line {at}: {words[0]} is not known"
        if words[:1] == ["loop_"]:
            columns = []
        elif words and words[0].startswith("_"):
            columns.append(words[0].lower())
        for name, word in zip(columns, words, strict=False):
            if word in ("?", ".") and ("_fract_" in name or "_cartn_" in name):
                return f"line {at}: {' '.join(words)[:80]!r} has an unknown position; give the numbers for {word!r}"
    if not any(line.strip().lower().startswith("_atom_site_") for line in lines):
        return "no atoms are listed in it (_atom_site_...)"
    return ""
