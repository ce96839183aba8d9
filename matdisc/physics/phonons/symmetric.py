"""Relaxations that keep the symmetry of the crystal they start from.

Forces and stress of a symmetric crystal are symmetric up to the noise of single precision, and that noise is enough to
let a long relaxation drift to a structure that phonopy takes for another space group, with many more displacements.
Averaged over the operations they keep the group, and a saddle stays a saddle: it shows as an imaginary mode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.physics.evaluation import Evaluation, Steps
from matdisc.physics.phonons.force_constants import SYMPREC, phonopy_cell

if TYPE_CHECKING:
    from matdisc.schema import Crystal

T = TypeVar("T")


@dataclass(frozen=True)
class Operations:
    """What maps a crystal onto itself.

    Attributes:
        space_group: Number of the space group.
        rotations: In fractional coordinates (columns), shape (n_operations, 3, 3).
        images: Which atom each atom goes to, shape (n_operations, n_atoms).
    """

    space_group: int
    rotations: Ints
    images: Ints


def operations(crystal: Crystal, symprec: float = SYMPREC) -> Operations:
    """Return the symmetry operations of a crystal, as phonopy finds them.

    Raises:
        MissingPhonopy: If phonopy is not installed.
    """
    cell = phonopy_cell(crystal)
    from phonopy.structure.symmetry import Symmetry

    found = Symmetry(cell, symprec)
    dataset: Any = found.dataset
    number = dataset["number"] if isinstance(dataset, dict) else dataset.number  # a dictionary before phonopy 2.30
    return Operations(int(number), found.symmetry_operations["rotations"], np.asarray(found.atomic_permutations))


def symmetric(work: Steps[T], kept: Operations) -> Steps[T]:
    """Do a relaxation with forces and stress averaged over symmetry operations: what had them keeps them."""
    try:
        asked = next(work)
        while True:
            assert not isinstance(asked, list), "one structure at a time"
            found = yield asked
            asked = work.send(averaged(found, np.asarray(asked.cell), kept))
    except StopIteration as stop:
        value: T = stop.value
        return value


def averaged(found: Evaluation, cell: Floats, kept: Operations) -> Evaluation:
    """Return an evaluation whose forces and stress are means over symmetry operations.

    Args:
        found: Of a structure that has the operations.
        cell: Its lattice vectors as rows, Å.
        kept: The operations.
    """
    from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress

    turns = np.einsum("ji,njk,lk->nil", cell, kept.rotations, np.linalg.inv(cell))
    turned = np.einsum("nij,aj->nai", turns, found.forces)
    forces = np.zeros_like(found.forces)
    np.add.at(forces, kept.images, turned)
    stress = found.stress
    if stress is not None:
        full = voigt_6_to_full_3x3_stress(stress)
        stress = full_3x3_to_voigt_6_stress((turns @ full @ turns.transpose(0, 2, 1)).mean(axis=0))
    return replace(found, forces=forces / len(turns), stress=stress)
