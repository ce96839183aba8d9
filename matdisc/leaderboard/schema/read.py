"""Reading JSON files of the board with errors in words."""

from __future__ import annotations

import json
from collections.abc import Sized
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from matdisc.errors import DataError
from matdisc.scoring.record import Record

Read = TypeVar("Read", bound=Record)


def finite_json(text: str) -> Any:
    """Return the content of a JSON text; NaN and infinities, which Python would read, are refused."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise ValueError(f"numbers have to be finite, not {name}")


def read_part(path: Path, model: type[Read], schema: str, advice: str) -> tuple[Read, str]:
    """Return the checked content of a JSON file and its text; `advice` ends every message.

    Raises:
        DataError: If the file is damaged or has another schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = finite_json(text)
    except ValueError as err:
        raise DataError(f"{path}: not valid JSON ({err}); {advice}") from err
    told = content.get("schema") if isinstance(content, dict) else None
    if told != schema:
        raise DataError(f"{path}: field 'schema' is {told!r}, this version reads {schema!r}; {advice}")
    try:
        return model.model_validate(content), text
    except ValidationError as err:
        problems = "; ".join(f"field '{'.'.join(map(str, p['loc']))}': {p['msg']}" for p in err.errors()[:5])
        raise DataError(f"{path}: {problems}; {advice}") from err


def check_place(path: Path, says: tuple[str, ...], advice: str) -> None:
    """Raise DataError if the last folders and the stem of a path are not what the file says."""
    told = (*(parent.name for parent in reversed(path.parents[: len(says) - 1])), path.stem)
    if told != says:
        raise DataError(f"{path}: is about {'/'.join(says)}; move it there or {advice}")


def _lengths(expected: int, columns: Any) -> None:
    found: list[Sized] = list(columns)
    if any(len(column) != expected for column in found):
        raise ValueError(f"arrays of length {expected} are needed, not {[len(column) for column in found]}")
