"""Energies, forces and stresses in another unit, sign or order than is asked for: refused with what they seem to be.

Each slip is another reading of the same numbers; a bad model fits no reading, and is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.predictions import Submission
from matdisc.units import BOHR, GIGAPASCALS, HARTREE, KCAL_PER_MOL, KJ_PER_MOL

FEWEST = 30
"""Numbers below which nothing is suspected."""
CLOSER, ALIKE, SLOPE = 0.25, 0.8, 0.7
"""The closest reading is a slip if it lies this much closer to the labels, rises and falls with them, and as steeply:
labels over readings have a slope between this and its inverse. A bad model's forces may be far too large, and any small
unit then brings them closer, but hardly to the right slope."""
SAMPLE = 2000
"""Frames that are looked at where there are more."""
FORCE_FACTORS = {
    "forces of the wrong sign (gradients); multiply by -1": -1.0,
    "forces in Hartree/bohr; multiply by 51.422": HARTREE / BOHR,
    "forces in Rydberg/bohr; multiply by 25.711": HARTREE / BOHR / 2,
    "forces in meV/Å; divide by 1000": 1e-3,
    "forces in kcal/mol/Å; divide by 23.061": 1 / KCAL_PER_MOL,
    "forces in kJ/mol/Å; divide by 96.485": 1 / KJ_PER_MOL,
}
STRESS_FACTORS = {
    "stresses of the wrong sign; ASE's is positive where the cell wants to shrink; multiply by -1": -1.0,
    "stresses in GPa; divide by 160.218": 1 / GIGAPASCALS,
    "stresses in GPa of the wrong sign; divide by -160.218": -1 / GIGAPASCALS,
    "stresses in kbar; divide by 1602.18": 0.1 / GIGAPASCALS,
    "stresses in kbar of the wrong sign, as VASP prints them; divide by -1602.18": -0.1 / GIGAPASCALS,
}
ORDERS = {
    "xx yy zz xy yz xz, as VASP prints them": (4, 5, 3),
    "xx yy zz xy xz yz, as LAMMPS prints them": (5, 4, 3),
}
"""Other orders of the shears, and where yz xz xy stand in them."""


def refuse_slips(submission: Submission, truth: Truth, places: Ints, values: Floats) -> tuple[str, ...]:
    """Return what is odd about a file, in sentences, where it might be honest all the same.

    Args:
        submission: The file.
        truth: The dataset.
        places: Row of the file for each frame, shape (n_frames,), -1 where there is none.
        values: Energies, eV, same shape, nan where there is none.

    Raises:
        SubmissionError: If its numbers are those of the labels in another unit, sign or order.
    """
    energies, n_atoms = truth.target("energy"), truth.n_atoms
    both = np.isfinite(values) & np.isfinite(energies)
    if n_atoms is not None:
        _refuse(submission, "energy", values[both], energies[both], {
            "energies per atom; multiply by the number of atoms": (values * n_atoms)[both],
            "energies in Hartree; multiply by 27.2114": HARTREE * values[both],
            "energies in Rydberg; multiply by 13.6057": HARTREE / 2 * values[both],
        })  # fmt: skip
    given, right = _pairs(submission, truth, places, "forces")
    _refuse(submission, "forces", given, right, {words: k * given for words, k in FORCE_FACTORS.items()})
    given, right = _pairs(submission, truth, places, "stress")
    _refuse(submission, "stress", given, right, {words: k * given for words, k in STRESS_FACTORS.items()})
    shears, expected = (rows.reshape(-1, 6)[:, 3:] for rows in (given, right))
    orders = {f"in the order {words}; give yz xz xy": shears[:, np.array(o) - 3].ravel() for words, o in ORDERS.items()}
    _refuse(submission, "stress", shears.ravel(), expected.ravel(), orders)
    useless = sum(cell is not None for cells in submission.arrays.values() for cell in _without(cells, submission))
    return (f"{useless:,} rows give forces or stress and no energy; they count as no answer",) if useless else ()


def _without(cells: tuple[Floats | None, ...], submission: Submission) -> list[Floats | None]:
    return [cell for cell, given in zip(cells, submission.given.tolist(), strict=True) if not given]


def _pairs(submission: Submission, truth: Truth, places: Ints, name: str) -> tuple[Floats, Floats]:
    """Return the numbers of some frames that have both an answer and a label, and the labels."""
    cells, labels = submission.arrays.get(name), truth.array(name)
    step = max(1, len(places) // SAMPLE)
    found = [
        (cells[row], labels[i])
        for i, row in list(enumerate(places.tolist()))[::step]
        if cells is not None and row >= 0 and _fits(cells[row], labels[i])
    ]
    nothing = np.empty(0)
    return (np.concatenate([nothing, *(pair[k] for pair in found)]) for k in (0, 1))  # type: ignore[return-value]


def _fits(given: Floats | None, label: Floats | None) -> bool:
    """Whether there are both, of one length, and the answer is finite and no filler."""
    if given is None or label is None or given.shape != label.shape:
        return False
    return bool(np.isfinite(given).all() and (np.abs(given) < 1e7).all())


def _refuse(submission: Submission, name: str, given: Floats, right: Floats, readings: Mapping[str, Floats]) -> None:
    if len(given) < FEWEST or not given.std() or not right.std():
        return
    apart = float(np.abs(given - right).mean())
    left = {words: float(np.abs(values - right).mean()) for words, values in readings.items()}
    words = min(left, key=lambda words: left[words])
    (spread, together), _ = np.cov(readings[words], right)
    steep = SLOPE * spread < together < spread / SLOPE
    if left[words] < CLOSER * apart and np.corrcoef(readings[words], right)[0, 1] > ALIKE and steep:
        raise SubmissionError(f"{submission.path}: column {name!r} looks like {words}")
