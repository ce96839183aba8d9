"""What a structure has to be before a model is asked about it; each refusal names the structure and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matdisc.errors import DataError
from matdisc.models.get.settings import MAX_NUMBER, SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms


def is_periodic(atoms: Atoms) -> bool:
    """Return whether a structure is a periodic box; if not, it is a molecule or cluster.

    Raises:
        DataError: If it is empty, not finite, periodic in some directions only, or its box is flat.
    """
    if len(atoms) == 0:
        raise DataError("a structure without atoms was given; every structure needs one at least")
    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
        raise DataError(f"{name_of(atoms)}: positions or cell are not finite; look for an exploded start or bad input")
    if not atoms.pbc.any():
        return False
    if not atoms.pbc.all():
        raise DataError(
            f"{name_of(atoms)}: pbc is {atoms.pbc.tolist()}; the Coulomb sum knows boxes that are periodic in all "
            "three directions or in none; add vacuum and set pbc=True, or pbc=False"
        )
    if abs(np.linalg.det(atoms.cell.array)) < 1e-6:
        raise DataError(f"{name_of(atoms)}: the cell has no volume; give three independent vectors, or set pbc=False")
    return True


def total_charge(atoms: Atoms) -> float:
    """Return the total charge of a structure, e: `atoms.info["charge"]`, or 0.

    Raises:
        DataError: If it is no finite number.
    """
    value = atoms.info.get("charge", 0.0)
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not np.isfinite(value):
        raise DataError(
            f'{name_of(atoms)}: info["charge"] is {str(value)[:40]!r}; give the total charge as one number in e'
        )
    return float(value)


def molecules(atoms: Atoms) -> NDArray[np.int64]:
    """Return which molecule each atom belongs to, shape (n,): `atoms.arrays["molecule"]`, or 0 throughout.

    Raises:
        DataError: If these are no whole numbers, one for each atom.
    """
    found = atoms.arrays.get("molecule")
    if found is None:
        return np.zeros(len(atoms), np.int64)
    if np.shape(found) != (len(atoms),) or not np.issubdtype(np.asarray(found).dtype, np.integer):
        raise DataError(f'{name_of(atoms)}: arrays["molecule"] has to hold one whole number for each atom')
    return np.asarray(found, np.int64)


def refuse_unknown(atoms: Atoms, elements: tuple[int, ...]) -> None:
    """Do nothing if a model knows all elements of a structure.

    Args:
        atoms: The structure.
        elements: Atomic numbers that the model was trained on; empty for all that the embedding has.

    Raises:
        DataError: If an element is missing; it is named.
    """
    known = elements or range(1, MAX_NUMBER + 1)
    if unknown := sorted({int(number) for number in atoms.numbers} - set(known)):
        named = ", ".join(SYMBOLS[number] if number < len(SYMBOLS) else str(number) for number in unknown)
        raise DataError(
            f"{name_of(atoms)}: this model does not know {named}; it knows "
            f"{', '.join(SYMBOLS[number] for number in known)}"
        )


def name_of(atoms: Atoms) -> str:
    """Return what messages call a structure."""
    return str(atoms.symbols)[:60]
