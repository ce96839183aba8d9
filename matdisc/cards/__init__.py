"""Model and dataset cards: TOML written by people, checked field by field.

A card that says something unknown or impossible is refused with its file, field, value and remedy.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from matdisc.cards.base import (
    KEY_PATTERN,
    UNKNOWN_HASH,
    HttpsUrl,
    ImportName,
    Key,
    Loader,
    Name,
    RelativePath,
    Sha256,
    Strict,
    Text,
    explain,
    portable,
    unmeasured,
)  # fmt: skip
from matdisc.cards.motion import Dynamics, Electrolytes
from matdisc.errors import CardError

__all__ = [
    "ELEMENTS", "SYMBOLS", "UNKNOWN_HASH", "Column", "DataFile", "DatasetCard", "Dynamics", "Electrolytes",
    "EnergyScale", "HttpsUrl", "Key", "Links", "ModelCard", "ModelLicence", "Name", "Overlap", "Person", "Population",
    "Relaxation", "Split", "Stability", "Strict", "Subset", "TaskKey", "Text", "Unit", "Weights", "WeightsPart",
    "is_key", "read_card",
]  # fmt: skip

QUANTITY_UNITS = {
    "e_form_per_atom": "eV/atom",
    "e_above_hull": "eV/atom",
    "energy_per_atom": "eV/atom",
    "a_angstrom": "Å",
    "c_angstrom": "Å",
    "volume_per_atom": "Å^3/atom",
    "margin_kj_mol": "kJ/mol",
}
"""Quantities whose unit is fixed; a card that gives another unit is refused."""

Unit = Literal[
    "eV/atom", "eV", "Å", "Å^2", "Å^3", "Å^3/atom", "degree", "GPa", "K", "kJ/mol", "fs", "ps", "THz", "g/cm^3",
    "m^2/s", "mPa s", "mS/cm", "mol/L", "mol/kg", "1", "text", "bool",
]  # fmt: skip
EnergyScale = Literal["mp2020_corrected", "pbe_raw", "own"]
TaskKey = Literal["discovery", "polymorphs", "relaxation", "alloys", "dynamics", "electrolytes"]
Approach = Literal["universal potential", "one-shot predictor", "Bayesian optimiser", "fingerprint forest"]
"""How a model comes from an unrelaxed crystal to its energy, as Riebesell et al. (arXiv:2308.14920) group models."""


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
    """Who made a model, what it may be asked, and how it is loaded.

    `loader` is `module:function`. For a potential it returns an ASE calculator (eV, eV/Å, eV/Å^3); for a
    predictor it returns a function `(train, samples, task) -> answers`. A card without loader describes
    a model whose predictions arrive as files.

    `energy_scale` says what the total energies are: `mp2020_corrected` and `pbe_raw` fit Materials Project
    references; `own` means that formation energies are taken against the model's own elements.

    A loader of a model whose weights have a `url`, or whose options have a `file`, gets `file=` the local path.
    `packages` are the import names that have to be there; left out, those of the `requirements`. A worker asks
    for `gpus` (a share of one, or several) and `memory_gib`.

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
    tasks: tuple[TaskKey, ...] = Field(min_length=1)
    status: Literal["experimental", "stable", "deprecated"] = "stable"
    reference_row: bool = False
    loader: Loader | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    extra: Key | None = None
    requirements: tuple[str, ...] = ()
    packages: tuple[ImportName, ...] = ()
    weights: Weights | None = None
    gpus: Annotated[float, Field(ge=0, le=8)] = 0
    memory_gib: Annotated[float, Field(gt=0)] | None = None
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


class Column(Strict):
    """What one column of a dataset means: its role decides who may see it."""

    role: Literal["id", "input", "target", "forbidden"]
    unit: Unit
    help: Text


class DataFile(Strict):
    """A file of a dataset: embedded beside the card, or public with a `url` and a `mirror` path."""

    name: RelativePath
    sha256: Sha256 | None = None
    md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    bytes: Annotated[int, Field(gt=0)] | None = None
    licence: Name
    url: HttpsUrl | None = None
    mirror: RelativePath | None = None

    @model_validator(mode="after")
    def _a_file_has_a_hash(self) -> DataFile:
        if self.sha256 is None and (self.md5 is None or self.embedded):
            raise ValueError(
                "give the file's 'sha256', which `matdisc datasets describe KEY` prints (or, of a public file with no "
                "published sha256, its 'md5')"
            )
        return self

    @property
    def embedded(self) -> bool:
        return self.url is None and self.mirror is None


class Split(Strict):
    """How learned predictors are kept from the answers.

    `holdout`: rows of the train part are never scored. `folds`: every row is scored, each by a model
    fitted on the other folds. Groups never straddle a split.
    """

    kind: Literal["holdout", "folds"]
    by: Literal["chemical system", "compound", "prototype"]
    n_folds: Annotated[int, Field(ge=2, le=20)] = 5
    held_out_folds: tuple[int, ...] = ()


class Stability(Strict):
    """Hull distances in eV/atom at or below `threshold` count as stable."""

    threshold: float = 0.0
    secondary: tuple[float, ...] = ()
    note: Text | None = None


class Subset(Strict):
    """A named part of the scored rows: those with, or without, a flag."""

    name: Name
    flag: Key
    keep: Literal["with", "without"]


class Overlap(Strict):
    """Training data that is known, or likely, to contain these materials."""

    training_set: Name
    degree: Literal["likely", "certain"]
    note: Text


