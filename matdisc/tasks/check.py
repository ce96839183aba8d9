"""Is a predictions file about this dataset, complete and plausible? Says so before any score is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matdisc.errors import SubmissionError
from matdisc.predictions import Submission
from matdisc.schema import Dataset
from matdisc.tasks.base import Floats, Task, targets

ABSURD = 5.0
"""A formation energy farther than this from the truth, eV/atom, is counted and not used (strictly greater)."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A submission in the order of a dataset's samples.

    Attributes:
        column: Name of the value column.
        values: Shape (n_samples,); nan where there is no usable answer.
        coverage: Counts that add up to `expected`: ok, unconverged, unsupported, timed_out, failed,
            absent, non_finite, absurd. `answered` = ok + unconverged.
        seconds, steps: Of the rows that give them.
    """

    column: str
    values: Floats
    coverage: dict[str, int]
    seconds: tuple[float, ...]
    steps: tuple[int, ...]


def align(submission: Submission, dataset: Dataset, task: Task) -> Answers:
    """Return the submission's answers in the dataset's order, each material counted in exactly one way.

    Raises:
        SubmissionError: If ids repeat or are not in the dataset, or if the whole column is on another scale
            (total energies, per cell instead of per atom, hull distances instead of formation energies).
    """
    _refuse_wrong_ids(submission, dataset)
    rows = {row.material_id: row for row in submission.rows}
    values = np.full(len(dataset.samples), np.nan)
    counts: Counter[str] = Counter()
    for i, sample in enumerate(dataset.samples):
        row = rows.get(sample.material_id)
        if row is None:
            counts["absent"] += 1
        elif submission.column not in row.values:
            counts[row.status] += 1
        elif not np.isfinite(row.values[submission.column]):
            counts["non_finite"] += 1
        else:
            counts[row.status] += 1
            values[i] = row.values[submission.column]
    _refuse_wrong_scale(submission, dataset, task, values)
    for i in np.flatnonzero(absurd(submission.column, dataset, task, values)).tolist():
        counts[rows[dataset.samples[i].material_id].status] -= 1
        counts["absurd"] += 1
        values[i] = np.nan
    kinds = ("ok", "unconverged", "unsupported", "timed_out", "failed", "absent", "non_finite", "absurd")
    coverage = {"expected": len(dataset.samples), "answered": counts["ok"] + counts["unconverged"]}
    return Answers(
        submission.column,
        values,
        coverage | {kind: counts[kind] for kind in kinds},
        tuple(row.seconds for row in submission.rows if row.seconds is not None),
        tuple(row.steps for row in submission.rows if row.steps is not None),
    )


def absurd(column: str, dataset: Dataset, task: Task, values: Floats) -> np.ndarray:
    """Return which finite values nobody can mean: outside [0, 1] for `p_stable`, outside the task's limits,
    or more than 5 eV/atom from the true formation energy."""
    with np.errstate(invalid="ignore"):
        if column == "p_stable":
            return np.asarray((values < 0) | (values > 1))
        low, high = task.limits
        far = np.abs(values - targets(dataset.samples, "e_form_per_atom")) > ABSURD
        return np.asarray((values < low) | (values > high) | (far if task.needs_references else False))


def _refuse_wrong_ids(submission: Submission, dataset: Dataset) -> None:
    times = Counter(row.material_id for row in submission.rows)
    repeated = [key for key, n in times.items() if n > 1]
    if repeated:
        raise SubmissionError(
            f"{submission.path}: {len(repeated)} material ids occur more than once, e.g. {repeated[0]!r} "
            f"({times[repeated[0]]} times); keep one row a material"
        )
    known = {s.material_id for s in dataset.samples}
    train = {s.material_id for s in dataset.train}
    unknown = [key for key in times if key not in known]
    if unknown:
        where = "belongs to the train part" if unknown[0] in train else "is not one of them"
        raise SubmissionError(
            f"{submission.path}: {len(unknown)} material ids are not among the {len(known):,} scored materials of "
            f"{dataset.key!r}: {unknown[0]!r} {where}; `matdisc datasets show {dataset.key} --ids` lists them"
        )


def _refuse_wrong_scale(submission: Submission, dataset: Dataset, task: Task, values: Floats) -> None:
    if submission.column != "e_form_per_atom":
        return
    answered = np.isfinite(values) & (np.abs(values) < 1e4)
    if answered.sum() < 20:
        return
    sizes = np.array([len(s.crystal.symbols) for s in dataset.samples], float)[answered]
    e_form = targets(dataset.samples, "e_form_per_atom")[answered]
    e_hull = targets(dataset.samples, "e_above_hull")[answered]
    given = values[answered]
    typical = float(np.median(np.abs(given - e_form)))
    if typical <= 0.1:
        return
    suspects = (
        ("formation energies in eV per cell; divide by the number of atoms", given / sizes, e_form),
        ("hull distances; give formation energies", given, e_hull),
        ("formation energies with the sign reversed", -given, e_form),
        ("formation energies in kJ/mol; divide by 96.485", given / 96.485, e_form),
    )
    distances = [float(np.median(np.abs(read_so - expected))) for _, read_so, expected in suspects]
    meaning, read_so, expected = suspects[int(np.argmin(distances))]
    if min(distances) < 0.1 * typical and _alike(read_so, expected):
        raise SubmissionError(
            f"{submission.path}: column 'e_form_per_atom' is {typical:.3g} eV/atom from the reference in the median; "
            f"it looks like {meaning}"
        )
    if typical > 2.0:
        raise SubmissionError(
            f"{submission.path}: column 'e_form_per_atom' is {typical:.3g} eV/atom from the reference in the median; "
            "are these total energies? subtract the elemental references (docs/predictions.md)"
        )


def _alike(given: Floats, expected: Floats) -> bool:
    """Whether two columns rise and fall together, and equally far; a constant column is like nothing."""
    if given.std() < 1e-9 or not 0.5 < given.std() / max(float(expected.std()), 1e-9) < 2:
        return False
    return float(np.corrcoef(given, expected)[0, 1]) > 0.9


def coverage_lines(coverage: dict[str, int], names: Sequence[str] | None = None) -> list[str]:
    """Return the counts that are not zero as short texts: `3 unsupported`."""
    kinds = names or ("unconverged", "unsupported", "timed_out", "failed", "absent", "non_finite", "absurd")
    return [f"{coverage[kind]:,} {kind.replace('_', ' ')}" for kind in kinds if coverage.get(kind)]
