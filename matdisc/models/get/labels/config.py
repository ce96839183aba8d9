"""The configuration of `matdisc labels`: TOML written by people, checked field by field.

Lengths are in Å, times in fs, temperatures in K, densities in g/cm^3, forces in eV/Å.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from matdisc.cards import Strict
from matdisc.cards.read import checked, read_toml
from matdisc.errors import RunError
from matdisc.physics.molecules.species import Species, own_species

Count = Annotated[int, Field(gt=0)]
Number = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9+_.-]+$", max_length=100)]


class System(Strict):
    """One composition, and how its structures are made.

    Each trajectory starts from a packing of its own. Its structures are frames of Langevin dynamics, copies of them
    with atoms moved at random (`rattles` per frame), and copies with molecules turned at random and pushed together
    (`contacts` per trajectory). Without frames the packing itself takes their place.

    Attributes:
        name: What its frames are called (letters, digits and +-_.); splits go by it.
        species: How many of each.
        trajectories: Number of packings.
        frames, stride: Frames of each trajectory, and fs between them.
        temperature: Range that each trajectory draws its own from.
        density: Of the ball that a cluster is packed into and held in, or of the box.
        periodic: Whether it is a box (GFN2-xTB takes seconds for each structure of 80 atoms).
        rattles: Copies of each frame with every molecule stretched or compressed as a whole by a share of up to
            `stretch`, and atoms moved by normal noise of up to `noise` a component.
        contacts: Copies with a closest contact drawn from `closest`, a range of shares of the van der Waals distance.
        held_out: Whether it is for tests only; noted beside the frames.
    """

    name: Name
    species: dict[Text, Count] = Field(min_length=1)
    trajectories: Count = 1
    frames: Number = 10
    stride: Positive = 25.0
    temperature: tuple[Positive, Positive] = (450.0, 600.0)
    density: Positive = 1.2
    periodic: bool = False
    rattles: Number = 0
    noise: NotNegative = 0.06
    stretch: Annotated[float, Field(ge=0, lt=0.5)] = 0.06
    contacts: Number = 0
    closest: tuple[Positive, Positive] = (0.45, 0.75)
    held_out: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> System:
        for name in ("temperature", "closest"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"'{name}' is a range, lowest first, not [{low:g}, {high:g}]")
        if self.contacts and (self.periodic or sum(self.species.values()) < 2):
            raise ValueError("'contacts' need a cluster of two molecules or more; leave it out here")
        if not self.frames and not self.rattles and not self.contacts:
            raise ValueError("give 'frames', 'rattles' or 'contacts'; all are 0")
        return self


class LabelConfig(Strict):
    """What is to be labelled.

    Attributes:
        method: GFN2-xTB, or GFN1-xTB.
        seed: Of all packings, velocities and noise.
        timestep, friction: Of the Langevin dynamics, fs and 1/fs; labels do not depend on its accuracy.
        equilibrate: fs before the first frame that is kept.
        wall: Force constant that keeps atoms in their ball while they move, eV/Å^2; it is in no label.
        largest_force: Structures with a larger component of a force, eV/Å, are left out, and counted.
        species: A user's own, by name: `{smiles = "..."}` or `{file = "name.xyz"}`.
        files: Structures to label as they are (extended XYZ, total charge in `charge=`).
        defaults: Fields of systems that do not give their own.
    """

    method: Literal["GFN2-xTB", "GFN1-xTB"] = "GFN2-xTB"
    seed: Number = 0
    timestep: Positive = 1.0
    friction: Positive = 0.02
    equilibrate: NotNegative = 25.0
    wall: NotNegative = 0.5
    largest_force: Positive = 25.0
    species: dict[Text, dict[str, str]] = Field(default_factory=dict)
    files: tuple[Text, ...] = ()
    defaults: dict[str, Any] = Field(default_factory=dict)
    system: tuple[System, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, content: Any) -> Any:
        defaults = content.get("defaults", {})
        systems = content.get("system", ())
        if isinstance(defaults, dict) and all(isinstance(one, dict) for one in systems):
            return {**content, "system": tuple({**defaults, **one} for one in systems)}
        return content

    @model_validator(mode="after")
    def _has_work(self) -> LabelConfig:
        if not self.system and not self.files:
            raise ValueError("nothing to label; add a table [[system]], or 'files'")
        twice = [name for name, n in Counter(one.name for one in self.system).items() if n > 1]
        if twice:
            raise ValueError(f"two systems are called {twice[0]!r}; give each its own 'name'")
        return self

    def own(self, folder: Path) -> dict[str, Species]:
        """Return the user's own species; relative files lie in `folder`."""
        return own_species(self.species, folder)


def read_label_config(path: Path) -> LabelConfig:
    """Return the checked configuration at `path`; a file of structures (.xyz, .extxyz) is one that labels them.

    Raises:
        RunError: If the file is missing, is no TOML, or breaks a rule; every broken field is named.
    """
    if path.suffix in (".xyz", ".extxyz"):
        return LabelConfig(files=(path.name,))
    manual = "docs/guides/labels.md"
    content = read_toml(path, RunError, f"no such file; {manual} shows a configuration to start from")
    return checked(path, content, LabelConfig, RunError, manual)
