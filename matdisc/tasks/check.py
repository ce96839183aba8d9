"""Is a predictions file about this dataset, complete and plausible? Says so before any score is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.metrics.structures import reduced_cell
from matdisc.predictions import OK, UNCONVERGED, Submission
from matdisc.schema import STATUSES, Crystal
from matdisc.structures import is_finite
from matdisc.tasks.base import Bools, Floats, Task

ABSURD = 5.0
"""A formation energy farther than this from the truth, eV/atom, is counted and not used (strictly greater)."""

VOLUMES = (1 / 8, 8.0)
"""A structure whose volume is outside these multiples of the one asked about has left physics."""
SHORTEST = 0.5
"""Å; a lattice with a shorter vector puts an atom on its own image."""
SLACK = 1e-9
"""Float noise that an interval of belief may have."""
CORRECTION = 0.05
"""eV/atom; MP2020 corrections that are smaller tell nothing about whether they are there."""
UNITS = {
    "kJ/mol; divide by 96.485": 1 / 96.485,
    "kcal/mol; divide by 23.061": 1 / 23.061,
    "meV/atom; divide by 1000": 1e-3,
    "Hartree; multiply by 27.2114": 27.2114,
    "Rydberg; multiply by 13.6057": 13.6057,
}
"""Units in which formation energies are given by mistake, and their factor to eV/atom."""
FARTHEST = 1e4
"""Largest fractional coordinate, and largest reported force in eV/Å, that anybody can mean."""

KINDS = ("ok", "unconverged", "unsupported", "timed_out", "failed", "absent", "non_finite", "absurd")


@dataclass(frozen=True)
class Answers:
    """A submission in the order of a dataset.

    Attributes:
        column: Name of the value column.
        values: Shape (n_materials,); nan where there is no usable answer.
        coverage: Counts that add up to `expected`: ok, unconverged, unsupported, timed_out, failed,
            absent, non_finite, absurd. `answered` = ok + unconverged. `surplus` ids come on top.
        uncertainty: Standard deviations, eV/atom, nan where there is none; None without the column.
        seconds, steps: Of the rows that give them.
        surplus: The first few ids that the dataset does not have.
        structures: Where structures are the answer: the usable ones, None elsewhere; `values` is 0 where there is one.
        converged: Whether each answer ended as `ok`.
        reported: Further numbers that came with structures or beliefs, e.g. `energy_per_atom`, nan where absent.
        sha256: Hash of the file.
    """

    column: str
    values: Floats
    coverage: dict[str, int]
    uncertainty: Floats | None
    seconds: Floats
    steps: Floats
    surplus: tuple[str, ...] = ()
    structures: tuple[Crystal | None, ...] = ()
    converged: Bools | None = None
    reported: Mapping[str, Floats] = field(default_factory=dict)
    sha256: str = ""


def align(submission: Submission, truth: Truth, task: Task, *, surplus: str = "refuse") -> Answers:
    """Return the submission's answers in the dataset's order, each material counted in exactly one way.

    Args:
        submission: The file.
        truth: The dataset.
        task: What was asked.
        surplus: What to do with ids that the dataset does not have: `refuse` them, or `report` and drop them.

    Raises:
        SubmissionError: If ids repeat or (unless reported) are not in the dataset, or if the whole column is on
            another scale (total energies, per cell instead of per atom, hull distances for formation energies).
    """
    place, extra = _places(submission, truth, surplus)
    present = place >= 0
    if not present.any():
        _refuse_foreign(submission, truth)
    row = np.where(present, place, 0)
    status = np.where(present, submission.status[row], -1)
    given = present & submission.given[row]
    values = np.where(given, submission.values[row], np.nan)
    finite = np.isfinite(values)
    _refuse_wrong_scale(submission, truth, finite, values)
    reported = {name: np.where(given, numbers[row], np.nan) for name, numbers in submission.reported.items()}
    if task.measured:
        reported = {name: np.where(np.isfinite(numbers), numbers, np.nan) for name, numbers in reported.items()}
    if task.beliefs:
        _refuse_impossible_beliefs(submission, truth, finite, values, reported)
    structures = _structures(submission, row, given)
    if task.structures:
        finite = np.array([crystal is not None and is_finite(crystal) for crystal in structures], bool)
        senseless = absurd_structures(submission, truth, structures, finite)
    else:
        senseless = finite & absurd(submission.column, truth, task, values)
    usable = finite & ~senseless
    counts = {
        "ok": int((usable & (status == OK)).sum()),
        "unconverged": int((usable & (status == UNCONVERGED)).sum()),
        **{k: int((present & ~given & (status == STATUSES.index(k))).sum()) for k in KINDS[2:5]},
        "absent": int((~present).sum()),
        "non_finite": int((given & ~finite).sum()),
        "absurd": int(senseless.sum()),
    }
    coverage = {"expected": len(truth), "answered": counts["ok"] + counts["unconverged"], **counts}
    return Answers(
        submission.column,
        np.where(usable, values, np.nan),
        coverage | {"surplus": len(extra)},
        None if submission.uncertainty is None else np.where(usable, submission.uncertainty[row], np.nan),
        _known(submission.seconds),
        _known(submission.steps),
        tuple(extra[:10]),
        tuple(crystal if use else None for crystal, use in zip(structures, usable, strict=False)),
        usable & (status == OK),
        {name: np.where(usable, numbers, np.nan) for name, numbers in reported.items()},
        submission.sha256,
    )


def aligned_values(submission: Submission, truth: Truth, *, surplus: str = "refuse") -> Floats:
    """Return the values as given in the dataset's order, nothing left out for being absurd; nan where absent."""
    place, _ = _places(submission, truth, surplus)
    return np.where(place >= 0, submission.values[np.where(place >= 0, place, 0)], np.nan)


