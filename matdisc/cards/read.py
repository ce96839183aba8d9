"""Reading what people write in TOML: cards and configurations, with errors in words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from matdisc.cards.base import Strict, explain, unmeasured
from matdisc.cards.dataset import DatasetCard
from matdisc.cards.model import ModelCard
from matdisc.errors import CardError, MatdiscError

Card = TypeVar("Card", ModelCard, DatasetCard)
Form = TypeVar("Form", bound=Strict)


def read_card(path: Path, kind: type[Card], *, any_folder: bool = False, measured: bool = True) -> Card:
    """Return the checked card at `path`; on a board its folder bears its key, elsewhere `any_folder` will do.

    Without `measured`, what follows from the files of a dataset (hashes, sizes, numbers of samples) may be missing or
    wrong, and is not on the card that is returned.

    Raises:
        CardError: If the file is missing, is no TOML, or breaks a rule; every broken field is named.
    """
    content = read_toml(path, CardError, "no such card; `matdisc init DIR` makes a board with examples")
    card = checked(path, content if measured else unmeasured(content), kind, CardError, "docs/reference/cards.md")
    if not any_folder and path.resolve().parent.name != card.key:
        raise CardError(f"{path}: field 'key' is {card.key!r} but the folder is {path.parent.name!r}; make them equal")
    return card


def read_toml(path: Path, error: type[MatdiscError], missing: str) -> dict[str, Any]:
    """Return the content of a TOML file.

    Args:
        path: The file.
        error: What is raised if it is missing, not UTF-8 or no TOML.
        missing: Said of a file that is missing.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as err:
        raise error(f"{path}: {missing}") from err
    except UnicodeDecodeError as err:
        raise error(f"{path}: not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8") from err
    except tomllib.TOMLDecodeError as err:
        raise error(f"{path}: not valid TOML: {err}; see https://toml.io for the syntax") from err


def checked(path: Path, content: Any, kind: type[Form], error: type[MatdiscError], manual: str) -> Form:
    """Return a file's content as what it should be.

    Args:
        path: The file.
        content: As it was read.
        kind: What it should be.
        error: What is raised if it breaks a rule; every broken field is named.
        manual: The page that lists every field.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as err:
        raise error(explain(path, content, err, kind, f"add it ({manual} lists every field)")) from err
