"""How the metrics of relaxed structures are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import _SPEED, ERRORS, MATBENCH_DISCOVERY_SITE, SECONDS, Better, Metric, _coverage

_HERE = "Defined here: docs/reference/tasks.md"
_MATCHER = (
    "StructureMatcher of pymatgen: Ong et al., Comput. Mater. Sci. 68, 314 (2013), doi:10.1016/j.commatsci.2012.10.028."
)


def _symmetry() -> list[Metric]:
    found = []
    for suffix, angstrom, note in (
        ("_loose", "0.1", " The tolerance tells a broken structure from a rough end of the relaxation."),
        (
            "",
            "0.01",
            " After a start that breaks the symmetry, a force limit of 0.05 eV/Å seldom brings it back this far.",
        ),
        ("_tight", "0.00001", " After a start that breaks the symmetry, only a very tight relaxation gets there."),
    ):
        undefined = "Undefined if no reference has a space group."
        within = f"found with a tolerance of {angstrom} Å"
        kinds: tuple[tuple[str, str, Better, str], ...] = (
            ("match", "kept", "higher", "Share of the materials that end in the space group of the reference"),
            ("decrease", "lost", "lower", "Share that ends in another space group with fewer symmetry operations"),
            ("increase", "gained", "lower", "Share that ends in another space group with more symmetry operations"),
        )
        for kind, verb, better, text in kinds:
            first = kind == "match" and suffix == "_loose"
            found.append(
                Metric(f"symmetry_{kind}{suffix}", f"Symmetry {verb}", f"%, {angstrom} Å", better, 1, "percent",
                       f"{text}, {within}. A missing answer is none of the three kinds.{note}",
                       "such materials / references with a space group", undefined, chart=first,
                       main=kind == "match" and suffix != "_tight", source=MATBENCH_DISCOVERY_SITE)
            )  # fmt: skip
        found.append(
            Metric(f"n_sym_ops_mae{suffix}", "Operations", f"{angstrom} Å", "lower", 1, "number",
                   f"Mean difference in the number of symmetry operations, {within}, where both have them.",
                   "mean |n − N|", "Undefined without such an answer.", source=MATBENCH_DISCOVERY_SITE)
        )  # fmt: skip
    return found


RELAXATION: tuple[Metric, ...] = (
    Metric("rmsd", "RMSD", None, "lower", 4, "number",
           "Mean distance of the relaxed atoms from their reference places, in units of (V/N)^(1/3). A structure that "
           "matches nothing, and a missing answer, count 1. Blind to the size of the cell.",
           "mean of √ mean |r − R|² / (V/N)^(1/3) over all materials asked", "Undefined on an empty set.",
           chart=True, main=True, source=_MATCHER),
    Metric("rmsd_matched", "RMSD of matched", None, "lower", 4, "number",
           "The same over the materials that match their reference.", "mean over matched materials",
           "Undefined if nothing matches.", source=_MATCHER),
    Metric("matched", "Matched", "%", "higher", 1, "percent",
           "Share of all materials whose relaxed structure can be laid upon the reference at all.",
           "matched / asked", "Undefined on an empty set.", source=_MATCHER),
    *_symmetry(),
    Metric("volume_error", "Volume bias", "%", None, 2, "number",
           "Mean error of the volume per atom with its sign: positive where cells come out too large.",
           "100 · mean (v / V − 1) over the answers", "Undefined without an answer.", source=_HERE),
    Metric("volume_abs_error", "Volume error", "%", "lower", 2, "number",
           "Mean absolute error of the volume per atom.", "100 · mean |v / V − 1| over the answers",
           "Undefined without an answer.", chart=True, main=True, source=_HERE),
    Metric("lattice_error", "Lattice error", "%", "lower", 2, "number",
           "Mean absolute error of the three edges of the reduced cell.",
           "100 · mean over a, b, c of |a / A − 1| over the answers", "Undefined without an answer.", main=True,
           source=_HERE),
    Metric("energy_mae", "Energy MAE", "eV/atom", "lower", 3, "number",
           "Mean absolute difference between the energy at the model's own minimum and the reference energy, where the "
           "data set has one and the model gives energies on its scale.",
           "mean |e − E|", "Undefined without such a row.", source=ERRORS),
    Metric("fmax", "Residual force", "eV/Å", "lower", 4, "number",
           "Mean of the largest force, of atoms or cell, at the end of the relaxation, as reported.",
           "mean of reported forces",
           "Unknown where nothing is reported."),
    Metric("converged", "Converged", "%", "higher", 1, "percent",
           "Share of all materials whose relaxation ended below its force limit.", "status ok / asked",
           "Unknown if the file reports neither forces nor steps.", main=True),
    _coverage("Share of the materials that have a usable structure. Every other one counts as unmatched."),
    Metric("steps", "Steps", None, None, 0, "number", "Median number of optimisation steps, where they are reported.",
           "median", "Unknown where nothing is reported."),
    SECONDS,
    _SPEED,
)  # fmt: skip
"""Metrics of relaxed structures, in the order of the columns."""
