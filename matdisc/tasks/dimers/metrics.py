"""How the metrics of dimers are named, printed and explained."""

from __future__ import annotations

from matdisc.datasets.dimers import FUNCTIONALS
from matdisc.scoring.metric import CONSERVATION, MATBENCH_DISCOVERY_SITE, SECONDS, Metric, _coverage

_HERE = "Defined here: docs/explanation/properties.md"
_ARENA = "MLIP Arena: Chiang et al., arXiv:2509.20630."

_FLAT = " A missing answer counts as two atoms that do not interact."
_REFERENCE = "Undefined for elements whose reference curve jumps."
_SHAPE = "Undefined without a usable answer."
_BOUND = _REFERENCE + " Undefined where the reference binds by less than 0.05 eV."


def _against(key: str, name: str) -> tuple[Metric, ...]:
    main = key == "pbe"
    return (
        Metric(f"{key}_rmse", f"Bonding RMSE, {name}", "eV", "lower", 3, "number",
               f"Error of the energy against {name} where two atoms bond: at distances at which the reference lies at "
               "most 1 eV above its energy at the largest distance, where both curves are set to zero. Root mean "
               "square over a curve, then median over the elements: a few curves are off by a hundred times as much."
               + _FLAT + (" The board is sorted by it." if main else ""),
               "median of √ mean (e − E)²", _REFERENCE, chart=True, main=True, source=_HERE),
        Metric(f"{key}_length", f"Bond length error, {name}", "Å", "lower", 3, "number",
               "Mean error of the distance with the lowest energy, by a parabola through five points. A pair that does "
               "not bond stands at its largest distance.",
               "mean |r − R|", _BOUND, main=main, source=MATBENCH_DISCOVERY_SITE),
        Metric(f"{key}_depth", f"Well depth error, {name}", "eV", "lower", 3, "number",
               "Median error of the depth of the well, from the largest distance down; Matbench Discovery takes the "
               "mean, which one well of a thousand eV rules." + _FLAT,
               "median |d − D|", _BOUND, main=main, source=_HERE),
        Metric(f"{key}_wall", f"Wall error, {name}", "Å", "lower", 3, "number",
               "Mean error of where the repulsive wall stands, 1 to 100 eV above the minimum, as far as the reference "
               "reaches. A wall that is never reached stands at 0." + _FLAT,
               "mean |r(h) − R(h)|", _REFERENCE, main=main, source=MATBENCH_DISCOVERY_SITE),
        Metric(f"{key}_energy", f"Energy MAE, {name}", "eV", "lower", 3, "number",
               "Mean absolute error of the energy over all distances, even steps; the steep wall rules it." + _FLAT,
               "mean |e − E|", _REFERENCE, source=MATBENCH_DISCOVERY_SITE),
        Metric(f"{key}_force", f"Force MAE, {name}", "eV/Å", "lower", 3, "number",
               "Mean absolute error of the force over all distances, even steps, and over its three components, of "
               "which two are zero." + _FLAT,
               "mean |f − F| / 3", _REFERENCE, source=MATBENCH_DISCOVERY_SITE),
    )  # fmt: skip


DIMERS: tuple[Metric, ...] = (
    *_against("pbe", FUNCTIONALS["pbe"]),
    Metric("extra_flips", "Extra force flips", None, "lower", 2, "number",
           "How often the force changes its sign beyond once, mean over the elements: one well has one change.",
           "mean of max(0, sign changes of f − 1)", _SHAPE, chart=True, main=True, source=_HERE),
    Metric("force_flips", "Force flips", None, None, 2, "number",
           "How often the force changes its sign; forces below 0.01 eV/Å have none.",
           "mean number of sign changes of f", _SHAPE, source=_ARENA),
    Metric("tortuosity", "Tortuosity", None, "lower", 3, "number",
           "Way of the energy up and down over the shortest way through its minimum: 1 for one well, and for atoms "
           "that only repel each other.",
           "mean of Σ |ΔE| / (E(first) + E(last) − 2 E(min))", _SHAPE + " Undefined for a flat curve.",
           chart=True, main=True, source=_ARENA),
    Metric("energy_jump", "Energy jumps", "eV", "lower", 3, "number",
           "Steps of the energy on both sides of every turn, summed over a curve; steps below 1 meV are left out. A "
           "smooth well has one small pair.",
           "mean of Σ |ΔE| at turns of the energy", _SHAPE, main=True, source=_ARENA),
    Metric("repulsive", "Repulsive", "%", "higher", 1, "percent",
           "Share of the elements whose energy rises with every step inwards from 1.1 to 0.8 covalent radii, about "
           "half a bond length. Elsewhere atoms fall into each other. A missing answer counts as one that does not.",
           "such curves / all elements", "Always defined.", chart=True, main=True, source=_HERE),
    Metric("force_gap", "Force gap", "eV/Å", "lower", 4, "number",
           "Mean distance of the force from the fall of the energy along the curve. Noise of the energy and bends "
           "between two points add to it, so the references themselves have 0.06 (PBE) and 0.19 (r2SCAN). Median over "
           "the elements.",
           "median of mean |∫f dr + ΔE| / Δr", _SHAPE, main=True, source=CONSERVATION),
    *_against("r2scan", FUNCTIONALS["r2scan"]),
    _coverage("Share of the elements with a usable curve. Metrics say how they count the others."),
    SECONDS,
)  # fmt: skip
"""Metrics of dimers, in the order of the columns."""
MEDIANS = ("force_gap", *(f"{key}_{error}" for key in FUNCTIONALS for error in ("rmse", "depth")))
"""Those that are medians over the elements."""
