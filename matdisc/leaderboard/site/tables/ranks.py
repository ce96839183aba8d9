"""Order, shared ranks and shading: what may be said about rows, and no more."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.scoring.metric import Better
from matdisc.scoring.record import Value


@dataclass(frozen=True, slots=True)
class Rank:
    """The places a row may hold, given the 95 % intervals: `best` to `worst`, 1 is first."""

    best: int
    worst: int

    @property
    def text(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


def rank_intervals(values: Sequence[Value], better: Better = "higher") -> list[Rank | None]:
    """Return the rank interval of each value; None where value or interval is undefined.

    `best` is 1 + the number of rows whose interval is wholly better, `worst` is the number of rows less
    those wholly worse. A value without interval has no rank itself and counts as a point for the others.
    """
    spans = [_span(value, -1 if better == "lower" else 1) for value in values]
    known = [span for span in spans if span is not None]
    lows, highs = sorted(low for low, _ in known), sorted(high for _, high in known)
    return [
        None if span is None or value.low is None or value.high is None else _rank(span, lows, highs)
        for value, span in zip(values, spans, strict=True)
    ]


def _span(value: Value, sign: int) -> tuple[float, float] | None:
    """Ends of the interval with the better one last."""
    if value.value is None:
        return None
    if value.low is None or value.high is None:
        return sign * value.value, sign * value.value
    low, high = sorted((sign * value.low, sign * value.high))
    return low, high


def _rank(mine: tuple[float, float], lows: Sequence[float], highs: Sequence[float]) -> Rank:
    above = len(lows) - bisect_right(lows, mine[1])
    below = bisect_left(highs, mine[0])
    return Rank(1 + above, len(highs) - below)


def heat_levels(values: Sequence[float | None], better: Better | None) -> list[int | None]:
    """Return a shade from 0 (worst) to 10 (best) by rank percentile within the column; ties share it.

    None where a value is undefined, and everywhere if nothing can be compared.
    """
    known = sorted(value for value in values if value is not None)
    if better is None or len(set(known)) < 2:
        return [None] * len(values)
    return [None if value is None else _heat(value, known, better) for value in values]


def _heat(value: float, known: Sequence[float], better: Better) -> int:
    """The shade of one of `known`, which are in ascending order."""
    less, upto = bisect_left(known, value), bisect_right(known, value)
    equal = upto - less - 1
    share = (less + equal / 2) / (len(known) - 1)
    return round(10 * (share if better == "higher" else 1 - share))
