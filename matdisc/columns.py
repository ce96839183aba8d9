"""Which columns of a table are read, by their names alone, and in which layout they stand in text and JSON.

Spreadsheets and pandas write one table in many ways. Where the names leave one reading only, it is taken; where they
leave two, the table is refused.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from matdisc.errors import SubmissionError

MAX_COLUMNS = 10_000
TEXT = ("material_id", "status", "error", "structure")
"""Columns that hold text; all others hold numbers."""
NO_PREDICTION = {
    *("std", "stdev", "sigma", "var", "variance", "unc", "uncertainty", "uncertainties"),
    *("error", "errors", "residual", "ale", "epi"),
    *("true", "truth", "actual", "ref", "reference", "dft", "target", "uncorrected"),
}
"""Words that make of an answer's longer name an uncertainty or a label."""
NO_PREDICTION_LAST = NO_PREDICTION | {
    *("err", "mae", "rmse", "ci", "lower", "upper", "min", "max", "diff", "count"),
    *("label", "labels", "gt", "expt", "raw"),
}
"""Words that do so at its end."""
NO_PREDICTION_ALONE = frozenset({"pbe", "vasp", "wbm", "mp", "corrected", "mp2020_corrected"})
"""What does so alone, and may be part of a model's name otherwise."""
OTHER_UNITS = frozenset(["mev", "kj", "kcal", "hartree", "rydberg"])
PER_ATOM = ["per", "atom"]
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
UNNAMED = ("", "Unnamed: 0", "__index_level_0__")
"""What pandas calls an index without a name: in text, after reading that, and in Parquet, where it stands last."""


class AnyOf(tuple[str, ...]):
    """Columns of which a file needs one or more; of other sequences it needs exactly one."""


class Choice(NamedTuple):
    """Which columns of a file are read.

    Attributes:
        answer: Name of the answer in the file.
        column: The value column that it is, as the task calls it.
        kept: Name in the file of every column that is read, by what it is read as.
        ignored: Names of the others, in the file's order.
        notes: What is read as something else than it says, in sentences.
    """

    answer: str
    column: str
    kept: Mapping[str, str]
    ignored: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose(path: Path, header: Sequence[str], answers: Sequence[str], known: Sequence[str]) -> Choice:
    """Return which columns of a file are read; arguments as in `matdisc.predictions.parse.parse`.

    Names are compared without case and blanks around them, as long as one column alone fits. The answer is one of
    `answers`, or a longer name of the first (`e_form_per_atom_chgnet`) that is no label. Without a column `material_id`
    the ids are the table's index: a first column without a name, or what pandas calls it elsewhere.

    Raises:
        SubmissionError: If there is no answer or more than one, if two columns are one, or if a name is almost that of
            a known column.
    """
    if len(header) > MAX_COLUMNS:
        raise SubmissionError(f"{path}: has more than {MAX_COLUMNS:,} columns; drop those that are not needed")
    read_as: dict[str, str] = {}
    for name in header:
        meant = meaning(name, answers[0], known)
        like = meant if _varies(name, meant) and (meant in header or meant in read_as.values()) else None
        if meant is None and not _is_longer_label(name, answers[0]):
            like = slip_of(name, known)
        if like:
            raise SubmissionError(f"{path}: column {name!r} looks like {like!r}; rename or remove it")
        if meant:
            read_as[name] = meant
    notes = tuple(
        f"column {name!r} is read as {meant!r}"
        for name, meant in read_as.items()
        if _varies(name, meant) and meant not in answers
    )
    if "material_id" not in read_as.values():
        index = _index(header)
        if index is None:
            raise SubmissionError(f"{path}: has no column 'material_id' (columns: {some(header)})")
        read_as[index] = "material_id"
        notes += ("no column is called 'material_id'; the ids are taken from the table's index",)
    twice = [name for name, times in Counter(header).items() if times > 1 and name in read_as]
    if twice:
        raise SubmissionError(f"{path}: column {twice[0]!r} occurs twice; keep one")
    found = [name for name in header if read_as.get(name) in answers]
    if len(found) > 1 and not isinstance(answers, AnyOf):
        raise SubmissionError(f"{path}: gives both {found[0]!r} and {found[1]!r}; keep the one to be scored")
    if not found:
        raise SubmissionError(f"{path}: {_no_answer(header, answers)}")
    ignored = tuple(name if name.strip() else "(unnamed)" for name in header if name not in read_as)
    return Choice(found[0], read_as[found[0]], {read_as[n]: n for n in header if n in read_as}, ignored, notes)