class Population(Strict):
    """What a dataset is a uniform draw from, and what others have published for all of it.

    `published` names one of the card's files: a table with a column `model` (key of a card) and one for each metric,
    whose values stand in `source` and were taken with energies rounded to `decimals` before they were compared.
    """

    name: Name
    size: Annotated[int, Field(gt=0)]
    published: RelativePath | None = None
    source: HttpsUrl | None = None
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None


class Relaxation(Strict):
    """Start structures of the relaxation task: reference structures, scaled and rattled.

    `scale` multiplies lattice vectors; `rattle` is the standard deviation of each component of an atom's displacement,
    Å. With `max_e_above_hull` only materials whose label is at most that many eV/atom are asked about: what lies far
    above the hull is often no minimum at all. `n_samples` and `sha256` are those of start and reference structures.
    """

    scale: Annotated[float, Field(ge=0.8, le=1.25)]
    rattle: Annotated[float, Field(ge=0, le=0.5)]
    seed: Annotated[int, Field(ge=0)]
    max_e_above_hull: float | None = None
    n_samples: Annotated[int, Field(gt=0)]
    sha256: Sha256
    note: Text


class DatasetCard(Strict):
    """Where a held-out set comes from, what it asks, and what a model may not see.

    `splits` names the protocols of the alloys task, with the hash of their folds (`matdisc.datasets.splits`). What is
    `on_request` takes long, and `matdisc evaluate` leaves it out unless it is named.
    """

    key: Key
    title: Name
    summary: Text
    licence: Name
    citation: tuple[Text, ...] = Field(min_length=1)
    level_of_theory: Text
    tasks: tuple[TaskKey, ...] = Field(min_length=1)
    builder: Loader
    n_samples: Annotated[int, Field(gt=0)]
    sha256: Sha256 | None = None
    columns: dict[str, Column]
    split: Split
    stability: Stability = Stability()
    energy_scale: EnergyScale | None = None
    files: tuple[DataFile, ...] = Field(min_length=1)
    subsets: tuple[Subset, ...] = ()
    headline_subset: Name | None = None
    surplus_ids: Literal["refuse", "report"] = "refuse"
    on_request: bool = False
    known_overlaps: tuple[Overlap, ...] = ()
    population: Population | None = None
    relaxation: Relaxation | None = None
    dynamics: Dynamics | None = None
    electrolytes: Electrolytes | None = None
    splits: dict[Key, Sha256] = Field(default_factory=dict)
    notes: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _columns_have_the_units_of_their_quantity(self) -> DatasetCard:
        for name, column in self.columns.items():
            expected = QUANTITY_UNITS.get(name)
            if expected and column.unit != expected:
                raise ValueError(f"column '{name}' is in {column.unit!r}; it has to be in {expected!r}")
        names = {subset.name for subset in self.subsets}
        if self.headline_subset is not None and self.headline_subset not in names:
            raise ValueError(f"'headline_subset' is {self.headline_subset!r}; it has to name one of 'subsets'")
        if self.population and self.population.published not in {None, *(file.name for file in self.files)}:
            raise ValueError(f"'population.published' is {self.population.published!r}; it has to name one of 'files'")
        if self.split.kind == "holdout" and not self.split.held_out_folds:
            raise ValueError("'split.held_out_folds' is empty; name the folds that are scored")
        for task in ("relaxation", "dynamics", "electrolytes"):
            if (task in self.tasks) != (getattr(self, task) is not None):
                raise ValueError(f"the task '{task}' and the table '{task}' need each other")
        if ("alloys" in self.tasks) != bool(self.splits):
            raise ValueError("the task 'alloys' and the table 'splits' need each other; name at least one protocol")
        return self

    def sha256_of(self, task: str) -> str | None:
        """Hash of what a task asks: of the start and reference structures, or of the samples."""
        return self.relaxation.sha256 if task == "relaxation" and self.relaxation else self.sha256


Card = TypeVar("Card", ModelCard, DatasetCard)


def read_card(path: Path, kind: type[Card], *, any_folder: bool = False, measured: bool = True) -> Card:
    """Return the checked card at `path`; on a board its folder bears its key, elsewhere `any_folder` will do.

    Without `measured`, what follows from the files of a dataset (hashes, sizes, numbers of samples) may be missing or
    wrong, and is not on the card that is returned.

    Raises:
        CardError: If the file is missing, is no TOML, or breaks a rule; every broken field is named.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as err:
        raise CardError(f"{path}: no such card; `matdisc init DIR` makes a board with examples") from err
    except UnicodeDecodeError as err:
        raise CardError(f"{path}: not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8") from err
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise CardError(f"{path}: not valid TOML: {err}; see https://toml.io for the syntax") from err
    try:
        card = kind.model_validate(content if measured else unmeasured(content))
    except ValidationError as err:
        raise CardError(explain(path, err)) from err
    if not any_folder and path.resolve().parent.name != card.key:
        raise CardError(f"{path}: field 'key' is {card.key!r} but the folder is {path.parent.name!r}; make them equal")
    return card


ELEMENTS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
"""
SYMBOLS = frozenset(ELEMENTS.split())
"""Symbols of the elements 1 to 103."""


def is_key(text: str) -> bool:
    """Whether `text` may name a model, dataset or board entry (and so a file)."""
    try:
        return re.fullmatch(KEY_PATTERN[1:-1], portable(text)) is not None
    except ValueError:
        return False
