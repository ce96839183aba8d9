"""Under what conditions atoms move: ensemble, time step, temperature, pressure, and how tightly they are held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

from matdisc.errors import RunError

Ensemble = Literal["nve", "langevin", "nose-hoover", "npt"]
ENSEMBLES: tuple[Ensemble, ...] = get_args(Ensemble)

LONG_STEP = 5.0
"""fs; a longer step follows no atom's vibration."""
LONG_STEP_HYDROGEN = 1.0
"""fs; stretching vibrations of hydrogen take about 10 fs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a value may be before it is taken for a slip, most often of units.

    Attributes:
        field: Of Conditions.
        option: Of the command line.
        name, unit: In words.
        ensembles: Those for which it counts.
        refused: The command refuses what is below the first and above the second; of a pressure its size counts.
        odd: Likewise for what the command remarks upon.
        low, high: The words for what is odd.
        usual: Values of every day: if another unit leads there, that is proposed.
        units: Other units in which people give it, and how much one of them is in ours.
        known: A value that is refused if it is this one in another unit.
        in_steps: The lower bounds count time steps.
    """

    field: str
    option: str
    name: str
    unit: str
    ensembles: tuple[Ensemble, ...] = ENSEMBLES
    refused: tuple[float, float]
    odd: tuple[float, float]
    low: str = ""
    high: str = ""
    usual: tuple[float, float]
    units: tuple[tuple[str, float], ...]
    known: float | None = None
    in_steps: bool = False

    def slip(self, value: float, timestep: float) -> str:
        """Return why the command refuses a value, and what to give; empty if it does not."""
        least, most = self._lowest(self.refused, timestep), self.refused[1]
        said = f"option '{self.option}' is {value:g} {self.unit}"
        if abs(value) < least:
            floor = f"{self.refused[0]:g} steps of {timestep:g} fs" if self.in_steps else f"{least:g} {self.unit}"
            return f"{said}, less than {floor}{self._meant(value, timestep) or f'; give at least {least:g}'}"
        if abs(value) > most:
            return f"{said}, more than {most:g} {self.unit}{self._meant(value, timestep) or f'; give at most {most:g}'}"
        for unit, factor in self.units:
            if self.known is not None and math.isclose(value * factor, self.known):
                return f"{said}, but {value:g} {unit} are {self.known:g} {self.unit}; give {self.known:g}"
        return ""

    def oddness(self, value: float, timestep: float) -> str:
        """Return what is odd about a value that is possible; empty if nothing is."""
        if abs(value) < self._lowest(self.odd, timestep):
            return f"a {self.name} of {value:g} {self.unit} {self.low}{self._meant(value, timestep)}"
        if abs(value) > self.odd[1]:
            return f"a {self.name} of {value:g} {self.unit} {self.high}{self._meant(value, timestep)}"
        return ""

    def safer_value(self, value: float, timestep: float) -> str:
        """Return which time scale would be safe in place of one that is odd; empty if this one is safe."""
        safe = self._lowest(self.odd, timestep)
        if not self.in_steps or value >= safe:
            return ""
        return (
            f"{self.name} time {value:g} fs with a step of {timestep:g} fs; "
            f"give a {self.name} time of at least {max(safe, 10 * value):g} fs"
        )

    def _lowest(self, bounds: tuple[float, float], timestep: float) -> float:
        return bounds[0] * timestep if self.in_steps else bounds[0]

    def _meant(self, value: float, timestep: float) -> str:
        least = max(self.usual[0], self._lowest(self.refused, timestep))
        for unit, factor in self.units:
            if least <= abs(value) * factor <= self.usual[1]:
                return f"; if {value:g} {unit} is meant, give {value * factor:.6g}"
        return ""


