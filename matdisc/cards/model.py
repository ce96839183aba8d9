"""What a model card holds."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from packaging import requirements
from pydantic import Field, StringConstraints, model_validator

from matdisc.cards.base import (
    Approach,
    EnergyScale,
    HttpsUrl,
    ImportName,
    Key,
    Loader,
    Name,
    RelativePath,
    Requirement,
    Sha256,
    Strict,
    Text,
)  # fmt: skip
from matdisc.elements import SYMBOLS


class Person(Strict):
    name: Name
    affiliation: Name | None = None
    orcid: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$")] | None = None


class ModelLicence(Strict):
    code: Name
    weights: Name | None = None


class WeightsPart(Strict):
    """One file of a checkpoint that consists of several, in the folder at the weights' `url`."""

    name: RelativePath
    sha256: Sha256 | None = None


class Weights(Strict):
    """Where a model's trained parameters come from: inside its package, or a file (or folder of `parts`) at `url`.

    A downloaded file is opened only if its `sha256` is the card's: checkpoints may hold code.
    """

    ships_in_package: bool = False
    url: HttpsUrl | None = None
    sha256: Sha256 | None = None
    bytes: Annotated[int, Field(gt=0)] | None = None
    parts: tuple[WeightsPart, ...] = ()

    @model_validator(mode="after")
    def _weights_are_somewhere(self) -> Weights:
        if self.ships_in_package == (self.url is not None):
            raise ValueError("give either 'url' or 'ships_in_package = true'")
        if self.url is None and (self.sha256 or self.bytes or self.parts):
            raise ValueError("'sha256', 'bytes' and 'parts' describe what lies at 'url'; give the 'url'")
        if self.parts and (self.sha256 or self.bytes):
            raise ValueError("with 'parts', each part has its own 'sha256'; remove those of the whole")
        return self


class Links(Strict):
    paper: HttpsUrl | None = None
    repository: HttpsUrl | None = None
    documentation: HttpsUrl | None = None
    weights: HttpsUrl | None = None


class ModelCard(Strict):
    """Who made a model, what it gives, and how it is loaded.

    `gives` says what a potential can give (`energy`, `forces`, `stress`, `charges`) or what a predictor predicts
    (`formation energy`, `stability`, `structure`, `phase`, or what a task of another package asks for); which tasks a
    model fits follows from it.

    `loader` is `module:function`. For a potential it returns an ASE calculator (eV, eV/Å, eV/Å^3); for a
    predictor it returns a function `(train, samples, task) -> answers`. A card without loader describes
    a model whose predictions arrive as files.

    `energy_scale` says what the total energies are: `mp2020_corrected` and `pbe_raw` fit Materials Project
    references; `own` means that formation energies are taken against the model's own elements.

    A loader of a model whose weights have a `url`, or whose options have a `file`, gets `file=` the local path.
    `packages` are the import names that have to be there; left out, those of the `requirements`. A worker asks
    for `gpus` (a share of one, or several) and `memory_gib`. `device` is what it computes on (`auto`: a GPU that the
    worker was given, else the processor), `precision` how a GPU may round products of float32.

    `aligned_densities` names the liquids of the electrolytes task whose measured density the model was fitted to.
    `approach` says how the model comes from a crystal to its energy; a board compares the approaches of its rows.
    """

    key: Key
    name: Name
    version: Name
    kind: Literal["potential", "predictor"]
    summary: Text
    authors: tuple[Person, ...] = Field(min_length=1)
    licence: ModelLicence
    gives: tuple[Name, ...] = Field(min_length=1)
    status: Literal["experimental", "stable", "deprecated"] = "stable"
    reference_row: bool = False
    loader: Loader | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    extra: Key | None = None
    requirements: tuple[Requirement, ...] = ()
    packages: tuple[ImportName, ...] = ()
    weights: Weights | None = None
    gpus: Annotated[float, Field(ge=0, le=8)] = 0
    memory_gib: Annotated[float, Field(gt=0)] | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["float32", "tf32"] = "float32"
    protocol: Literal["relax", "relax-fast", "single-point"] | None = None
    level_of_theory: Text | None = None
    energy_scale: EnergyScale | None = None
    elements: tuple[str, ...] = ()
    cutoff: Annotated[float, Field(gt=0)] | None = None
    training_sets: tuple[Name, ...] = ()
    used_in_construction_of: tuple[Key, ...] = ()
    aligned_densities: tuple[Name, ...] = ()
    approach: Approach | None = None
    n_params: Annotated[int, Field(ge=0)] | None = None
    links: Links = Links()
    citation: Text | None = None

    @model_validator(mode="after")
    def _a_potential_says_how_its_energies_are_meant(self) -> ModelCard:
        needed = ("protocol", "level_of_theory", "energy_scale") if self.loader else ("level_of_theory",)
        for name in needed if self.kind == "potential" else ():
            if getattr(self, name) is None:
                raise ValueError(f"a potential needs '{name}'")
        unknown = [el for el in self.elements if el not in SYMBOLS]
        if unknown:
            raise ValueError(f"'elements' names no elements: {', '.join(unknown[:5])}")
        return self

    @property
    def distributions(self) -> tuple[str, ...]:
        """Names of the packages that the card requires, as a registry knows them."""
        return tuple(requirements.Requirement(text).name for text in self.requirements)

    @property
    def wanted_device(self) -> str:
        """The torch device that the card names, or `auto`; the loader's own option counts first."""
        return str(self.options.get("device", self.device))

    @property
    def gpus_of_worker(self) -> float:
        """GPUs that one worker asks for: `gpus`; one where the card names CUDA without saying how many."""
        wanted = self.wanted_device
        return self.gpus or float(wanted.startswith("cuda")) if wanted not in ("cpu", "mps") else 0.0


def model_hash(model: ModelCard) -> str:
    """Return the hash of what makes a model's answers: loader, options, version, elements, energy scale, precision."""
    made_of = model.model_dump(include={"key", "version", "kind", "loader", "options", "elements", "energy_scale"})
    if model.precision != "float32":  # as a field it is younger than many a hash
        made_of["precision"] = model.precision
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
