"""Families of learned models that answer for ABX3 compounds from their formulas.

Rows with one formula look the same to them, so each formula is learned from once: from the median of its rows and with
their number as weight (classes: with the share of each). Every fifth chemical system of the training part is kept
apart: where there are numbers to learn, the error of the first one chooses between two settings, and residuals make the
90 % intervals (split conformal; Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)). Then all of it is learned from.

Formation energies are predicted again with one group of features permuted among the compounds of the test part
(permutation importance; Breiman, Mach. Learn. 45, 5 (2001)). The scorer says how much worse they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.load import fold_of
from matdisc.datasets.perovskites import SYSTEMS
from matdisc.datasets.splits import shuffled
from matdisc.models.load import Answer, Predictor, Question
from matdisc.models.perovskites import estimators
from matdisc.models.perovskites.features import GROUPS, SITES, features
from matdisc.schema import Sample, Unsupported

NUMBERS = ("e_form_per_atom", "band_gap", "e_above_hull")
INTERVALS = {"e_form_per_atom": "e_form", "band_gap": "band_gap"}
"""What the columns of an interval begin with."""
EXPLAINED = {"e_form_per_atom": "e_form"}
"""What is predicted again with features permuted, and what the columns for that begin with."""
NEVER_NEGATIVE = ("band_gap", "e_above_hull")
METAL = 1e-9
"""eV; a smaller gap is none."""
PARTS = 5
FEWEST = 20
"""Compounds; from fewer no family learns, and the answers are those of `constant`, without intervals."""
LEVEL = 0.9
ROUNDING = 1e-9
"""By how much the ends of an interval move outwards, so that labels that lie on one, such as gaps of 0, are held."""


@dataclass(frozen=True)
class Rows:
    """What is known of one label: rows, and the compounds that they are of.

    Attributes:
        inputs: Features, shape (n_compounds, n_features), scaled by the training part.
        place: Compound of each row, shape (n_rows,).
        labels: Shape (n_rows,).
        apart: Compounds that choose and calibrate, shape (n_compounds,).
    """

    inputs: Floats
    place: Ints
    labels: Floats
    apart: Bools

    @property
    def many(self) -> bool:
        """Whether there are enough compounds to learn from, and others to choose and calibrate with."""
        return bool(self.apart.any() and np.count_nonzero(~self.apart) >= FEWEST)


def family(name: str, seed: int = 0) -> Predictor:
    """Return a predictor of a family; it answers every column that the training part has labels for.

    Args:
        name: `svm`, `forest`, `extra-trees`, `boosting`, `histogram-boosting`, `neighbours`, or `constant`, which
            knows no formula.
        seed: Of whatever is drawn by chance.

    Raises:
        ValueError: If there is no such family.
    """
    if name not in estimators.FAMILIES:
        raise ValueError(f"name is {name!r}; allowed: {', '.join(estimators.FAMILIES)}")

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> Sequence[Answer]:
        if not train:
            return [Unsupported("no training data in this dataset") for _ in test]
        asked, place = _compounds(test)
        scaled = _scaler(train)
        inputs, setting = scaled(asked), None
        mixed = _permuted(inputs, shuffled(["|".join(sites.values()) for sites in asked], "permuted"))
        found: dict[str, Floats] = {}
        for target in NUMBERS:
            if rows := _rows(train, target, scaled):
                make = partial(estimators.regressor, name if rows.many else "constant", seed=seed)
                setting, fitted = _best(make, rows) if setting is None else (setting, None)
                found |= _number(target, partial(make, setting), rows, inputs, mixed, fitted)
        for target, columns, code in CLASSES:
            if rows := _rows(train, target, scaled, code):
                learn = partial(estimators.probabilities, name if rows.many else "constant", setting or 0, seed)
                found |= _classes(columns, learn, rows, inputs)
        return [{column: float(values[i]) for column, values in found.items()} for i in place]

    return answers


def conformal(residuals: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Return what to add to a prediction for both ends of a central interval: order statistics of the residuals.

    Each end leaves out (1 - level) / 2 of new residuals at most, if they are exchangeable with these; with too few
    for that, the ends are the outermost ones.
    """
    ordered = np.sort(residuals)
    n, tail = len(ordered), (1 - level) / 2
    rank = min(math.floor((n + 1) * tail + 1e-9), n) or 1
    return float(ordered[rank - 1]) - ROUNDING, float(ordered[n - rank]) + ROUNDING


def _best(make: Callable[[int], Any], rows: Rows) -> tuple[int, Any]:
    """The setting with the smaller absolute error on the compounds that are kept apart, and what it learned."""
    if not rows.many:
        return 0, None
    tried = [_fitted(make(setting), rows, ~rows.apart) for setting in (0, 1)]
    best = int(np.argmin([np.abs(_residuals(fitted, rows)).mean() for fitted in tried]))
    return best, tried[best]


