"""What predictions rest on: how much worse they are where some of the inputs belong to another row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matdisc.arrays import Bools
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import bootstrap_intervals, group_totals
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap, interval
from matdisc.scoring.figures import Cells, Table

NOTE = (
    "Increase of the mean absolute error where these inputs of each row are those of another row, and the model is the "
    "same (permutation importance). Inputs that others tell as well cost little. The intervals resample chemical "
    "systems, with one permutation."
)


def importance_table(
    truth: Truth, answers: Answers, keep: Bools, target: str, unit: str, names: Mapping[str, str], bootstrap: Bootstrap
) -> Table:
    """Return the increase of the MAE by column, largest first, with its 95 % interval; of rows with both answers.

    Args:
        truth, answers: Labels and answers; the answer to compare with is in the column that is called as the target.
        keep: Which rows count, shape (n_rows,).
        target: Name of the label.
        unit: Its unit.
        names: Words for the permuted inputs, by the column of the answers without them.
        bootstrap: How intervals are taken; without replicates there are none.
    """
    label, found = truth.target(target), []
    for column, name in names.items():
        more = np.abs(answers.numbers(column) - label) - np.abs(answers.numbers(target) - label)
        rows = keep & np.isfinite(more)
        if not rows.any():
            continue
        ends = {"mean": (np.nan, np.nan)}
        if bootstrap.replicates:
            totals = group_totals(np.stack([more, np.ones(len(more))], axis=1)[rows], truth.groups[rows])
            ends = bootstrap_intervals(
                totals, lambda sums: {"mean": sums[..., 0] / sums[..., 1]},
                replicates=bootstrap.replicates, seed=bootstrap.seed,
            )  # fmt: skip
        found.append((name, interval(more[rows].mean(), *ends["mean"])))
    found.sort(key=lambda one: -(one[1]["value"] or 0.0))
    cells: list[Cells] = [(name, *increase.values()) for name, increase in found]
    head = ("Inputs of another row", f"Increase of the MAE, {unit}", "95 % from", "to")
    return Table("importance", "What the predictions rest on", head, cells, NOTE)
