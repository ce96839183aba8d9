"""Ticks of an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str


def round_step(span: float) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that divides a span into about four."""
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough - 1e-12)
