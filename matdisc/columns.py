"""Which columns of a predictions file are read, by their names alone: the answer, what is known, and the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from matdisc.errors import SubmissionError

MAX_COLUMNS = 10_000
TEXT = ("material_id", "status", "error", "structure")
"""Columns that hold text; all others hold numbers."""
NO_PREDICTION = {"std", "uncertainty", "error", "true", "dft", "target", "uncorrected", "ale", "epi", "var"}
"""Words that make of an answer's longer name an uncertainty or a label."""
NO_PREDICTION_LAST = NO_PREDICTION | {"err", "label"}


class Choice(NamedTuple):
    """Which columns of a file are read: the answer, all that are kept, and the names of those ignored, in its order."""

    answer: str
    kept: tuple[str, ...]
    ignored: tuple[str, ...]


def choose(path: Path, header: Sequence[str], answers: Sequence[str], known: Sequence[str]) -> Choice:
    """Return which columns of a file are read; arguments as in `matdisc.tables.parse`.

    The answer is one of `answers`, or a longer name of the first (`e_form_per_atom_chgnet`) that is no label.

    Raises:
        SubmissionError: If there is no answer or more than one, if a name that is kept occurs twice, or if a name is
            almost that of a known column.
    """
    if len(header) > MAX_COLUMNS:
        raise SubmissionError(f"{path}: has more than {MAX_COLUMNS:,} columns; drop those that are not needed")
    longer = {name: is_label(name, answers[0]) for name in header if name not in known and is_longer(name, answers[0])}
    for name in header:
        like = None if name in known or name in longer else slip_of(name, known)
        if like:
            raise SubmissionError(f"{path}: column {name!r} looks like {like!r}; rename or remove it")
    if "material_id" not in header:
        raise SubmissionError(f"{path}: has no column 'material_id' (columns: {some(header)})")
    found = [name for name in header if name in answers or not longer.get(name, True)]
    kept = tuple(name for name in header if name in known or name in found[:2])
    twice = [name for name, times in Counter(kept).items() if times > 1]
    if twice:
        raise SubmissionError(f"{path}: column {twice[0]!r} occurs twice; keep one")
    if len(found) > 1:
        raise SubmissionError(f"{path}: gives both {found[0]!r} and {found[1]!r}; keep the one to be scored")
    if not found:
        raise SubmissionError(f"{path}: {_no_answer(header, answers, list(longer))}")
    return Choice(found[0], kept, tuple(name if name.strip() else "(unnamed)" for name in header if name not in kept))


def _no_answer(header: Sequence[str], answers: Sequence[str], labels: Sequence[str]) -> str:
    if labels:
        said = f"{labels[0]!r} looks like an uncertainty or a label, not a prediction"
        return f"has no column {answers[0]!r}; {said}: rename it if it is the prediction"
    wanted = " or ".join(repr(column) for column in answers)
    return f"has no column {wanted} (columns: {some(header)}); this task scores one of them"


def slip_of(name: str, known: Sequence[str]) -> str | None:
    """Return the known column that a name is probably meant to be, if there is one."""
    lower = {column.lower(): column for column in known}
    close = get_close_matches(name.strip().lower(), lower, n=1, cutoff=0.85)
    return None if not close or any(is_label(name, column) for column in known) else lower[close[0]]


def some(names: Sequence[str], limit: int = 8) -> str:
    """Return the first few names on one line, each shortened, for a message."""
    lines = (" ".join(name.encode(errors="backslashreplace").decode().split()) for name in names[:limit])
    return (
        ", ".join(line[:80] or "(unnamed)" for line in lines) + (", ..." if len(names) > limit else "")
        if names
        else "none"
    )


def _more_words(name: str, column: str) -> list[str]:
    """Return the words that a longer name adds to a column's; none if it is no longer name of it."""
    more = name.removeprefix(column)
    return [] if more == name or more[0].isalnum() else [w for w in re.split(r"[\W_]+", more.lower()) if w]


def is_longer(name: str, answer: str) -> bool:
    """Whether a name is that of a value column and more words: `e_form_per_atom_chgnet`."""
    return answer not in TEXT and bool(_more_words(name, answer))


def is_label(name: str, column: str) -> bool:
    """Whether a longer name of a value column says that it is an uncertainty or a label: `e_form_per_atom_std`."""
    words = _more_words(name, column)
    return bool(words) and (words[-1] in NO_PREDICTION_LAST or not NO_PREDICTION.isdisjoint(words))
