"""Do some rows of a column mean something else than the others? Batches of a file that were made in another way.

A batch is told by rows that are far from the reference as they stand, and fit it when they are read otherwise. Errors
of an honest model lie at any distance, and do not do so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.leakage.features import follows
from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.predictions import Submission

FEWEST_ROWS = 10
"""Rows that a batch has at least."""
SMALL = 0.01
"""eV/atom; errors below are none, whatever the unit."""
N_PARTS = 4
"""Parts of a file, in its order, in which probabilities are looked at for themselves."""


class Reading(NamedTuple):
    """What a column may be: in words, its values read so, what they have to fit, how much closer, and how well.

    `part` says whether some rows alone may be that.
    """

    words: str
    values: Floats
    expected: Floats
    closer: float = 0.5
    correlation: float = 0.8
    part: bool = True


def refuse_batch(submission: Submission, truth: Truth, given: Floats, right: Floats, rows: Ints, read: Reading) -> None:
    """Refuse a column where nearly all answers that are far off fit the reference when they are read otherwise.

    Args:
        submission: The file.
        truth: The dataset.
        given: Answers, eV/atom, shape (n,).
        right: Their reference.
        rows: Their places in the dataset.
        read: The other reading of them.
    """
    as_given, read_so = np.abs(given - right), np.abs(read.values - read.expected)
    noise = max(SMALL, 1.4826 * float(np.median(np.minimum(as_given, read_so))))
    far = (as_given > 5 * noise) & (np.abs(read.expected) > 3 * noise)
    fits = far & (read_so < 3 * noise)
    enough = fits.sum() >= max(FEWEST_ROWS, 0.01 * len(given), 0.5 * far.sum())
    if not enough or not follows(read.values[fits], read.expected[fits]):
        return
    if abs(float(np.median(read.values[fits] / read.expected[fits])) - 1) < 0.15:
        _refuse(submission, truth, given, right, rows, fits, read.words)


def refuse_uncorrected_batch(
    submission: Submission, truth: Truth, given: Floats, right: Floats, rows: Ints, correction: Floats
) -> None:
    """Refuse a column where answers are far off by just the MP2020 correction of their label, in one direction.

    Errors of an honest model may be as large as a correction, but do not crowd about it as closely as the other
    errors crowd about zero, and do not vary with it.
    """
    error = given - right
    for sign, words in ((1.0, "values that lack the MP2020 corrections"), (-1.0, "values that hold them twice")):
        left = np.abs(error + sign * correction)
        noise = max(SMALL, 1.4826 * float(np.median(np.minimum(np.abs(error), left))))
        far = (np.abs(error) > 4 * noise) & (np.abs(correction) > 5 * noise)
        fits = far & (left < 3 * noise)
        if fits.sum() < max(2 * FEWEST_ROWS, 0.05 * len(error), 0.8 * far.sum()):
            continue
        if _crowds(error[far], -sign * correction[far], noise):
            _refuse(
                submission,
                truth,
                given,
                right,
                rows,
                fits,
                f"{words} (docs/reference/predictions.md says how they enter)",
            )


def _crowds(error: Floats, correction: Floats, noise: float) -> bool:
    """Whether most errors lie within the noise about corrections, and vary with them.

    Where corrections hardly differ, clearly more than half have to lie there.
    """
    n, near = len(error), int((np.abs(error - correction) < noise).sum())
    if float(np.std(correction)) < noise:
        return near > n / 2 + n**0.5
    return near > n / 2 and float(np.corrcoef(error, correction)[0, 1]) > 0.5


def _refuse(
    submission: Submission, truth: Truth, given: Floats, right: Floats, rows: Ints, fits: Bools, words: str
) -> None:
    i = int(np.argmax(fits))
    raise SubmissionError(
        f"{submission.path}: {int(fits.sum()):,} of {len(given):,} values of column {submission.column_name!r} look "
        f"like {words}: {truth.material_ids[int(rows[i])].as_py()!r} has {given[i]:.4g}, the reference is "
        f"{right[i]:.4g} eV/atom; mend those rows"
    )


def refuse_slipped_batch(submission: Submission, label: Floats) -> None:
    """Refuse a file of which a stretch of rows has the values of the rows above or below.

    Args:
        submission: The file.
        label: Reference of each of its rows, eV/atom, nan where unknown, shape (n_rows,).
    """
    values = submission.values
    for words, other in (
        ("the ids one row above", np.concatenate([[np.nan], label[:-1]])),
        ("the ids one row below", np.concatenate([label[1:], [np.nan]])),
    ):
        known = np.flatnonzero(np.isfinite(values) & np.isfinite(label) & np.isfinite(other))
        as_given, read_so = np.abs(values - label)[known], np.abs(values - other)[known]
        noise = max(SMALL, 1.4826 * float(np.median(np.minimum(as_given, read_so)))) if len(known) else np.inf
        far = as_given > 5 * noise
        fits = far & (read_so < 3 * noise)
        if fits.sum() < max(FEWEST_ROWS, 0.01 * len(known), 0.8 * far.sum()):
            continue
        if follows(values[known[fits]], other[known[fits]]):
            first = int(known[np.argmax(fits)])
            raise SubmissionError(
                f"{submission.path}: ids and values are out of step from row {first + 1}: {int(fits.sum()):,} values "
                f"of column {submission.column_name!r} fit {words}; join them by id again"
            )


def inverted_area(stable: Floats, others: Floats) -> tuple[float, float]:
    """Return the area under the ROC curve, and how far chance moves it.

    Args:
        stable, others: Probabilities of being stable of materials that are, and of those that are not.
    """
    n, m = len(stable), len(others)
    order = np.searchsorted(np.sort(others), stable, side="left") + np.searchsorted(np.sort(others), stable, "right")
    return float(order.sum()) / (2 * n * m), ((n + m + 1) / (12 * n * m)) ** 0.5


def refuse_inverted_batch(submission: Submission, truth: Truth, values: Floats, stable: Bools, known: Bools) -> None:
    """Refuse a file of which one part orders materials the wrong way round, clearly and beyond chance.

    Args:
        submission: The file.
        truth: The dataset.
        values: Probabilities, shape (n_materials,).
        stable: Whether a material is.
        known: Whether that is known and answered.
    """
    import pyarrow.compute as pc

    found = pc.index_in(truth.material_ids, value_set=submission.material_ids)
    places = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    asked = np.flatnonzero(known & (places >= 0))
    for part in np.array_split(asked[np.argsort(places[asked], kind="stable")], N_PARTS):
        split = [values[part[stable[part] == which]] for which in (True, False)]
        if min(map(len, split)) < FEWEST_ROWS:
            continue
        area, chance = inverted_area(*split)
        if area < 0.2 and area < 0.5 - 5 * chance:
            first, last = int(places[part[0]]) + 1, int(places[part[-1]]) + 1
            raise SubmissionError(
                f"{submission.path}: p_stable looks inverted in rows {first:,} to {last:,}, as if it were the "
                f"probability of being unstable (area under the ROC curve {area:.2f}); give that of being stable"
            )
