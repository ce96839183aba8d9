"""How the metrics of equations of state are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import SECONDS, Metric, _coverage

_HERE = "Defined here: docs/explanation/properties.md"
_VERIFICATION = "Bosoni et al., Nat. Rev. Phys. 6, 45 (2024), doi:10.1038/s42254-023-00655-3."
_DELTA = "Lejaeghere et al., Science 351, aad3000 (2016), doi:10.1126/science.aad3000."

EXCELLENT = {"epsilon": 0.06, "nu": 0.10}
GOOD = {"epsilon": 0.20, "nu": 0.33}
"""Limits of the verification study."""
_EMPTY = "Undefined on an empty set."
_BIAS = "Undefined where no curve has a minimum; over the curves that have one."
_MEASURED = "Undefined without measured labels; over the crystals that have them."

EPSILON_WORST, NU_WORST, DELTA_WORST = 10.0, 200.0, 1000.0
"""What a missing curve counts as, and every worse one; Delta in meV/atom."""

CURVES: tuple[Metric, ...] = (
    Metric("epsilon", "ε", None, "lower", 2, "number",
           "Distance of a model's curve from the reference's over 94 to 106 % of the volume, over how much the energy "
           "varies there; median. Up to 0.06 is excellent, as two all-electron codes agree; up to 0.20 good; about "
           "1 means that the curves have little to do with each other. A missing curve counts 10, as the worst. "
           "The board is sorted by it.",
           "median √(⟨(E − E_ref)²⟩ / √(⟨(E − ⟨E⟩)²⟩ ⟨(E_ref − ⟨E_ref⟩)²⟩))", _EMPTY, chart=True, main=True,
           source=_VERIFICATION),
    Metric("nu", "ν", None, "lower", 2, "number",
           "Length of the vector of relative differences of V0, B0 and B′ with weights 1, 1/20 and 1/400; median. Up "
           "to 0.10 is excellent, up to 0.33 good. A missing curve counts 200, as the worst.",
           "median 100 √(Δ(V0)² + (Δ(B0)/20)² + (Δ(B′)/400)²), Δ(Y) = 2 (Y − Y_ref) / (Y + Y_ref)", _EMPTY, main=True,
           source=_VERIFICATION),
    Metric("epsilon_excellent", "ε excellent", "%", "higher", 1, "percent",
           "Share of all crystals with ε of at most 0.06. A missing curve is not.", "such crystals / crystals", _EMPTY,
           source=_VERIFICATION),
    Metric("epsilon_good", "ε good", "%", "higher", 1, "percent",
           "Share of all crystals with ε of at most 0.20. A missing curve is not.", "such crystals / crystals", _EMPTY,
           main=True, source=_VERIFICATION),
    Metric("nu_excellent", "ν excellent", "%", "higher", 1, "percent",
           "Share of all crystals with ν of at most 0.10. A missing curve is not.", "such crystals / crystals", _EMPTY,
           source=_VERIFICATION),
    Metric("nu_good", "ν good", "%", "higher", 1, "percent",
           "Share of all crystals with ν of at most 0.33. A missing curve is not.", "such crystals / crystals", _EMPTY,
           source=_VERIFICATION),
    Metric("delta", "Δ", "meV/atom", "lower", 1, "number",
           "Delta gauge: root mean square difference of the two curves over 94 to 106 % of the volume, minima laid on "
           "each other; mean. Hard crystals dominate it. A difference counts at most 1,000 meV/atom, a missing curve "
           "as the trivial one.",
           "mean √⟨(E − E_ref)²⟩", _EMPTY, main=True, source=_DELTA),
    Metric("v0_error", "V0 error", "%", "lower", 2, "percent",
           "Mean relative error of the equilibrium volume. A missing curve counts as the trivial one.",
           "mean |V0 / V0_ref − 1|", _EMPTY, main=True, source=_DELTA),
    Metric("v0_bias", "V0 bias", "%", None, 2, "percent",
           "Mean relative difference of the equilibrium volume: above 0, crystals come out too large.",
           "mean (V0 / V0_ref − 1)", _BIAS),
    Metric("b0_error", "B0 error", "%", "lower", 1, "percent",
           "Mean relative error of the bulk modulus. A difference counts at most 100 %, for soft crystals would "
           "dominate it. A missing curve counts as the trivial one.",
           "mean min(|B0 / B0_ref − 1|, 1)", _EMPTY, main=True, source=_DELTA),
    Metric("b0_bias", "B0 bias", "%", None, 1, "percent",
           "Median relative difference of the bulk modulus: below 0, crystals come out too soft.",
           "median (B0 / B0_ref − 1)", _BIAS),
    Metric("b1_error", "B′ error", None, "lower", 2, "number",
           "Median absolute error of the pressure derivative of the bulk modulus. A missing curve counts as the "
           "trivial one.",
           "median |B′ − B′_ref|", _EMPTY, source=_DELTA),
    Metric("sound", "Sound curves", "%", "higher", 1, "percent",
           "Share of all crystals whose curve has one minimum and is smooth. A missing answer is not "
           "sound.",
           "sound curves / crystals", _EMPTY, main=True, source=_HERE),
    Metric("no_minimum", "No minimum", "%", "lower", 1, "percent",
           "Share of the curves without a minimum that one gets to downhill, from 60 to 160 % of the given volume.",
           "such curves / curves", "Undefined without an answer.", source=_HERE),
    Metric("several_minima", "Several minima", "%", "lower", 1, "percent",
           "Share of the curves with more than one minimum among seven volumes.",
           "such curves / curves", "Undefined without an answer.", source=_HERE),
    Metric("rough", "Rough", "%", "lower", 1, "percent",
           "Share of the curves with an energy farther from the fitted curve than 1 % of the range of the energies "
           "(and 0.02 meV/atom): a jump, a kink or a wiggle. No all-electron curve has more than 0.8 %.",
           "such curves / curves", "Undefined without an answer.", source=_HERE),
    Metric("off_centre", "Far minimum", "%", "lower", 1, "percent",
           "Share of the curves whose minimum is outside 94 to 106 % of the given volume; it was looked for and found.",
           "such curves / curves", "Undefined without an answer.", source=_HERE),
    Metric("v0_measured", "V0 error, measured", "%", "lower", 2, "percent",
           "Mean relative error of the volume against experiment, zero-point motion taken off. The theory's own error "
           "is part of it.",
           "mean |V0 / V0_exp − 1|", _MEASURED),
    Metric("b0_measured", "B0 error, measured", "%", "lower", 1, "percent",
           "Mean relative error of the bulk modulus against experiment; a difference counts at most 100 %.",
           "mean min(|B0 / B0_exp − 1|, 1)", _MEASURED),
    _coverage("Share of the crystals with an answer, be it a curve without a minimum."),
    SECONDS,
)  # fmt: skip
"""In the order of columns; medians are those whose formula says so."""
