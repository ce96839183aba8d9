"""What the rows of one table say of each material."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from matdisc.leaderboard.schema.read import BoardFile
from matdisc.scoring.record import Numbers, Record, equal_lengths

MATERIALS_SCHEMA = "matdisc.materials/1"
RIGHT, WRONG, UNJUDGED = "10-"


class Quantity(Record):
    """What numbers are called, and their unit, empty for pure numbers."""

    label: str
    unit: str = ""


class Answered(Record):
    """One row: a number and an error of each material, and whether it is right.

    `value` is None where answers are no single numbers. `right` has one character a material: `1` right, `0` wrong,
    `-` not judged; it is None where nothing is called. `sha256` is that of the predictions.
    """

    error: Numbers
    value: Numbers | None = None
    right: str | None = Field(default=None, pattern=f"^[{RIGHT}{WRONG}{UNJUDGED}]*$")
    sha256: str = ""


class Structure(Record):
    """A crystal: `cell` rows are lattice vectors in Å, `positions` are fractional."""

    cell: tuple[tuple[float, float, float], ...]
    symbols: tuple[str, ...]
    positions: tuple[tuple[float, float, float], ...]

    @model_validator(mode="after")
    def _one_place_each(self) -> Self:
        equal_lengths(self.symbols, self.positions)
        equal_lengths(self.cell, "xyz")
        return self


class Materials(BoardFile):
    """The answers of all rows of a table, material by material, over the headline subset.

    Attributes:
        of: Materials in the subset.
        fair: How many of the listed ones, from the first on, stand for all: of a large set a sample that depends on
            the ids alone. The worst of each row follow.
        ids, formulas: Names of the materials; formulas are None where there are none.
        what: What is answered; None where an answer is no single number.
        error: What the error is.
        signed: Whether errors are answer minus truth.
        right: What is right or wrong; empty where nothing is called.
        truth: The labels; None where there are none, or they are not to be passed on.
        entries: The rows.
        structures: Some materials by their id, the worst of each row at least.
    """

    SCHEMA: ClassVar[str] = MATERIALS_SCHEMA
    PLACE: ClassVar[tuple[str, ...]] = ("task", "dataset")

    task: str
    dataset: str
    subset: str | None = None
    of: int
    fair: int
    ids: tuple[str, ...]
    formulas: tuple[str | None, ...] | None = None
    error: Quantity
    signed: bool = False
    right: str = ""
    what: Quantity | None = None
    truth: Numbers | None = None
    entries: dict[str, Answered] = Field(default_factory=dict)
    structures: dict[str, Structure] = Field(default_factory=dict)

    @property
    def sampled(self) -> bool:
        """Whether only some of the materials are listed."""
        return self.of > len(self.ids)

    def current(self, hashes: Mapping[str, str | None]) -> Self:
        """Return the same with those rows whose predictions have the hashes of the results, given by entry."""
        entries = {name: row for name, row in self.entries.items() if hashes.get(name) == row.sha256}
        return self if len(entries) == len(self.entries) else self.model_copy(update={"entries": entries})

    @model_validator(mode="after")
    def _one_number_each(self) -> Self:
        columns = [self.ids, self.formulas, self.truth]
        columns += [column for row in self.entries.values() for column in (row.error, row.value, row.right)]
        equal_lengths(*(column for column in columns if column is not None))
        if len(set(self.ids)) < len(self.ids):
            raise ValueError("a material is listed twice")
        if not 0 <= self.fair <= len(self.ids) <= self.of:
            raise ValueError(f"'fair' is {self.fair} of {len(self.ids)} listed, 'of' is {self.of}; no sample is larger")
        if unknown := sorted(set(self.structures) - set(self.ids)):
            raise ValueError(f"a structure is of {unknown[0]!r}, which is not listed")
        return self