def absurd(column: str, truth: Truth, task: Task, values: Floats) -> Bools:
    """Return which finite values nobody can mean: outside [0, 1] for `p_stable`, outside the task's limits,
    or more than 5 eV/atom from the true formation energy."""
    with np.errstate(invalid="ignore"):
        if column == "p_stable":
            return np.asarray((values < 0) | (values > 1))
        low, high = task.limits
        outside = (values < low) | (values > high)
        if task.needs_references:
            outside |= np.abs(values - truth.target("e_form_per_atom")) > ABSURD
        return np.asarray(outside)


def absurd_structures(
    submission: Submission, truth: Truth, structures: Sequence[Crystal | None], finite: Bools
) -> Bools:
    """Return which structures nobody can mean: of other atoms than were asked about, or with a cell that holds none.

    Raises:
        SubmissionError: If more than half of them are of other atoms, so that the file is about something else.
    """
    assert truth.crystals is not None
    pairs = list(zip(structures, truth.crystals, strict=True))
    other = np.array([c is not None and c.composition != asked.composition for c, asked in pairs], bool) & finite
    if other.sum() > finite.sum() / 2:
        i = int(np.argmax(other))
        crystal, asked = pairs[i]
        assert crystal is not None
        raise SubmissionError(
            f"{submission.path}: {int(other.sum())} structures hold other atoms than were asked about, e.g. "
            f"{truth.material_ids[i].as_py()!r} has {_atoms(crystal)} instead of {_atoms(asked)}; give the relaxed "
            "cell with the atoms of the start structure (`matdisc datasets structures` writes them)"
        )
    senseless = [c is not None and _no_cell(c, asked) for c, asked in pairs]
    return other | (np.array(senseless, bool) & finite)


def _no_cell(crystal: Crystal, asked: Crystal) -> bool:
    """Whether a cell has hardly any volume, far too much, or a lattice vector shorter than any bond."""
    if any(abs(x) > FARTHEST for row in (*crystal.positions, *crystal.cell) for x in row):
        return True
    with np.errstate(all="ignore"):
        change = abs(np.linalg.det(crystal.cell)) / abs(np.linalg.det(asked.cell))
    if not VOLUMES[0] < change < VOLUMES[1]:
        return True
    try:
        return bool(np.linalg.norm(reduced_cell(crystal.cell)[0]) < SHORTEST)
    except ValueError:
        return True


def _atoms(crystal: Crystal) -> str:
    return " ".join(f"{el}{n}" for el, n in crystal.composition.items())[:60]


