"""How far work on one material is that takes hours: noted in its folder by a worker, read by whoever shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matdisc.atomic import write_atomic

NAME = "headway.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headway:
    """How far a material is.

    Attributes:
        material_id: Which.
        done, total: So much of so much, in `unit`.
        seconds: Wall-clock time that it has taken, earlier processes included.
        left: Seconds that it will still take; None if that is not known.
        ended: Whether nothing is left to do.
        notes: What a user should know, in words.
    """

    material_id: str
    done: float
    total: float
    unit: str
    seconds: float
    left: float | None = None
    ended: bool = False
    notes: Sequence[str] = ()


def write_headway(folder: Path, headway: Headway) -> None:
    """Note how far the material is whose folder that is."""
    write_atomic(folder / NAME, (json.dumps(asdict(headway), sort_keys=True) + "\n").encode())


def read_headway(folder: Path) -> Headway | None:
    """Return what was noted last; None if nothing was, or nothing that can be read: it is shown and no more."""
    try:
        return Headway(**json.loads((folder / NAME).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
