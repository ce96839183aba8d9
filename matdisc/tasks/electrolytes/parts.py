"""What a replica has done so far: parts that are on disk whole or not at all, each with the state at its end."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.errors import DataError
from matdisc.physics.md import State, Stop
from matdisc.physics.md.state import from_bytes

STATE = "state"
"""Name under which a part's file holds the state, as `State.to_bytes` writes it."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What a stretch of a phase adds.

    Attributes:
        phase: Of the replica, as in `npt`.
        state: At the end of the stretch; None where nothing moves yet.
        series: Rows of each series, shape (n, ...).
        stop: Why the phase ended early; None if it did not.
    """

    phase: str
    state: State | None
    series: Mapping[str, Any]
    stop: Stop | None = None


class Parts:
    """The parts of a replica in their order, in memory or in a folder.

    What a crash or a full disk has left damaged is set aside under the name `*.damaged`, with all that came after it:
    the replica goes on from the part before.

    Attributes:
        set_aside: Files that were found damaged, and those after them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Read what is in a folder, which is made if it does not exist; None keeps everything in memory."""
        self._folder = folder
        self._kept: list[Part] = []
        self._files: list[Path] = []
        self._last: dict[str, Part] = {}
        self.set_aside: list[Path] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._find(folder)

    def add(self, part: Part) -> None:
        """Append a part; when this returns it is on disk."""
        if self._folder is None:
            self._kept.append(part)
        else:
            path = self._folder / f"{len(self._files):05d}-{part.phase}.npz"
            write_atomic(path, _to_bytes(part))
            self._files.append(path)
        self._last[part.phase] = Part(part.phase, part.state, {}, part.stop)

    def last(self, phase: str) -> Part | None:
        """Return the last part of a phase, without its series; None if the phase has not begun."""
        return self._last.get(phase)

    def series(self, phase: str, name: str) -> Floats:
        """Return a series of a phase, as float64, shape (n, ...); (0,) if it has no row."""
        files = (path for path in self._files if _phase(path) == phase)
        parts = [part for part in self._kept if part.phase == phase] or [_read(path) for path in files]
        rows = [np.asarray(part.series[name], float) for part in parts if len(part.series[name])]
        return np.concatenate(rows) if rows else np.zeros(0)

    def _find(self, folder: Path) -> None:
        found = sorted(folder.glob("[0-9]*-*.npz"))
        for number, path in enumerate(found):
            try:
                if int(path.name.split("-")[0]) != number:
                    raise DataError(f"{path}: the part before it is missing")
                part = _read(path)
            except DataError:
                for late in found[number:]:
                    self.set_aside.append(late.replace(_free(late.with_suffix(".damaged"))))
                return
            self._files.append(path)
            self._last[part.phase] = Part(part.phase, part.state, {}, part.stop)


def _phase(path: Path) -> str:
    return path.stem.split("-")[1]


def _free(path: Path) -> Path:
    names = (path.with_suffix(f"{path.suffix}{number or ''}") for number in range(1000))
    return next(name for name in names if not name.exists())


def _to_bytes(part: Part) -> bytes:
    stop = asdict(part.stop) if part.stop else None
    state = {} if part.state is None else {STATE: np.frombuffer(part.state.to_bytes(stop=stop), np.uint8)}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **part.series, **state)
    return file.getvalue()


def _read(path: Path) -> Part:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as err:
        raise DataError(f"{path}: damaged ({type(err).__name__}: {err})") from err
    if STATE not in found:
        return Part(_phase(path), None, found)
    state, more = from_bytes(found.pop(STATE).tobytes(), str(path))
    return Part(_phase(path), state, found, Stop(**more["stop"]) if more["stop"] else None)
