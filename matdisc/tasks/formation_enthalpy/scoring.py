"""Errors against experiment, as they are and after an offset for each element that other chemical systems tell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.formation_enthalpy import ENTHALPY, UNCERTAINTY
from matdisc.datasets.load import fold_of
from matdisc.datasets.truth import Truth
from matdisc.metrics.static import composition_matrix
from matdisc.scoring.answers import Answers

RIDGE = 0.25
"""Penalty of the offsets: an element known from one AB compound keeps half of what that compound says of it."""
WITHIN = 2.0
"""Uncertainties of the experiment within which an answer agrees with it."""


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each compound says of each metric, shape (n_compounds,); nan where it says nothing."""
    return terms_of(card, truth, answers.values)


def baseline(card: DatasetCard, truth: Truth) -> Mapping[str, Floats]:
    """Return the errors of compounds that do not form: zero enthalpy."""
    return terms_of(card, truth, np.zeros(len(truth)))


def terms_of(card: DatasetCard, truth: Truth, values: Floats) -> dict[str, Floats]:
    """Return the terms of some enthalpies, eV/atom; a missing one counts as zero where a metric says so."""
    errors = values - truth.target(ENTHALPY)
    filled = np.nan_to_num(values) - truth.target(ENTHALPY)
    shifted = errors - offsets(card, truth, errors)
    sigmas = np.abs(errors) / truth.target(UNCERTAINTY)
    measured = np.isfinite(truth.target(UNCERTAINTY))
    return {
        "mae": np.abs(filled),
        "shifted_mae": np.where(np.isfinite(shifted), np.abs(shifted), np.abs(filled)),
        "bias": errors,
        "sigmas": sigmas,
        "within": np.where(measured, (sigmas <= WITHIN).astype(float), np.nan),
        "slope": slope_terms(electronegativity_difference(truth), errors),
    }


def offsets(card: DatasetCard, truth: Truth, errors: Floats) -> Floats:
    """Return what offsets of the elements make of each compound's error, eV/atom, shape (n_compounds,).

    One offset for each element, by least squares with a ridge, fitted to the errors in all other folds; compounds of
    one chemical system are in one fold.
    """
    assert truth.crystals is not None, "a set of structures"
    counts = composition_matrix([crystal.symbols for crystal in truth.crystals])[1]
    shares = counts / counts.sum(axis=1, keepdims=True)
    folds = _folds(card, truth)
    found = np.zeros(len(errors))
    for fold in np.unique(folds):
        train = (folds != fold) & np.isfinite(errors)
        x = shares[train]
        fitted = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ errors[train])
        found[folds == fold] = shares[folds == fold] @ fitted
    return found


def electronegativity_difference(truth: Truth) -> Floats:
    """Return the largest difference of Pauling electronegativities in each compound, shape (n_compounds,)."""
    from pymatgen.core import Element

    assert truth.crystals is not None, "a set of structures"
    scales = [[float(Element(el).X) for el in crystal.composition] for crystal in truth.crystals]
    return np.array([max(one) - min(one) for one in scales])


def slope_terms(x: Floats, errors: Floats) -> Floats:
    """Return terms whose mean is the slope of the errors by least squares; nan where there is no error.

    In a resample their mean is the slope to first order.
    """
    known = np.isfinite(errors)
    if known.sum() < 2 or np.ptp(x[known]) == 0:
        return np.full(len(x), np.nan)
    away = x - x[known].mean()
    return np.where(known, away * (errors - errors[known].mean()) / (away[known] ** 2).mean(), np.nan)


def _folds(card: DatasetCard, truth: Truth) -> Ints:
    assert truth.crystals is not None, "a set of structures"
    return np.array([fold_of(crystal.chemical_system, card.split.n_folds) for crystal in truth.crystals])
