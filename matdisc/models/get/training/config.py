"""Configurations of training, distillation and alignment: TOML written by people, checked field by field.

Energies are in eV, lengths in Å, charges in e, pressures in MPa. Loss weights are per squared unit of what they weigh.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from matdisc.cards import Strict
from matdisc.cards.read import checked, read_toml
from matdisc.errors import RunError

KCAL = 23.060548
"""kcal/mol in one eV."""
DEBYE = 4.80320
"""Debye in one e Å."""
ATM_IN_MPA = 0.101325
KCAL_SQUARED = KCAL**2
DEBYE_SQUARED = DEBYE**2
KCAL_SQUARED_BY_ATM = KCAL_SQUARED * ATM_IN_MPA**2
"""Turns a weight per (kcal/mol)^2 beside pressures in atm into one per eV^2 beside pressures in MPa."""

Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class Data(Strict):
    """Which frames are learned from, which choose the checkpoint, and which are only reported on.

    `files` are frames (.npz) or extended XYZ, relative to the configuration. `held_out_systems` are systems by name
    that are never trained on; `held_out` is a share of the systems to hold out by chance. `validation` is a share of
    the other trajectories, never single frames: neighbours in time are nearly copies.
    """

    files: tuple[Text, ...] = ()
    held_out_systems: tuple[Text, ...] = ()
    held_out: Share = 0.0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: Seed = 0
    largest_force: Positive | None = None
    """Frames with a larger force component than this, eV/Å, are left out of training; None for none."""


class Net(Strict):
    """Size and physics of the network; see `matdisc.models.get.settings.Settings`.

    `dispersion_c6` are by symbol, eV Å^6; for elements that are not listed those of
    `matdisc.models.get.reference.dispersion` hold.
    """

    features: Count = 64
    heads: Count = 16
    radial: Count = 32
    layers: Annotated[int, Field(ge=2)] = 3
    cutoff: Positive = 5.0
    conservative: bool = True
    dispersion: bool = False
    dispersion_c6: dict[str, Positive] = Field(default_factory=dict)
    level_of_theory: Text
    charges_scheme: str = ""

    @field_validator("dispersion_c6")
    @classmethod
    def _elements(cls, table: dict[str, float]) -> dict[str, float]:
        from ase.data import atomic_numbers

        if unknown := sorted(set(table) - set(atomic_numbers)):
            raise ValueError(f"{unknown[0]!r} is no element; write symbols such as Li = 11.9")
        return table

    @model_validator(mode="after")
    def _heads_divide_features(self) -> Net:
        if self.features % self.heads:
            raise ValueError(f"'heads' ({self.heads}) has to divide 'features' ({self.features})")
        return self


class Loss(Strict):
    """Weights of mean squares: energy and virial per eV^2, forces and residual per (eV/Å)^2, charge per e^2, dipole
    per (e Å)^2.

    The defaults are the published ones (per (kcal/mol)^2 and Debye^2), converted; the charge-force residual, 300 in
    kcal/mol units with truncated forces, is off because exact forces need no such penalty. With `energy_offset =
    "batch"` the means over the batch are taken from prediction and label first, as published.
    """

    energy: Weight = 0.01 * KCAL_SQUARED
    forces: Weight = 0.3 * KCAL_SQUARED
    virial: Weight = 0.01 * KCAL_SQUARED
    charge: Weight = 10.0
    dipole: Weight = 10.0 * DEBYE_SQUARED
    residual: Weight = 0.0
    energy_offset: Literal["batch", "none"] = "batch"


class Optimiser(Strict):
    """Adamax as published, or Adam; the rate falls exponentially per epoch, or linearly to zero over the run."""

    kind: Literal["adamax", "adam"] = "adamax"
    learning_rate: Positive = 1e-2
    weight_decay: Weight = 1e-3
    decay: Literal["exponential", "linear", "none"] = "exponential"
    per_epoch: Annotated[float, Field(gt=0, le=1)] = 0.99
    warm_up_steps: Annotated[int, Field(ge=0)] = 0
    clip: Positive | None = 10.0
    """Largest norm of the gradient; None for no clipping."""
    ema: Share = 0.0
    """Decay per step of the running mean of the weights that is validated and kept; 0 for none."""


class Run(Strict):
    """Length of the training and where it happens.

    `minutes` ends a run early, at a checkpoint from which `--resume` goes on; it changes no result. `device` is
    a torch device such as "cpu", "cuda" or "cuda:1".
    """

    epochs: Count = 750
    batch: Count = 128
    seed: Seed = 42
    device: Text = "cpu"
    dtype: Literal["float32", "float64"] = "float32"
    minutes: Positive | None = None
    validate_every: Count = 1
    """Epochs between two validations."""
    checkpoint_seconds: Positive = 30.0
    """Seconds after which a checkpoint is written even within an epoch."""


class TrainConfig(Strict):
    """A training run from frames to a model."""

    network: Net
    data: Data = Data()
    loss: Loss = Loss()
    optimiser: Optimiser = Optimiser()
    run: Run = Run()


class LabelledClusters(Strict):
    """Labelled clusters that accompany distillation and alignment, so that nothing learned is lost.

    Weights as in `Loss`; left out, they are those that the paper uses in the place.
    """

    files: tuple[Text, ...] = Field(min_length=1)
    batch: Count = 512
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    held_out_systems: tuple[Text, ...] = ()
    seed: Seed = 0
    energy: Weight | None = None
    forces: Weight | None = None
    virial: Weight | None = None
    dipole: Weight | None = None


class HeadRun(Strict):
    """How the energy head, and nothing else, is moved: by Adam, whose steps do not depend on the unit of the loss."""

    epochs: Count
    learning_rate: Positive
    per_epoch: Annotated[float, Field(gt=0, le=1)] = 0.99
    validate_every: Count = 10
    seed: Seed = 42
    device: Text = "cpu"
    dtype: Literal["float32", "float64"] = "float32"


class DistillRun(HeadRun):
    """The published rate is 1e-6 for 50 epochs of many hundred frames; few frames need a larger one."""

    epochs: Count = 50
    learning_rate: Positive = 1e-4


class Stability(Strict):
    """Simulations by each model before and after, from bulk frames in turn: how long they stay whole.

    `timestep` in fs, `temperature` in K. `strain` changes the edges of the box, molecules kept: -0.05 is a box that is
    a seventh smaller. With `runs` of other starts and seeds the mean has an interval.
    """

    picoseconds: Positive = 5.0
    temperature: Positive = 300.0
    timestep: Positive = 0.5
    strain: Annotated[float, Field(gt=-0.3, lt=0.5)] = 0.0
    runs: Count = 1
    seed: Seed = 0


class DistillConfig(Strict):
    """Teachers, bulk frames and weights of an ensemble knowledge distillation.

    `student` counts the teachers from 0, or is "all": then every teacher becomes a student once, and the spread
    between them is measured before and after. Bulk weights are those of the paper, converted; those of energy and
    virial are divided by the number of atoms.
    """

    teachers: tuple[Text, ...] = Field(min_length=3)
    bulk: tuple[Text, ...] = Field(min_length=1)
    student: Annotated[int, Field(ge=0)] | Literal["all"] = "all"
    bulk_forces: Weight = 3.0 * KCAL_SQUARED
    bulk_energy: Weight = 0.01 * KCAL_SQUARED
    bulk_virial: Weight = 0.01 * KCAL_SQUARED
    most_frames: Count = 960
    labelled: LabelledClusters
    stability: Stability | None = None
    run: DistillRun = DistillRun()

    @model_validator(mode="after")
    def _student_is_a_teacher(self) -> DistillConfig:
        if self.student != "all" and self.student >= len(self.teachers):
            raise ValueError(f"'student' is {self.student}; teachers are counted from 0 to {len(self.teachers) - 1}")
        return self


class Mixture(Strict):
    """Frames of one mixture and the shift of its pressure at given volume, in MPa.

    A liquid simulated too light needs a negative shift: dP = (rho_sim - rho_exp)/(rho kappa_T).
    """

    name: Text
    frames: tuple[Text, ...] = Field(min_length=1)
    delta_pressure: Annotated[float, Field(ge=-5000, le=5000)]


class AlignRun(HeadRun):
    """The published run is plain SGD at a rate of 1e-12, which belongs to atm and kcal/mol."""

    epochs: Count = 30
    learning_rate: Positive = 1e-4
    validate_every: Count = 5


class AlignConfig(Strict):
    """A model, its mixtures and the pressure shifts that are imposed on them.

    `pressure` weighs (dW_out/3V - dP)^2 in MPa^2; the stay-close weights hold energy and virial, per atom, (eV^2) and
    forces ((eV/Å)^2) at those of the initial model. The defaults have the ratios of the paper.
    """

    model: Text
    mixtures: tuple[Mixture, ...] = Field(min_length=1)
    most_frames: Count = 30
    pressure: Weight = 1.0
    stay_energy: Weight = 1e2 * KCAL_SQUARED_BY_ATM
    stay_forces: Weight = 1e6 * KCAL_SQUARED_BY_ATM
    stay_virial: Weight = 3e3 * KCAL_SQUARED_BY_ATM
    labelled: LabelledClusters | None = None
    run: AlignRun = AlignRun()


Config = TypeVar("Config", bound=Strict)


def read_config(path: Path, kind: type[Config]) -> Config:
    """Return the checked configuration at `path`.

    Raises:
        RunError: If the file is missing, is no TOML, or breaks a rule; every broken field is named.
    """
    manual = "docs/guides/training.md"
    content = read_toml(path, RunError, f"no such file; {manual} shows a configuration to start from")
    return checked(path, content, kind, RunError, manual)
