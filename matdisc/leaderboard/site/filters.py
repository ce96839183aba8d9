"""How templates print: numbers, shares, ids, and sentences whose intervals do not break."""

from __future__ import annotations

import re

from markupsafe import Markup

from matdisc.leaderboard.site.tables.cells import published_value
from matdisc.leaderboard.site.tables.format import figure, metric_anchor
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.tasks import Task


def metric_of(key: str, task: Task) -> Metric:
    return task.metric(key)


def trivial(task: Task) -> str:
    """Return what the trivial answer of a task is, in a few words."""
    if task.measured:
        return task.trivial[:1].lower() + task.trivial[1:]
    if task.beliefs:
        return "class rate of training"
    return "unrelaxed" if task.structures else "all stable, or the mean"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def thousands(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def plain_number(number: float | None, digits: int = 6) -> str:
    """Return a number without trailing zeros: 0.05, 0, 12."""
    return "–" if number is None else f"{number:.{digits}g}".replace("-", "−")


def together(sentence: str) -> Markup:
    """Return a sentence whose intervals, such as (0.88–0.93) or (4–8 %), do not break over two lines."""
    parts = re.split(r"(\([\d.−]+–[\d.−]+(?: %)?\))", sentence)
    kept = Markup('<span class="nowrap">{}</span>')
    return Markup("").join(kept.format(part) if i % 2 else part for i, part in enumerate(parts))


def anchor(text: str) -> str:
    """Return an id for an element: letters, digits, `.`, `_` and `-` only."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text)


FILTERS = {
    "show": show, "interval": show_interval, "percent": percent, "thousands": thousands, "plain": plain_number,
    "anchor": anchor, "metric_anchor": metric_anchor, "metric_of": metric_of, "together": together, "figure": figure,
    "trivial": trivial, "published_value": published_value,
}  # fmt: skip
