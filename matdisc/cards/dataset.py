"""What a dataset card holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from matdisc.cards.base import (
    EnergyScale,
    HttpsUrl,
    Key,
    Loader,
    Name,
    RelativePath,
    Requirement,
    Sha256,
    Strict,
    TaskKey,
    Text,
    Unit,
)  # fmt: skip
from matdisc.cards.simulation import Dynamics, Electrolytes

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
    fitted on the other folds. Groups never straddle a split; `group` is a column of the labels.
    """

    kind: Literal["holdout", "folds"]
    by: Literal["chemical system", "compound", "prototype", "group"]
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


class Cited(Strict):
    """Metrics that others have published for a task on this dataset, by key: shown below the rows and never ranked.

    `note` says why they cannot be compared; it is the flag of the row.
    """

    task: TaskKey
    name: Name
    source: HttpsUrl
    values: dict[Key, float] = Field(min_length=1)
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

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What is asked, in words, by title."""
        text = (
            f"{self.n_samples:,} structures: edges times {self.scale:g}, atoms displaced by {self.rattle:g} Å "
            f"(standard deviation of each component), seed {self.seed}"
        )
        if self.max_e_above_hull is not None:
            text += f"; only materials at most {self.max_e_above_hull:g} eV/atom above the hull"
        return (("Relaxation starts", text),)


TABLES = {
    "relaxation": ("relaxation",),
    "dynamics": ("dynamics",),
    "electrolytes": ("electrolytes",),
    "splits": ("alloys", "perovskites", "learning"),
}
"""The tasks that a table of a card says how to ask."""


class DatasetCard(Strict):
    """Where a held-out set comes from, what it asks, and what a model may not see.

    `requirements` are what a run on it needs besides the model's, as for pip: `--env isolated` installs both.
    `splits` names the protocols of the tasks alloys and perovskites, with the hash of their folds
    (`matdisc.datasets.splits`). What is `on_request` takes long, and `matdisc evaluate` leaves it out unless it is
    named. Where only some models are `quick`, it leaves the others out unless they, or the dataset, are named, or it is
    told `--full`. The task static fits the energies of the elements on `offsets_subset` (default: on the frames of the
    headline).
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
    offsets_subset: Name | None = None
    surplus_ids: Literal["refuse", "report"] = "refuse"
    on_request: bool = False
    requirements: tuple[Requirement, ...] = ()
    quick: tuple[Key, ...] = ()
    known_overlaps: tuple[Overlap, ...] = ()
    cited: tuple[Cited, ...] = ()
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
        if self.offsets_subset is not None and self.offsets_subset not in names:
            raise ValueError(f"'offsets_subset' is {self.offsets_subset!r}; it has to name one of 'subsets'")
        if self.population and self.population.published not in {None, *(file.name for file in self.files)}:
            raise ValueError(f"'population.published' is {self.population.published!r}; it has to name one of 'files'")
        if self.split.kind == "holdout" and not self.split.held_out_folds:
            raise ValueError("'split.held_out_folds' is empty; name the folds that are scored")
        for table, tasks in TABLES.items():
            if bool(set(tasks) & set(self.tasks)) != bool(getattr(self, table)):
                said = " or ".join(f"'{task}'" for task in tasks)
                raise ValueError(f"the task {said} and the table '{table}' need each other")
        return self

    @property
    def _tables(self) -> list[Relaxation | Dynamics | Electrolytes]:
        return [table for table in (self.relaxation, self.dynamics, self.electrolytes) if table]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What the tables of the card say of how tasks are run, in words, by title."""
        return [fact for table in self._tables for fact in table.facts]

    @property
    def table_notes(self) -> list[str]:
        return [table.note for table in self._tables]

    def sha256_of(self, task: str) -> str | None:
        """Hash of what a task asks: of the start and reference structures, or of the samples."""
        return self.relaxation.sha256 if task == "relaxation" and self.relaxation else self.sha256
