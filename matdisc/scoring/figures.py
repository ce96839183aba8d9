"""What a task that measures numbers shows beside its metrics: curves, and a table with a row for each material."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Line:
    """A named curve: x and y of equal length, nan where undefined.

    With `labels`, one name for each point, it is a set of points and no curve. Ends of intervals are drawn as bars.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    labels: Sequence[str] = ()
    x_low: ArrayLike | None = None
    x_high: ArrayLike | None = None
    y_low: ArrayLike | None = None
    y_high: ArrayLike | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """Curves over one pair of axes; labels carry the unit. A `base` is drawn as a thin level line.

    With `x_names` the places 1, 2, ... of the x axis bear these names instead of numbers.
    """

    key: str
    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    note: str = ""
    x_log: bool = False
    y_log: bool = False
    base: float | None = None
    x_names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: heads with units, and rows of text, numbers, and None where undefined."""

    key: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    note: str = ""


def shown(figures: Sequence[Figure], sheets: Sequence[Sheet]) -> dict[str, Any]:
    """Return figures and tables as a details file holds them."""
    return {
        "figures": [dataclasses.asdict(figure) for figure in figures],
        "sheets": [dataclasses.asdict(sheet) for sheet in sheets],
    }