def _structures(submission: Submission, row: Any, given: Bools) -> tuple[Crystal | None, ...]:
    """The submitted structure of each material; empty where structures are not asked for."""
    found = submission.structures
    if found is None:
        return ()
    return tuple(found[i] if there else None for i, there in zip(row.tolist(), given.tolist(), strict=True))


def _places(submission: Submission, truth: Truth, surplus: str) -> tuple[Any, list[str]]:
    """Row of the submission for each material, -1 where absent, and the ids that the dataset does not have."""
    import pyarrow.compute as pc

    ids = submission.material_ids
    if ids.equals(truth.material_ids):
        return np.arange(len(truth)), []
    found = pc.index_in(truth.material_ids, value_set=ids)
    matched = len(found) - found.null_count
    extra: list[str] = []
    if matched < len(ids):  # something repeats or is not ours
        _refuse_repeated(submission)
        extra = ids.filter(pc.invert(pc.is_in(ids, value_set=truth.material_ids))).to_pylist()
        if surplus == "refuse":
            _refuse_unknown(submission, truth, extra)
    return pc.fill_null(found, -1).to_numpy().astype(np.int64), extra


def _refuse_repeated(submission: Submission) -> None:
    import pyarrow.compute as pc

    counted = pc.value_counts(submission.material_ids)
    repeated = counted.filter(pc.greater(counted.field("counts"), 1))
    if len(repeated):
        raise SubmissionError(
            f"{submission.path}: {len(repeated)} material ids occur more than once, e.g. "
            f"{repeated[0]['values'].as_py()!r} ({repeated[0]['counts'].as_py()} times); keep one row a material"
        )


def _refuse_foreign(submission: Submission, truth: Truth) -> None:
    """Refuse a file that answers nothing of the dataset, however surplus ids are treated."""
    first = submission.material_ids[0].as_py()
    rows = "; they look like row numbers" if first.isdecimal() else ""
    raise SubmissionError(
        f"{submission.path}: none of its {len(submission):,} ids is a material of {truth.key!r}, e.g. {first!r}{rows}; "
        f"ids look like {truth.material_ids[0].as_py()!r}, and `matdisc datasets show {truth.key} --ids` lists them"
    )


def _refuse_unknown(submission: Submission, truth: Truth, unknown: list[str]) -> None:
    if truth.tested:
        raise SubmissionError(
            f"{submission.path}: {len(unknown)} ids are not among the {len(truth):,} answers that are asked of "
            f"{truth.key!r}: {unknown[0]!r}; they look like {truth.material_ids[0].as_py()!r} (alloy, protocol, fold), "
            f"and `matdisc datasets structures {truth.key} --task alloys` lists them"
        )
    where = "belongs to the train part" if unknown[0] in truth.train_ids else "is not one of them"
    raise SubmissionError(
        f"{submission.path}: {len(unknown)} material ids are not among the {len(truth):,} scored materials of "
        f"{truth.key!r}: {unknown[0]!r} {where}; `matdisc datasets show {truth.key} --ids` lists them"
    )


