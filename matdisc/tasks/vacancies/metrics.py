"""How the metrics of vacancies are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import ERRORS, SECONDS, Metric, _coverage

_HERE = "Defined here: docs/explanation/properties.md"
_SPEARMAN = "Spearman, Am. J. Psychol. 15, 72 (1904), doi:10.2307/1412159."

REBUILT = 0.4
"""Way of an atom, over the distance of neighbours, from which on the crystal counts as another one."""
_MISSING = " A missing answer counts as a vacancy that costs nothing."
_ANSWER = "Undefined without a usable answer."

VACANCIES: tuple[Metric, ...] = (
    Metric("vacancy_mae", "MAE", "eV", "lower", 3, "number",
           "Mean absolute error of the formation energy of a vacancy; the board is sorted by it." + _MISSING,
           "mean |e − E|", "Always defined.", chart=True, main=True, source=ERRORS),
    Metric("bias", "Bias", "eV", None, 3, "number",
           "Mean error of the formation energy, over the answers: negative where vacancies cost too little, as they do "
           "with potentials that are too soft.",
           "mean (e − E)", _ANSWER, chart=True, main=True, source=ERRORS),
    Metric("scaled", "Scaled MAE", "% of cohesion", "lower", 2, "percent",
           "Mean absolute error over the cohesive energy of the reference, so that soft metals count as much as hard "
           "ones." + _MISSING,
           "mean |e − E| / E(cohesive)", "Always defined.", main=True, source=_HERE),
    Metric("rank", "Rank correlation", None, "higher", 3, "number",
           "Spearman's correlation between predicted and reference energies of all crystals of the headline; for parts "
           "of them it is what they add to it." + _MISSING,
           "Pearson's correlation of rank e and rank E", "Undefined if all answers are equal, and beyond the headline.",
           main=True, source=_SPEARMAN),
    Metric("negative", "Negative", "%", "lower", 1, "percent",
           "Share of the answers with a formation energy below zero: such a crystal falls to holes by itself. No "
           "reference is negative.",
           "answers with e < 0 / answers", _ANSWER, main=True, source=_HERE),
    Metric("rebuilt", "Rebuilt", "%", "lower", 1, "percent",
           f"Share of the answers where an atom has moved by more than {REBUILT:g} of the distance of neighbours: the "
           "vacancy has healed, or the crystal has become another one, and the energy is of that. It counts in the "
           "errors all the same.",
           f"answers with a way > {REBUILT:g} / answers", _ANSWER, main=True, source=_HERE),
    Metric("relaxed_by", "Relaxation energy", "eV", None, 3, "number",
           "What the other atoms gain when they move, mean over the answers.",
           "mean (e(unrelaxed) − e)", _ANSWER),
    Metric("volume_error", "Volume error", "%", "lower", 2, "percent",
           "Mean relative error of the volume of the perfect crystal. Vacancies are taken at the potential's own "
           "volume, so a wrong one adds to their error.",
           "mean |v / V − 1|", _ANSWER),
    _coverage("Share of the crystals with a usable answer."),
    SECONDS,
)  # fmt: skip
"""Metrics of vacancies, in the order of the columns."""
