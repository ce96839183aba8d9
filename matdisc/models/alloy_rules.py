"""Rules of thumb for single-phase alloys, as rows that learned predictors have to beat.

A rule says yes or no. What it answers is the share of High among the training alloys of which it said the same, so
that its probabilities are as honest as a rule's can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from math import cbrt, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from matdisc.models import Question
from matdisc.models.load import Answer, Predictor
from matdisc.physics.alloys.hull import margins, temperatures
from matdisc.physics.alloys.miedema import METALS, miedema_energies, mixing_enthalpy
from matdisc.schema import Sample, Unsupported
from matdisc.units import GAS_CONSTANT

Alloy = tuple[str, ...]
Rule = Callable[[Sequence[Alloy]], NDArray[np.bool_]]
MOST_MISFIT = 6.6
"""Per cent; Zhang et al., Adv. Eng. Mater. 10, 534 (2008); Yang & Zhang, Mater. Chem. Phys. 132, 233 (2012)."""


def miedema_hull(share: float = 0.9) -> Predictor:
    """Return the rule `High if the solid solution lies on the hull of Miedema's model`, at a share of the melting
    point."""

    def rule(alloys: Sequence[Alloy]) -> NDArray[np.bool_]:
        energies = miedema_energies({el for alloy in alloys for el in alloy})
        return np.asarray(margins(energies, alloys, temperatures(alloys, share)) <= 0)

    return _predictor(rule)


def simple_rule(kind: Literal["omega", "enthalpy"] = "omega") -> Predictor:
    """Return a rule on mixing enthalpy and size misfit delta <= 6.6 %.

    Args:
        kind: `omega`: Tm dS / |dH| >= 1.1; `enthalpy`: -15 <= dH <= 5 kJ/mol. dH by Miedema's model, dS ideal.
    """
    if kind not in ("omega", "enthalpy"):
        raise ValueError(f"kind is {kind!r}; allowed: omega, enthalpy")

    def rule(alloys: Sequence[Alloy]) -> NDArray[np.bool_]:
        enthalpy = np.array([mixing_enthalpy_of(alloy) for alloy in alloys])
        small = np.array([size_misfit(alloy) for alloy in alloys]) <= MOST_MISFIT
        if kind == "enthalpy":
            return small & (enthalpy >= -15) & (enthalpy <= 5)
        entropy = GAS_CONSTANT * np.log([len(alloy) for alloy in alloys])
        return small & (temperatures(alloys, 1.0) * entropy >= 1.1 * np.abs(enthalpy))

    return _predictor(rule)


def mixing_enthalpy_of(alloy: Alloy) -> float:
    """Return the enthalpy of mixing of an equiatomic alloy, kJ/mol of atoms: 4 H_ij x_i x_j over its pairs."""
    pairs = combinations(sorted(alloy), 2)
    return sum(4 * _enthalpy(a, b) for a, b in pairs) / len(alloy) ** 2


def size_misfit(alloy: Alloy) -> float:
    """Return the relative standard deviation of the metallic radii of an equiatomic alloy, per cent."""
    radii = [_radius(symbol) for symbol in alloy]
    mean = sum(radii) / len(radii)
    return 100 * sqrt(sum((1 - radius / mean) ** 2 for radius in radii) / len(radii))


@cache
def _enthalpy(first: str, second: str) -> float:
    """Enthalpy of mixing of equal parts, kJ/mol; alloys share a few hundred pairs."""
    return float(mixing_enthalpy(first, second, 0.5))


@cache
def _radius(symbol: str) -> float:
    """Radius of the sphere of an atom's volume in the metal, any unit."""
    return cbrt(METALS[symbol].volume)


def _predictor(rule: Rule) -> Predictor:
    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> Sequence[Answer]:
        known = [s for s in train if _unknown(s) is None]
        labels = np.array([s.target["high"] > 0.5 for s in known], bool)
        said = rule([s.inputs["elements"] for s in known]) if known else np.zeros(0, bool)
        rates = {yes: _rate(labels[said == yes]) for yes in (True, False)}
        able = [s for s in test if _unknown(s) is None]
        calls = iter(rule([s.inputs["elements"] for s in able]) if able else ())
        found: list[Answer] = []
        for sample in test:
            unknown = _unknown(sample)
            if unknown is not None:
                found.append(Unsupported(f"Miedema's model has no parameters of {unknown} here"))
                continue
            p_high = rates[bool(next(calls))]
            found.append({"p_high": p_high, "belief": p_high, "plausibility": p_high, "conflict": 0.0})
        return found

    return answers


def _rate(labels: NDArray[np.bool_]) -> float:
    """Share of High by Laplace's rule of succession, so that a handful of alloys makes no certainty."""
    return float((labels.sum() + 1) / (len(labels) + 2))


def _unknown(sample: Sample) -> str | None:
    return next((el for el in sample.inputs["elements"] if el not in METALS), None)
