"""Predicted against true numbers, drawn as a density."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matdisc.arrays import Floats
from matdisc.scoring.figures import Density, Figure

BINS = 60


def parity(key: str, unit: str, what: str, pair: Floats, note: str) -> Iterator[Figure]:
    """Yield the density of predicted against true numbers, shape (2, n), between the 0.1 and 99.9 % of all of them."""
    pair = pair[:, np.isfinite(pair).all(axis=0)]
    if not pair.size:
        return
    low, high = np.percentile(pair[0], [0.1, 99.9])
    margin = 0.05 * (high - low) or 1e-6
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    count = np.histogram2d(pair[1], pair[0], bins=(edges, edges))[0].astype(int)
    outside = pair.shape[1] - int(count.sum())
    said = f"dashed: perfect; darkest: {count.max():,}; {note}" + (f"; {outside:,} outside" if outside else "")
    ends = float(edges[0]), float(edges[-1])
    yield Figure(
        f"parity-{key}", f"Predicted against reference: {what}",
        f"reference {what}, {unit}", f"predicted {what}, {unit}",
        density=Density(edges, edges, count.tolist()), reference=(ends[0], ends[0], ends[1], ends[1]), note=said,
    )  # fmt: skip
