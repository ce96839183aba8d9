"""The edge feature e(r) as a table of cubics.

The slope that forces need is that of the same cubic, so energy is conserved whatever the table's error is. Each
interval has its four coefficients, not values at its ends: their difference would lose digits in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats

BEND = 1.5
"""Intervals are even in r/(r + BEND), r in Å: features are sharp at short distances and smooth at long ones."""


@dataclass(frozen=True, slots=True)
class RadialTable:
    """Interval k holds e = c0 + c1 f + c2 f^2 + c3 f^3 at t = k + f.

    Attributes:
        rows: Flat (n_intervals, 4, features).
        scale: (c, N): an edge of length r lies at t = N r / (r + c).
    """

    rows: NDArray[np.floating]
    scale: Floats


def edge_features(r: Floats, state: Mapping[str, NDArray[np.floating]], cutoff: float) -> tuple[Floats, Floats]:
    """Return e(r) = SiLU(W phi(r)) and its derivative, shapes (len(r), features) and per Å, in float64.

    phi_k = fc(r) exp(-beta_k (exp(-alpha r) - mu_k)^2), alpha = 5/cutoff, fc the cosine cutoff, 0 beyond it.
    """
    mu, beta, weight = (np.asarray(state[name], float) for name in ("radial.mu", "radial.beta", "edge.weight"))
    r = np.asarray(r, float)[:, None]
    alpha = 5.0 / cutoff
    y = np.exp(-alpha * r)
    fade = np.where(r < cutoff, 0.5 * (np.cos(np.pi * r / cutoff) + 1), 0.0)
    fade_slope = np.where(r < cutoff, -0.5 * np.pi / cutoff * np.sin(np.pi * r / cutoff), 0.0)
    bump = np.exp(-beta * (y - mu) ** 2)
    linear = (fade * bump) @ weight.T
    linear_slope = (fade_slope * bump + fade * bump * 2 * beta * (y - mu) * alpha * y) @ weight.T
    sigmoid = 1 / (1 + np.exp(-linear))
    return linear * sigmoid, linear_slope * sigmoid * (1 + linear * (1 - sigmoid))


def radial_table(
    state: Mapping[str, NDArray[np.floating]], cutoff: float, intervals: int, dtype: str, order: NDArray[np.int64]
) -> RadialTable:
    """Return the table of a network's e(r) over [0, cutoff], features in `order`; `state` as in `edge_features`."""
    top = cutoff / (cutoff + BEND)
    t = np.arange(intervals + 2) / intervals * top  # one interval beyond the cutoff, where everything is 0
    value, slope = edge_features(BEND * t / (1 - t), state, cutoff)
    slope = slope * (BEND / (1 - t) ** 2 * top / intervals)[:, None]
    y0, y1, s0, s1 = value[:-1], value[1:], slope[:-1], slope[1:]
    rows = np.stack((y0, s0, 3 * (y1 - y0) - 2 * s0 - s1, 2 * (y0 - y1) + s0 + s1), axis=1)[..., order]
    return RadialTable(np.ascontiguousarray(rows, dtype).reshape(-1), np.array([BEND, intervals / top]))
