"""Under what conditions atoms move: ensemble, time step, temperature, pressure, and how tightly they are held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from matdisc.errors import RunError

Ensemble = Literal["nve", "langevin", "nose-hoover", "npt"]
ENSEMBLES: tuple[Ensemble, ...] = get_args(Ensemble)

LONG_STEP = 5.0
"""fs; a longer step follows no atom's vibration, and is most often a slip of units."""
LONG_STEP_HYDROGEN = 1.0
"""fs; stretching vibrations of hydrogen take about 10 fs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How atoms move.

    Attributes:
        ensemble: `nve`, velocity Verlet; `langevin`, NVT by BAOAB; `nose-hoover`, NVT by a chain of thermostats;
            `npt`, an isotropic cell after Martyna, Tobias and Klein with chains on atoms and cell.
        timestep: fs.
        temperature: K. With nve only the velocities at the start follow from it; None there: as the structure has
            them, else at rest.
        friction: Of langevin, 1/fs. The default forgets velocities within 100 fs.
        thermostat_fs: Time scale of the chain: its first mass is dof kT thermostat_fs^2.
        pressure_bar: Of npt, bar.
        barostat_fs: Time scale of the cell: its mass is (dof + 3) kT barostat_fs^2.
        chain: Thermostats in a chain.
        dof: Degrees of freedom that carry the temperature. None: 3 n with langevin, which does not conserve momentum,
            and with a single atom; else 3 n - 3.

    Raises:
        RunError: If a value is impossible, by its name.
    """

    ensemble: Ensemble = "nve"
    timestep: float = 1.0
    temperature: float | None = None
    friction: float = 0.01
    thermostat_fs: float = 100.0
    pressure_bar: float = 1.0
    barostat_fs: float = 1000.0
    chain: int = 3
    dof: int | None = None

    def __post_init__(self) -> None:
        if self.ensemble not in ENSEMBLES:
            raise RunError(f"ensemble is {self.ensemble!r}; it must be one of {', '.join(ENSEMBLES)}")
        if self.temperature is None and self.ensemble != "nve":
            raise RunError(f"ensemble {self.ensemble!r} needs a temperature, in K")
        least = 0.0 if self.ensemble == "nve" else 1e-6
        if self.temperature is not None and not least <= self.temperature < math.inf:
            raise RunError(f"temperature is {self.temperature:g} K; it must be positive and finite")
        for name, unit in (("timestep", "fs"), ("friction", "1/fs"), ("thermostat_fs", "fs"), ("barostat_fs", "fs")):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise RunError(f"{name} is {value:g} {unit}; it must be positive and finite")
        if not math.isfinite(self.pressure_bar):
            raise RunError(f"pressure_bar is {self.pressure_bar:g}; it must be finite")
        if self.chain < 1 or (self.dof is not None and self.dof < 1):
            raise RunError(f"chain is {self.chain} and dof is {self.dof}; both must be at least 1")

    def degrees(self, n_atoms: int) -> int:
        """Return the degrees of freedom that carry the temperature."""
        if self.dof is not None:
            return self.dof
        return 3 * n_atoms if self.ensemble == "langevin" or n_atoms == 1 else 3 * n_atoms - 3

    def remarks(self, symbols: Sequence[str] = ()) -> list[str]:
        """Return sentences about values that are possible but look like a slip, most often of units."""
        found = []
        if self.timestep > LONG_STEP:
            found.append(f"a time step of {self.timestep:g} fs is too long for most materials (the unit is fs)")
        elif self.timestep > LONG_STEP_HYDROGEN and "H" in symbols:
            found.append(f"a time step of {self.timestep:g} fs is long for hydrogen; 0.5 fs is safe")
        if self.timestep < 0.01:
            found.append(f"a time step of {self.timestep:g} fs is very short (the unit is fs)")
        if self.ensemble == "langevin" and self.friction * self.timestep > 0.5:
            found.append(f"a friction of {self.friction:g} per fs leaves no dynamics (the unit is 1/fs)")
        if self.ensemble in ("nose-hoover", "npt") and self.thermostat_fs < 10 * self.timestep:
            found.append(f"a thermostat of {self.thermostat_fs:g} fs is too tight for steps of {self.timestep:g} fs")
        if self.ensemble == "npt" and self.barostat_fs < 2 * self.thermostat_fs:
            found.append("a barostat should be several times slower than the thermostat")
        return found