LIMITS = (
    Limit(
        field="timestep", option="--timestep", name="time step", unit="fs", refused=(1e-4, 20.0), odd=(0.01, LONG_STEP),
        low="is very short (the unit is fs)", high="is too long for most materials (the unit is fs)",
        usual=(0.2, 10.0), units=(("ps", 1e3), ("s", 1e15), ("as", 1e-3), ("a.u.", 0.0241888)),
    ),
    Limit(
        field="temperature", option="--temperatures", name="temperature", unit="K", refused=(1.0, 1e5),
        odd=(1.0, 1e4), high="is beyond what most potentials have seen",
        usual=(50.0, 1e4), units=(("eV (kT)", 11604.518),),
    ),
    Limit(
        field="friction", option="--friction", name="friction", unit="1/fs", ensembles=("langevin",),
        refused=(0.0, 10.0), odd=(0.0, 0.5), high="leaves no dynamics (the unit is 1/fs)", usual=(1e-4, 1.0),
        units=(("1/ps", 1e-3), ("1/s", 1e-15)),
    ),
    Limit(
        field="thermostat_fs", option="--thermostat", name="thermostat", unit="fs", ensembles=("nose-hoover", "npt"),
        refused=(10, math.inf), odd=(20, math.inf), low="is too tight for such steps", usual=(20.0, 2e3),
        units=(("ps", 1e3), ("s", 1e15)), in_steps=True,
    ),
    Limit(
        field="pressure_bar", option="--pressure", name="pressure", unit="bar", ensembles=("npt",),
        refused=(0.0, 1e7), odd=(0.0, 5e4), high="is extreme (the unit is bar)", usual=(0.5, 1e3),
        units=(("Pa", 1e-5), ("hPa", 1e-3), ("kPa", 1e-2)), known=1.01325,
    ),
    Limit(
        field="barostat_fs", option="--barostat", name="barostat", unit="fs", ensembles=("npt",),
        refused=(10, math.inf), odd=(100, math.inf), low="is too tight for such steps", usual=(100.0, 5e3),
        units=(("ps", 1e3), ("s", 1e15)), in_steps=True,
    ),
)  # fmt: skip
"""Where slips begin. Nothing here is impossible: `Conditions` takes it all, only the command refuses it."""


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
            celsius = f"; {self.temperature:g} °C are {self.temperature + 273.15:g} K" * (-273 < self.temperature < 0)
            raise RunError(f"temperature is {self.temperature:g} K; it must be positive and finite{celsius}")
        for limit in LIMITS:
            value = getattr(self, limit.field)
            if limit.field == "pressure_bar" and not math.isfinite(value):
                raise RunError(f"pressure_bar (option '--pressure') is {value:g}; it must be finite")
            if limit.field not in ("pressure_bar", "temperature") and not 0 < value < math.inf:
                raise RunError(
                    f"{limit.field} (option '{limit.option}') is {value:g} {limit.unit}; it must be positive and finite"
                )
        if self.chain < 1 or (self.dof is not None and self.dof < 1):
            raise RunError(f"chain is {self.chain} and dof is {self.dof}; both must be at least 1")

    def degrees(self, n_atoms: int) -> int:
        """Return the degrees of freedom that carry the temperature."""
        if self.dof is not None:
            return self.dof
        return 3 * n_atoms if self.ensemble == "langevin" or n_atoms == 1 else 3 * n_atoms - 3

    def refuse_slips(self) -> None:
        """Refuse values that are possible but hardly meant, in the words of the command line; see LIMITS.

        Raises:
            RunError: If there is one, with the number that is meant if another unit explains it.
        """
        for limit, value in self._given():
            if slip := limit.slip(value, self.timestep):
                raise RunError(slip)

    def remarks(self, symbols: Sequence[str] = (), steps: int | None = None) -> list[str]:
        """Return sentences about values that are possible but look like a slip, most often of units.

        Args:
            symbols: Elements of the structure.
            steps: Of the run, to tell time scales that it cannot show.
        """
        given = self._given()
        found = [said for limit, value in given if (said := limit.oddness(value, self.timestep))]
        if LONG_STEP_HYDROGEN < self.timestep <= LONG_STEP and "H" in symbols:
            found.append(f"a time step of {self.timestep:g} fs is long for hydrogen; 0.5 fs is safe")
        if self.ensemble == "npt" and self.barostat_fs < 2 * self.thermostat_fs:
            found.append("a barostat should be several times slower than the thermostat")
        length = math.inf if steps is None else steps * self.timestep
        for limit, value in given:
            if limit.in_steps and value > length:
                found.append(f"a run of {length:g} fs is too short to show a {limit.name} of {value:g} fs at work")
        return found + self._idle()

    def tight(self) -> str:
        """Return in words which time scale is too tight for the step, and what would be safe; empty if none is."""
        for limit, value in reversed(self._given()):
            if safer_value := limit.safer_value(value, self.timestep):
                return safer_value
        return ""

    def doubtful(self) -> str:
        """Return in words what to look at where things run away though no time scale is tight."""
        at = "" if self.temperature is None else f" at {self.temperature:g} K"
        at += f" and {self.pressure_bar:g} bar" if self.ensemble == "npt" else ""
        return f"the structure does not hold{at}; relax the start, check temperature and pressure, or shorten the step"

    def _given(self) -> list[tuple[Limit, float]]:
        """The limits that count for the ensemble, with their values; None and 0 are always meant."""
        both = [(limit, getattr(self, limit.field)) for limit in LIMITS if self.ensemble in limit.ensembles]
        return [(limit, value) for limit, value in both if value]

    def _idle(self) -> list[str]:
        """What is given but counts for other ensembles only."""
        usual = {field.name: field.default for field in fields(self)}
        return [
            f"option '{limit.option}' counts for {' and '.join(limit.ensembles)} only, not for {self.ensemble}"
            for limit in LIMITS
            if self.ensemble not in limit.ensembles and getattr(self, limit.field) != usual[limit.field]
        ]
