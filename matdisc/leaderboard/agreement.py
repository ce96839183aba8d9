"""Our run against the published one: do two rows of one model say the same of the same crystals, and where not, why?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.predictions import UNCONVERGED
from matdisc.schema import STATUSES
from matdisc.scoring.figures import Table

PUBLISHED = "published"
"""What follows the `+` in the name of a row that holds a model's published predictions beside a run of this board."""
NEAR = (0.001, 0.005)
"""eV/atom; differences that are counted."""
MOST = 12
"""Materials listed for a pair of rows, the farthest apart."""
CORRECTION = 0.005
"""eV/atom; a difference within this of a material's correction is put down to the correction."""


def differences(mine: AlignedSubmission, published: AlignedSubmission) -> Floats:
    """Return our answer minus the published one, eV/atom, in the dataset's order; nan where either is missing."""
    return np.asarray(mine.answers.values - published.answers.values)


def agreement_tables(
    pairs: Sequence[tuple[str, AlignedSubmission, AlignedSubmission]],
    corrections: Mapping[str, float],
    scale: Mapping[str, str | None],
) -> list[Table]:
    """Return how close each model's run comes to its published predictions, and the crystals that differ most.

    Args:
        pairs: Printed name, our run and the published one, of each model that has both.
        corrections: MP2020 correction of each material, eV per cell.
        scale: Energy scale of each model, by printed name: only `pbe_raw` takes the corrections from here.
    """
    if not pairs:
        return []
    summary: list[list[str | float | None]] = []
    listed: list[list[str | float | None]] = []
    for name, mine, published in pairs:
        apart = differences(mine, published)
        known = np.flatnonzero(np.isfinite(apart))
        size = np.abs(apart[known])
        shares = (size <= NEAR[0], size <= NEAR[1], apart[known] < -NEAR[1], apart[known] > NEAR[1])
        cells = [f"{100 * share.mean():.1f} %" for share in shares]
        middle = 1000 * float(np.median(size))
        summary.append([name, float(len(known)), middle, *cells, *_errors(mine, published, known)])
        used = corrections if scale.get(name) == "pbe_raw" else {}
        for i in known[np.argsort(-size, kind="stable")][:MOST].tolist():
            listed.append(
                [f"{mine.truth.material_ids[i].as_py()} ({name})", *_material(mine, published, apart, i, used)]
            )
    return [
        Table(
            "agreement", "Our runs against the published runs",
            ("Model", "crystals", "median difference, meV/atom", "within 1 meV/atom", "within 5 meV/atom",
             "ours lower by over 5", "ours higher by over 5", "MAE of ours, eV/atom", "MAE of theirs, eV/atom"),
            summary,
            "Absolute difference of the two formation energies of the same crystal. Published runs began from "
            "unrelaxed structures and ours from those relaxed by DFT; published values are rounded to four decimals.",
        ),
        Table(
            "agreement-farthest", "Crystals on which the runs differ most",
            ("Crystal", "formula", "ours, eV/atom", "published, eV/atom", "label, eV/atom", "our steps",
             "likely reason"),
            listed,
            "The reason follows from what is on file: how our run ended, the correction of that crystal, and which of "
            "the two ended lower: another minimum, or (theirs) a run that stopped early, which published files do not "
            "say. Of two ends of relaxations of one potential the lower one is the deeper minimum.",
        ),
    ]  # fmt: skip


def _errors(mine: AlignedSubmission, published: AlignedSubmission, known: Any) -> list[str]:
    truth = mine.truth.target("e_form_per_atom")[known]
    return [f"{float(np.abs(c.answers.values[known] - truth).mean()):.4f}" for c in (mine, published)]


def _material(
    mine: AlignedSubmission, published: AlignedSubmission, apart: Floats, i: int, corrections: Mapping[str, float]
) -> list[str | float | None]:
    truth, row = mine.truth, _row_of(mine, i)
    steps = mine.submission.steps
    formula = None if truth.formulas is None else truth.formulas[i].as_py()
    energies = (mine.answers.values[i], published.answers.values[i], truth.target("e_form_per_atom")[i])
    counted = None if steps is None or np.isnan(steps[row]) else float(steps[row])
    return [formula, *(f"{e:.3f}".replace("-", "−") for e in energies), counted, reason(mine, apart, i, corrections)]


def reason(mine: AlignedSubmission, apart: Floats, i: int, corrections: Mapping[str, float]) -> str:
    """Return the likely reason for a difference, in words."""
    atoms = mine.truth.n_atoms
    shift = corrections.get(mine.truth.material_ids[i].as_py(), 0.0) / atoms[i] if atoms is not None else 0.0
    if abs(shift) > CORRECTION and abs(apart[i] - shift) < CORRECTION:
        return "theirs lacks the correction of the label"
    if mine.submission.status[_row_of(mine, i)] == UNCONVERGED:
        return f"ours is {STATUSES[UNCONVERGED]}"
    if apart[i] < 0:
        return "other start, theirs ended higher"
    return "other start, theirs ended lower"


def _row_of(checked: AlignedSubmission, i: int) -> int:
    import pyarrow.compute as pc

    return int(pc.index(checked.submission.material_ids, checked.truth.material_ids[i]).as_py())
