"""What each probe says of each metric, and how the metrics are named, printed and explained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.metric import SECONDS, Metric, _coverage
from matdisc.tasks.soundness.checks import CHECKS, excess

_HERE = "Defined here: docs/explanation/properties.md"


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each probe says of each metric, shape (n_probes,); nan where it says nothing."""
    sizes = {check.key: excess(check, answers) for check in CHECKS}
    table, answered = np.stack(list(sizes.values())), np.isfinite(answers.values)
    taken = np.isfinite(table)
    due = taken | answered & np.array([check.key != "stress" for check in CHECKS])[:, None]
    good = table <= 1
    largest = np.fmax.reduce(table)
    return {
        "sound": (answered & (good | ~due).all(axis=0)).astype(float),
        "checks": np.where(answered, good.sum(axis=0) / np.maximum(due.sum(axis=0), 1), np.nan),
        "excess": np.where(answered, largest, np.nan),
        **{check.key: np.where(there, one, np.nan) for check, there, one in zip(CHECKS, due, good, strict=True)},
    }


SOUNDNESS_METRICS: tuple[Metric, ...] = (
    Metric("sound", "Sound", "%", "higher", 1, "percent",
           "Share of all probes on which a potential passes every check; the board is sorted by it. A probe without an "
           "answer counts as not passed, so a potential of few elements stays low: read the coverage and the next "
           "column beside it. A potential without stress is not asked about its stress.",
           "probes with all checks passed / all probes", "Always defined.", chart=True, main=True, source=_HERE),
    Metric("checks", "Checks passed", "%", "higher", 1, "percent",
           "Mean share of the checks that are passed, over the probes with an answer: what is said of a potential of "
           "few elements.",
           "mean of (checks passed / checks taken)", "Undefined without an answer.", chart=True, main=True,
           source=_HERE),
    Metric("excess", "Largest gap", "of tolerance", "lower", 3, "number",
           "Largest gap of a probe over its tolerance, median over the probes with an answer: 1 is the border, and "
           "0.01 means that the worst check has a hundredfold margin.",
           "median over probes of max over checks of gap / tolerance", "Undefined without an answer.", main=True,
           source=_HERE),
    *(
        Metric(check.key, check.key.replace("_", " ").capitalize(), "%", "higher", 1, "percent",
               f"{check.title}: share of the probes with an answer that pass. {check.breach}",
               "all of " + "; ".join(f"{gap.help} ≤ {gap.tolerance:g} {gap.unit}" for gap in check.gaps),
               "Undefined without an answer, and for the stress of a potential that gives none.", source=_HERE)
        for check in CHECKS
    ),
    _coverage("Share of the probes that have a usable answer. Unsupported elements are the usual reason for others."),
    SECONDS,
)  # fmt: skip
"""Metrics of soundness, in the order of the columns."""
