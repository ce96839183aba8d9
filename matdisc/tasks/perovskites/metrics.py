"""What the perovskites task answers, and how its metrics are named, printed and explained."""

from __future__ import annotations

from functools import partial

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.datasets.perovskites import SYSTEMS
from matdisc.metrics.stability import is_stable
from matdisc.scoring.metric import (
    CONFUSION,
    ERRORS,
    EXPLAINED,
    INTERVALS,
    MACRO_F1,
    MATBENCH_DISCOVERY,
    MATTHEWS,
    SECONDS,
    Metric,
    _coverage,
)
from matdisc.scoring.quantities import Number, OneOf, YesNo

FOUR = (0, 1, 2, 3)
"""Codes of the four systems of arXiv:2312.11335."""
THRESHOLDS = (0.05, 0.0)
"""eV/atom; hull distances up to this are stable. At 0 the labels have a point mass."""
PERMUTED = {
    "e_form_without_means": "means over the atoms",
    "e_form_without_deviations": "deviations over the atoms",
    "e_form_without_a_site": "properties of A",
    "e_form_without_b_site": "properties of B",
    "e_form_without_x_site": "properties of X",
    "e_form_without_factors": "tolerance factors and charges",
}
"""Columns of formation energies for which some inputs were those of another row: which."""
LIKELY = 0.5
METAL = 1e-9
"""eV; a gap up to this is none."""
P_SYSTEMS = tuple(f"p_{system}" for system in SYSTEMS)


def likely(probability: Floats) -> Bools:
    """Return which probabilities say yes, one half included; nan means no."""
    return np.nan_to_num(probability, nan=0.0) >= LIKELY


NUMBERS = (
    ("e_form", "e_form_per_atom", "Formation energy", "eV/atom"),
    ("gap", "band_gap", "Band gap", "eV"),
    ("hull", "e_above_hull", "Hull distance", "eV/atom"),
)
QUANTITIES = (
    Number(
        key="e_form", target="e_form_per_atom", columns=("e_form_per_atom",), interval=("e_form_low", "e_form_high")
    ),
    Number(key="gap", target="band_gap", columns=("band_gap",), interval=("band_gap_low", "band_gap_high")),
    YesNo(
        key="metal", target="band_gap", columns=("p_metal",), true=partial(is_stable, threshold=METAL), called=likely
    ),
    OneOf(key="system", target="crystal_system", columns=P_SYSTEMS, codes=tuple(range(len(SYSTEMS)))),
    OneOf(
        key="four", target="crystal_system", columns=tuple(P_SYSTEMS[i] for i in FOUR), codes=FOUR, complete=False
    ),
    Number(key="hull", target="e_above_hull", columns=("e_above_hull",)),
    *(
        YesNo(
            key=key, target="e_above_hull", columns=("e_above_hull",),
            true=partial(is_stable, threshold=threshold), called=partial(is_stable, threshold=threshold),
        )
        for key, threshold in zip(("stability", "on_hull"), THRESHOLDS, strict=True)
    ),
    YesNo(key="perovskite", target="perovskite", columns=("p_perovskite",), true=likely, called=likely),
)  # fmt: skip

_NO_LABEL = "Undefined where the data set has no such label, or the file no such column."
_FILL = " A missing answer counts as the median of the training part."


def _number(key: str, name: str, unit: str) -> tuple[Metric, ...]:
    return (
        Metric(f"{key}_mae", f"{name} MAE", unit, "lower", 3, "number",
               f"Mean absolute error of the {name.lower()}, over the answers of all folds." + _FILL,
               "mean |p − y|", _NO_LABEL, chart=key != "hull", main=key != "hull", source=ERRORS),
        Metric(f"{key}_rmse", f"{name} RMSE", unit, "lower", 3, "number",
               f"Root mean square error of the {name.lower()}.", "√ mean (p − y)²", _NO_LABEL, source=ERRORS),
        Metric(f"{key}_r2", f"{name} R²", None, "higher", 3, "number",
               f"Share of the variance of the {name.lower()} that the model explains. Polymorphs of a formula differ, "
               "so the composition alone cannot reach 1.",
               "1 − Σ (p − y)² / Σ (y − mean y)²", _NO_LABEL, source=EXPLAINED),
        Metric(f"{key}_covered", "Interval holds", f"%, {name.lower()}", None, 1, "percent",
               "Share of the labels within the stated central 90 % intervals: 90 % is right, read it with the width.",
               "low ≤ y ≤ high / stated", "Unknown where no interval is stated.", source=INTERVALS),
        Metric(f"{key}_width", "Interval width", f"{unit}, {name.lower()}", "lower", 3, "number",
               "Mean width of the stated 90 % intervals.", "mean (high − low)",
               "Unknown where no interval is stated.", source=INTERVALS),
    )  # fmt: skip


