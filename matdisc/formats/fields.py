"""The fields of a structure that physics depends on, read under the names that others use, or refused.

    total charge, e       info["charge"]; also `total_charge`, `net_charge`; else the sum of `initial_charges`
    multiplicity, 2S+1    info["multiplicity"]; also `spin`, `total_spin` (both as in OMol), `spin_multiplicity`; else
                          from the sum of `initial_magmoms`
    masses, u             arrays["masses"]; also `mass`; D and T in .xyz (matdisc.formats.files)
    molecule of an atom   arrays["molecule"]

Disorder (a site that is empty in part, or shared by several species) is refused: no potential can be asked about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

Note = Callable[[str], None]
"""Told what of a structure is left out or has no effect."""

ID_KEYS = ("material_id", "id", "mat_id", "mp_id", "structure_id", "entry_id", "name")
"""Fields that name a structure, the first that is there; without regard to case, blanks and dashes."""
CHARGE = ("charge", "totalcharge", "netcharge")
SPIN = ("multiplicity", "spin", "spinmultiplicity", "totalspin")
OCCUPANCY = ("occupancy", "occupancies", "siteoccupancy", "siteoccupancies", "sof")
ALIKE = ("charge", "spin", "multiplicity", "unpaired", "uhf")
"""A key of `info` that holds one of these and is not read is named."""
LARGEST = 1e15
"""No field holds a larger number; whole numbers up to it are exact."""
FULL = 1e-3
"""A site whose occupancy is this close to 1 is full."""
WHOLE = 0.05
"""Charges or moments of atoms whose sum is this close to a whole number add up to it."""


def silent(text: str) -> None:
    """Do nothing with a note."""


def plain(name: object) -> str:
    """Return a name in small letters and digits alone: `Total_Charge` and `total-charge` are the same."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def number(value: Any, where: str, name: str, *, whole: bool = False) -> float:
    """Return the number that a field holds.

    Args:
        value: What the field holds; an array of one number is one.
        where: What an error names: file and frame.
        name: Of the field.
        whole: Whether it has to be a whole number.

    Raises:
        DataError: If it is no single finite number of that kind.
    """
    single = value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size == 1 else value
    right = isinstance(single, int | float | np.integer | np.floating) and not isinstance(single, bool)
    if not right or not abs(single) < LARGEST or (whole and single != round(single)):
        wanted = "one whole number" if whole else "one number, and finite"
        raise DataError(f"{where}: field '{name}' is {_short(value)}; it has to be {wanted}")
    return float(single)


