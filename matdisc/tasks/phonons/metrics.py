"""How the metrics of the phonons task are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import MATBENCH, MATBENCH_DISCOVERY_SITE, SECONDS, Metric, _coverage

_READY = "Loew et al., arXiv:2412.16551."

_STILL = " A missing answer counts as atoms that do not vibrate: every number is 0."
_NONE = "Undefined without reference, or without any answer."

PHONONS: tuple[Metric, ...] = (
    Metric("spectrum_w1", "Spectrum W1", "THz", "lower", 3, "number",
           "Wasserstein distance of the frequencies on the mesh from the reference's: how far modes have to be moved "
           "on average to turn one spectrum into the other; mean over the crystals." + _STILL,
           "mean of ∫ |f(u) − F(u)| du, f(u) the quantile function of the frequencies", _NONE, chart=True, main=True,
           source=MATBENCH_DISCOVERY_SITE),
    Metric("max_error", "Largest frequency", "THz", "lower", 3, "number",
           "Mean absolute error of the largest frequency." + _STILL, "mean |max f − max F|", _NONE,
           chart=True, main=True, source=_READY),
    Metric("mean_bias", "Mean bias", "%", None, 1, "percent",
           "Mean frequency over the reference's, less 1, mean over the answers: below 0 where the potential is too "
           "soft, as most are that were trained near equilibrium.",
           "mean of ⟨f⟩ / ⟨F⟩ − 1", _NONE, main=True),
    Metric("imaginary", "Imaginary", "%", None, 1, "percent",
           "Share of the answered crystals with a frequency below −0.1 THz (imaginary): the potential takes them for "
           "no minimum of their symmetry.",
           "crystals with min f < −0.1 THz / answers", "Undefined without an answer.", main=True),
    Metric("stability_error", "Wrongly imaginary", "%", "lower", 1, "percent",
           "Share of the crystals that are imaginary where the reference is not, or the reverse. A missing answer "
           "counts as wrong.",
           "crystals with another verdict than the reference / crystals", _NONE, main=True),
    Metric("imaginary_modes", "Imaginary modes", "%", None, 2, "percent",
           "Share of a crystal's modes that are imaginary, mean over the answers.",
           "mean of modes with f < −0.1 THz / modes", "Undefined without an answer."),
    Metric("cv_error", "Heat capacity", "J/mol/K", "lower", 3, "number",
           "Mean absolute error of the heat capacity at 300 K and constant volume, per mole of atoms; modes below "
           "0.01 THz, imaginary ones among them, count as nothing on both sides." + _STILL,
           "mean |c − C|", _NONE, chart=True, main=True, source=_READY),
    Metric("entropy_error", "Entropy", "J/mol/K", "lower", 3, "number",
           "Mean absolute error of the vibrational entropy at 300 K, per mole of atoms." + _STILL,
           "mean |s − S|", _NONE, source=_READY),
    Metric("free_energy_error", "Free energy", "kJ/mol", "lower", 3, "number",
           "Mean absolute error of the free energy of vibration at 300 K with zero-point energy, per mole of atoms."
           + _STILL,
           "mean |a − A|", _NONE, source=_READY),
    Metric("peak_error", "Last peak", "THz", "lower", 3, "number",
           "Mean absolute error of the last peak of the density of states (Gaussians of 0.15 THz)." + _STILL,
           "mean |p − P|", _NONE, chart=True, main=True, source=MATBENCH),
    Metric("symmetry_changed", "Symmetry changed", "%", None, 1, "percent",
           "Share of the answers whose relaxed crystal has another space group than its start; forces and stress are "
           "averaged over its operations, so it can only rise.",
           "such crystals / answers", "Undefined without an answer."),
    _coverage("Share of the crystals that have a usable answer."),
    SECONDS,
)  # fmt: skip
"""Metrics of harmonic spectra, in the order of the columns."""
