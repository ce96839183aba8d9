"""Reading a card: TOML to a checked model, with errors in words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from matdisc.cards.base import (
    explain,
    unmeasured,
)  # fmt: skip
from matdisc.cards.dataset import (
    DatasetCard,
)
from matdisc.cards.model import ModelCard
from matdisc.errors import CardError

Card = TypeVar("Card", ModelCard, DatasetCard)


def read_card(path: Path, kind: type[Card], *, any_folder: bool = False, measured: bool = True) -> Card:
    """Return the checked card at `path`; on a board its folder bears its key, elsewhere `any_folder` will do.

    Without `measured`, what follows from the files of a dataset (hashes, sizes, numbers of samples) may be missing or
    wrong, and is not on the card that is returned.

    Raises:
        CardError: If the file is missing, is no TOML, or breaks a rule; every broken field is named.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as err:
        raise CardError(f"{path}: no such card; `matdisc init DIR` makes a board with examples") from err
    except UnicodeDecodeError as err:
        raise CardError(f"{path}: not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8") from err
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise CardError(f"{path}: not valid TOML: {err}; see https://toml.io for the syntax") from err
    try:
        card = kind.model_validate(content if measured else unmeasured(content))
    except ValidationError as err:
        raise CardError(explain(path, err)) from err
    if not any_folder and path.resolve().parent.name != card.key:
        raise CardError(f"{path}: field 'key' is {card.key!r} but the folder is {path.parent.name!r}; make them equal")
    return card
