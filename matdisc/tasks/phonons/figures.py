"""Predicted against reference numbers, and the crystals that are farthest off."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import headline_mask
from matdisc.scoring.figures import Artifacts, Cells, Figure, Line, Table
from matdisc.scoring.parity import parity
from matdisc.scoring.record import plain
from matdisc.tasks.phonons.terms import number, spectrum_distances

SHOWN = {
    "max_frequency": ("largest frequency", "THz"),
    "mean_frequency": ("mean frequency", "THz"),
    "heat_capacity": ("heat capacity at 300 K", "J/mol/K"),
    "last_peak": ("last peak", "THz"),
}
"""Columns that are drawn where a data set has references: what, and its unit."""
TABLED = ("max_frequency", "heat_capacity", "last_peak")
"""Columns of the table, of which the first two that have references are shown."""
MOST_POINTS = 300
"""Above so many crystals, points become a density."""
WORST = 20


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return parity of the numbers that have a reference, and the worst crystals of the headline."""
    keep = headline_mask(card, truth)
    names = np.array(truth.material_ids.to_pylist())[keep]
    figures: list[Figure] = []
    for column, (what, unit) in SHOWN.items():
        pair = np.stack([truth.target(column), number(answers, column)])[:, keep]
        known = np.isfinite(pair).all(axis=0)
        if known.sum() > MOST_POINTS:
            figures += parity(column, unit, what, pair, "missing answers are left out")
        elif known.any():
            figures += _points(column, unit, what, pair[:, known], names[known])
    tables = [table for table in (_worst(truth, answers, keep),) if table.rows]
    return Artifacts(figures=figures, tables=tables)


def _points(key: str, unit: str, what: str, pair: Floats, names: Any) -> Iterator[Figure]:
    low, high = float(pair.min()), float(pair.max())
    line = Line("crystals", pair[0].tolist(), pair[1].tolist(), labels=names.tolist())
    yield Figure(
        f"parity-{key}", f"Predicted against reference: {what}", f"reference {what}, {unit}",
        f"predicted {what}, {unit}", lines=(line,), reference=(low, low, high, high),
        note="dashed: perfect; missing answers are left out",
    )  # fmt: skip


def _worst(truth: Truth, answers: Answers, keep: Bools) -> Table:
    """Return the crystals with the largest distance of the spectrum, or else the largest error of what is known."""
    distance = spectrum_distances(truth, answers)
    known = [name for name in TABLED if np.isfinite(truth.target(name)[keep]).any()][:2]
    pairs = [(truth.target(name), number(answers, name)) for name in known]
    errors = [distance, *(np.abs(pred - true) for true, pred in pairs)]
    order = next((values for values in errors if np.isfinite(values[keep]).any()), distance)
    columns = [distance, number(answers, "min_frequency"), *chain(*pairs)]
    names = truth.material_ids.to_pylist()
    formulas = truth.formulas.to_pylist() if truth.formulas is not None else names
    places = sorted(np.flatnonzero(keep & np.isfinite(order)), key=lambda i: -order[i])[:WORST]
    rows: list[Cells] = [(names[i], formulas[i], *plain([_short(column[i]) for column in columns])) for i in places]
    titles = [(f"{SHOWN[name][0].capitalize()}, {SHOWN[name][1]}", "predicted") for name in known]
    head = ("Crystal", "Formula", "W1, THz", "Lowest frequency, THz", *chain(*titles))
    return Table("worst", "Farthest off", head, rows, f"The {WORST} crystals with the largest error.")


def _short(value: float) -> float:
    """Return a number with three decimals, and no -0: frequencies of still modes are noise of either sign."""
    return round(float(value), 3) + 0.0
