"""Ticks of an axis: round steps, and the values that stand at them."""

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


def round_up(value: float) -> float:
    """Return a round number that is at least `value`, 1 for nothing above zero."""
    if value <= 0:
        return 1.0
    step = round_step(value)
    return math.ceil(value / step - 1e-9) * step


def linear_values(low: float, high: float, step: float) -> list[tuple[float, str]]:
    """Return the multiples of a step between two ends, with their text."""
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(i * step, f"{i * step:,.{places}f}".replace("-", "−")) for i in range(first, last + 1)]


def log_values(low: float, high: float, factors: tuple[int, ...] = (1, 2, 5)) -> list[tuple[float, str]]:
    """Return the multiples of powers of ten between two positive ends, with their text."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [(factor * 10.0**power, max(0, -power)) for power in powers for factor in factors]
    return [(v, f"{v:,.{places}f}") for v, places in values if low <= v * (1 + 1e-9) and v <= high * (1 + 1e-9)]
