"""Do structures, and energies of several structures of a compound, mean what they say?

Structures of other atoms, cells that hold none, lengths in bohr or nm, Cartesian positions; energies of polymorphs per
cell, with the sign reversed, or farther apart than polymorphs are. As in `scoring.plausibility`, what cannot be meant
is refused, and what might be honest gets a note.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.formats.crystal_json import closest
from matdisc.metrics.structures import reduced_cell
from matdisc.predictions import Submission
from matdisc.schema import Crystal
from matdisc.scoring.answers import FARTHEST
from matdisc.scoring.plausibility import FEWEST, answered

VOLUMES = (1 / 8, 8.0)
"""A structure whose volume is outside these multiples of the one asked about has left physics."""
SHORTEST = 0.5
"""Å; a lattice with a shorter vector puts an atom on its own image."""
LENGTHS = {
    "bohr; multiply cells by 0.529177": 0.529177**-3,
    "Å that were multiplied by 0.529177; leave them as they are": 0.529177**3,
    "nm; multiply cells by 10": 1e-3,
    "pm; divide cells by 100": 1e6,
}
"""Units of length in which cells are given by mistake, and what they make of a volume."""
FEWEST_CELLS = 5
"""Cells below which nothing is suspected."""
LONGEST, MOST_ATOMS = 6.0, 200
"""Å up to which the shortest distance in a cell is looked for, and atoms beyond which it is not."""


def absurd_structures(
    submission: Submission, truth: Truth, structures: Sequence[Crystal | None], finite: Bools
) -> Bools:
    """Return which structures nobody can mean: of other atoms than were asked about, or with a cell that holds none.

    Args:
        submission: The file.
        truth: The dataset.
        structures: The answers, None where there is none.
        finite: Whether all numbers of an answer are finite, shape (n_materials,).

    Raises:
        SubmissionError: If more than half of them are of other atoms, so that the file is about something else, if
            nearly all cells are in another unit of length, or if positions are Cartesian.
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
    _refuse_other_lengths(submission, truth, structures, finite)
    senseless = np.array([c is not None and _no_cell(c, asked) for c, asked in pairs], bool) & finite
    _refuse_cartesian(submission, truth, structures, finite & ~senseless)
    return other | senseless


def _refuse_other_lengths(
    submission: Submission, truth: Truth, structures: Sequence[Crystal | None], finite: Bools
) -> None:
    """Refuse cells that nearly all have the volume of the reference in another unit of length."""
    references = truth.relaxed or truth.crystals
    assert references is not None
    with np.errstate(all="ignore"):
        ratios = np.array([
            abs(np.linalg.det(crystal.cell)) / abs(np.linalg.det(reference.cell))
            for crystal, reference, use in zip(structures, references, finite, strict=True)
            if crystal is not None and use
        ])  # fmt: skip
    for words, factor in LENGTHS.items():
        fits = (ratios > 0.7 * factor) & (ratios < factor / 0.7)
        if len(ratios) >= FEWEST_CELLS and fits.mean() > 0.8:
            raise SubmissionError(
                f"{submission.path}: {int(fits.sum()):,} of {len(ratios):,} cells have {np.median(ratios):.3g} times "
                f"the volume of the reference: lengths look like {words}"
            )


