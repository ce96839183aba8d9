"""Checkpoint files: named by the user, cached, copied from a local mirror, or downloaded.

Checkpoints are mostly pickles, and a pickle runs code when it is opened. So a downloaded file is handed on only if
its sha256 is the one on the card. Where nobody has published a hash, the file is fetched, its hash is told, and the
reader decides whether to put it on the card. A file that the user names is trusted, unless the card says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matdisc.cards import ModelCard
from matdisc.datasets.fetch import cache_dir, copy_whole, file_hash, retrieve
from matdisc.errors import CardError, DataError

FOLDER = "weights"
"""Folder of the checkpoints in the cache and in a mirror: `weights/<model key>/<file name>`."""


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a checkpoint: its name, its address, and its hash if it is known."""

    name: str
    url: str
    sha256: str | None


def checkpoint(card: ModelCard) -> Path | None:
    """Return the verified local checkpoint of a model: a file, or the folder of its parts; None if it needs none.

    The option `file` comes first, then the cache (`MATDISC_CACHE`), then a mirror (`MATDISC_MIRROR`), then the web.

    Raises:
        CardError: If the option `file` names nothing.
        DataError: If the checkpoint cannot be had, has another sha256 than the card, or the card gives none.
    """
    named = card.options.get("file")
    if named is not None:
        return _named(card, Path(str(named)).expanduser())
    if card.weights is None or card.weights.url is None:
        return None
    files = _files(card)
    folder = cache_dir() / FOLDER / card.key
    fetched = {file: _obtain(card, file, folder / file.name) for file in files}
    _refuse_unknown_hashes(card, fetched)
    return folder if card.weights.parts else folder / files[0].name


def checkpoint_files(card: ModelCard) -> list[Path]:
    """Return where the files of a checkpoint with an address lie, or will lie, in the cache."""
    if card.weights is None or card.weights.url is None:
        return []
    return [cache_dir() / FOLDER / card.key / file.name for file in _files(card)]


def _files(card: ModelCard) -> list[_File]:
    assert card.weights is not None
    assert card.weights.url is not None
    url = card.weights.url
    if card.weights.parts:
        return [_File(part.name, f"{url.rstrip('/')}/{part.name}", part.sha256) for part in card.weights.parts]
    return [_File(url.split("?")[0].rstrip("/").rsplit("/", 1)[-1], url, card.weights.sha256)]


def _named(card: ModelCard, path: Path) -> Path:
    """Return the file or folder that the user named, held to the hashes that the card gives."""
    if not path.exists():
        raise CardError(
            f"model {card.key!r}: option 'file' is {str(path)!r}, which does not exist; name the checkpoint"
        )
    known = _files(card) if card.weights is not None and card.weights.url is not None else []
    for file in known:
        part = path / file.name if path.is_dir() else path
        if file.sha256 is None:
            continue
        if not part.is_file():
            raise CardError(f"model {card.key!r}: option 'file' is {str(path)!r}, which lacks {file.name}")
        found = file_hash(part)
        if found != file.sha256:
            raise DataError(
                f"model {card.key!r}: {part} has sha256 {found}, the card says {file.sha256}; name the published "
                "file, or give your own weights a card and key of their own without that sha256"
            )
    return path


def _obtain(card: ModelCard, file: _File, target: Path) -> str:
    """Make `target` a copy of the file, and return its sha256; one with a wrong hash is never left in its place."""
    found = file_hash(target) if target.is_file() else ""
    if found and file.sha256 in (None, found):
        return found
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copied = _from_mirror(card, file, target)
        if not copied:
            _from_web(card, file, target)
    except OSError as err:
        raise DataError(
            f"model {card.key!r}: {target} cannot be written: {err}; set MATDISC_CACHE to a folder that can be written"
        ) from err
    except DataError as err:
        if not found:
            raise
        raise DataError(
            f"{target} is damaged (sha256 {found}, the card says {file.sha256}) and cannot be replaced: {err}"
        ) from err
    return file_hash(target)


def _from_mirror(card: ModelCard, file: _File, target: Path) -> bool:
    mirror = os.environ.get("MATDISC_MIRROR")
    copy = Path(mirror or "").expanduser() / FOLDER / card.key / file.name
    if not mirror or not copy.is_file():
        return False
    found = file_hash(copy)
    if file.sha256 not in (None, found):
        raise DataError(
            f"model {card.key!r}: {copy} has sha256 {found}, the card says {file.sha256}; "
            "replace the copy in the mirror, or unset MATDISC_MIRROR to download the file"
        )
    copy_whole(copy, target)
    return True


def _from_web(card: ModelCard, file: _File, target: Path) -> None:
    here = f'options = {{ file = "/path/to/{file.name}" }}'
    remedy = (
        f"download it by hand to {target}, or set MATDISC_MIRROR to a folder that has "
        f"{FOLDER}/{card.key}/{file.name}, or name your copy on the card: {here}"
    )
    try:
        retrieve(file.url, target, f"sha256:{file.sha256}" if file.sha256 else None)
    except ValueError as err:
        raise DataError(f"model {card.key!r}: {file.url}: {err}; {remedy}") from err
    except OSError as err:  # every error of the network is one
        name = type(err).__name__
        raise DataError(
            f"model {card.key!r}: its weights cannot be downloaded from {file.url} ({name}); {remedy}"
        ) from err


def _refuse_unknown_hashes(card: ModelCard, fetched: Mapping[_File, str]) -> None:
    unknown = {file.name: found for file, found in fetched.items() if file.sha256 is None}
    if not unknown:
        return
    assert card.weights is not None
    where = "the table [[weights.parts]] of each name" if card.weights.parts else "the table [weights]"
    lines = "\n".join(f'    sha256 = "{found}"  # {name}' for name, found in unknown.items())
    raise DataError(
        f"model {card.key!r}: its publisher gives no sha256, so matdisc cannot tell whether these files are the right "
        f"ones, and opening them may run code. They were fetched from {card.weights.url}. "
        f"If you trust that address, put what was found into {where} of the card:\n{lines}"
    )
