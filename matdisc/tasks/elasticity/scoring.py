"""What each crystal says of each metric of the elasticity task."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers

AT_REST = 0.05
"""eV/Å; with a larger force left on some ion, a tensor is not the relaxed-ion one."""
JUMPING = 0.1
"""Share of the stresses' variance beyond the tensor; a smooth crystal has some per cent at most under 1 % of strain."""
MODULI = {"k": "bulk_modulus", "g": "shear_modulus"}
MOST = 5000.0
"""GPa, ten times diamond's: a modulus above counts as no answer."""
MOST_CLAMPING = 1.0


def moduli(answers: Answers) -> dict[str, Floats]:
    """Return the answered bulk (`k`) and shear modulus (`g`), GPa, shape (n_materials,) each."""
    return {"k": answers.values, "g": answers.numbers("shear_modulus")}


def usable(answers: Answers) -> Bools:
    """Return which tensors are stable, explain the stresses and come from ions at rest, shape (n_materials,).

    What a file does not say is not held against it; but the moduli of a stable tensor are positive.
    """
    smallest, beyond, force = (answers.numbers(name) for name in ("smallest_eigenvalue", "unexplained", "fmax"))
    with np.errstate(invalid="ignore"):
        sound = np.logical_and.reduce([(value > 0) & (value < MOST) for value in moduli(answers).values()])
        return np.asarray(sound & ~(smallest <= 0) & ~(beyond > JUMPING) & ~(force > AT_REST))


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each material says of each metric, shape (n_materials,); nan where it says nothing."""
    good, smallest = usable(answers), answers.numbers("smallest_eigenvalue")
    found: dict[str, Floats] = {
        "stable": np.where(np.isfinite(smallest), (smallest > 0).astype(float), np.nan),
        "usable": good.astype(float),
    }
    for key, name in MODULI.items():
        label, answer = truth.target(name), np.where(good, moduli(answers)[key], np.nan)
        clamped = np.where(good, answers.numbers(f"{name}_clamped"), np.nan)
        clamped = np.where((clamped > 0) & (clamped < MOST), clamped, np.nan)
        found |= errors(key, label, filled(answer, label))
        found[f"{key}_bias"] = answer / label - 1
        found[f"{key}_clamping"] = np.minimum(clamped / answer - 1, MOST_CLAMPING)
        found[f"{key}_log_mae_clamped"] = errors(key, label, filled(clamped, label))[f"{key}_log_mae"]
    del found["k_log_mae_clamped"]
    return found


def baseline(card: DatasetCard, truth: Truth) -> Mapping[str, Floats]:
    """Return the terms of the trivial answer: every crystal has the median modulus of all labels."""
    found: dict[str, Floats] = {}
    for key, name in MODULI.items():
        label = truth.target(name)
        found |= errors(key, label, filled(np.full(len(label), np.nan), label))
    return found


def filled(answer: Floats, label: Floats) -> Floats:
    """Return answers with the median of the labels where there is none."""
    return np.where(np.isfinite(answer), answer, np.nanmedian(label))


def errors(key: str, label: Floats, answer: Floats) -> dict[str, Floats]:
    """Return errors of positive moduli: of the logarithm, absolute in GPa, and relative."""
    return {
        f"{key}_log_mae": np.abs(np.log10(answer / label)),
        f"{key}_mae": np.abs(answer - label),
        f"{key}_error": np.abs(answer / label - 1),
    }
