"""Metrics as pure functions on arrays: truth first, numbers out, undefined is nan.

A small library for notebooks: no data is loaded, and nothing but NumPy is imported until SciPy is needed.

    >>> from matdisc.metrics import stability_metrics
    >>> stability_metrics([-0.1, 0.0, 0.2], [-0.2, 0.1, 0.3])["f1"]
    0.6666666666666666
"""

from matdisc.metrics.board_ranking import rank_board
from matdisc.metrics.bootstrap import bootstrap_intervals, bootstrap_sums, group_totals
from matdisc.metrics.calibration import gaussian_calibration, gaussian_crps, gaussian_nll, probability_calibration
from matdisc.metrics.comparison import holm, mcnemar, minimum_detectable_difference, paired_differences
from matdisc.metrics.curves import (
    hull_distance_histogram,
    parity_density,
    precision_recall_curve,
    roc_curve,
    rolling_mae,
    threshold_sweep,
)
from matdisc.metrics.matbench_discovery import matbench_discovery
from matdisc.metrics.screening import cumulative_curve, precision_at_k
from matdisc.metrics.slices import anion_class, multi_label_totals, slice_metrics, sliced_totals
from matdisc.metrics.stability import (
    METRICS,
    all_stable_baseline,
    discovery_acceleration_factor,
    f1_score,
    metrics_from_totals,
    row_terms,
    stability_metrics,
)

__all__ = [
    "METRICS",
    "all_stable_baseline",
    "anion_class",
    "bootstrap_intervals",
    "bootstrap_sums",
    "cumulative_curve",
    "discovery_acceleration_factor",
    "f1_score",
    "gaussian_calibration",
    "gaussian_crps",
    "gaussian_nll",
    "group_totals",
    "holm",
    "hull_distance_histogram",
    "matbench_discovery",
    "mcnemar",
    "metrics_from_totals",
    "minimum_detectable_difference",
    "multi_label_totals",
    "paired_differences",
    "parity_density",
    "precision_at_k",
    "precision_recall_curve",
    "probability_calibration",
    "rank_board",
    "roc_curve",
    "rolling_mae",
    "row_terms",
    "slice_metrics",
    "sliced_totals",
    "stability_metrics",
    "threshold_sweep",
]
