"""Rules by which a number becomes a plain sentence: what a model is safe for, and what it is not.

A task brings its own as data, `Task(rules=...)`. No rule, no claim: what a task without rules says of a model is its
place and its distance to the trivial answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from matdisc.scoring.metric import Metric
from matdisc.scoring.record import Value

Level = Literal["safe", "care", "unsafe"]


class Said(NamedTuple):
    """A level, and the sentence's end."""

    level: Level
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Two limits of a metric, and what may be said on either side of them.

    In the sentences `{limit}` stands for the limit, and `{percent}` for a hundred times that.

    Attributes:
        about: What a user would do with it, the head of the line, e.g. `Relaxed volumes`.
        metric: Key of the metric; one of its directions is better.
        safe: Limit that the whole 95 % interval has to keep, and what is then true.
        unsafe: Limit that the whole interval is beyond, and what then happens.
        counted: Whether the metric is a share of few cases, so that "5 of 6" is shown: those that are good.
        only_faults: Whether nothing is said where it is safe.
        exact: Whether the value counts without its interval, as a law is kept or broken.
        cases: Keys of the counts whose sum is the number of cases behind a share, where that is not all rows.
    """

    about: str
    metric: str
    safe: tuple[float, str]
    unsafe: tuple[float, str]
    counted: bool = False
    only_faults: bool = False
    exact: bool = False
    cases: tuple[str, ...] = ()

    def says(self, better: str | None, value: Value) -> Said | None:
        """Return what may be said of a value; None for an undefined one.

        A value without interval counts as a point. What is neither surely safe nor surely unsafe asks for care.
        """
        if value.value is None:
            return None
        low = value.value if value.low is None or self.exact else value.low
        high = value.value if value.high is None or self.exact else value.high
        best, worst = (low, high) if better == "lower" else (high, low)
        if _reaches(better, worst, self.safe[0]):
            return Said("safe", _text(*self.safe))
        if not _reaches(better, best, self.unsafe[0]):
            return Said("unsafe", _text(*self.unsafe))
        return self.unproven

    @property
    def unproven(self) -> Said:
        """What may be said where neither limit settles it, or the evidence does not count in full."""
        return Said("care", f"no proof of “{_text(*self.safe)}”")


def _reaches(better: str | None, value: float, limit: float) -> bool:
    return value <= limit if better == "lower" else value >= limit


def _text(limit: float, text: str) -> str:
    return text.format(limit=f"{limit:g}", percent=f"{100 * limit:g}")


def rule_faults(rules: tuple[Rule, ...], metrics: tuple[Metric, ...]) -> list[str]:
    """Return what is wrong with the rules of a task, in words."""
    better = {metric.key: metric.better for metric in metrics}
    found = [
        f"its rule about {rule.about!r} counts {key!r}, which is none of its metrics"
        for rule in rules
        for key in rule.cases
        if key not in better
    ]
    found += [
        f"its rule about {rule.about!r} is of {rule.metric!r}, which is none of its metrics with a better direction"
        for rule in rules
        if better.get(rule.metric) is None
    ]
    return found + [
        f"its rule about {rule.about!r} calls more unsafe than it leaves: the limit {rule.unsafe[0]:g} is better than "
        f"the safe one, {rule.safe[0]:g}"
        for rule in rules
        if (rule.unsafe[0] - rule.safe[0]) * (-1 if better.get(rule.metric) == "lower" else 1) > 0
    ]
