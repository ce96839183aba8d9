"""What each crystal says of each metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.base import headline_mask
from matdisc.tasks.eos.birch_murnaghan import Curves, delta_gauge, epsilon, nu
from matdisc.tasks.eos.metrics import DELTA_WORST, EPSILON_WORST, EXCELLENT, GOOD, NU_WORST
from matdisc.tasks.eos.simulation import FAULTS, NO_MINIMUM, SEVERAL, UNEVEN

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

FITTED = ("v0", "b0", "b1")
FILLED = ("delta", "v0_error", "b0_error", "b1_error", "v0_measured", "b0_measured")
"""Metrics in which a missing curve counts as the trivial one; whoever leaves out difficult crystals gains nothing."""
MEDIANS = ("epsilon", "nu", "b0_bias", "b1_error")


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each crystal says of each metric, shape (n_materials,); nan where it says nothing."""
    fault, answered = answers.values, np.isfinite(answers.values)
    centre = answers.numbers("centre")
    shares = {
        "sound": np.where(answered, fault == FAULTS.index("sound"), 0.0),
        "no_minimum": _where(answered, fault == NO_MINIMUM),
        "several_minima": _where(answered, fault == SEVERAL),
        "rough": _where(answered, fault == UNEVEN),
        "off_centre": _where(np.isfinite(centre), np.abs(centre - 1) > 1e-6),
    }
    curves, trivial = answered_curves(answers), trivial_curves(card, truth)
    missing = np.isnan(curves.v0)
    filled = Curves(*(np.where(missing, middle, values) for middle, values in zip(trivial, curves, strict=True)))
    return distances(truth, curves) | {key: distances(truth, filled)[key] for key in FILLED} | shares


def answered_curves(answers: Answers) -> Curves:
    """Return the curves of a file; nan where there is none, or one that no solid has."""
    curves = Curves(*(answers.numbers(name) for name in FITTED))
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(curves).all(axis=0) & (curves.v0 > 0) & (curves.b0 > 0)
    return Curves(*(np.where(usable, values, np.nan) for values in curves))


def true_curves(truth: Truth) -> Curves:
    """Return the curves of the reference."""
    return Curves(*(truth.target(name) for name in FITTED))


def distances(truth: Truth, curves: Curves) -> dict[str, Floats]:
    """Return how far curves are from the reference's, and from experiment, shape (n_materials,)."""
    true = true_curves(truth)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        apart = _at_most(epsilon(true, curves), EPSILON_WORST)
        length = _at_most(nu(true, curves), NU_WORST)
        volume, modulus = curves.v0 / true.v0 - 1, curves.b0 / true.b0 - 1
        measured = (np.abs(curves[i] / truth.target(f"exp_{FITTED[i]}") - 1) for i in (0, 1))
        delta = np.minimum(delta_gauge(true, curves), DELTA_WORST)
    v0_measured, b0_measured = measured
    return {
        "epsilon": apart,
        "nu": length,
        "epsilon_excellent": (apart <= EXCELLENT["epsilon"]).astype(float),
        "epsilon_good": (apart <= GOOD["epsilon"]).astype(float),
        "nu_excellent": (length <= EXCELLENT["nu"]).astype(float),
        "nu_good": (length <= GOOD["nu"]).astype(float),
        "delta": delta,
        "v0_error": np.abs(volume),
        "v0_bias": volume,
        "b0_error": np.minimum(np.abs(modulus), 1.0),
        "b0_bias": modulus,
        "b1_error": np.abs(curves.b1 - true.b1),
        "v0_measured": v0_measured,
        "b0_measured": np.minimum(b0_measured, 1.0),
    }


def trivial_curves(card: DatasetCard, truth: Truth) -> Curves:
    """Return one and the same curve for all crystals: the medians of the headline's V0, B0 and B'."""
    keep = headline_mask(card, truth)
    return Curves(*(np.full(len(truth), np.median(values[keep])) for values in true_curves(truth)))


def baseline(card: DatasetCard, truth: Truth) -> Mapping[str, Floats]:
    """Return the distances of the trivial curves."""
    return distances(truth, trivial_curves(card, truth))


def _at_most(values: Floats, worst: float) -> Floats:
    """Return the values, with `worst` for what is worse or missing."""
    return np.where(np.isfinite(values), np.minimum(values, worst), worst)


def _where(known: Bools, true: Bools) -> Floats:
    return np.where(known, true.astype(float), np.nan)
