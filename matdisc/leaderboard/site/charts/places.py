"""Rank intervals as small drawings, one a row of a table."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT, MARGIN = 180, 16, 5


@dataclass(frozen=True, slots=True)
class Places:
    """A bar from the best to the worst place, and a dot at the place on all materials; user units."""

    start: float
    stop: float
    dot: float
    width: int = WIDTH
    height: int = HEIGHT


def places(rank: int, low: int, high: int, n: int) -> Places:
    """Return the drawing of one row among `n`: place 1 lies left, place `n` right."""

    def at(place: int) -> float:
        return round(MARGIN + (place - 1) / max(1, n - 1) * (WIDTH - 2 * MARGIN), 1)

    return Places(at(low), at(high), at(rank))
