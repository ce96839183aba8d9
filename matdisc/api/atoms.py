"""ASE atoms and pymatgen structures from Python, as a file of labelled structures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matdisc.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

ID = "material_id"
RESULTS = ("energy", "forces", "stress")


def is_structure(value: Any) -> bool:
    """Whether something is ASE atoms, or a structure of pymatgen."""
    return hasattr(value, "get_scaled_positions") or hasattr(value, "frac_coords")


def write_structures(path: Path, structures: Sequence[Any], names: Sequence[str] | None = None) -> None:
    """Write structures as extended XYZ, with what they say of themselves and what their calculators found.

    Args:
        path: The file.
        structures: ASE atoms, or structures of pymatgen.
        names: Their ids; default: as their `info` or `properties` say.

    Raises:
        DataError: If a calculator holds results of other atoms than those it is attached to.
    """
    from ase.io import write

    frames = [_frame(one, i) for i, one in enumerate(structures)]
    for frame, name in zip(frames, names or [], strict=False):
        frame.info = {ID: name}
    write(path, frames, format="extxyz")


def name_of(structure: Any) -> str | None:
    """Return the id that a structure bears; None if it has none."""
    found = _said(structure).get(ID)
    return None if found is None else str(found)


def _said(structure: Any) -> Mapping[str, Any]:
    return getattr(structure, "info", None) or getattr(structure, "properties", None) or {}


def _frame(given: Any, place: int) -> Atoms:
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = given.to_ase_atoms() if hasattr(given, "frac_coords") else given
    frame: Atoms = atoms.copy()
    frame.info = dict(_said(given))
    frame.calc = None
    results = dict(getattr(atoms.calc, "results", {}))
    if results and atoms.calc.check_state(atoms):
        raise DataError(
            f"structure {place} ({frame.get_chemical_formula()}): its calculator holds results of other atoms; give "
            "each structure a calculator of its own, and ask for energies after the last change"
        )
    if known := {name: results[name] for name in RESULTS if results.get(name) is not None}:
        frame.calc = SinglePointCalculator(frame, **known)
    return frame
