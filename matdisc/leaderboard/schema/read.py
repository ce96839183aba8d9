"""JSON files of a board: written from and read into the same models, with errors in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from matdisc.cards.base import explain
from matdisc.errors import DataError
from matdisc.scoring.record import Record


class BoardFile(Record):
    """A kind of file.

    Attributes:
        SCHEMA: Its name and version, the field `schema`.
        PLACE: The fields that its folders and its stem are called after.
        ADVICE: What to do about a damaged or outdated one.
    """

    SCHEMA: ClassVar[str]
    PLACE: ClassVar[tuple[str, ...]] = ("task", "dataset", "entry")
    ADVICE: ClassVar[str] = "write it anew with `matdisc rescore`"

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about, as its path says it."""
        return tuple(getattr(self, name) for name in self.PLACE)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file, JSON-ready; what was never given is left out."""
        return {"schema": self.SCHEMA, **self.model_dump(mode="json", exclude_unset=True)}


Kind = TypeVar("Kind", bound=BoardFile)


def read_files(folder: Path, kind: type[Kind]) -> Iterator[tuple[Kind, str]]:
    """Yield every file of a kind below a folder, with its text, in the order of their paths.

    Raises:
        DataError: If a file is damaged, has another schema, or lies in another place than it says.
    """
    for path in sorted(folder.glob("/".join("*" for _ in kind.PLACE) + ".json")):
        content, text = read_file(path, kind)
        folders = (parent.name for parent in reversed(path.parents[: len(kind.PLACE) - 1]))
        if (*folders, path.stem) != content.place:
            raise DataError(f"{path}: is about {'/'.join(content.place)}; move it there or {kind.ADVICE}")
        yield content, text


def read_file(path: Path, kind: type[Kind]) -> tuple[Kind, str]:
    """Return the checked content of a file and its text; NaN and infinities, which Python would read, are refused.

    Raises:
        DataError: If the file is damaged or has another schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_refuse)
    except ValueError as err:
        raise DataError(f"{path}: not valid JSON ({err}); {kind.ADVICE}") from err
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != kind.SCHEMA:
        raise DataError(f"{path}: field 'schema' is {schema!r}, this version reads {kind.SCHEMA!r}; {kind.ADVICE}")
    try:
        return kind.model_validate(content), text
    except ValidationError as err:
        raise DataError(f"{explain(path, content, err, kind, 'it is needed')}; {kind.ADVICE}") from err


def _refuse(name: str) -> None:
    raise ValueError(f"numbers have to be finite, not {name}")
