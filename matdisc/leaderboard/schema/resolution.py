"""What a table of per-material values can tell, as it lies on the board."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from matdisc.cards import HttpsUrl, Key, Text
from matdisc.cards.base import Sha256
from matdisc.leaderboard.schema.ranking import Ranked
from matdisc.leaderboard.schema.read import BoardFile
from matdisc.leaderboard.schema.result import Bootstrap
from matdisc.scoring.record import Columns, Counts, Numbers, Record, equal_lengths

RESOLUTION_SCHEMA = "matdisc.resolution/1"
MissingRule = Literal["worst", "common", "drop"]


class Missing(Record):
    """What empty cells were taken for; `worst` is the number that stood in their place."""

    cells: int = 0
    rule: MissingRule | None = None
    worst: float | None = None
    materials_left_out: int = 0
    models_left_out: tuple[str, ...] = ()


class NeighbourColumns(Columns):
    """Pairs next to each other in the order, best first; `better` and `worse` are places in `models`.

    The difference is the better model's score less the other's, with its paired 95 % interval. `p_value` is of this
    pair alone, `p_corrected` Holm-corrected over all pairs of the table. `needed` materials would show the difference
    with 80 % power if it is as large as measured; None: more than 100 times those at hand.
    """

    better: Counts
    worse: Counts
    difference: Numbers
    low: Numbers
    high: Numbers
    p_value: Numbers
    p_corrected: Numbers
    detectable: Numbers
    needed: tuple[int | None, ...]


class LeverageColumns(Columns):
    """For each model, the material whose absence moves its score most, and by how much."""

    material: tuple[str, ...]
    change: Numbers


class About(Record):
    """What a table is of and where it is from; `value` is the name of its numbers."""

    key: Key
    title: Text
    value: Text
    unit: Text | None = None
    source: HttpsUrl | None = None
    licence: Text | None = None
    published: date | None = None
    sha256: Sha256 | None = None


class TableResolution(About, BoardFile):
    """How sure the order of a table is, and what it would take to be surer.

    `models` are in the table's order; `first_without` holds the materials without any one of which another model is
    first, with that model.
    """

    SCHEMA: ClassVar[str] = RESOLUTION_SCHEMA
    PLACE: ClassVar[tuple[str, ...]] = ("key",)
    ADVICE: ClassVar[str] = "write it anew with `matdisc rank`"

    better: Literal["lower", "higher"]
    statistic: Literal["mean", "median"]
    missing: Missing = Missing()
    notes: tuple[str, ...] = ()
    n_materials: int
    n_groups: int
    group: str | None = None
    bootstrap: Bootstrap = Bootstrap()
    models: tuple[str, ...]
    low: Numbers
    high: Numbers
    ranked: Ranked
    neighbours: NeighbourColumns
    leverage: LeverageColumns
    first_without: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_number_each(self) -> Self:
        equal_lengths(self.models, self.low, self.high, self.ranked.value, self.leverage.material)
        if len(self.models) < 2 or len(self.neighbours.better) != len(self.models) - 1:
            raise ValueError("two models or more are needed, and one pair of neighbours less than models")
        if any(not 0 <= i < len(self.models) for i in (*self.neighbours.better, *self.neighbours.worse)):
            raise ValueError("neighbours are places in the list of models")
        return self
