"""The files of a trajectory: whatever happens, they hold all up to the last checkpoint."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.atomic import naming, write_atomic
from matdisc.errors import DataError, RunError
from matdisc.physics.md import Stop
from matdisc.physics.md.state import from_bytes
from matdisc.run.md.format import HEADER
from matdisc.run.md.job import Part

TRAJECTORY, THERMO, CHECKPOINT, SETTINGS = "trajectory.extxyz", "thermo.csv", "checkpoint.npz", "md.json"
MAY_GROW = {"steps", "replicas", "temperatures"}
"""What may be asked for later: none of it changes a trajectory that is there."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How a trajectory went.

    Attributes:
        name: Of the replica.
        steps: Done.
        time_ps: Simulated, ps.
        temperature: Mean over thermo.csv without its first third, K; nan without a line.
        pressure: Mean likewise, bar; nan where it is not known.
        density: Mean likewise, g/cm^3; nan where it is not defined.
        drift: Slope of the conserved quantity by least squares, meV/atom/ps; nan with fewer than three lines.
        steps_per_second: Speed of the worker.
        ended: `done`, `unfinished`, the watchdog's reason, or `died`.
        detail: What was seen.
    """

    name: str
    steps: int
    time_ps: float
    temperature: float
    pressure: float
    density: float
    drift: float
    steps_per_second: float
    ended: str
    detail: str


class ReplicaFiles:
    """Trajectory, thermodynamics and checkpoint of one replica.

    A part is on disk before the checkpoint counts it. What lies beyond the checkpoint, after a crash, is cut off.

    Attributes:
        step: Steps that are on disk.
        seconds: Time that they took, s.
        stop: Why the trajectory ended early; None if it did not.
        state: The checkpoint; None before the first.
    """

    def __init__(self, folder: Path) -> None:
        """Open the files of a replica, or make its folder.

        Raises:
            DataError: If the checkpoint is damaged, or a file is shorter than it says.
        """
        self.folder = folder
        self.step, self.seconds = 0, 0.0
        self.stop: Stop | None = None
        self.state: bytes | None = None
        self._lengths = {TRAJECTORY: 0, THERMO: 0}
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / CHECKPOINT
        if path.exists():
            self.state = path.read_bytes()
            state, more = from_bytes(self.state, str(path))
            self.step, self.seconds, self._lengths = state.step, more["seconds"], more["lengths"]
            self.stop = Stop(**more["stop"]) if more["stop"] else None
        for name, length in self._lengths.items():
            _cut(folder / name, length)

    def ended(self, steps: int) -> bool:
        """Whether a trajectory of so many steps has nothing left to do."""
        return self.stop is not None or self.step >= steps

    def add(self, part: Part) -> None:
        """Append what a part holds and move the checkpoint."""
        if not part.state:
            return
        header = b"" if self._lengths[THERMO] else HEADER.encode()
        for name, data in ((TRAJECTORY, part.trajectory), (THERMO, header + part.thermo)):
            with naming(self.folder / name), (self.folder / name).open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._lengths[name] += len(data)
        self.step, self.stop = part.step, part.stop
        self.seconds += part.seconds
        stop = asdict(part.stop) if part.stop else None
        state = from_bytes(part.state)[0]
        self.state = state.to_bytes(lengths=self._lengths, seconds=self.seconds, stop=stop)
        write_atomic(self.folder / CHECKPOINT, self.state)

    def summary(self, wanted: int, timestep: float, n_atoms: int, died: str = "") -> Summary:
        """Return how the trajectory went so far; `died` says why its worker could not go on."""
        thermo = read_thermo(self.folder / THERMO)
        ended, detail = ("done", "") if self.step >= wanted else ("unfinished", "")
        if self.stop:
            ended, detail = self.stop.reason, f"at {self.stop.time_fs:g} fs: {self.stop.detail}"
        elif died:
            ended, detail = "died", died
        pressure = np.mean([thermo[f"pressure_{axis}_bar"] for axis in ("xx", "yy", "zz")], axis=0)
        return Summary(
            self.folder.name, self.step, self.step * timestep / 1000, _mean(thermo["temperature_K"]), _mean(pressure),
            _mean(thermo["density_g_cm3"]), _slope(thermo["time_fs"] / 1000, 1000 * thermo["conserved_eV"] / n_atoms),
            self.step / self.seconds if self.seconds else 0.0, ended, detail,
        )  # fmt: skip


def read_thermo(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a thermo.csv by name; nan where a cell is empty.

    Raises:
        DataError: If the file is no such table.
    """
    names = HEADER.strip().split(",")
    if not path.exists():
        return {name: np.zeros(0) for name in names}
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0] + "\n" != HEADER:
        raise DataError(f"{path}: the first line is not that of a table of thermodynamics, {HEADER.strip()}")
    try:
        rows = [[float(cell or "nan") for cell in line.split(",")] for line in lines[1:]]
        table = np.array(rows, dtype=float).reshape(len(rows), len(names))
    except ValueError as err:
        raise DataError(f"{path}: damaged: {err}") from err
    return {name: table[:, i] for i, name in enumerate(names)}


