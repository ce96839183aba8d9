"""Does a column of numbers mean what it says? Energies of another unit, sign, amount or row, and percentages.

A file that cannot mean what it says is refused with what it seems to be. What might be honest is scored, with a note.
Every test compares two readings of the same numbers, so that a bad model, which fits neither, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import NormalDist

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.leakage.features import distribution_distance, follows, rank_correlation, rise
from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.predictions import Submission
from matdisc.scoring.answers import Verdicts
from matdisc.scoring.batches import (
    Reading,
    inverted_area,
    refuse_batch,
    refuse_inverted_batch,
    refuse_slipped_batch,
    refuse_uncorrected_batch,
)

FEWEST = 20
"""Answers below which nothing is suspected."""
SAMPLE = 5000
"""Answers that are looked at where a few thousand tell as much as all."""
LARGEST = 1e7
"""Larger numbers are fillers: no unit makes them of a formation energy."""
CORRECTION = 0.05
"""eV/atom; MP2020 corrections that are smaller tell nothing about whether they are there."""
TOTAL, FAR = 2.0, 5.0
"""eV/atom; total energies lie at least so far below formation energies, and nobody means values that are so far off."""
SHIFT = 0.5
"""eV/atom; energies that are all shifted by less might be those of an honest model."""
SLACK = 1e-9
"""Float noise that a probability may have."""
UNITS = {
    "kJ/mol; divide by 96.485": 1 / 96.485,
    "J/mol; divide by 96485": 1 / 96485,
    "kcal/mol; divide by 23.061": 1 / 23.061,
    "meV/atom; divide by 1000": 1e-3,
    "1/cm; divide by 8065.5": 1 / 8065.544,
    "mHartree; multiply by 0.0272114": 0.0272114,
    "Hartree; multiply by 27.2114": 27.2114,
    "Rydberg; multiply by 13.6057": 13.6057,
}
"""Units in which energies are given by mistake, and their factor to eV/atom."""


def formation_energy_notes(submission: Submission, truth: Truth, places: Ints, values: Floats) -> tuple[str, ...]:
    """Return what is odd about formation energies, in sentences, where they might be honest all the same.

    Args:
        submission: The file.
        truth: The dataset.
        places: Row of the file for each material, shape (n_materials,), -1 where there is none.
        values: The answers, eV/atom, same shape, nan where there is none.

    Raises:
        SubmissionError: If they cannot mean what they say.
    """
    expected = truth.target("e_form_per_atom")
    there = answered(values, expected)
    if len(there) < FEWEST:
        return ()
    some = there[:: max(1, len(there) // SAMPLE)]
    if truth.corrections is not None:
        _refuse_uncorrected(submission, (values - expected)[some], truth.corrections[some])
        refuse_uncorrected_batch(submission, truth, values[some], expected[some], some, truth.corrections[some])
    refuse_readings(submission, truth, "e_form_per_atom", values, expected)
    given, right = values[some], expected[some]
    typical = float(np.median(np.abs(given - right)))
    hull = truth.target("e_above_hull")[some]
    if typical > 0.1 and np.isfinite(hull).all():
        said = "hull distances; give formation energies"
        _refuse(submission, "e_form_per_atom", typical, [Reading(said, given, hull, 0.25, 0.5)])
    if np.isfinite(hull).all():
        refuse_batch(submission, truth, given, right, some, Reading("hull distances", given, hull))
    notes = _shifted(submission, given, right, typical) or _out_of_step(submission, truth, places, given, right)
    refuse_slipped_batch(submission, _labels_in_file(submission, places, expected))
    if typical > FAR or float(np.median(given - right)) < -TOTAL:
        raise SubmissionError(
            f"{submission.path}: column 'e_form_per_atom' is {typical:.3g} eV/atom from the reference in the median; "
            "are these total energies? subtract the elemental references (docs/reference/predictions.md)"
        )
    return notes


def _shifted(submission: Submission, given: Floats, right: Floats, typical: float) -> tuple[str, ...]:
    """Refuse energies against other references, which shift all of them alike; note a shift that a model may have."""
    shift = float(np.median(given - right))
    left = float(np.median(np.abs(given - shift - right)))
    if typical <= 0.1 or left >= 0.25 * typical or not follows(given - shift, right):
        return ()
    said = f"formation energies against references that are shifted by {shift:.3g} eV/atom"
    if abs(shift) < SHIFT:
        return (f"column 'e_form_per_atom' looks like {said}",)
    raise SubmissionError(
        f"{submission.path}: column 'e_form_per_atom' is {typical:.3g} eV/atom from the reference in the median; "
        f"it looks like {said}"
    )


def answered(values: Floats, expected: Floats) -> Ints:
    """Return the places of answers that are no fillers, where the reference is known."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.isfinite(expected) & (np.abs(values) < LARGEST))


