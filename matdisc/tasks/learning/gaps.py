"""How much larger errors are on what is new, of the crystals that were answered both ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import bootstrap_sums, group_totals, percentile_interval
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.pooled import protocol_rows

NEW = {"prototypes-5": "new prototypes", "elements-5": "new elements"}
"""Protocols that ask about what is new in another way than the headline."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Mean absolute errors of the same `n` crystals under the headline protocol and another, eV/atom.

    `low` to `high` is the 95 % interval of the difference, resampled by chemical systems; nan without resamples.
    """

    n: int
    known: float
    new: float
    low: float
    high: float

    @property
    def text(self) -> str:
        ends = f" ({self.low:+.3f} to {self.high:+.3f})" if np.isfinite(self.low) else ""
        return f"{self.new - self.known:+.3f}{ends}".replace("-", "−")


def gap(truth: Truth, answers: Answers, protocol: str, bootstrap: Bootstrap) -> Gap | None:
    """Return the gap between the headline protocol and another; None where no crystal is answered both ways.

    A crystal that several folds test counts once, with its mean error.
    """
    error = np.abs(answers.numbers("e_form_per_atom") - truth.target("e_form_per_atom"))
    rows = protocol_rows(truth)
    if protocol not in rows:
        return None
    known, new = (_by_material(truth, rows[name], error) for name in (next(iter(rows)), protocol))
    both = [name for name in new if name in known]
    if not both:
        return None
    here, there = (np.array([found[name][0] for name in both]) for found in (known, new))
    groups = np.array([known[name][1] for name in both])
    return Gap(len(both), float(here.mean()), float(there.mean()), *_ends(there - here, groups, bootstrap))


def _by_material(truth: Truth, rows: Ints, error: Floats) -> dict[str, tuple[float, int]]:
    """Mean error and group of each material that has an answer."""
    errors: dict[str, list[float]] = {}
    group: dict[str, int] = {}
    for i in rows[np.isfinite(error[rows])]:
        name = truth.material_ids[int(i)].as_py().rpartition("@")[0]
        errors.setdefault(name, []).append(float(error[i]))
        group[name] = int(truth.groups[i])
    return {name: (sum(values) / len(values), group[name]) for name, values in errors.items()}


def _ends(difference: Floats, groups: Ints, bootstrap: Bootstrap) -> tuple[float, float]:
    if not bootstrap.replicates:
        return np.nan, np.nan
    totals = group_totals(np.column_stack([difference, np.ones(len(difference))]), groups)
    drawn = bootstrap_sums(totals, replicates=bootstrap.replicates, seed=bootstrap.seed)
    return percentile_interval(drawn[:, 0] / drawn[:, 1])
