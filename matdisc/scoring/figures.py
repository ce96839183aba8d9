"""What is shown beside the metrics: figures and tables. Tasks make them, files hold them, and the site draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator
from pydantic.dataclasses import dataclass

from matdisc.scoring.metric import Better
from matdisc.scoring.record import CONFIG, Counts, Numbers, Record, equal_lengths, rounded

if TYPE_CHECKING:
    Cells = Sequence[str | float | None]
else:
    Cells = Annotated[tuple[str | float | None, ...], BeforeValidator(rounded)]
    """A row of a table: text, numbers, and None where undefined."""
Role = Literal["", "tp", "fp", "tn", "fn"]
"""Fixed colours of true and false positives and negatives."""


@dataclass(frozen=True, slots=True, config=CONFIG)
class Line:
    """A named curve: x and y of equal length, None where undefined.

    With `labels`, one name for each point, it is a set of points and no curve. Ends of intervals are drawn as bars.
    """

    name: str
    x: Numbers
    y: Numbers
    labels: Sequence[str] = ()
    x_low: Numbers = ()
    x_high: Numbers = ()
    y_low: Numbers = ()
    y_high: Numbers = ()

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        optional = (self.labels, self.x_low, self.x_high, self.y_low, self.y_high)
        equal_lengths(self.x, self.y, *(column for column in optional if len(column)))
        return self


@dataclass(frozen=True, slots=True, config=CONFIG)
class Bars:
    """Bars over bins of the x axis: one edge more than heights. The bars of one figure are stacked in order."""

    name: str
    edges: Numbers
    heights: Numbers
    role: Role = ""

    @model_validator(mode="after")
    def _one_edge_more(self) -> Self:
        if len(self.edges) != len(self.heights) + 1:
            raise ValueError(f"bars need one edge more than heights, not {len(self.edges)} for {len(self.heights)}")
        return self


@dataclass(frozen=True, slots=True, config=CONFIG)
class Density:
    """Counts over a grid: `count[i][j]` lies between `x_edges[j]`, `x_edges[j + 1]`, `y_edges[i]`, `y_edges[i + 1]`."""

    x_edges: Numbers
    y_edges: Numbers
    count: Sequence[Counts]

    @model_validator(mode="after")
    def _fits_its_edges(self) -> Self:
        shape = (len(self.y_edges) - 1, len(self.x_edges) - 1)
        if len(self.count) != shape[0] or any(len(row) != shape[1] for row in self.count):
            raise ValueError(f"counts of shape {shape} are needed")
        return self


@dataclass(frozen=True, slots=True, config=CONFIG)
class Figure:
    """Curves, points, bars or a density over one pair of axes; labels carry the unit.

    Attributes:
        key: Name within its file; figures of one key and section are the same figure of several models.
        lines, bars, density: What is drawn.
        reference: Ends (x, y, x, y) of a thin dashed line for comparison, e.g. the diagonal.
        base: A thin level line.
        x_names: Names of the places 1, 2, ... of the x axis, instead of numbers.
        section: Heading under which figures and tables stand together, e.g. a protocol; empty for none.
        overlay: Whether the curves of several models are drawn over each other on the page of a dataset.
    """

    key: str
    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line] = ()
    note: str = ""
    bars: Sequence[Bars] = ()
    density: Density | None = None
    reference: tuple[float, float, float, float] | None = None
    x_log: bool = False
    y_log: bool = False
    base: float | None = None
    x_names: Sequence[str] = ()
    section: str = ""
    overlay: bool = False


@dataclass(frozen=True, slots=True, config=CONFIG)
class Table:
    """A table: heads with units, and rows of text, numbers, and None where undefined.

    Attributes:
        layout: `rows`, or `periodic` for a table of elements (first column: symbols; second: the coloured number;
            third, if any: a count), which is drawn as a periodic table above its rows.
        section: As for a figure.
        better: Whether a high or a low coloured number of a periodic table is good.
    """

    key: str
    title: str
    head: Sequence[str]
    rows: Sequence[Cells]
    note: str = ""
    section: str = ""
    layout: Literal["rows", "periodic"] = "rows"
    better: Better = "lower"

    @model_validator(mode="after")
    def _square(self) -> Self:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"every row needs {len(self.head)} cells, as the head has")
        return self


class Artifacts(Record):
    """Figures and tables of one result, or of all rows of a ranking."""

    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