def _refuse_cartesian(
    submission: Submission, truth: Truth, structures: Sequence[Crystal | None], finite: Bools
) -> None:
    """Refuse positions outside the cell that make sense in Å only: the shortest distance is then as it should be."""
    references = truth.relaxed or truth.crystals
    assert references is not None
    pairs = zip(structures, references, finite, strict=True)
    outside = [
        (i, crystal, reference)
        for i, (crystal, reference, use) in enumerate(pairs)
        if use and crystal is not None and len(crystal.symbols) > 1 and _leaves_cell(crystal)
    ]
    looked_at = outside[:: max(1, len(outside) // 200)]
    found = [i for i, crystal, reference in looked_at if _reads_as_cartesian(crystal, reference)]
    if len(found) >= max(3, 0.5 * len(looked_at)):
        raise SubmissionError(
            f"{submission.path}: {len(outside):,} structures have atoms outside their cell, and the positions look "
            f"Cartesian (Å), e.g. of {truth.material_ids[found[0]].as_py()!r}; give fractional ones, "
            "positions @ inverse(cell)"
        )


def _leaves_cell(crystal: Crystal) -> bool:
    return any(not -0.25 < x < 1.25 for row in crystal.positions for x in row)


def _reads_as_cartesian(crystal: Crystal, reference: Crystal) -> bool:
    given, cell = np.array(crystal.positions), np.array(crystal.cell)
    if len(given) > MOST_ATOMS:
        return False
    right = closest(np.array(reference.positions), np.array(reference.cell), LONGEST)
    as_given, as_cartesian = (closest(p, cell, LONGEST) for p in (given, given @ np.linalg.inv(cell)))
    if right is None or as_cartesian is None:
        return False
    wrong = as_given is None or not 0.9 < as_given.distance / right.distance < 1.1
    return wrong and 0.85 < as_cartesian.distance / right.distance < 1.15


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


def compare_candidates(submission: Submission, truth: Truth, most: float, values: Floats) -> tuple[str, ...]:
    """Return what is odd about the energies of polymorphs and might be honest, in sentences.

    Any energy zero will do, so that candidates of one compound are compared with each other alone; `most` is the
    largest believable energy, eV/atom.

    Raises:
        SubmissionError: If they go with the number of atoms, or have the sign or the size of something else.
    """
    if truth.compounds is None:
        return ()
    there = answered(values, values)
    groups = [there[truth.compounds[there] == code] for code in np.unique(truth.compounds[there])]
    groups = [rows for rows in groups if len(rows) > 1]
    if len(groups) < 3:
        return ()
    _refuse_cells(submission, truth, values, groups)
    lowest, highest = (np.array([pick(values[rows]) for rows in groups]) for pick in (np.min, np.max))
    typical, spread = float(np.median(np.abs(values[there]))), float(np.median(highest - lowest))
    unit = "(meV, kJ/mol, the energy of a cell?)"
    if typical > most:
        raise SubmissionError(
            f"{submission.path}: column 'energy_per_atom' is {typical:,.0f} in the median, beyond "
            f"{most:,.0f} eV/atom; give eV/atom {unit}, or energies minus those of free atoms"
        )
    said = (
        f"candidates of one compound are {spread:.3g} eV/atom apart in the median, which polymorphs are not: "
        f"another unit {unit}, or ids and values out of step?"
    )
    if spread > 5:
        raise SubmissionError(f"{submission.path}: {said}")
    return _sign(submission, truth, values, groups, lowest) + ((said,) if spread > 3 else ())


def _refuse_cells(submission: Submission, truth: Truth, values: Floats, groups: list[Ints]) -> None:
    """Refuse energies that go with the number of atoms from one candidate to the next; of right ones the power is 0."""
    if truth.n_atoms is None:
        return
    powers = np.concatenate([_powers(truth.n_atoms[rows], values[rows]) for rows in groups])
    per_cell = int(((powers > 0.6) & (powers < 1.4)).sum())
    neither = len(powers) - per_cell - int(((powers > -0.6) & (powers < 0.35)).sum())
    if per_cell >= max(3, 0.1 * len(powers)) and neither <= 0.8 * per_cell:
        raise SubmissionError(
            f"{submission.path}: {per_cell} of {len(powers)} energies go with the number of atoms from one candidate "
            "of a compound to the next: column 'energy_per_atom' looks like eV per cell; divide by the number of atoms"
        )


def _powers(n_atoms: Floats, energies: Floats) -> Floats:
    """Return the power of the number of atoms by which each energy differs from those of the smallest cells: 0 or 1."""
    small = n_atoms == n_atoms.min()
    if small.all() or (energies >= 0).any():
        return np.empty(0)
    sizes = n_atoms[~small] / n_atoms.min()
    return np.asarray(np.log(energies[~small] / np.median(energies[small])) / np.log(sizes))


def _sign(submission: Submission, truth: Truth, values: Floats, groups: list[Ints], lowest: Floats) -> tuple[str, ...]:
    """Refuse energies of which the highest and not the lowest is that of the stable candidate; note positive ones."""
    stable = truth.target("stable") > 0.5
    right = np.mean([stable[rows[np.argmin(values[rows])]] for rows in groups])
    reversed_ = np.mean([stable[rows[np.argmax(values[rows])]] for rows in groups])
    positive = float(np.median(lowest)) > 0.5
    if len(groups) >= FEWEST and reversed_ - right > (0.2 if positive else 0.5):
        raise SubmissionError(
            f"{submission.path}: the highest energy is that of the stable candidate in {reversed_:.0%} of the "
            f"compounds, the lowest in {right:.0%}: the sign of column 'energy_per_atom' looks reversed, as of "
            "cohesive energies"
        )
    return ("energies are positive; the lowest one is read as that of the stable candidate",) if positive else ()
