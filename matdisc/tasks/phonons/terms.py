"""What each crystal says of each metric."""

from __future__ import annotations

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.physics.phonons.spectrum import IMAGINARY, wasserstein
from matdisc.scoring.answers import Answers

ERRORS = {
    "max_error": "max_frequency",
    "cv_error": "heat_capacity",
    "entropy_error": "entropy",
    "free_energy_error": "free_energy",
    "peak_error": "last_peak",
}
"""Absolute errors by metric, and the column they are of."""


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> dict[str, Floats]:
    """Return what each crystal says of each metric, shape (n_materials,); nan where it says nothing."""
    answered = np.isfinite(answers.values)
    lowest, unstable = number(answers, "min_frequency"), truth.target("imaginary")
    imaginary = np.where(np.isfinite(lowest), lowest < IMAGINARY, np.nan)
    wrong = np.where(np.isfinite(imaginary), imaginary != unstable, 1.0)
    found = {
        "spectrum_w1": spectrum_distances(truth, answers),
        "mean_bias": number(answers, "mean_frequency") / truth.target("mean_frequency") - 1,
        "imaginary": imaginary,
        "stability_error": np.where(np.isfinite(unstable) & np.isfinite(imaginary).any(), wrong, np.nan),
        "imaginary_modes": number(answers, "imaginary_share"),
        "symmetry_changed": number(answers, "symmetry_changed"),
    }
    for metric, column in ERRORS.items():
        found[metric] = np.abs(or_still(number(answers, column), answered) - truth.target(column))
    return found


def number(answers: Answers, name: str) -> Floats:
    """Return a column of the answers, nan where there is none; the first one is the answer's main value."""
    return answers.values if name == answers.column else answers.numbers(name)


def or_still(values: Floats, answered: Bools) -> Floats:
    """Return values with 0 for what is missing; nan throughout for a column that a file leaves out."""
    return np.nan_to_num(values) if np.isfinite(values).any() or not answered.any() else values


def spectrum_distances(truth: Truth, answers: Answers) -> Floats:
    """Return the Wasserstein distance of each spectrum, THz; without an answer, that of all frequencies from 0."""
    given = answers.array("spectrum")
    if all(cell is None for cell in given) and np.isfinite(answers.values).any():
        return np.full(len(truth), np.nan)
    pairs = zip(truth.array("spectrum"), given, strict=True)
    return np.array(
        [
            np.nan if true is None else float(wasserstein(true, np.zeros_like(true) if pred is None else pred))
            for true, pred in pairs
        ]
    )


def baseline(card: DatasetCard, truth: Truth) -> dict[str, Floats]:
    """Return the errors of one and the same answer for all crystals: the mean of the references."""
    spectra = truth.array("spectrum")
    known = [spectrum for spectrum in spectra if spectrum is not None]
    mean = np.mean(known, axis=0) if known else np.empty(0)
    found = {
        "spectrum_w1": np.array([np.nan if true is None else float(wasserstein(true, mean)) for true in spectra]),
    }
    labels = {metric: truth.target(column) for metric, column in ERRORS.items()}
    for metric, values in labels.items():
        centre = np.nanmean(values) if np.isfinite(values).any() else np.nan
        found[metric] = np.abs(values - centre)
    return found