def _number(
    target: str,
    make: Callable[[], Any],
    rows: Rows,
    inputs: Floats,
    mixed: Mapping[str, Floats],
    fitted: Any | None = None,
) -> dict[str, Floats]:
    """A number by what all compounds teach, within what those teach that are not kept apart, give or take residuals."""
    least = 0.0 if target in NEVER_NEGATIVE else -math.inf
    final = _fitted(make(), rows, np.ones(len(rows.inputs), bool))
    predicted = np.maximum(final.predict(inputs), least)
    found = {target: predicted}
    if target in EXPLAINED:
        found |= {f"{EXPLAINED[target]}_without_{group}": final.predict(other) for group, other in mixed.items()}
    if target in INTERVALS and rows.many:
        fitted = _fitted(make(), rows, ~rows.apart) if fitted is None else fitted
        centre = fitted.predict(inputs)
        low, high = conformal(_residuals(fitted, rows))
        found[f"{INTERVALS[target]}_low"] = np.minimum(np.maximum(centre + low, least), predicted)
        found[f"{INTERVALS[target]}_high"] = np.maximum(centre + high, predicted)
    return found


def _permuted(inputs: Floats, order: Ints) -> dict[str, Floats]:
    """The inputs with one group of features of each compound exchanged for that of the one before it in an order."""
    found = {}
    for group, columns in GROUPS.items():
        found[group] = inputs.copy()
        found[group][order, columns] = inputs[np.roll(order, 1), columns]
    return found


def _residuals(fitted: Any, rows: Rows) -> Floats:
    """Label minus prediction of the rows whose compounds are kept apart."""
    asked = rows.apart[rows.place]
    return np.asarray((rows.labels - fitted.predict(rows.inputs)[rows.place])[asked])


def _fitted(estimator: Any, rows: Rows, keep: Bools) -> Any:
    """The estimator, fitted to the medians of the compounds to keep."""
    counts = np.bincount(rows.place, minlength=len(rows.inputs))
    ordered = rows.labels[np.lexsort((rows.labels, rows.place))]
    ends = np.cumsum(counts)
    medians = (ordered[ends - counts + (counts - 1) // 2] + ordered[ends - counts + counts // 2]) / 2
    return estimators.fit(estimator, rows.inputs[keep], medians[keep], counts[keep].astype(float))


def _classes(columns: Sequence[str], learn: Callable[..., Floats], rows: Rows, inputs: Floats) -> dict[str, Floats]:
    """Probabilities of the codes 0, 1, ... by column; one column alone is of the code 1."""
    shares = np.zeros((len(rows.inputs), max(len(columns), 2)))
    np.add.at(shares, (rows.place, rows.labels.astype(int)), 1.0)
    counts = shares.sum(axis=1)
    codes = np.flatnonzero(shares.any(axis=0))
    said = np.zeros((len(inputs), shares.shape[1]))
    said[:, codes] = (
        1.0 if len(codes) == 1 else learn(rows.inputs, (shares / counts[:, None])[:, codes], counts, inputs)
    )
    return dict(zip(columns, np.clip(said[:, -len(columns) :], 0.0, 1.0).T, strict=True))


def _rows(
    train: Sequence[Sample], target: str, scaled: Callable[[Sequence[Mapping[str, str]]], Floats],
    code: Callable[[float], float] = float,
) -> Rows | None:  # fmt: skip
    known = [sample for sample in train if target in sample.target]
    if not known:
        return None
    compounds, place = _compounds(known)
    groups = ["-".join(sorted(set(sites.values()))) for sites in compounds]
    apart = np.array([fold_of(f"apart|{group}", PARTS) == 0 for group in groups])
    return Rows(scaled(compounds), place, np.array([code(sample.target[target]) for sample in known], float), apart)


def _compounds(samples: Sequence[Sample]) -> tuple[list[Mapping[str, str]], Ints]:
    """The sites of each compound once, and the compound of each sample."""
    numbers: dict[tuple[str, ...], int] = {}
    keys = [tuple(sample.inputs["sites"][site] for site in SITES) for sample in samples]
    place = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.intp)
    return [dict(zip(SITES, key, strict=True)) for key in numbers], place


def _scaler(train: Sequence[Sample]) -> Callable[[Sequence[Mapping[str, str]]], Floats]:
    known = features(_compounds(train)[0])
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    deviation[deviation < 1e-9] = 1.0
    return lambda compounds: (features(compounds) - mean) / deviation


def _is_metal(gap: float) -> float:
    return float(gap <= METAL)


CLASSES: tuple[tuple[str, tuple[str, ...], Callable[[float], float]], ...] = (
    ("band_gap", ("p_metal",), _is_metal),
    ("crystal_system", tuple(f"p_{system}" for system in SYSTEMS), float),
    ("perovskite", ("p_perovskite",), float),
)
"""Target, columns of its classes, and the class of a label."""
