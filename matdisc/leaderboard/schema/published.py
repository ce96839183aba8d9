"""Numbers that others have published about models, as they lie on a board; nothing of them was scored here."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from matdisc.cards.base import Approach, HttpsUrl, Key
from matdisc.leaderboard.schema.read import BoardFile
from matdisc.scoring.record import Record

PUBLISHED_SCHEMA = "matdisc.published/1"

Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$", strip_whitespace=True)]
"""Text of one line: foreign, so it may hold anything that can be printed."""
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-[01]\d-[0-3]\d$")]
Count = Annotated[int, Field(ge=0, le=10**15)]
Finite = Annotated[int | float, Field(ge=-1e12, le=1e12)]
Openness = Literal["code and weights", "code", "weights", "closed"]
Target = Literal["energy", "forces", "stress", "magnetic moments", "Hessian"]


class Source(Record):
    """Where the numbers stand, as of which day, and what may be done with them."""

    name: Line
    url: HttpsUrl
    licence: Line
    commit: Line | None = None
    date: Day | None = None


class TrainingSet(Record):
    """Data that models are trained on; `n_structures` counts frames, `n_materials` what they are frames of."""

    key: Line
    name: Line
    n_structures: Count | None = None
    n_materials: Count | None = None
    contains: tuple[Line, ...] = ()
    open: bool | None = None
    licence: Line | None = None
    theory: Line | None = None
    url: HttpsUrl | None = None


class Population(Record):
    """Materials of the test set, all and those of unique prototypes, and how many of each are stable, unrounded."""

    n: Count
    n_stable: Count | None = None
    n_unique: Count | None = None
    n_unique_stable: Count | None = None


class PublishedRow(Record):
    """A model and its numbers: part (`discovery/unique_prototypes`) to metric to value, as published.

    `openness` is about the model, `open_data` about what it is trained on. `direct` says that forces are predicted, and
    not taken as the gradient of an energy.
    """

    key: Key
    name: Line
    version: Line | None = None
    added: Day
    status: Literal["active", "superseded", "deprecated", "aborted"]
    superseded_by: Line | None = None
    authors: tuple[Line, ...] = Field(min_length=1)
    openness: Openness
    targets: tuple[Target, ...]
    approach: Approach | None = None
    open_data: bool = False
    direct: bool = False
    training_sets: tuple[Line, ...]
    n_params: Count | None = None
    licence_code: Line | None = None
    licence_weights: Line | None = None
    links: dict[str, HttpsUrl] = Field(default_factory=dict)
    metrics: dict[str, dict[str, Finite]] = Field(default_factory=dict)


class Published(BoardFile):
    """All rows of one source."""

    SCHEMA: ClassVar[str] = PUBLISHED_SCHEMA
    PLACE: ClassVar[tuple[str, ...]] = ("key",)
    ADVICE: ClassVar[str] = "write it anew with `matdisc import`"

    key: Key
    source: Source
    rows: tuple[PublishedRow, ...]
    population: Population | None = None
    training_sets: tuple[TrainingSet, ...] = ()

    @model_validator(mode="after")
    def _a_row_each(self) -> Self:
        keys = [row.key for row in self.rows]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"rows are there twice: {', '.join(sorted(twice))}")
        return self
