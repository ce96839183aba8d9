"""How the metrics of each kind of task are named, printed and explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]
Form = Literal["number", "percent", "count"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is named, printed, explained and shaded.

    Attributes:
        key: Name in the result file.
        label: Column header.
        unit: Printed under the header; None for pure numbers.
        better: Which direction is good; None where neither is (counts, cost): no shading.
        decimals: Digits after the point, the same in the whole column.
        form: `percent` prints a share times 100.
        help: One sentence for the tooltip and the methods page.
        formula: Plain-text definition.
        undefined: When there is no value.
        chart: Whether a dataset's page draws it with its intervals.
        main: Whether a table shows it at first, where the settings do not choose.
    """

    key: str
    label: str
    unit: str | None
    better: Better | None
    decimals: int
    form: Form
    help: str
    formula: str
    undefined: str
    chart: bool = False
    main: bool = False

    @property
    def first_direction(self) -> str:
        """Sort direction of the first click: best first."""
        return "ascending" if self.better == "lower" else "descending"


_NEVER = "Always defined."
_NO_ROWS = "Undefined without a row that has both energies."
SECONDS = Metric(
    "seconds", "Time", "s/material", None, 2, "number",
    "Mean wall-clock time of one material, where the prediction came from a run of this package. Machines "
    "differ: compare with care.",
    "seconds of all materials / number of materials", "Unknown for submitted files.",
)  # fmt: skip
"""Of every task."""
_SPEED = Metric(
    "crystals_per_cpu_hour", "Speed", "crystals/CPU hour", None, 0, "count",
    "Materials that a run of this package finished in an hour of one processor core, loading of the model included. "
    "Processors differ: compare with care; with a GPU this is not the cost that counts.",
    "materials / CPU time", "Unknown for submitted files.",
)  # fmt: skip


def _coverage(said: str) -> Metric:
    return Metric("coverage", "Coverage", "%", None, 1, "percent", said, "usable answers / expected answers", _NEVER,
                  main=True)  # fmt: skip


STABILITY: tuple[Metric, ...] = (
    Metric("f1", "F1", None, "higher", 3, "number",
           "Harmonic mean of precision and recall of the stable class; the board is sorted by it.",
           "2 · precision · recall / (precision + recall)",
           "Undefined if precision or recall is, or if both are 0.", chart=True, main=True),
    Metric("daf", "DAF", None, "higher", 2, "number",
           "Discovery acceleration factor: how many times more often a material that the model calls stable "
           "is stable than one picked at random. Its ceiling is 1 / prevalence.",
           "precision / prevalence", "Undefined if nothing is called stable, or nothing is.", main=True),
    Metric("precision", "Precision", None, "higher", 3, "number",
           "Share of the materials called stable that are stable.",
           "TP / (TP + FP)", "Undefined if nothing is called stable.", main=True),
    Metric("recall", "Recall", None, "higher", 3, "number",
           "Share of the stable materials that are called stable.",
           "TP / (TP + FN)", "Undefined if nothing is stable.", main=True),
    Metric("accuracy", "Accuracy", None, "higher", 3, "number",
           "Share of all materials that are called rightly.",
           "(TP + TN) / (TP + FP + TN + FN)", "Undefined on an empty set."),
    Metric("fpr", "FPR", None, "lower", 3, "number",
           "False positive rate: share of the unstable materials that are called stable.",
           "FP / (FP + TN)", "Undefined if everything is stable."),
    Metric("tnr", "TNR", None, "higher", 3, "number",
           "True negative rate: share of the unstable materials that are called unstable.",
           "TN / (FP + TN)", "Undefined if everything is stable."),
    Metric("fnr", "FNR", None, "lower", 3, "number",
           "False negative rate: share of the stable materials that are missed.",
           "FN / (TP + FN)", "Undefined if nothing is stable."),
    Metric("mae", "MAE", "eV/atom", "lower", 3, "number",
           "Mean absolute error of the energy, over the rows that have both energies.",
           "mean |q − E|", _NO_ROWS, chart=True, main=True),
    Metric("rmse", "RMSE", "eV/atom", "lower", 3, "number",
           "Root mean square error of the energy; it weighs large errors more than MAE does.",
           "√ mean (q − E)²", _NO_ROWS),
    Metric("r2", "R²", None, "higher", 3, "number",
           "Share of the variance of the reference energies that the model explains; negative if it does worse "
           "than their mean.",
           "1 − Σ (q − E)² / Σ (E − mean E)²",
           "Undefined with fewer than two rows, or if all reference energies are equal."),
    Metric("tp", "TP", None, None, 0, "count", "True positives: stable, and called stable.",
           "count", _NEVER),
    Metric("fp", "FP", None, None, 0, "count", "False positives: unstable, but called stable.",
           "count", _NEVER),
    Metric("tn", "TN", None, None, 0, "count", "True negatives: unstable, and called unstable.",
           "count", _NEVER),
    Metric("fn", "FN", None, None, 0, "count", "False negatives: stable, but called unstable.",
           "count", _NEVER),
    _coverage("Share of the materials that have a usable answer. Every other one counts as called unstable."),
    SECONDS,
    _SPEED,
    Metric("hits_per_cpu_hour", "Yield", "hits/CPU hour", None, 1, "number",
           "Stable materials that were rightly called stable in an hour of one processor core.",
           "TP / CPU time", "Unknown for submitted files."),
)  # fmt: skip
"""Metrics of verdicts on stability, in the order of the columns."""


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
                       main=kind == "match" and suffix != "_tight")
            )  # fmt: skip
        found.append(
            Metric(f"n_sym_ops_mae{suffix}", "Operations", f"{angstrom} Å", "lower", 1, "number",
                   f"Mean difference in the number of symmetry operations, {within}, where both have them.",
                   "mean |n − N|", "Undefined without such an answer.")
        )  # fmt: skip
    return found