def numbers(value: Any, where: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the array that a field holds; nan is allowed, and read as absent by those who ask.

    Args:
        value, where, name: As for `number`.
        shape: What it has to have.

    Raises:
        DataError: If it holds no numbers, or the shape is another one.
    """
    try:
        found = np.asarray(value)
    except ValueError:  # lists of unlike lengths
        found = np.array(None)
    if found.dtype.kind not in "iuf" or found.size != int(np.prod(shape)):
        wanted = f"{' x '.join(map(str, shape))} numbers" if shape else "one number"
        raise DataError(f"{where}: field '{name}' is {_short(value)}; it has to be {wanted}")
    return found.astype(float).reshape(shape)


def total_charge(atoms: Atoms, where: str) -> float:
    """Return the total charge of a structure, e; 0 if nothing says it.

    Raises:
        DataError: If it is no number, two keys contradict each other, or it has to be guessed from charges of atoms
            whose sum is no whole number.
    """
    value = _said(atoms, CHARGE, where)
    if value is not None:
        return value
    return float(_sum(atoms, "initial_charges", where, "e; say the total charge, as in charge=0"))


def multiplicity(atoms: Atoms, where: str, *, moments: bool = True) -> int:
    """Return the spin multiplicity 2S+1 of a structure; 1 if nothing says it. `spin` is the multiplicity, as in OMol.

    Args:
        atoms: The structure.
        where: What an error names.
        moments: Whether `initial_magmoms` count, where no key says it.

    Raises:
        DataError: As for `total_charge`, or if it is no whole number from 1.
    """
    value = _said(atoms, SPIN, where)
    if value is None:
        moments = moments and "initial_magmoms" in atoms.arrays
        remedy = "; say the multiplicity 2S+1, as in multiplicity=2"
        return 1 + abs(_sum(atoms, "initial_magmoms", where, remedy)) if moments else 1
    if value < 1 or value != round(value):
        key = _keys(atoms, SPIN)[0]
        raise DataError(f"{where}: field '{key}' is {value:g}; it is read as the multiplicity 2S+1, so 1, 2, 3 ...")
    return round(value)


def refuse_disorder(atoms: Atoms, where: str) -> None:
    """Do nothing if every site is full and has one species.

    Raises:
        DataError: Naming the first site that is not, and its occupancy.
    """
    for key in _keys(atoms, OCCUPANCY):
        value = atoms.info[key]
        if isinstance(value, Mapping):
            for site, shares in value.items():
                _refuse_shared(atoms, where, str(site), shares if isinstance(shares, Mapping) else {"it": shares})
        else:
            _refuse_empty(atoms, where, value)
    for name, values in atoms.arrays.items():
        if plain(name) in OCCUPANCY:
            _refuse_empty(atoms, where, values)


def checked_masses(atoms: Atoms, where: str) -> np.ndarray:
    """Return the masses of the atoms, u, shape (n_atoms,).

    Raises:
        DataError: If one is no positive finite number, naming the atom.
    """
    masses = numbers(atoms.get_masses(), where, "masses", (len(atoms),))
    bad = np.flatnonzero(~(np.isfinite(masses) & (masses > 0)))
    if len(bad):
        raise DataError(
            f"{where}: the mass of atom {bad[0]} ({atoms.symbols[bad[0]]}) is {masses[bad[0]]:g} u; give a positive "
            "one, or leave 'masses' out for those of the elements"
        )
    return masses


def checked(
    atoms: Atoms, where: str, *, knows_charge: bool = True, knows_spin: bool = False, note: Note = silent
) -> Atoms:
    """Return a copy with the fields of the table above under the names of its second column.

    Args:
        atoms: As read; results of a calculator stay with the copy.
        where: What an error names: file and frame.
        knows_charge, knows_spin: Whether what the structure is for depends on them; if not, they are noted.
        note: Told what has no effect or is not read.

    Raises:
        DataError: If it is empty or not finite, holds no element, is disordered, or a field is none of its kind or
            contradicts another.
    """
    _refuse_nonsense(atoms, where)
    refuse_disorder(atoms, where)
    found = atoms.copy()
    found.calc = atoms.calc
    charge = total_charge(atoms, where)
    spin = multiplicity(atoms, where, moments=knows_spin)
    said = {"charge": _keys(atoms, CHARGE), "multiplicity": _keys(atoms, SPIN)}
    for key in (*said["charge"], *said["multiplicity"]):
        del found.info[key]
    if said["charge"] or charge:
        found.info["charge"] = int(charge) if charge.is_integer() else charge
    if said["multiplicity"] or spin != 1:
        found.info |= {"multiplicity": spin, "spin": spin}  # calculators of others look for `spin`
    if charge and not knows_charge:
        note(f"the total charge of {charge:g} e has no effect: this model knows no charge")
    if spin != 1 and not knows_spin:
        note(f"the multiplicity {spin} has no effect: no model here knows spin")
    elif not knows_spin and not said["multiplicity"] and np.any(atoms.arrays.get("initial_magmoms", 0)):
        note("the magnetic moments (initial_magmoms) have no effect: no model here knows spin")
    alike = [key for key, value in found.info.items() if _is_like_charge(key, value)]
    for key in (*alike, *(name for name in found.arrays if plain(name) in CHARGE + SPIN)):
        note(f"'{key}' is not read; the total charge is called charge, and 2S+1 multiplicity")
    _take_columns(found, where)
    return found


def _is_like_charge(key: object, value: Any) -> bool:
    known = key in ("charge", "multiplicity", "spin")
    return not known and any(word in plain(key) for word in ALIKE) and np.isscalar(value) and bool(value)


def _keys(atoms: Atoms, names: tuple[str, ...]) -> list[str]:
    return [key for key, value in atoms.info.items() if plain(key) in names and value is not None]


def _said(atoms: Atoms, names: tuple[str, ...], where: str) -> float | None:
    """What keys of these names say with one voice; None if there is none. A spin of 0 says nothing, as some write."""
    found = {key: number(atoms.info[key], where, key) for key in _keys(atoms, names)}
    found = {key: value for key, value in found.items() if value or plain(key) not in ("spin", "totalspin")}
    if len(set(found.values())) > 1:
        each = " and ".join(f"'{key}' is {value:g}" for key, value in found.items())
        raise DataError(f"{where}: {each}, though they mean the same; keep the one that is right")
    return next(iter(found.values()), None)


def _sum(atoms: Atoms, name: str, where: str, remedy: str) -> int:
    if name not in atoms.arrays:
        return 0
    total = float(numbers(atoms.arrays[name], where, name, (len(atoms),)).sum())
    if not np.isfinite(total) or abs(total - round(total)) > WHOLE:
        raise DataError(f"{where}: '{name}' add up to {total:g} {remedy}")
    return round(total)


def _refuse_shared(atoms: Atoms, where: str, site: str, shares: Mapping[Any, Any]) -> None:
    amounts = {str(name): _amount(value, where) for name, value in shares.items()}
    if len(amounts) == 1 and abs(next(iter(amounts.values())) - 1) <= FULL:
        return
    kinds = atoms.arrays.get("spacegroup_kinds", np.arange(len(atoms)))
    there = np.flatnonzero([str(kind) == site for kind in kinds])
    _refuse_site(atoms, where, int(there[0]) if len(there) else None, amounts)


def _refuse_empty(atoms: Atoms, where: str, value: Any) -> None:
    amounts = np.array([_amount(one, where) for one in np.ravel(np.asarray(value, dtype=object))])
    bad = np.flatnonzero(np.abs(amounts - 1) > FULL)
    if len(bad):
        site = int(bad[0]) if len(amounts) == len(atoms) else None
        _refuse_site(atoms, where, site, {"it" if site is None else atoms.symbols[site]: amounts[bad[0]]})


def _refuse_site(atoms: Atoms, where: str, site: int | None, amounts: Mapping[str, float]) -> None:
    shares = " and ".join(f"{name} {amount:g}" for name, amount in amounts.items())
    place = "a site"
    if site is not None:
        place = f"site {site} ({atoms.symbols[site]} at {' '.join(f'{x:.3f}' for x in atoms.positions[site])} Å)"
    raise DataError(
        f"{where}: {place} has the occupancy {shares}, so the structure is disordered; make an ordered one first, "
        "such as a supercell with whole atoms"
    )


def _amount(value: Any, where: str) -> float:
    """An occupancy; what is not said, as `?` in a CIF, is 1."""
    if value is None or value in ("?", ".") or value != value:
        return 1.0
    return number(value, where, "occupancy")


def _refuse_nonsense(atoms: Atoms, where: str) -> None:
    if not len(atoms):
        raise DataError(f"{where}: holds no atoms")
    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell[:]).all():
        raise DataError(f"{where}: a position or the cell is not a finite number")
    if (strange := np.flatnonzero(atoms.numbers < 1)).size:
        raise DataError(f"{where}: atom {strange[0]} is of no element (X or atomic number 0); take it out")


def _take_columns(atoms: Atoms, where: str) -> None:
    """Read `mass` as `masses`, and see that `molecule` holds whole numbers."""
    arrays = atoms.arrays
    if "mass" in arrays:
        mass = numbers(arrays.pop("mass"), where, "mass", (len(atoms),))
        if "masses" in arrays and not np.allclose(numbers(arrays["masses"], where, "masses", mass.shape), mass):
            raise DataError(f"{where}: the columns 'mass' and 'masses' differ; keep the one that is right")
        arrays["masses"] = mass
    if "molecule" in arrays:
        ids = np.asarray(arrays["molecule"])
        if ids.shape != (len(atoms),) or ids.dtype.kind not in "iu" or np.abs(ids).max() >= 2**31:
            raise DataError(
                f"{where}: field 'molecule' is {_short(ids)}; number the molecules from 0, one for each atom"
            )


def _short(value: Any) -> str:
    return repr(value.tolist() if isinstance(value, np.ndarray | np.generic) else value)[:60]
