"""What a structure has to be before a model is asked about it or learns from it; each refusal names it and the remedy.

Labels are taken from a calculator's results, else from `info` and `arrays`, and only where they mean something: a
stress needs a box with a volume, a dipole a structure without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matdisc import formats
from matdisc.arrays import Floats
from matdisc.errors import DataError
from matdisc.models.get.settings import MAX_NUMBER, SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms

READ = (
    "energy", "forces", "stress", "virial", "virials", "charges", "dipole", "charge", "multiplicity", "spin",
    "molecule", "system", "trajectory",
)  # fmt: skip
NO_LABELS = (
    "numbers", "positions", "masses", "momenta", "tags", "initial_charges", "initial_magmoms", "step", "time_fs",
    "spacegroup", "unit_cell", "spacegroup_kinds", "occupancy", "comment",
)  # fmt: skip
"""What may stand beside labels without being one."""
LIKE = {"energy": ("energy", "enthalpy"), "forces": ("force",)}
"""What the name of a missing label looks like where others have written it."""
SAME = 0.01
"""Two virials that differ by this share of the larger one are the same."""


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
    """Return the total charge of a structure, e: `atoms.info["charge"]` or what others call it, else 0.

    Raises:
        DataError: If it is no finite number, or two keys contradict each other.
    """
    return formats.total_charge(atoms, _Name(atoms))


class _Name(str):
    """What messages call a structure, worked out when a message is written: dynamics asks at every step."""

    _atoms: Atoms

    def __new__(cls, atoms: Atoms) -> _Name:
        self = super().__new__(cls)
        self._atoms = atoms
        return self

    def __format__(self, spec: str) -> str:
        return name_of(self._atoms)


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


def labels_of(atoms: Atoms, where: str, note: formats.Note = formats.silent) -> dict[str, Floats]:
    """Return the labels of a structure of n atoms; nan where one is absent or means nothing.

    These are `energy`, eV; `forces`, eV/Å, shape (n, 3); `charges`, e, shape (n,); `dipole`, e Å, shape (3,);
    `virial`, eV, shape (3, 3), which is `-dE/d(strain)`: a `stress` of ASE's sign, eV/Å^3, times minus the volume.

    Args:
        atoms: With the labels.
        where: What an error names: file and frame.
        note: Told what is left out.

    Raises:
        DataError: If energy or forces are missing, or a label is none of its kind or contradicts another.
    """
    n, found = len(atoms), fields_of(atoms)
    if missing := [name for name in LIKE if name not in found]:
        alike = {
            key: name for name in missing for key in found if any(word in formats.plain(key) for word in LIKE[name])
        }
        named = " and ".join(f"'{key}' to '{name}'" for key, name in alike.items())
        remedy = f"; rename {named} if that is what is to be learned" if alike else "; add it"
        raise DataError(f"{where} has no {' and no '.join(missing)}{remedy}, or make labels with: matdisc labels")
    labels = {}
    for name, shape in (("energy", ()), ("forces", (n, 3)), ("charges", (n,)), ("dipole", (3,))):
        given = name in found
        labels[name] = formats.numbers(found[name], where, name, shape) if given else np.full(shape, np.nan)
        if name in LIKE and not np.isfinite(labels[name]).all():
            raise DataError(f"{where}: '{name}' is not finite; remove the frame")
    if atoms.pbc.any() and not np.isnan(labels["dipole"]).all():
        note("the dipole of a periodic structure is left out: it has none")
        labels["dipole"] = np.full(3, np.nan)
    labels["virial"] = _virial(atoms, found, labels["forces"], where, note)
    return labels


def fields_of(atoms: Atoms) -> dict[str, Any]:
    """Return all that stands beside the positions of a structure: info, arrays, and a calculator's results."""
    results = atoms.calc.results if atoms.calc is not None else {}
    return {str(key): value for key, value in {**atoms.info, **atoms.arrays, **results}.items()}


def unread_fields(atoms: Atoms) -> list[str]:
    """Return the names of the fields of a structure that are read by nobody; words of a comment are none."""
    return [key for key, value in fields_of(atoms).items() if key not in (*READ, *NO_LABELS) and value is not True]


def _virial(atoms: Atoms, found: dict[str, Any], forces: Floats, where: str, note: formats.Note) -> Floats:
    absent = np.full((3, 3), np.nan)
    box = bool(atoms.pbc.all()) and atoms.cell.volume > 0
    each: dict[str, Floats] = {}
    for key in [key for key in found if key in ("virial", "virials")]:
        each[key] = formats.numbers(found[key], where, key, (3, 3))
    if "stress" in found:
        each["stress"] = -_matrix(found["stress"], where) * atoms.cell.volume
    each = {key: value for key, value in each.items() if not np.isnan(value).all()}
    for key, value in each.items():
        if not np.isfinite(value).all():
            raise DataError(f"{where}: '{key}' is not finite; remove the frame")
    for key in [key for key in each if not box]:
        of_forces = atoms.positions.T @ forces
        if key == "stress" or not _same(each[key], (of_forces + of_forces.T) / 2):
            note(f"the {key} of a structure that is not periodic in all three directions is left out")
            del each[key]
    for key in [key for key, value in each.items() if not value.any() and box and np.abs(forces).max() > 1e-6]:
        note(f"a {key} that is exactly zero, beside forces that are not, is left out")
        del each[key]
    first = next(iter(each), None)
    if first is None:
        return absent
    for key, value in each.items():
        if not _same(value, each[first]):
            raise DataError(
                f"{where}: '{first}' and '{key}' contradict each other (the virial is minus stress times volume); keep "
                "the one that is right"
            )
    return each[first]


def _same(one: Floats, other: Floats) -> bool:
    largest = max(float(np.abs(one).max()), float(np.abs(other).max()))
    return bool(np.abs(one - other).max() <= SAME * largest + 1e-6)


def _matrix(stress: Any, where: str) -> Floats:
    """A stress of shape (6,), Voigt order, or (3, 3) or (9,), as a matrix."""
    if np.asarray(stress, dtype=object).size == 6:
        xx, yy, zz, yz, xz, xy = formats.numbers(stress, where, "stress", (6,))
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return formats.numbers(stress, where, "stress", (3, 3))
