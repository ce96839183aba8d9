"""Is a predictions file about this dataset, complete and plausible? Says so before any score is taken."""

from __future__ import annotations

from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.predictions import OK, UNCONVERGED, Submission
from matdisc.schema import STATUSES, Crystal
from matdisc.scoring.answers import KINDS, Answers
from matdisc.scoring.base import Scoring


def align(submission: Submission, truth: Truth, scoring: Scoring, *, surplus: str = "refuse") -> Answers:
    """Return the submission's answers in the dataset's order, each material counted in exactly one way.

    Args:
        submission: The file.
        truth: The dataset.
        scoring: What the answers mean.
        surplus: What to do with ids that the dataset does not have: `refuse` them, or `report` and drop them.

    Raises:
        SubmissionError: If ids repeat or (unless reported) are not in the dataset, or if the answers cannot mean what
            they say (`matdisc.scoring.plausibility`).
    """
    place, extra = _places(submission, truth, surplus)
    present = place >= 0
    if not present.any():
        _refuse_foreign(submission, truth)
    row = np.where(present, place, 0)
    status = np.where(present, submission.status[row], -1)
    given = present & submission.given[row]
    values = np.where(given, submission.values[row], np.nan)
    reported = {name: np.where(given, numbers[row], np.nan) for name, numbers in submission.reported.items()}
    numbers = np.where(np.isfinite(values), values, np.nan)
    notes = scoring.plausible(submission, truth, place, numbers, reported)
    structures = _structures(submission, row, given)
    _refuse_other_frames(submission, truth, place)
    arrays = _arrays(submission, truth, scoring, row, given)
    finite, absurd = scoring.usable(submission, truth, values, structures)
    finite, absurd = _usable_arrays(scoring, arrays, finite, absurd)
    usable = finite & ~absurd
    counts = {
        "ok": int((usable & (status == OK)).sum()),
        "unconverged": int((usable & (status == UNCONVERGED)).sum()),
        **{k: int((present & ~given & (status == STATUSES.index(k))).sum()) for k in KINDS[2:5]},
        "absent": int((~present).sum()),
        "non_finite": int((given & ~finite).sum()),
        "absurd": int(absurd.sum()),
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
        {name: np.where(usable & np.isfinite(column), column, np.nan) for name, column in reported.items()},
        submission.sha256,
        notes,
        {name: tuple(c if u else None for c, u in zip(cells, usable, strict=True)) for name, cells in arrays.items()},
    )


def aligned_values(submission: Submission, truth: Truth, *, surplus: str = "refuse") -> Floats:
    """Return the values as given in the dataset's order, nothing left out for being absurd; nan where absent."""
    place, _ = _places(submission, truth, surplus)
    return np.where(place >= 0, submission.values[np.where(place >= 0, place, 0)], np.nan)


def _structures(submission: Submission, row: Any, given: Bools) -> tuple[Crystal | None, ...]:
    """The submitted structure of each material; empty where structures are not asked for."""
    found = submission.structures
    if found is None:
        return ()
    return tuple(found[i] if there else None for i, there in zip(row.tolist(), given.tolist(), strict=True))


APART = 0.01
"""Å; a frame that is farther from the structure that was asked about is another one."""
Arrays = dict[str, tuple[Floats | None, ...]]


def _arrays(submission: Submission, truth: Truth, scoring: Scoring, row: Ints, given: Bools) -> Arrays:
    """Return each column of arrays in the dataset's order, None where a material has no answer.

    Raises:
        SubmissionError: If one has not as many numbers as the material asks for.
    """
    found: Arrays = {}
    rows, there = row.tolist(), given.tolist()
    for column in scoring.columns:
        cells = submission.arrays.get(column.name)
        if not column.shape or cells is None:
            continue
        assert truth.n_atoms is not None, "arrays are asked of structures"
        found[column.name] = tuple(cells[i] if use else None for i, use in zip(rows, there, strict=True))
        for place, (cell, n) in enumerate(zip(found[column.name], truth.n_atoms.astype(int).tolist(), strict=True)):
            if cell is not None and len(cell) != column.length(n):
                why = f"that material has {n} atoms, so give" if "atoms" in column.shape else "give"
                raise SubmissionError(
                    f"{submission.path}, row {rows[place] + 1}: {column.name!r} of {truth.material_ids[place].as_py()} "
                    f"has {len(cell)} numbers; {why} {column.length(n)} ({column.help})"
                )
    return found


