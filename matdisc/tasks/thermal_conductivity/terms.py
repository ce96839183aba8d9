"""What each crystal says of each metric."""

from __future__ import annotations

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers

WORST = 2.0
"""Of the symmetric relative errors: of a crystal that conducts nothing."""


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> dict[str, Floats]:
    """Return what each crystal says of each metric, shape (n_materials,); nan where it says nothing."""
    conducted = np.nan_to_num(answers.values)
    signed = relative_difference(truth.target("conductivity"), conducted)
    return {
        "srme": mode_errors(truth, answers),
        "sre": np.abs(signed),
        "srd": signed,
        "failure_rate": (conducted <= 0).astype(float),
        "imaginary": answers.numbers("imaginary"),
        "symmetry_changed": answers.numbers("symmetry_changed"),
    }


def relative_difference(true: Floats, pred: Floats) -> Floats:
    """Return 2 (k - K) / (k + K), between -2 and 2; nan where both are 0."""
    both = pred + true
    return np.divide(2 * (pred - true), both, out=np.full(len(both), np.nan), where=both > 0)


def mode_error(true: Floats, pred: Floats) -> float:
    """Return 2 Σ |m - M| / (Σ m + Σ M) of conductivities of modes, at most WORST.

    The sum of the predicted modes stands in it and not a stated total, so that none can hide them.
    """
    both = float(pred.sum() + true.sum())
    return min(WORST, float(2 * np.abs(pred - true).sum() / both)) if both > 0 else WORST


def mode_errors(truth: Truth, answers: Answers) -> Floats:
    """Return the error of each crystal's modes; WORST without an answer, nan where a file has no modes at all."""
    given = answers.array("mode_conductivity")
    if all(cell is None for cell in given) and np.isfinite(answers.values).any():
        return np.full(len(truth), np.nan)
    pairs = zip(truth.array("mode_conductivity"), given, strict=True)
    return np.array(
        [np.nan if true is None else WORST if pred is None else mode_error(true, pred) for true, pred in pairs]
    )


def baseline(card: DatasetCard, truth: Truth) -> dict[str, Floats]:
    """Return the errors of the geometric mean of all references, spread over modes as in the mean of a prototype."""
    true = truth.target("conductivity")
    typical = np.full(len(true), np.exp(np.nanmean(np.log(true))))
    signed = relative_difference(true, typical)
    modes = np.array(truth.array("mode_conductivity"), float)
    shares = modes / modes.sum(axis=1, keepdims=True)
    names = np.array(truth.prototypes.to_pylist())
    for name in set(names):
        shares[names == name] = shares[names == name].mean(axis=0)
    errors = [mode_error(m, value * share) for m, value, share in zip(modes, typical, shares, strict=True)]
    return {"srme": np.array(errors), "sre": np.abs(signed), "srd": signed}