def _refuse_wrong_scale(submission: Submission, truth: Truth, finite: Bools, values: Floats) -> None:
    if submission.column != "e_form_per_atom":
        return
    answered = np.flatnonzero(finite & (np.abs(values) < 1e4))
    if len(answered) < 20:
        return
    answered = answered[:: max(1, len(answered) // 5000)]  # a few thousand tell as much as all
    e_form, given = truth.target("e_form_per_atom")[answered], values[answered]
    if truth.corrections is not None:
        _refuse_uncorrected(submission, given - e_form, truth.corrections[answered])
    typical = float(np.median(np.abs(given - e_form)))
    if typical <= 0.1:
        return
    suspects = [
        ("formation energies with the sign reversed", -given, e_form),
        *((f"formation energies in {unit}", given * factor, e_form) for unit, factor in UNITS.items()),
    ]
    hull = truth.target("e_above_hull")[answered]
    if np.isfinite(hull).all():
        suspects.append(("hull distances; give formation energies", given, hull))
    if truth.n_atoms is not None:
        per_cell = "formation energies in eV per cell; divide by the number of atoms"
        suspects.append((per_cell, given / truth.n_atoms[answered], e_form))
    shift = float(np.median(given - e_form))
    shifted = f"formation energies against references that are shifted by {shift:.3g} eV/atom"
    suspects.append((shifted, given - shift, e_form))
    distances = [float(np.median(np.abs(read_so - expected))) for _, read_so, expected in suspects]
    meaning, read_so, expected = suspects[int(np.argmin(distances))]
    if min(distances) < 0.25 * typical and _alike(read_so, expected):
        raise SubmissionError(
            f"{submission.path}: column 'e_form_per_atom' is {typical:.3g} eV/atom from the reference in the median; "
            f"it looks like {meaning}"
        )
    if typical > 2.0:
        raise SubmissionError(
            f"{submission.path}: column 'e_form_per_atom' is {typical:.3g} eV/atom from the reference in the median; "
            "are these total energies? subtract the elemental references (docs/predictions.md)"
        )


def _refuse_uncorrected(submission: Submission, error: Floats, correction: Floats) -> None:
    """Refuse values that lack the MP2020 corrections of the labels, or hold them twice: errors follow the corrections.

    The slope of error against correction is then -1 or 1, and the errors shrink when that is mended.
    """
    due = np.abs(correction) > CORRECTION
    if due.sum() < 20:
        return
    error, correction = error[due], correction[due]
    size = float(np.median(np.abs(error)))
    shifted = float(np.median(np.abs(error - np.median(error))))  # other references shift all values alike
    for slope, words in ((-1.0, "lack the MP2020 corrections"), (1.0, "hold the MP2020 corrections twice")):
        left = float(np.median(np.abs(error - slope * correction)))
        if left < min(0.25 * size, shifted):
            raise SubmissionError(
                f"{submission.path}: column 'e_form_per_atom' is {size:.3g} eV/atom from the reference in the median "
                f"of the {int(due.sum())} materials whose label holds an MP2020 correction, and {left:.3g} if that is "
                f"mended: the values {words} (docs/predictions.md says how they enter)"
            )


def _refuse_impossible_beliefs(
    submission: Submission, truth: Truth, finite: Bools, p_high: Floats, reported: Mapping[str, Floats]
) -> None:
    """Refuse answers that break 0 <= belief <= p_high <= plausibility <= 1, or state a conflict outside [0, 1]."""
    zero, one = np.zeros(len(truth)), np.ones(len(truth))
    columns = {"0": zero, "p_high": p_high, "1": one, **reported}
    order = (("0", "belief"), ("0", "p_high"), ("belief", "p_high"), ("p_high", "plausibility"), ("p_high", "1"))
    more = (("plausibility", "1"), ("0", "conflict"), ("conflict", "1"))
    for low, high in (pair for pair in (*order, *more) if pair[0] in columns and pair[1] in columns):
        with np.errstate(invalid="ignore"):
            wrong = np.flatnonzero(finite & (columns[low] > columns[high] + SLACK))
        if len(wrong):
            i = int(wrong[0])
            raise SubmissionError(
                f"{submission.path}: {truth.material_ids[i].as_py()!r} ({len(wrong)} rows in all): "
                f"{_told(low, columns, i)} is greater than {_told(high, columns, i)}; "
                "0 <= belief <= p_high <= plausibility <= 1 and 0 <= conflict <= 1 have to hold"
            )


def _told(name: str, columns: Mapping[str, Floats], i: int) -> str:
    return name if name in ("0", "1") else f"{name} {columns[name][i]:g}"


def _alike(given: Floats, expected: Floats) -> bool:
    """Whether two columns rise and fall together, and equally far; a constant column is like nothing."""
    if given.std() < 1e-9 or not 0.5 < given.std() / max(float(expected.std()), 1e-9) < 2:
        return False
    return float(np.corrcoef(given, expected)[0, 1]) > 0.8


def _known(values: Floats | None) -> Floats:
    return np.empty(0) if values is None else values[np.isfinite(values)]


def coverage_lines(coverage: dict[str, int], names: Sequence[str] | None = None) -> list[str]:
    """Return the counts that are not zero as short texts: `3 unsupported`."""
    kinds = names or (*KINDS[1:], "surplus")
    return [f"{coverage[kind]:,} {kind.replace('_', ' ')}" for kind in kinds if coverage.get(kind)]