def meaning(name: str, answer: str, known: Sequence[str]) -> str | None:
    """Return the known column that a name is, but for case, blanks around it and words that an answer's name adds."""
    if name in known:
        return name
    plain = name.strip().lower()
    alike = [column for column in known if column.lower() == plain]
    if len(alike) == 1:
        return alike[0]
    return answer if is_longer(plain, answer) and not is_label(plain, answer) else None


def _varies(name: str, meant: str | None) -> bool:
    return meant is not None and name != meant and name.strip().lower() == meant.lower()


def _is_longer_label(name: str, answer: str) -> bool:
    plain = name.strip().lower()
    return is_longer(plain, answer) and is_label(plain, answer)


def _index(header: Sequence[str]) -> str | None:
    """Return the name of the column that is the index of a table, if one alone may be."""
    unnamed = [name for name in header if name.strip() in UNNAMED]
    return unnamed[0] if len(unnamed) == 1 and (unnamed[0] == header[0] or unnamed[0] == UNNAMED[-1]) else None


def _no_answer(header: Sequence[str], answers: Sequence[str]) -> str:
    labels = [name for name in header if _is_longer_label(name, answers[0])]
    more = _more_words(labels[0].strip().lower(), answers[0]) if labels else []
    if more[-2:] == PER_ATOM and not answers[0].endswith("_".join(PER_ATOM)):
        return f"column {labels[0]!r} is an energy per atom; give {answers[0]!r}, eV per cell"
    if _other_unit(more, answers[0]):
        unit = "eV/atom" if answers[0].endswith("_".join(PER_ATOM)) else "eV"
        return f"has no column {answers[0]!r}; {labels[0]!r} is in another unit: give {unit}"
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
    """Whether a longer name of a value column says uncertainty, label or another unit: `e_form_per_atom_std`."""
    words = _more_words(name, column)
    alone = "_".join(words) in NO_PREDICTION_ALONE
    within = not NO_PREDICTION.isdisjoint(words) or _other_unit(words, column)
    return bool(words) and (alone or within or words[-1] in NO_PREDICTION_LAST)


def _other_unit(words: Sequence[str], column: str) -> bool:
    """Whether words that a name adds to a column's make another unit of it, as `energy_per_atom` of `energy`."""
    return not OTHER_UNITS.isdisjoint(words) or (
        list(words[-2:]) == PER_ATOM and not column.endswith("_".join(PER_ATOM))
    )


def headers(line: str) -> dict[str, list[str]]:
    """Return the names in the first line of a text table, by the character that may separate them.

    Raises:
        ValueError: If it is none by any of them.
    """
    try:
        return {d: [name.strip() for name in next(csv.reader([line], delimiter=d), [])] for d in DELIMITERS}
    except csv.Error as err:
        raise ValueError(f"not readable as CSV: {err}") from None


def delimiter(names: Mapping[str, Sequence[str]], *wanted: AbstractSet[str]) -> str:
    """Return the character that separates the columns of a text table.

    It is the only one by which all names of the first of `wanted` appear, or else of the next; then the only one by
    which there are several columns, and a comma where that tells nothing.

    Args:
        names: The names in the first line by each character, as from `headers`.
        wanted: Sets of names in lower case, the most telling one first.

    Raises:
        ValueError: If two characters fit equally well.
    """
    for one in wanted:
        found = [d for d, header in names.items() if one <= {name.strip().lower() for name in header}]
        if found and all(names[d] == names[found[0]] for d in found):
            return found[0]
        if found:
            raise ValueError(_either(found))
    several = [d for d, header in names.items() if len(header) > 1]
    if "," in several or not several:
        return ","
    if len(several) > 1:
        raise ValueError(_either(several))
    return several[0]


def _either(found: Sequence[str]) -> str:
    said = " or by ".join(DELIMITERS[d] for d in found)
    return f"columns may be separated by {said}; separate them by commas, and leave the others out of the names"


