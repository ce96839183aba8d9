"""How the metrics of the thermal-conductivity task are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import MATBENCH_DISCOVERY_SITE, SECONDS, Metric, _coverage

_CONDUCTIVITY = "Póta et al., arXiv:2408.00755."

_NOTHING = " A missing answer counts as a crystal that conducts nothing, and so does an imaginary mode."
_NONE = "Undefined without reference."

THERMAL_CONDUCTIVITY: tuple[Metric, ...] = (
    Metric("srme", "SRME", None, "lower", 3, "number",
           "Symmetric relative mean error of the conductivities of single modes, between 0 and 2; mean over the "
           "crystals. Errors of modes cannot cancel." + _NOTHING,
           "mean of 2 Σ |m − M| / (Σ m + Σ M), m and M the conductivities of the modes",
           "Undefined where a file leaves the modes out.", chart=True, main=True, source=_CONDUCTIVITY),
    Metric("sre", "SRE", None, "lower", 3, "number",
           "Symmetric relative error of the conductivity, between 0 and 2; errors of modes may cancel." + _NOTHING,
           "mean of 2 |k − K| / (k + K)", _NONE, chart=True, main=True, source=_CONDUCTIVITY),
    Metric("srd", "SRD", None, None, 3, "number",
           "Symmetric relative difference of the conductivity, between −2 and 2: below 0 where heat is carried too "
           "badly." + _NOTHING,
           "mean of 2 (k − K) / (k + K)", _NONE, chart=True, main=True, source=_CONDUCTIVITY),
    Metric("failure_rate", "Failures", "%", "lower", 1, "percent",
           "Share of the crystals without a conductivity: imaginary, of another symmetry, or without an answer. Each "
           "has an SRME of 2.",
           "crystals without a conductivity above 0 / crystals", "Always defined.", main=True,
           source=MATBENCH_DISCOVERY_SITE),
    Metric("imaginary", "Imaginary", "%", None, 1, "percent",
           "Share of the answered crystals with an imaginary mode, of which no conductivity is taken.",
           "crystals with an optical f(Γ) < 0, an acoustic f(Γ) < −0.01 THz or another f < 0 / answers",
           "Undefined without an answer that says so.", main=True, source=MATBENCH_DISCOVERY_SITE),
    Metric("symmetry_changed", "Symmetry changed", "%", None, 1, "percent",
           "Share of the answers whose relaxed crystal has another space group than its start, of which no "
           "conductivity is taken.",
           "such crystals / answers", "Undefined without an answer that says so."),
    _coverage("Share of the crystals that have a usable answer."),
    SECONDS,
)  # fmt: skip
"""Metrics of thermal conductivities, in the order of the columns."""
