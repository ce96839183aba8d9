"""How the metrics of formation enthalpies are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import ERRORS, SECONDS, Metric, _coverage

_HERE = "Defined here: docs/explanation/properties.md"
_FITTED = "After Stevanović et al., Phys. Rev. B 85, 115104 (2012), doi:10.1103/PhysRevB.85.115104."

_ANSWERED = "Undefined without an answer."
ENTHALPIES: tuple[Metric, ...] = (
    Metric("mae", "MAE", "eV/atom", "lower", 3, "number",
           "Mean absolute error of the formation enthalpy against experiment; the board is sorted by it. A missing "
           "answer counts as zero enthalpy, the trivial one.",
           "mean |h − H|", "Undefined on an empty set.", chart=True, main=True, source=ERRORS),
    Metric("shifted_mae", "MAE", "eV/atom, offsets fitted", "lower", 3, "number",
           "Mean absolute error after one offset for each element, fitted with a ridge to the errors of other chemical "
           "systems only: what a user reaches who corrects a potential with the enthalpies that are known. A missing "
           "answer counts as zero enthalpy.",
           "mean |h − H − Σ xₑ oₑ|, offsets of the other four folds", "Undefined on an empty set.", chart=True,
           main=True, source=_FITTED),
    Metric("bias", "Bias", "eV/atom", None, 3, "number",
           "Mean error over the answers: negative where compounds are bound too strongly.", "mean (h − H)", _ANSWERED,
           main=True, source=ERRORS),
    Metric("sigmas", "Error", "σ of experiment", "lower", 1, "number",
           "Median absolute error in units of the experiment's uncertainty, over the answers where that is known. "
           "About 0.7 is as good as the experiment.",
           "median |h − H| / σ", "Undefined without an answer where the uncertainty is known.", main=True,
           source=_HERE),
    Metric("within", "Within 2 σ", "%", "higher", 1, "percent",
           "Share of the compounds with a known uncertainty whose answer lies within twice that. A missing answer "
           "counts as no.",
           "answers with |h − H| ≤ 2 σ / compounds with a σ", "Undefined without uncertainties.", main=True,
           source=_HERE),
    Metric("slope", "Drift", "eV/atom per unit", None, 3, "number",
           "Slope of the error against the largest difference of Pauling electronegativities in a compound, over the "
           "answers: away from zero where ionic compounds are treated otherwise than metallic ones.",
           "Σ (χ − mean χ)(e − mean e) / Σ (χ − mean χ)²", "Undefined with fewer than two answers.", source=_HERE),
    _coverage("Share of the compounds that have a usable answer."),
    SECONDS,
)  # fmt: skip
"""Metrics of formation enthalpies, in the order of the columns."""
