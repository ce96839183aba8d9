"""Structures of files of any format that ASE reads, and in words why there are none."""

from __future__ import annotations

import sys
import warnings
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from matdisc.errors import DataError
from matdisc.formats import cif
from matdisc.formats.fields import Note, silent
from matdisc.formats.packed import open_text
from matdisc.formats.reasons import reason
from matdisc.formats.xyz import frames, read_frame

if TYPE_CHECKING:
    from ase import Atoms


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

    if kind == "extxyz":
        found = [read_frame(frame) for frame in (deque(frames(path), 1) if last else frames(path))]
    else:
        found = read(path, index=slice(-1, None) if last else slice(None), format=kind, do_not_split_by_at_sign=True)
    if not found or not all(isinstance(atoms, Atoms) for atoms in found):
        why = cif.why_none(_beginning(path)) if kind == "cif" else ""
        raise DataError(f"{path}: holds no atoms{why and f': {why}'}")
    return list(found)


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
    if kind == "cif" and (fault := cif.why_none(_beginning(path))):
        return fault
    return reason(err) or f"it is no file of the format {kind!r}, or damaged"


def _beginning(path: Path) -> str:
    with open_text(path, "latin1") as file:
        return file.read(cif.LOOKED_AT)
