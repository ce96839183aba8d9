"""What the learning task answers, and how its metrics are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import ERRORS, EXPLAINED, INTERVALS, SECONDS, Metric, _coverage
from matdisc.scoring.quantities import Number

QUANTITIES = (
    Number(
        key="e_form", target="e_form_per_atom", columns=("e_form_per_atom",), interval=("e_form_low", "e_form_high")
    ),
)
LEARNING: tuple[Metric, ...] = (
    Metric("e_form_mae", "MAE", "eV/atom", "lower", 3, "number",
           "Mean absolute error of the formation energy, over the answers of all folds. A missing answer counts as the "
           "median of the training part.", "mean |p − y|", "Undefined without an answer.", chart=True, main=True,
           source=ERRORS),
    Metric("e_form_rmse", "RMSE", "eV/atom", "lower", 3, "number",
           "Root mean square error of the formation energy.", "√ mean (p − y)²", "As the MAE.", main=True,
           source=ERRORS),
    Metric("e_form_r2", "R²", None, "higher", 3, "number",
           "Share of the variance of the formation energy that the model explains.",
           "1 − Σ (p − y)² / Σ (y − mean y)²", "As the MAE.", main=True, source=EXPLAINED),
    Metric("e_form_covered", "Interval holds", "%", None, 1, "percent",
           "Share of the labels within the stated central 90 % intervals, which come from the spread of an ensemble: "
           "90 % is right, read it with the width.", "low ≤ y ≤ high / stated", "Unknown where no interval is stated.",
           main=True, source=INTERVALS),
    Metric("e_form_width", "Interval width", "eV/atom", "lower", 3, "number",
           "Mean width of the stated 90 % intervals.", "mean (high − low)", "Unknown where no interval is stated.",
           source=INTERVALS),
    _coverage("Share of the crystals that have an answer; elements that were never seen are declared and not guessed."),
    SECONDS,
)  # fmt: skip
"""Metrics of learning, in the order of the columns."""
