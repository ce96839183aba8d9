"""Metrics as pure functions on arrays: truth first, numbers out, undefined is nan.

Usable from a notebook; needs NumPy only.
"""

from matdisc.metrics.inference import bootstrap_intervals, group_totals
from matdisc.metrics.stability import (
    METRICS,
    all_stable_dummy,
    discovery_acceleration_factor,
    f1_score,
    metrics_from_totals,
    row_terms,
    stability_metrics,
)

__all__ = [
    "METRICS",
    "all_stable_dummy",
    "bootstrap_intervals",
    "discovery_acceleration_factor",
    "f1_score",
    "group_totals",
    "metrics_from_totals",
    "row_terms",
    "stability_metrics",
]