def refuse_readings(submission: Submission, truth: Truth, name: str, values: Floats, expected: Floats) -> None:
    """Refuse energies that are those of the reference in another unit, sign or amount, as a whole or in part."""
    there = answered(values, expected)
    if len(there) < FEWEST:
        return
    some = there[:: max(1, len(there) // SAMPLE)]
    typical = float(np.median(np.abs(values[some] - expected[some])))
    readings = _readings(truth, values, expected, some)
    _refuse(submission, name, typical, readings)
    for reading in readings:
        if reading.part:
            refuse_batch(submission, truth, values[some], expected[some], some, reading)


def _readings(truth: Truth, values: Floats, expected: Floats, rows: Ints) -> list[Reading]:
    given, right = values[rows], expected[rows]
    found = [Reading("energies with the sign reversed", -given, right)]
    found += [Reading(f"energies in {unit}", given * factor, right) for unit, factor in UNITS.items()]
    if truth.n_atoms is not None:
        n = truth.n_atoms[rows]
        found.append(Reading("energies in eV per cell; divide by the number of atoms", given / n, right))
        said = "energies that were divided by the number of atoms twice; multiply by it"
        found.append(Reading(said, given * n, right, 0.25, part=False))
        for unit, factor in UNITS.items():
            said = f"energies per cell in {unit.replace('/atom', '')}, and divide by the number of atoms"
            found.append(Reading(said, given * factor / n, right, 0.25, part=False))
    return found


def _refuse(submission: Submission, name: str, typical: float, readings: list[Reading]) -> None:
    """Refuse a column that is read far better as something else, which it then follows as it should."""
    near = [(float(np.median(np.abs(r.values - r.expected))), r) for r in readings]
    fits = [(left, r) for left, r in near if left < r.closer * typical and follows(r.values, r.expected, r.correlation)]
    if fits:
        meaning = min(fits, key=lambda fit: fit[0])[1].words
        raise SubmissionError(
            f"{submission.path}: column {name!r} is {typical:.3g} eV/atom from the reference in the median; "
            f"it looks like {meaning}"
        )


def _refuse_uncorrected(submission: Submission, error: Floats, correction: Floats) -> None:
    """Refuse values that lack the MP2020 corrections of the labels, or hold them twice: errors follow the corrections.

    The slope of error against correction is then -1 or 1, and the errors shrink when that is mended.
    """
    due = np.abs(correction) > CORRECTION
    if due.sum() < FEWEST:
        return
    error, correction = error[due], correction[due]
    size = float(np.median(np.abs(error)))
    shifted = float(np.median(np.abs(error - np.median(error))))  # other references shift all values alike
    slope = rise(error, correction)
    for sign, words in ((-1.0, "lack the MP2020 corrections"), (1.0, "hold the MP2020 corrections twice")):
        left = float(np.median(np.abs(error - sign * correction)))
        if left < min((0.5 if 0.6 < sign * slope < 1.4 else 0.25) * size, shifted):
            raise SubmissionError(
                f"{submission.path}: column 'e_form_per_atom' is {size:.3g} eV/atom from the reference in the median "
                f"of the {int(due.sum())} materials whose label holds an MP2020 correction, and {left:.3g} if that is "
                f"mended: the values {words} (docs/reference/predictions.md says how they enter)"
            )


def _out_of_step(submission: Submission, truth: Truth, places: Ints, given: Floats, right: Floats) -> tuple[str, ...]:
    """Refuse values that fit the labels in another order of rows, or sorted; note where they do so roughly."""
    correlation = rank_correlation(given, right)
    if correlation > 0.5:
        return ()
    for words, label in _other_orders(submission, truth, places):
        both = np.isfinite(label) & (np.abs(submission.values) < LARGEST)
        if both.sum() >= FEWEST and follows(submission.values[both], label[both]):
            raise SubmissionError(
                f"{submission.path}: ids and values are out of step: the values of column "
                f"{submission.column_name!r} fit {words}; join them by id again"
            )
    chances = (np.arange(len(right)) + 0.5) / len(right)
    bell = np.array([NormalDist(right.mean(), right.std() or 1.0).inv_cdf(chance) for chance in chances])
    apart, random = distribution_distance(given, right), distribution_distance(bell, right)
    if len(given) < 100 or abs(correlation) > 0.2 or apart > max(0.75, 0.5 * random):
        return ()
    said = (
        f"column {submission.column_name!r} looks shuffled, ids and values are out of step: sorted, its values are "
        f"those of the reference, row by row they have nothing to do with it (correlation {correlation:.2f})"
    )
    if apart < 0.3:
        raise SubmissionError(f"{submission.path}: {said}; join them by id again")
    return (said,)


def _other_orders(submission: Submission, truth: Truth, places: Ints) -> Iterator[tuple[str, Floats]]:
    """Yield in words, and row by row of the file, the labels that its values may belong to."""
    import pyarrow.compute as pc

    expected = truth.target("e_form_per_atom")
    label = _labels_in_file(submission, places, expected)
    yield "the ids one row above", np.concatenate([[np.nan], label[:-1]])
    yield "the ids one row below", np.concatenate([label[1:], [np.nan]])
    yield "the ids in reversed order", label[::-1]
    yield "the ids in sorted order", label[pc.sort_indices(submission.material_ids).to_numpy()]
    if len(label) == len(expected):
        yield "the order of the dataset", expected


def _labels_in_file(submission: Submission, places: Ints, expected: Floats) -> Floats:
    label = np.full(len(submission), np.nan)
    label[places[places >= 0]] = expected[places >= 0]
    return label


def probability_notes(submission: Submission, truth: Truth, values: Floats, found: Verdicts) -> tuple[str, ...]:
    """Refuse probabilities outside [0, 1], and those that order materials the wrong way round; note if they half do."""
    given = np.isfinite(values)
    wrong = np.flatnonzero(given & ((values < -SLACK) | (values > 1 + SLACK)))
    if len(wrong):
        i = int(wrong[0])
        raise SubmissionError(
            f"{submission.path}: {truth.material_ids[i].as_py()!r} ({len(wrong):,} rows in all): p_stable "
            f"{values[i]:g} is {'less than 0' if values[i] < 0 else 'greater than 1'}; {per_cent(values[given])}"
        )
    stable, others = (values[given & found.labelled & (found.stable == which)] for which in (True, False))
    if min(len(stable), len(others)) < 10:
        return ()
    area, chance = inverted_area(stable, others)
    said = (
        f"p_stable looks inverted, as if it were the probability of being unstable: stable materials have the lower "
        f"values (area under the ROC curve {area:.2f})"
    )
    if area < 0.3 and area < 0.5 - 5 * chance:
        raise SubmissionError(f"{submission.path}: {said}; give the probability of being stable")
    refuse_inverted_batch(submission, truth, values, found.stable, given & found.labelled)
    return (said,) if area < 0.4 and area < 0.5 - 4 * chance else ()


def per_cent(values: Floats) -> str:
    """Return what to do about probabilities that are greater than 1 or less than 0."""
    if len(values) and values.min() >= 0 and 1 < values.max() <= 100:
        return "if these are per cent, divide by 100"
    return "give probabilities between 0 and 1"


def refuse_impossible_beliefs(
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
                f"{_with_value(low, columns, i)} is greater than {_with_value(high, columns, i)}; "
                "0 <= belief <= p_high <= plausibility <= 1 and 0 <= conflict <= 1 have to hold; "
                f"{per_cent(p_high[finite])}"
            )


def _with_value(name: str, columns: Mapping[str, Floats], i: int) -> str:
    return name if name in ("0", "1") else f"{name} {columns[name][i]:g}"
