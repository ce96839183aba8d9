"""Labels of structures by GFN2-xTB (or GFN1-xTB), computed with the tblite package.

GFN2-xTB is a tight-binding method with its own D4 dispersion (doi 10.1021/acs.jctc.8b01176); GFN1-xTB carries D3.
A model trained on either must not add dispersion afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats
from matdisc.errors import DataError, ExtraError

if TYPE_CHECKING:
    from ase import Atoms

METHODS = ("GFN2-xTB", "GFN1-xTB")


class NoLabel(Exception):
    """A structure has no label, and why: the charges did not converge, or atoms lie on top of each other."""


@dataclass(frozen=True, slots=True)
class Label:
    """What xTB says of one structure of n atoms.

    Attributes:
        energy: Total energy, eV; its zero is xTB's own.
        forces: eV/Å, shape (n, 3).
        charges: Mulliken, e, shape (n,); they add up to the total charge.
        dipole: e Å, about the origin of the coordinates, shape (3,). It holds dipoles of atoms as well, so it is not
            the sum of charge times position. Of a charged structure it moves with the origin.
        virial: `-dE/d(strain)`, eV, shape (3, 3), symmetric: positive on the diagonal where the structure wants to
            expand. Without periodicity the sum of position times force.
    """

    energy: float
    forces: Floats
    charges: Floats
    dipole: Floats
    virial: Floats


def check_electrons(numbers: ArrayLike, charge: float, multiplicity: int = 1, source: str = "structure") -> None:
    """Raise unless this charge and multiplicity are possible for these atoms.

    tblite itself computes half an electron more or less without a word.

    Raises:
        DataError: If the charge is no integer, exceeds the electrons, or their number does not fit the multiplicity.
    """
    total = int(np.sum(np.asarray(numbers)))
    if abs(charge - round(charge)) > 1e-6:
        raise DataError(f"{source}: charge {charge:g} is no whole number of e; give the total charge, as in charge=1")
    electrons = total - round(charge)
    if electrons < 1:
        raise DataError(f"{source}: charge {charge:g} leaves {electrons} electrons of {total}; correct the charge")
    if multiplicity < 1 or (electrons - (multiplicity - 1)) % 2 or multiplicity - 1 > electrons:
        raise DataError(
            f"{source}: {electrons} electrons (charge {charge:g}) cannot have multiplicity {multiplicity}; "
            "correct the charge, or give 'multiplicity' (2 for one unpaired electron)"
        )


class Xtb:
    """Labels structures of the same atoms in turn; each starts from the charges of the one before."""

    def __init__(
        self,
        numbers: ArrayLike,
        *,
        charge: float = 0.0,
        multiplicity: int = 1,
        pbc: Sequence[bool] = (False, False, False),
        method: str = "GFN2-xTB",
    ) -> None:
        """Prepare for structures with these atomic numbers, shape (n,), and total charge in e.

        Raises:
            DataError: If charge and multiplicity do not fit the atoms, or the method is unknown.
            ExtraError: If tblite is not installed.
        """
        if method not in METHODS:
            raise DataError(f"method {method!r} is unknown; give one of {', '.join(METHODS)}")
        self.numbers = np.asarray(numbers, int)
        check_electrons(self.numbers, charge, multiplicity)
        self._interface = _tblite()
        self._settings = {"charge": float(charge), "uhf": multiplicity - 1}
        self._pbc, self._method = np.asarray(pbc, bool), method
        self._calculator: Any = None
        self._result: Any = None

    def label(self, positions: ArrayLike, cell: ArrayLike | None = None) -> Label:
        """Return the label of a structure: positions in Å, shape (n, 3); cell in Å, shape (3, 3), where periodic.

        Raises:
            NoLabel: If the charges do not converge, neither from those of the last structure nor from scratch.
        """
        from ase.units import Bohr, Hartree

        place = np.ascontiguousarray(np.asarray(positions, float) / Bohr)
        lattice = np.ascontiguousarray(np.asarray(cell, float) / Bohr) if self._pbc.any() else None
        try:
            found = self._solve(place, lattice)
        except RuntimeError as err:  # tblite's own error is one
            self._calculator = self._result = None
            raise NoLabel(" ".join(str(err).split())) from None
        label = Label(
            float(found.get("energy")) * Hartree,
            -np.asarray(found.get("gradient")) * (Hartree / Bohr),
            np.array(found.get("charges")),
            np.asarray(found.get("dipole")) * Bohr,
            -np.asarray(found.get("virial")) * Hartree,
        )
        if not (np.isfinite(label.energy) and np.isfinite(label.forces).all()):
            self._result = None
            raise NoLabel("energy or forces are not finite")
        return label

    def _solve(self, place: Floats, lattice: Floats | None) -> Any:
        if self._calculator is None:
            periodic = self._pbc if lattice is not None else None
            self._calculator = self._interface.Calculator(
                self._method, self.numbers, place, lattice=lattice, periodic=periodic, **self._settings
            )
            self._calculator.set("verbosity", 0)
        else:
            self._calculator.update(place, lattice)
        try:
            self._result = self._calculator.singlepoint(self._result)
        except RuntimeError:
            if self._result is None:
                raise
            self._result = None  # charges that do not fit may have led it astray
            self._result = self._calculator.singlepoint()
        return self._result


def label_atoms(atoms: Atoms, *, method: str = "GFN2-xTB", source: str = "structure") -> Label:
    """Return the label of one structure; total charge and multiplicity from `info["charge"]` and
    `info["multiplicity"]`, 0 and 1 by default.

    Raises:
        NoLabel: If the charges do not converge.
        DataError: If charge and multiplicity do not fit the atoms.
        ExtraError: If tblite is not installed.
    """
    charge, multiplicity = float(atoms.info.get("charge", 0.0)), int(atoms.info.get("multiplicity", 1))
    check_electrons(atoms.numbers, charge, multiplicity, source)
    xtb = Xtb(atoms.numbers, charge=charge, multiplicity=multiplicity, pbc=atoms.pbc, method=method)
    return xtb.label(atoms.positions, atoms.cell.array)


def _tblite() -> Any:
    try:
        import tblite.interface
    except ImportError:
        raise ExtraError(
            "labels need the package 'tblite', which is not installed; run: pip install 'matdisc[labels]'"
        ) from None
    return tblite.interface
