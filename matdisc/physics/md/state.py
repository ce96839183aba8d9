"""What dynamics tells of an instant, what it needs to go on, and how it ended."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import DataError

Reason = Literal["bond", "temperature", "overlap", "drift", "not finite", "no answer", "runaway"]


@dataclass(frozen=True, slots=True)
class Frame:
    """An instant of a trajectory; its arrays are its own.

    Attributes:
        step, time_fs: Steps since the start, and the time.
        positions: Never wrapped into the cell, Å, shape (n_atoms, 3).
        velocities: Å/fs, shape (n_atoms, 3).
        cell: Rows are the lattice vectors, Å, shape (3, 3).
        potential, kinetic: eV.
        temperature: Twice the kinetic energy over the degrees of freedom and k, K.
        conserved: The quantity that exact integration would conserve, eV: the total energy; with a thermostat and a
            barostat, that and what they hold or have given.
        pressure: Pressure tensor with its kinetic part, eV/Å^3, shape (3, 3), positive where the cell wants to grow;
            None without a stress or a periodic cell.
        volume: Å^3; nan unless periodic in three directions.
    """

    step: int
    time_fs: float
    positions: Floats
    velocities: Floats
    cell: Floats
    potential: float
    kinetic: float
    temperature: float
    conserved: float
    pressure: Floats | None
    volume: float


@dataclass(frozen=True, slots=True)
class State:
    """All that a trajectory needs to go on as if it had not been interrupted.

    Attributes:
        ensemble: Of the trajectory so far; empty if it begins anew from here.
        step: Steps since the start.
        positions, velocities, cell, forces, potential, stress: As in Frame and Evaluation; stress may be None.
        bath: Thermostats of the atoms, shape (2, chain): rates, 1/fs, and positions.
        cell_bath: Thermostats of the cell, likewise.
        strain_rate: Rate of the logarithm of the cell's length, 1/fs.
        heat: What Langevin's bath has given to the atoms, eV.
        reference: Conserved quantity at the start, eV; nan before it.
        hot: Checks of the watchdog in a row that found the atoms too hot.
        rng: State of the random generator (PCG64) as JSON; empty if it is made from a seed.
    """

    ensemble: str
    step: int
    positions: Floats
    velocities: Floats
    cell: Floats
    forces: Floats
    potential: float
    stress: Floats | None
    bath: Floats
    cell_bath: Floats
    strain_rate: float = 0.0
    heat: float = 0.0
    reference: float = float("nan")
    hot: int = 0
    rng: str = ""

    def anew(self) -> State:
        """Return the same atoms as the start of another trajectory, under whatever conditions, at step 0.

        Where momentum will be conserved, the centre of mass is brought to rest.
        """
        return replace(
            self, ensemble="", step=0, bath=np.zeros((2, 0)), cell_bath=np.zeros((2, 0)), strain_rate=0.0, heat=0.0,
            reference=float("nan"), hot=0, rng="",
        )  # fmt: skip

    def to_bytes(self, **more: Any) -> bytes:
        """Return the state as an .npz file, with `more` (plain JSON) beside it."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, more=np.array(json.dumps(more)), **arrays)
        return file.getvalue()


def from_bytes(data: bytes, name: str = "state") -> tuple[State, dict[str, Any]]:
    """Return the state in an .npz file and what was stored beside it.

    Raises:
        DataError: If the file is damaged.
    """
    scalars = {"step": int, "hot": int, "potential": float, "strain_rate": float, "heat": float, "reference": float}
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            found: dict[str, Any] = {key: file[key] for key in file.files}
        more = json.loads(str(found.pop("more")))
        for key, kind in {**scalars, "ensemble": str, "rng": str}.items():
            found[key] = kind(found[key])
        return State(**{"stress": None} | found), more
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as err:
        raise DataError(
            f"{name}: no state of a simulation, or damaged ({type(err).__name__}: {err}); "
            "bring back an intact copy, or begin anew (matdisc md: --restart)"
        ) from err


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a simulation was ended early: `reason`, when, and in words what was seen."""

    reason: Reason
    time_fs: float
    detail: str


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """How a simulation ended.

    Attributes:
        state: The last state that was evaluated.
        steps_done: Steps of this call that were completed.
        stop: Why it ended early; None if it did not.
    """

    state: State
    steps_done: int
    stop: Stop | None
