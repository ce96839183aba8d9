"""Who looks on while atoms move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Protocol

import numpy as np

from matdisc.arrays import Floats
from matdisc.physics.md.state import Frame

FRAME_FIELDS = tuple(f.name for f in fields(Frame))


class Observer(Protocol):
    """Sees the start of a trajectory and every so many steps of it."""

    @property
    def every(self) -> int:
        """Steps between two frames; step 0 is seen too, but not the first step of a trajectory that goes on."""
        ...

    def see(self, frame: Frame) -> None:
        """Look at a frame."""
        ...


class Recorder:
    """Collects fields of frames in memory."""

    def __init__(self, every: int, what: Sequence[str]) -> None:
        """Collect the named fields of Frame every so many steps.

        Raises:
            ValueError: If a field does not exist or `every` is not positive.
        """
        unknown = [name for name in what if name not in FRAME_FIELDS]
        if unknown or every < 1:
            raise ValueError(f"every is {every}, unknown fields {unknown}; fields are {', '.join(FRAME_FIELDS)}")
        self.every = every
        self._rows: dict[str, list[object]] = {name: [] for name in what}

    def see(self, frame: Frame) -> None:
        """Keep the fields of a frame."""
        for name, rows in self._rows.items():
            rows.append(getattr(frame, name))

    def array(self, name: str) -> Floats:
        """Return a field over time, shape (n_frames, ...); nan for a pressure that is not known."""
        rows = [np.full((3, 3), np.nan) if row is None else row for row in self._rows[name]]
        return np.array(rows, dtype=float)
