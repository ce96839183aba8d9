"""A submission aligned with its dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.schema import Crystal

ABSURD = 5.0
"""A formation energy farther than this from the truth, eV/atom, is counted and not used (strictly greater)."""
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
        arrays: Usable answers that are arrays by name, flattened, one for each material or None.
        notes: What is odd about the answers and might be honest all the same, in sentences.
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
    notes: tuple[str, ...] = ()
    arrays: Mapping[str, tuple[Floats | None, ...]] = field(default_factory=dict)

    def numbers(self, name: str) -> Floats:
        """Return a further column, shape (n_materials,), nan where there is nothing."""
        found = self.reported.get(name)
        return np.full(len(self.values), np.nan) if found is None else found

    def array(self, name: str) -> tuple[Floats | None, ...]:
        """Return a column of arrays, one for each material, None where there is nothing."""
        return self.arrays.get(name, (None,) * len(self.values))


def coverage_lines(coverage: dict[str, int], names: Sequence[str] | None = None) -> list[str]:
    """Return the counts that are not zero as short texts: `3 unsupported`."""
    kinds = names or (*KINDS[1:], "surplus")
    return [f"{coverage[kind]:,} {kind.replace('_', ' ')}" for kind in kinds if coverage.get(kind)]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Truth and answer in the order of the dataset: arrays of shape (n_materials,).

    Attributes:
        stable: Whether each material is stable; False where nobody knows.
        called: Whether the model calls it stable; False where there is no answer.
        e_true: The energy that is judged, eV/atom; nan where the truth holds labels only.
        e_pred: The predicted one; nan where there is no answer, or the answer is no energy.
        labelled: Whether it is known if each material is stable. Of the others `e_true` and `e_pred` are formation
            energies, whose difference is the error all the same.
    """

    stable: Bools
    predicted: Bools
    e_true: Floats
    e_pred: Floats
    labelled: Bools