def _stability(key: str, threshold: float) -> tuple[Metric, ...]:
    at = f"at {threshold:g} eV/atom"
    return (
        Metric(f"{key}_f1", "Stability F1", at, "higher", 3, "number",
               f"Harmonic mean of precision and recall of what lies at most {threshold:g} eV/atom above the hull. A "
               "missing answer counts as unstable.", "2 TP / (2 TP + FP + FN)",
               "Undefined if nothing is stable, or nothing is called so.", main=threshold > 0, source=CONFUSION),
        Metric(f"{key}_daf", "DAF", at, "higher", 2, "number",
               "How many times more often what is called stable is stable than a row picked at random. Its ceiling is "
               "1 / prevalence.", "precision / prevalence", "As the F1.", main=threshold > 0,
               source=MATBENCH_DISCOVERY),
    )  # fmt: skip


PEROVSKITES: tuple[Metric, ...] = (
    *_number("e_form", "Formation energy", "eV/atom"),
    *_number("gap", "Band gap", "eV"),
    Metric("metal_f1", "Metal F1", None, "higher", 3, "number",
           "Harmonic mean of precision and recall of the metals, that is compounds without a gap.",
           "2 TP / (2 TP + FP + FN)", _NO_LABEL, main=True, source=CONFUSION),
    Metric("metal_accuracy", "Metal accuracy", None, "higher", 3, "number",
           "Share of the rows that are rightly called metal or no metal.", "right / all", _NO_LABEL, source=CONFUSION),
    Metric("system_f1", "System F1", "7 systems", "higher", 3, "number",
           "Mean of the F1 of the seven crystal systems, the most probable one being called. A missing answer counts "
           "as the most frequent system of the training part.",
           "mean of 2 TP / (2 TP + FP + FN)", _NO_LABEL, chart=True, main=True, source=MACRO_F1),
    Metric("system_accuracy", "System accuracy", "7 systems", "higher", 3, "number",
           "Share of the rows whose crystal system is called rightly.", "right / all", _NO_LABEL, source=CONFUSION),
    Metric("four_f1", "System F1", "4 systems", "higher", 3, "number",
           "The same over rows that are cubic, tetragonal, orthorhombic or trigonal, called among these four. The "
           "published 85 % are of as many rows of each, split at random, with the hull distance among the inputs.",
           "mean of 2 TP / (2 TP + FP + FN)", _NO_LABEL, source=MACRO_F1),
    *_number("hull", "Hull distance", "eV/atom")[:1],
    *_stability("stability", THRESHOLDS[0]),
    *_stability("on_hull", THRESHOLDS[1]),
    Metric("perovskite_f1", "Perovskite F1", None, "higher", 3, "number",
           "Harmonic mean of precision and recall of the compounds that were made as perovskites.",
           "2 TP / (2 TP + FP + FN)", _NO_LABEL, main=True, source=CONFUSION),
    Metric("perovskite_mcc", "Perovskite MCC", None, "higher", 3, "number",
           "Matthews correlation of call and experiment: 0 for guessing and for one call for all, 1 for perfect.",
           "(TP TN − FP FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))", _NO_LABEL, chart=True, main=True, source=MATTHEWS),
    Metric("perovskite_accuracy", "Perovskite accuracy", None, "higher", 3, "number",
           "Share of the compounds that are rightly called perovskite or not.", "right / all", _NO_LABEL,
           source=CONFUSION),
    _coverage("Share of the rows that have an answer to anything."),
    SECONDS,
)  # fmt: skip
"""Metrics of perovskites, in the order of the columns."""
