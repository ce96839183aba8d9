"""How the metrics of the dynamics task are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import SECONDS, Metric

_HERE = "Defined here: docs/explanation/dynamics.md"
_FORCES = "Fu et al., arXiv:2210.07237."
_LINDEMANN = "Lindemann, Phys. Z. 11, 609 (1910)."

_CURVE = "Undefined without a reference, and for a run that was ended early."
_HELD = "Undefined for a run that was ended early."
MOLTEN = 0.15
"""Lindemann ratio above which a crystal counts as molten."""

MOTION: tuple[Metric, ...] = (
    Metric("drift", "Significant drift", "meV/atom/ps", "lower", 3, "number",
           "How fast the energy of a run without thermostat runs away at the shortest time step, as far as that is "
           "significant: less its 95 % interval, or less what a vibration as slow as the run would look like; 0 if "
           "nothing is left. Mean over the materials. Forces that are not the gradient of the energy make it large. "
           "The board is sorted by it.",
           "mean of max(0, |slope of the energy| − max(half of its interval, 4.5 fluctuations / length of the run))",
           "Undefined where every run ends within 16 steps.", main=True, source=_HERE),
    Metric("drift_size", "Drift", "meV/atom/ps", None, 3, "number",
           "Size of the drift as measured, median over the materials. A short run has a floor of noise: sizes below "
           "it tell nothing, and so they are not ranked.",
           "median |slope of the conserved energy|",
           "Undefined where every run ends within 16 steps.", chart=True, main=True, source=_HERE),
    Metric("drift_share", "Drifting", "%", "lower", 1, "percent",
           "Share of the materials with a significant drift.",
           "such materials / materials with a drift", "Undefined where no drift is.", source=_HERE),
    Metric("exponent", "Time-step order", None, None, 2, "number",
           "Power of the time step with which the fluctuation of the energy grows, mean over the materials. It is 2 "
           "where forces are the smooth gradient of the energy; noise pulls it towards 0, kinks below 2.",
           "slope of ln(fluctuation) against ln(time step)", "Undefined with fewer than three time steps.", main=True,
           source=_HERE),
    Metric("spread", "Fluctuation", "meV/atom", None, 4, "number",
           "Fluctuation of the energy about its drift at the shortest time step, median over the materials.",
           "median standard deviation", "Undefined where every run ends within 16 steps.", source=_HERE),
    Metric("survived", "Stability time", "%", "higher", 1, "percent",
           "Mean share of the asked time at a temperature until the watchdog ended it (a bond, the temperature, an "
           "overlap, a drift, numbers that are not finite). Who reaches the end may last longer: the time is "
           "censored there. A missing answer counts 0.",
           "mean of min(time, end) / end", "Undefined on an empty set.", chart=True, main=True, source=_FORCES),
    Metric("survivors", "Survival fraction", "%", "higher", 1, "percent",
           "Share of all materials whose run reached its end.", "survivors / asked", "Undefined on an empty set.",
           source=_FORCES),
    Metric("temperature_error", "Temperature error", "%", "lower", 1, "percent",
           "Mean distance of the mean temperature from the one asked for, relative to it. A short run has a floor of "
           "noise.",
           "mean |⟨T⟩ / T − 1|", _HELD, source=_HERE),
    Metric("temperature_ratio", "Temperature spread", "of canonical", None, 2, "number",
           "Spread of the kinetic temperature over the one that the canonical ensemble has for so many atoms, mean "
           "over the materials; 1 is right.",
           "mean of σ(T) / (T √(2 / degrees of freedom))", _HELD, main=True, source=_HERE),
    Metric("rdf_error", "RDF error", None, "lower", 3, "number",
           "Mean absolute difference of the radial distribution from the reference trajectory's. The potential that "
           "made the reference shows the noise of so short a run.",
           "mean |g − G| over the bins", _CURVE, chart=True, main=True, source=_FORCES),
    Metric("spectrum_error", "Spectrum error", None, "lower", 3, "number",
           "Share of the vibrational spectrum that lies at other frequencies than in the reference trajectory: 0 "
           "where equal, 1 where disjoint.",
           "½ ∫ |v − V|", _CURVE, main=True, source=_HERE),
    Metric("amplitude_error", "Amplitude error", "%", "lower", 1, "percent",
           "Mean relative error of the mean square distance of atoms from their mean places.",
           "mean |u² / U² − 1|", _CURVE, source=_HERE),
    Metric("msd", "Displacement", "Å²", None, 3, "number",
           "Mean square displacement over half the sampled time, mean over the materials. In a crystal it levels off; "
           "in a liquid it grows with the time.",
           "mean |r(t + τ) − r(t)|²", _HELD),
    Metric("lindemann", "Lindemann ratio", None, None, 3, "number",
           "Root mean square distance of atoms from their mean places over the shortest distance of the start, mean "
           "over the materials.",
           "√u² / d", _HELD + " Not taken for molecules.", source=_LINDEMANN),
    Metric("molten", "Molten", "%", None, 1, "percent",
           f"Share of the materials with a Lindemann ratio above {MOLTEN:g}: the crystal has melted, or is about to.",
           "such materials / runs that reach their end", _HELD + " Not taken for molecules.", main=True,
           source=_LINDEMANN),
    Metric("coverage", "Coverage", "%", None, 1, "percent",
           "Share of the materials that have a usable answer. The stability time counts every other one as 0; other "
           "metrics are over those that have them.",
           "usable answers / expected answers", "Always defined.", main=True),
    SECONDS,
)  # fmt: skip
"""Metrics of molecular dynamics, in the order of the columns."""