RELAXATION: tuple[Metric, ...] = (
    Metric("rmsd", "RMSD", None, "lower", 4, "number",
           "Mean distance of the relaxed atoms from their reference places, in units of (V/N)^(1/3). A structure that "
           "matches nothing, and a missing answer, count 1. Blind to the size of the cell.",
           "mean of √ mean |r − R|² / (V/N)^(1/3) over all materials asked", "Undefined on an empty set.",
           chart=True, main=True),
    Metric("rmsd_matched", "RMSD of matched", None, "lower", 4, "number",
           "The same over the materials that match their reference.", "mean over matched materials",
           "Undefined if nothing matches."),
    Metric("matched", "Matched", "%", "higher", 1, "percent",
           "Share of all materials whose relaxed structure can be laid upon the reference at all.",
           "matched / asked", "Undefined on an empty set."),
    *_symmetry(),
    Metric("volume_error", "Volume bias", "%", None, 2, "number",
           "Mean error of the volume per atom with its sign: positive where cells come out too large.",
           "100 · mean (v / V − 1) over the answers", "Undefined without an answer."),
    Metric("volume_abs_error", "Volume error", "%", "lower", 2, "number",
           "Mean absolute error of the volume per atom.", "100 · mean |v / V − 1| over the answers",
           "Undefined without an answer.", chart=True, main=True),
    Metric("lattice_error", "Lattice error", "%", "lower", 2, "number",
           "Mean absolute error of the three edges of the reduced cell.",
           "100 · mean over a, b, c of |a / A − 1| over the answers", "Undefined without an answer.", main=True),
    Metric("energy_mae", "Energy MAE", "eV/atom", "lower", 3, "number",
           "Mean absolute difference between the energy at the model's own minimum and the reference energy, where the "
           "data set has one and the model gives energies on its scale.",
           "mean |e − E|", "Undefined without such a row."),
    Metric("fmax", "Force left", "eV/Å", "lower", 4, "number",
           "Mean of the largest force, of atoms or cell, that the relaxation left, as reported.",
           "mean of reported forces",
           "Unknown where nothing is reported."),
    Metric("converged", "Converged", "%", "higher", 1, "percent",
           "Share of all materials whose relaxation ended below its force limit.", "status ok / asked",
           "Unknown if the file tells of neither forces nor steps.", main=True),
    _coverage("Share of the materials that have a usable structure. Every other one counts as unmatched."),
    Metric("steps", "Steps", None, None, 0, "number", "Median number of optimisation steps, where they are told.",
           "median", "Unknown where nothing is reported."),
    SECONDS,
    _SPEED,
)  # fmt: skip
"""Metrics of relaxed structures, in the order of the columns."""
