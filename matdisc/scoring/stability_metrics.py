"""How the metrics of stability are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import (
    _NEVER,
    _SPEED,
    CONFUSION,
    ERRORS,
    EXPLAINED,
    MATBENCH_DISCOVERY,
    SECONDS,
    Metric,
    _coverage,
)

_NO_ROWS = "Undefined without a row that has both energies."


STABILITY: tuple[Metric, ...] = (
    Metric("f1", "F1", None, "higher", 3, "number",
           "Harmonic mean of precision and recall of the stable class; the board is sorted by it.",
           "2 · precision · recall / (precision + recall)",
           "Undefined if precision or recall is, or if both are 0.", chart=True, main=True, source=CONFUSION),
    Metric("daf", "DAF", None, "higher", 2, "number",
           "Discovery acceleration factor: how many times more often a material that the model calls stable "
           "is stable than one picked at random. Its ceiling is 1 / prevalence.",
           "precision / prevalence", "Undefined if nothing is called stable, or nothing is.", main=True,
           source=MATBENCH_DISCOVERY),
    Metric("precision", "Precision", None, "higher", 3, "number",
           "Share of the materials called stable that are stable.",
           "TP / (TP + FP)", "Undefined if nothing is called stable.", main=True, source=CONFUSION),
    Metric("recall", "Recall", None, "higher", 3, "number",
           "Share of the stable materials that are called stable.",
           "TP / (TP + FN)", "Undefined if nothing is stable.", main=True, source=CONFUSION),
    Metric("accuracy", "Accuracy", None, "higher", 3, "number",
           "Share of all materials that are called rightly.",
           "(TP + TN) / (TP + FP + TN + FN)", "Undefined on an empty set.", source=CONFUSION),
    Metric("fpr", "FPR", None, "lower", 3, "number",
           "False positive rate: share of the unstable materials that are called stable.",
           "FP / (FP + TN)", "Undefined if everything is stable.", source=CONFUSION),
    Metric("tnr", "TNR", None, "higher", 3, "number",
           "True negative rate: share of the unstable materials that are called unstable.",
           "TN / (FP + TN)", "Undefined if everything is stable.", source=CONFUSION),
    Metric("fnr", "FNR", None, "lower", 3, "number",
           "False negative rate: share of the stable materials that are missed.",
           "FN / (TP + FN)", "Undefined if nothing is stable.", source=CONFUSION),
    Metric("mae", "MAE", "eV/atom", "lower", 3, "number",
           "Mean absolute error of the energy, over the rows that have both energies.",
           "mean |q − E|", _NO_ROWS, chart=True, main=True, source=ERRORS),
    Metric("rmse", "RMSE", "eV/atom", "lower", 3, "number",
           "Root mean square error of the energy; it weighs large errors more than MAE does.",
           "√ mean (q − E)²", _NO_ROWS, source=ERRORS),
    Metric("r2", "R²", None, "higher", 3, "number",
           "Share of the variance of the reference energies that the model explains; negative if it does worse "
           "than their mean.",
           "1 − Σ (q − E)² / Σ (E − mean E)²",
           "Undefined with fewer than two rows, or if all reference energies are equal.", source=EXPLAINED),
    Metric("tp", "TP", None, None, 0, "count", "True positives: stable, and called stable.",
           "count", _NEVER, source=CONFUSION),
    Metric("fp", "FP", None, None, 0, "count", "False positives: unstable, but called stable.",
           "count", _NEVER, source=CONFUSION),
    Metric("tn", "TN", None, None, 0, "count", "True negatives: unstable, and called unstable.",
           "count", _NEVER, source=CONFUSION),
    Metric("fn", "FN", None, None, 0, "count", "False negatives: stable, but called unstable.",
           "count", _NEVER, source=CONFUSION),
    _coverage("Share of the materials that have a usable answer. Every other one counts as called unstable."),
    SECONDS,
    _SPEED,
    Metric("hits_per_cpu_hour", "Hits", "per CPU hour", None, 1, "number",
           "Stable materials that were rightly called stable in an hour of one processor core.",
           "TP / CPU time", "Unknown for submitted files."),
)  # fmt: skip
"""Metrics of verdicts on stability, in the order of the columns."""
