"""Curves, points and tables as they stand in a file of details or of a ranking."""

from __future__ import annotations

from typing import Any, Self

from pydantic import field_validator, model_validator

from matdisc.leaderboard.schema.base import Columns, Numbers, Part


class DrawnLine(Columns):
    """A curve or, with `labels`, a set of points; ends of intervals are drawn as bars."""

    name: str
    x: Numbers
    y: Numbers
    labels: tuple[str, ...] | None = None
    x_low: Numbers | None = None
    x_high: Numbers | None = None
    y_low: Numbers | None = None
    y_high: Numbers | None = None

    @field_validator("labels", mode="before")
    @classmethod
    def _no_labels_make_a_curve(cls, labels: Any) -> Any:
        return labels or None


class DrawnFigure(Part):
    """Curves and points over one pair of axes; `x_names` are the names of the places 1, 2, ... of the x axis."""

    key: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[DrawnLine, ...]
    note: str = ""
    x_log: bool = False
    y_log: bool = False
    base: float | None = None
    x_names: tuple[str, ...] = ()


class ToldSheet(Part):
    """A table of text and numbers."""

    key: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]
    note: str = ""

    @model_validator(mode="after")
    def _square(self) -> Self:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"every row needs {len(self.head)} cells, as the head has")
        return self


class WithFigures(Part):
    """What a file has to draw: of one result of a measuring task, or of all rows of a ranking."""

    figures: tuple[DrawnFigure, ...] = ()
    sheets: tuple[ToldSheet, ...] = ()