@contextmanager
def output_folder(folder: Path, settings: Mapping[str, Any], *, resume: bool, restart: bool) -> Iterator[None]:
    """Hold a folder for one simulation; what is there must belong to it.

    Args:
        folder: Made if it does not exist.
        settings: All that makes the trajectories; see MAY_GROW.
        resume: Whether there must be something to go on with.
        restart: Whether what is there is set aside, under a name with a number.

    Raises:
        RunError: If the folder holds another simulation, or another process is at work in it.
    """
    if resume and not (folder / SETTINGS).exists():
        raise RunError(f"option '--resume': {folder} holds no simulation; leave the option out to begin one")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise RunError(f"{folder}: another matdisc process is at work here; wait for it or stop it") from err
        path = folder / SETTINGS
        if restart:
            _set_aside(folder)
        if not path.exists():
            if any(p for p in folder.glob(f"*/{CHECKPOINT}") if not p.parent.name.startswith("old-")):
                raise RunError(f"{folder}: holds checkpoints but no {SETTINGS}; give another folder with --out")
        else:
            _refuse_others(path, settings)
        write_atomic(path, (json.dumps(settings, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
        yield


def _refuse_others(path: Path, settings: Mapping[str, Any]) -> None:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as err:
        raise RunError(f"{path}: damaged ({err}); use --restart to begin anew") from err
    for key in sorted({*found, *settings} - MAY_GROW):
        if found.get(key) != settings.get(key):
            raise RunError(
                f"{path}: this simulation was started with {key} = {found.get(key)!r}, now it is "
                f"{settings.get(key)!r}; give another folder with --out, or use --restart to begin anew"
            )
    if found["steps"] > settings["steps"]:
        raise RunError(
            f"{path}: this simulation has {found['steps']} steps, now it is {settings['steps']}; ask for more"
        )


def _set_aside(folder: Path) -> None:
    content = [p.parent for p in folder.glob(f"*/{CHECKPOINT}") if not p.parent.name.startswith("old-")]
    content += [folder / SETTINGS] * (folder / SETTINGS).exists()
    if not content:
        return
    number = 1
    while (old := folder / f"old-{number}").exists():
        number += 1
    old.mkdir()
    for path in content:
        path.rename(old / path.name)


def _cut(path: Path, length: int) -> None:
    size = path.stat().st_size if path.exists() else 0
    if size < length:
        raise DataError(f"{path}: has {size} bytes, the checkpoint beside it counts {length}; use --restart")
    if size > length:
        with path.open("r+b") as file:
            file.truncate(length)


def _mean(values: np.ndarray) -> float:
    late = values[len(values) // 3 :]  # the first third counts as equilibration
    return float(late.mean()) if len(late) else float("nan")


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) < 3:
        return float("nan")
    away = x - x.mean()
    return float(away @ (y - y.mean()) / (away @ away))