def _refuse_other_frames(submission: Submission, truth: Truth, place: Ints) -> None:
    """Refuse answers that are of another structure than was asked about: forces of other atoms would be compared."""
    frames = submission.frames
    if frames is None or truth.crystals is None:
        return
    for asked, row in zip(truth.crystals, place.tolist(), strict=True):
        why = differs(frames[row], asked) if row >= 0 else ""
        if why:
            raise SubmissionError(
                f"{submission.path}, frame {row}: {submission.material_ids[row].as_py()} {why}; answer the structures "
                "that `matdisc datasets structures` writes, with their atoms in that order"
            )


def differs(frame: Crystal, asked: Crystal) -> str:
    """Return in words how a structure differs from the one that was asked about; empty if it is the same."""
    if frame.symbols != asked.symbols:
        if sorted(frame.symbols) != sorted(asked.symbols):
            return f"is {frame.formula} of {len(frame.symbols)} atoms; asked is {asked.formula} of {len(asked.symbols)}"
        i = next(i for i, pair in enumerate(zip(frame.symbols, asked.symbols, strict=True)) if len(set(pair)) == 2)
        return f"has its atoms in another order: atom {i + 1} is {frame.symbols[i]} and should be {asked.symbols[i]}"
    cell = np.array(asked.cell)
    if np.abs(np.array(frame.cell) - cell).max() > APART:
        return "has another cell"
    apart = np.array(frame.positions) - np.array(asked.positions)
    distances = np.linalg.norm((apart - np.round(apart)) @ cell, axis=1)
    if distances.max() > APART:
        return f"has atom {int(distances.argmax()) + 1} at another place, {distances.max():.3g} Å away"
    return ""


def _usable_arrays(scoring: Scoring, arrays: Arrays, finite: Bools, absurd: Bools) -> tuple[Bools, Bools]:
    """Return which answers are finite, and which absurd, with their arrays looked at too."""
    for name, cells in arrays.items():
        column = scoring.column(name)
        with np.errstate(invalid="ignore"):
            finite = finite & np.array([c is None or bool(np.isfinite(c).all()) for c in cells], bool)
            beyond = [c is not None and bool(((c < column.low) | (c > column.high)).any()) for c in cells]
        absurd = absurd | np.array(beyond, bool)
    return finite, absurd & finite


def _places(submission: Submission, truth: Truth, surplus: str) -> tuple[Any, list[str]]:
    """Row of the submission for each material, -1 where absent, and the ids that the dataset does not have."""
    import pyarrow.compute as pc

    ids = submission.material_ids
    if ids.equals(truth.material_ids):
        return np.arange(len(truth)), []
    asked = pc.index_in(ids, value_set=truth.material_ids)  # place in the dataset of each row
    known = asked.is_valid()
    rows = np.flatnonzero(known.to_numpy(zero_copy_only=False))
    place = np.full(len(truth), -1)
    place[asked.drop_null().to_numpy()] = rows
    extra: list[str] = ids.filter(pc.invert(known)).to_pylist() if len(rows) < len(ids) else []
    if np.count_nonzero(place >= 0) < len(rows) or len(set(extra)) < len(extra):
        _refuse_repeated(submission)
    if extra and surplus == "refuse":
        _refuse_unknown(submission, truth, extra)
    return place, extra


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
            f"{truth.key!r}: {unknown[0]!r}; they look like {truth.material_ids[0].as_py()!r} (name, protocol, fold), "
            f"and `matdisc datasets structures {truth.key} --task TASK --out FILE.jsonl` lists them"
        )
    where = "belongs to the train part" if unknown[0] in truth.train_ids else "is not one of them"
    raise SubmissionError(
        f"{submission.path}: {len(unknown)} material ids are not among the {len(truth):,} scored materials of "
        f"{truth.key!r}: {unknown[0]!r} {where}; `matdisc datasets show {truth.key} --ids` lists them"
    )


def _known(values: Floats | None) -> Floats:
    return np.empty(0) if values is None else values[np.isfinite(values)]