def decode(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: If it is none, or an object names a key twice, so that it says two things.
    """
    try:
        return _decode(text)
    except KeyError as err:
        raise ValueError(f"names key {err.args[0]!r} twice; keep one") from None
    except RecursionError:
        raise ValueError("is not JSON: nested too deeply") from None
    except ValueError as err:
        raise ValueError(f"is not JSON: {err}") from None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise KeyError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return row


_decode = json.JSONDecoder(object_pairs_hook=_unrepeated).decode


def records(value: Any, is_known: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Return the rows of a JSON document: a list of objects, or a table as pandas writes it by columns or by rows.

    Keys of rows that are no column become the field "", as a column without a name in other files.

    Args:
        value: The document.
        is_known: Whether a name is that of a column; tells columns of rows from rows of columns.

    Raises:
        ValueError: If it is no table, or may be read in two ways.
    """
    if isinstance(value, dict) and value.keys() == {"schema", "data"}:
        value = value["data"]
    if isinstance(value, dict) and value.keys() in ({"columns", "index", "data"}, {"name", "index", "data"}):
        value = _split_rows(value)
    if isinstance(value, list):
        wrong = next((i for i, row in enumerate(value) if not isinstance(row, dict)), None)
        if wrong is not None:
            raise ValueError(f"row {wrong + 1} is {type(value[wrong]).__name__}, has to be an object")
        return value
    parts: list[Any] = list(value.values()) if isinstance(value, dict) else [None]
    if all(isinstance(part, list) for part in parts):
        return _rows(list(value), parts)
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("is no table; give a list of objects, one a material")
    as_columns = any(is_known(name) for name in value)
    as_rows = any(is_known(name) for part in parts for name in part)
    if as_columns == as_rows:
        said = "both as columns and in rows" if as_columns else "neither as a column nor in a row"
        raise ValueError(f"names known columns {said}; give a list of objects, one a material")
    if as_rows:
        return [{"": key, **part} for key, part in value.items()]
    keys = list(dict.fromkeys(key for part in parts for key in part))
    return [{"": key, **{name: part.get(key) for name, part in value.items()}} for key in keys]


def _split_rows(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table or column that pandas wrote in the orientation "split"."""
    if "name" in table:
        names, cells = [table["name"]], [[value] for value in table["data"]]
    else:
        names, cells = table["columns"], table["data"]
    places = table["index"]
    if not all(isinstance(part, list) for part in (names, places, cells, *cells)):
        raise ValueError("is no table; give a list of objects, one a material")
    if len(places) != len(cells) or any(len(row) != len(names) for row in cells):
        raise ValueError("has rows of different lengths; give a list of objects, one a material")
    return [
        {"": place, **dict(zip(map(str, names), row, strict=True))} for place, row in zip(places, cells, strict=True)
    ]


def _rows(names: list[str], columns: list[list[Any]]) -> list[dict[str, Any]]:
    if len({len(column) for column in columns}) > 1:
        raise ValueError("has columns of different lengths; give a list of objects, one a material")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def no_number(text: str) -> str:
    """Return what is wrong with a text that should be a number, and what to do."""
    plain = text.strip()
    if re.fullmatch(r"[+-]?\d+,\d+([eE][+-]?\d+)?", plain):
        return f"{plain!r}, which has a decimal comma; write {plain.replace(',', '.')}"
    if plain.endswith("%") and is_number(plain[:-1]):
        return f"{plain!r}, which is no plain number; divide it by 100 and leave out the sign"
    if is_number(plain):
        return f"{plain[:60]!r}, which is text; write it as a number"
    if is_number(plain.replace("\u2212", "-")):
        return f"{plain!r}, which has another sign than '-'; write {plain.replace(chr(0x2212), '-')}"
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", plain):
        return f"{plain!r}, which has commas between digits; write {plain.replace(',', '')}"
    if re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*[A-Za-z][\w/^-]*", plain):
        return f"{plain[:60]!r}, which is no plain number; leave out the unit"
    return f"{text[:60]!r}, which is no number; leave it empty if there is none"


def is_number(cell: str) -> bool:
    """Whether a text is a number, written as everywhere: no blank or underscore between digits."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
