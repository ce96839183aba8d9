"""How the metrics of energies, forces and stresses are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import CONSERVATION, ERRORS, SECONDS, Metric, _coverage

_HERE = "Defined here: docs/explanation/static.md"

STATIC: tuple[Metric, ...] = (
    Metric("force_mae", "Force MAE", "eV/Å", "lower", 4, "number",
           "Mean absolute error of all components of the forces; the board is sorted by it. A missing answer counts as "
           "zero forces.",
           "mean |f − F|", "Undefined if the file gives no forces, or the data set has none.", chart=True, main=True,
           source=ERRORS),
    Metric("force_rmse", "Force RMSE", "eV/Å", "lower", 4, "number",
           "Root mean square error of all components of the forces; it weighs large errors more than MAE does.",
           "√ mean (f − F)²", "As the force MAE.", main=True, source=ERRORS),
    Metric("force_cosine", "Force cosine", None, "higher", 4, "number",
           "Mean cosine of the angle between predicted and reference force of an atom: 1 where all directions are "
           "right. Atoms with a reference force below 0.05 eV/Å have no direction and are left out.",
           "mean f·F / |f||F|", "As the force MAE.", main=True, source=_HERE),
    Metric("shifted_mae", "Energy MAE", "eV/atom, offsets fitted", "lower", 4, "number",
           "Mean absolute error of the energy per atom after one energy for each element was fitted to the "
           "differences, so that neither the zero of energy nor the references of a code matter. The fit is over the "
           "frames that the data set's card names, else over those of the headline. A missing answer counts as the "
           "energy of the composition, fitted to the labels.",
           "mean |e − E − Σ xₑ oₑ|", "Undefined without energies; of elements that the fit has not seen.",
           chart=True, main=True, source=_HERE),
    Metric("shifted_rmse", "Energy RMSE", "eV/atom, offsets fitted", "lower", 4, "number",
           "Root mean square of the same errors.", "√ mean (e − E − Σ xₑ oₑ)²", "As the energy MAE.", source=_HERE),
    Metric("energy_mae", "Energy MAE", "eV/atom, raw", "lower", 4, "number",
           "Mean absolute error of the energy per atom as it is, over the answers. Codes and pseudopotentials have "
           "different zeros, so it compares models of the labels' own level of theory only.",
           "mean |e − E|", "Undefined without an answer.", source=ERRORS),
    Metric("energy_rmse", "Energy RMSE", "eV/atom, raw", "lower", 4, "number",
           "Root mean square of the same errors.", "√ mean (e − E)²", "Undefined without an answer.", source=ERRORS),
    Metric("stress_mae", "Stress MAE", "GPa", "lower", 3, "number",
           "Mean absolute error of the six components of the stress, over answers whose frame has a reference stress.",
           "mean |s − S|", "Undefined where file or data set has no stress.", chart=True, main=True, source=ERRORS),
    Metric("force_gap", "Force gap", "eV/Å", "lower", 5, "number",
           "Mean distance of the force along a random direction from the fall of the energy along it, on 20 frames: "
           "zero where forces are the gradient of the energy, up to the noise of single precision.",
           "mean |f·u + dE/du|", "Unknown for submitted files that leave it out.", main=True, source=CONSERVATION),
    Metric("not_conserving", "Not conserving", "%", "lower", 0, "percent",
           "Share of those frames with a gap above 0.01 eV/Å.", "frames with |f·u + dE/du| > 0.01 eV/Å / such frames",
           "As the force gap.", source=CONSERVATION),
    _coverage("Share of the frames that have a usable answer."),
    SECONDS,
)  # fmt: skip
"""Metrics of given structures, in the order of the columns."""
