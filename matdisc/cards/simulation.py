"""Tables of a dataset's card that say how atoms are moved: the same for every model, and part of the dataset's hash."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from matdisc.cards.base import Strict, Text


class Dynamics(Strict):
    """Molecular dynamics of the dynamics task, the same for every model; part of the dataset's hash.

    Every box starts with velocities of `start_temperature` (K; a crystal at rest gives half of them to its springs) and
    is brought to `temperature` for `equilibration_ps` by Langevin dynamics of `friction` (1/fs). From there a chain of
    thermostats of `thermostat_fs` holds it for `sampled_ps`, both with the `timestep` (fs), and energy is conserved for
    `conserved_ps` once with each of `timesteps` (fs, ascending). Radial distributions have `rdf_bins` up to `rdf_max`
    (Å), spectra `spectrum_bins` up to `spectrum_max` (THz). `reference` names the potential behind the reference
    curves; without it nothing is compared with any.
    """

    temperature: Annotated[float, Field(gt=0, le=5000)]
    start_temperature: Annotated[float, Field(gt=0, le=10_000)]
    timestep: Annotated[float, Field(gt=0, le=10)]
    timesteps: tuple[Annotated[float, Field(gt=0, le=10)], ...] = Field(min_length=3, max_length=4)
    equilibration_ps: Annotated[float, Field(gt=0)]
    sampled_ps: Annotated[float, Field(gt=0)]
    conserved_ps: Annotated[float, Field(gt=0)]
    friction: Annotated[float, Field(gt=0, le=1)]
    thermostat_fs: Annotated[float, Field(gt=0)]
    rdf_max: Annotated[float, Field(gt=0, le=20)]
    rdf_bins: Annotated[int, Field(ge=8, le=32)]
    spectrum_max: Annotated[float, Field(gt=0, le=200)]
    spectrum_bins: Annotated[int, Field(ge=4, le=32)]
    seed: Annotated[int, Field(ge=0)]
    reference: Text | None = None
    note: Text

    @model_validator(mode="after")
    def _the_run_shows_what_is_asked(self) -> Dynamics:
        if any(a >= b for a, b in pairwise(self.timesteps)):
            raise ValueError("'timesteps' have to ascend, each once")
        if self.sampled_ps * self.spectrum_max < self.spectrum_bins:
            raise ValueError("'sampled_ps' is too short for 'spectrum_bins' up to 'spectrum_max'; a bin needs 1/time")
        return self

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What is run, in words, by title."""
        steps = ", ".join(f"{step:g}" for step in self.timesteps)
        text = (
            f"{self.temperature:g} K; {self.equilibration_ps:g} ps of equilibration and {self.sampled_ps:g} ps at that "
            f"temperature in steps of {self.timestep:g} fs; {self.conserved_ps:g} ps of constant energy with steps of "
            f"{steps} fs"
        )
        return ("Dynamics", text), ("Reference trajectory", self.reference or "none")


class Electrolytes(Strict):
    """Molecular dynamics of the electrolytes task, the same for every model; part of the dataset's hash.

    Every box, of at least `n_atoms` atoms, is made in `replicas` from different seeds, and held at its volume for
    `equilibration_ps`. The density comes from `density_ps` at constant pressure (`pressure_bar`), motion from
    `sampled_ps` at constant volume; `equilibration_ps` before each of them is thrown away. Times of thermostat and
    barostat are in fs. With `hydrogen_mass` (u) every hydrogen has that mass, taken from the atom that it is bonded to,
    so that a longer `timestep` (fs) follows it.
    """

    timestep: Annotated[float, Field(gt=0, le=10)]
    equilibration_ps: Annotated[float, Field(gt=0)]
    density_ps: Annotated[float, Field(gt=0)]
    sampled_ps: Annotated[float, Field(gt=0)]
    thermostat_fs: Annotated[float, Field(gt=0)]
    barostat_fs: Annotated[float, Field(gt=0)]
    pressure_bar: float = 1.0
    replicas: Annotated[int, Field(ge=3, le=64)]
    n_atoms: Annotated[int, Field(gt=0, le=100_000)]
    seed: Annotated[int, Field(ge=0)]
    hydrogen_mass: Annotated[float, Field(gt=1, le=4)] | None = None
    note: Text

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What is run, in words, by title."""
        hydrogen = "" if self.hydrogen_mass is None else f" with hydrogens of {self.hydrogen_mass:g} u"
        text = (
            f"{self.replicas} replicas of at least {self.n_atoms:,} atoms; {self.equilibration_ps:g} ps as packed, "
            f"{self.equilibration_ps:g} + {self.density_ps:g} ps at {self.pressure_bar:g} bar and "
            f"{self.equilibration_ps:g} + {self.sampled_ps:g} ps at constant volume, in steps of {self.timestep:g} "
            f"fs{hydrogen}"
        )
        return (("Simulation", text),)
