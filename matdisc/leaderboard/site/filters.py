"""How templates print: numbers, shares, ids, and sentences whose intervals do not break."""

from __future__ import annotations

import re

from markupsafe import Markup

from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.paths import result_path
from matdisc.leaderboard.site.tables.cells import published_value
from matdisc.leaderboard.site.tables.format import (
    cell_text,
    format_number,
    metric_anchor,
    numeric_columns,
    percent,
    printed,
)
from matdisc.leaderboard.site.tables.markup import row_cells
from matdisc.leaderboard.site.tables.periodic import periodic
from matdisc.scoring.figures import Table
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.tasks import TASKS


def thousands(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def short(number: float | None) -> str:
    """Return a number with three digits, an en dash where there is none."""
    return format_number(None if number is None else float(f"{number:.3g}"))


def plain_number(number: float | None, digits: int = 6) -> str:
    """Return a number without trailing zeros: 0.05, 0, 12."""
    return "–" if number is None else f"{number:.{digits}g}".replace("-", "−")


def together(sentence: str) -> Markup:
    """Return a sentence whose intervals, such as (0.88–0.93) or (4–8 %), do not break over two lines."""
    parts = re.split(r"(\([\d.−]+–[\d.−]+(?: %)?\))", sentence)
    kept = Markup('<span class="nowrap">{}</span>')
    return Markup("").join(kept.format(part) if i % 2 else part for i, part in enumerate(parts))


def first_sentence(text: str) -> str:
    """Return a text up to its first full stop or question mark that a capital follows; all of it without one."""
    return re.split(r"(?<=[.?!]) (?=[A-Z])", text, maxsplit=1)[0]


def anchor(text: str) -> str:
    """Return an id for an element: letters, digits, `.`, `_` and `-` only."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text)


def dashes(table: Table) -> bool:
    """Return whether something in a table is undefined."""
    return any(cell_text(cell) == "–" for row in table.rows for cell in row)


def brackets(table: Table) -> bool:
    """Return whether something in a table has its interval in brackets."""
    return any(cell_text(cell).endswith(")") for row in table.rows for cell in row[1:])


def has_intervals(result: Result) -> bool:
    """Return whether a metric of a result, on all rows or on a part, has an interval."""
    return any(value.low is not None for scores in (result, *result.secondary) for value in scores.metrics.values())


def bounded(result: Result) -> list[Metric]:
    """Return the main metrics of a result that missing answers could change."""
    known = {key for bound in result.bounds.values() for key in bound}
    return [metric for metric in TASKS[result.task].metrics if metric.key in known and metric.main]


FILTERS = {
    "show": show, "interval": show_interval, "percent": percent, "thousands": thousands, "plain": plain_number,
    "anchor": anchor, "first_sentence": first_sentence, "metric_anchor": metric_anchor, "together": together,
    "number": format_number,
    "printed": printed, "numeric": numeric_columns, "periodic": periodic,
    "dashes": dashes, "brackets": brackets, "intervals": has_intervals, "bounded": bounded,
    "published_value": published_value, "result_path": result_path, "row_cells": row_cells, "short": short,
}  # fmt: skip
