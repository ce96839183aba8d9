"""Curves and tables that a measuring task gave along, as they stand in a details file."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from matdisc.leaderboard.site.parts import Columns, Numbers, Part


class DrawnLine(Columns):
    name: str
    x: Numbers
    y: Numbers


class DrawnFigure(Part):
    """Curves over one pair of axes."""

    key: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[DrawnLine, ...]
    note: str = ""
    x_log: bool = False
    y_log: bool = False
    base: float | None = None


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


class MeasuredDetails(Part):
    """What a measuring task adds to the details of a result."""

    figures: tuple[DrawnFigure, ...] = ()
    sheets: tuple[ToldSheet, ...] = ()
