"""In words, what readers of others raise; and what they warn of, as notes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from matdisc.errors import DataError
from matdisc.formats.fields import Note

T = TypeVar("T")


@contextmanager
def told(where: str, note: Note, look: Callable[[], str] = str) -> Iterator[None]:
    """Tell what a reader within raises, and note what it warns of.

    Args:
        where: File, and frame or row, that an error names.
        note: Told what the reader has to remark.
        look: Asked first what is wrong; an empty text says nothing.

    Raises:
        DataError: For whatever is raised within.
    """
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        try:
            yield
        except DataError:
            raise
        except Exception as err:  # readers of many formats raise whatever they like
            raise DataError(f"{where}: cannot be read: {look() or reason(err) or type(err).__name__}") from err
    for text in dict.fromkeys(str(remark.message).split("\n")[0] for remark in remarks):
        note(f"the reader says: {text[:200]}")


def each(items: Iterator[T], where: str, note: Note, look: Callable[[], str] = str) -> Iterator[T]:
    """Yield what a reader yields; what it raises or warns of meanwhile is told as by `told`.

    Raises:
        DataError: For whatever the reader raises.
    """
    while True:
        with told(where, note, look):  # not around the yield: warnings of others are none of the reader's
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def reason(err: Exception) -> str:
    """Return in words what is wrong and what to do; empty if an error says nothing."""
    said = " ".join(str(err).split())[:200]
    if "Could not determine chemical symbols" in said:
        return (
            "it names no elements, as POSCAR files of VASP 4; add a line with their symbols, as in 'Cu Au', above that "
            "with their numbers"
        )
    if tensor := re.search(r"Got info item (\w+), expecting special 3x3", said):
        return f"'{tensor.group(1)}' has to hold the nine numbers of a 3 x 3 tensor in extended XYZ"
    if type(err).__name__.startswith("Spacegroup"):
        return "its space group is not named or not known; give _symmetry_Int_Tables_number, or list all atoms in P 1"
    if isinstance(err, KeyError) and err.args and re.fullmatch(r"[A-Za-z0-9*?_+-]{1,12}", str(err.args[0])):
        return f"{err.args[0]!r} is no symbol of an element; write symbols as in Cu"
    return f"{type(err).__name__}: {said}" if said else ""
