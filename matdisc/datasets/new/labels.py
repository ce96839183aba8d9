"""Labels of structures: found under the names of others, brought to eV and Å, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from matdisc.datasets.new.fields import fields_of
from matdisc.datasets.new.names import ENERGIES, STRESSES, Kind, Meaning, meaning, unit
from matdisc.datasets.new.options import NewOptions
from matdisc.errors import DataError
from matdisc.formats.entries import Entry

TITLES: dict[Kind, str] = {
    "energy": "total energies",
    "forces": "forces",
    "stress": "stresses",
    "e_form_per_atom": "formation energies",
    "e_above_hull": "hull distances",
    "stable": "stability",
    "group": "groups",
}
OPTIONS: dict[Kind, str] = {
    "energy": "--energy",
    "forces": "--forces",
    "stress": "--stress",
    "e_form_per_atom": "--formation-energy",
    "e_above_hull": "--hull-distance",
    "stable": "--stable",
    "group": "--group",
}
NONE = "none"
"""In the place of a name: such labels are not used."""
SAME = 1e-5
"""Two columns of a label are one if they differ by no more than this, eV, eV/Å or eV/Å^3."""
TRUTHS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0, "yes": 1.0, "no": 0.0}


@dataclass(frozen=True, slots=True)
class Label:
    """One kind of label: under which name it was found and in which unit, and its values, None where there is none.

    Energies are in eV per cell, formation energies and hull distances in eV/atom, forces (n_atoms, 3) in eV/Å, stress
    (6,) in eV/Å^3 with ASE's sign and order.
    """

    name: str
    unit: str
    values: tuple[Any, ...]

    @property
    def n(self) -> int:
        return sum(value is not None for value in self.values)


Labels = dict[Kind, Label]


def find(entries: Sequence[Entry], options: NewOptions, say: Callable[[str], None]) -> Labels:
    """Return the labels of structures by kind, and say what they are.

    Raises:
        DataError: If a value is none of its kind, or what it means would have to be guessed.
    """
    fields = fields_of(entries, options, say)
    names = list(dict.fromkeys(name for one in fields for name in one))
    found: Labels = {}
    for kind in TITLES:
        label = _label(kind, names, fields, entries, options)
        if label is None:
            continue
        found[kind] = label
        in_unit = f" in {label.unit}" if label.unit else ""
        say(f"{TITLES[kind]}: {label.name!r}{in_unit}, {label.n:,} of {len(entries):,} structures")
    _refuse_heats(names, found)
    return found


def _label(
    kind: Kind, names: Sequence[str], fields: Sequence[Mapping[str, Any]], entries: Sequence[Entry], options: NewOptions
) -> Label | None:
    named = options.name_of(kind)
    if named == NONE:
        return None
    if named is not None:
        if named not in names:
            near = ", ".join(repr(name) for name in names if name not in ("numbers", "positions"))
            raise DataError(f"{OPTIONS[kind]}: no structure has a field {named!r}; there are {near[:400]}")
        known = meaning(named)
        named_so = known if known and known.kind == kind else Meaning(kind, unit(named), "atom" in named.lower())
        return _read(kind, named, named_so, fields, entries, options)
    candidates = [(name, said) for name in names if (said := meaning(name)) and said.kind == kind]
    read = [_read(kind, name, said, fields, entries, options) for name, said in candidates]
    read = [label for label in read if label.n]
    if not read:
        return None
    best = max(read, key=lambda label: label.n)
    for other in read:
        if other is not best and not _agree(best, other):
            raise DataError(
                f"there are two columns of {TITLES[kind]}, {best.name!r} ({best.n} structures) and {other.name!r} "
                f"({other.n}), and they differ{_where_they_differ(best, other, entries)}; say which one is meant with "
                f"{OPTIONS[kind]}"
            )
    return best


def _read(
    kind: Kind,
    name: str,
    said: Meaning,
    fields: Sequence[Mapping[str, Any]],
    entries: Sequence[Entry],
    options: NewOptions,
) -> Label:
    words, factor, per_atom = _scale(kind, name, said, options)
    values = []
    for one, entry in zip(fields, entries, strict=True):
        value = _value(kind, one.get(name), name, entry)
        if isinstance(value, float) and kind != "stable":
            value *= factor * (len(entry.atoms) if per_atom else 1)
        elif isinstance(value, np.ndarray):
            value = value * factor / (-entry.atoms.get_volume() if said.virial else 1)
        values.append(value)
    return Label(name, words, tuple(values))


def _scale(kind: Kind, name: str, said: Meaning, options: NewOptions) -> tuple[str, float, bool]:
    """Return the unit in words, what one of it is in ours, and whether values have to be multiplied by the atoms."""
    if kind in ("stable", "group"):
        return "", 1.0, False
    if kind == "forces":
        if said.unit not in ("", "eV") or "bohr" in name.lower():
            raise DataError(f"field {name!r}: forces have to be in eV/Å; convert them and name them 'forces'")
        return "eV/Å", 1.0, False
    if kind == "stress":
        return _stress_scale(name, said, options)
    given = (options.energy_unit or "") if kind == "energy" else ""
    wanted = given.removesuffix("/atom")
    if said.unit and wanted and said.unit != wanted:
        raise DataError(f"field {name!r}: its name says {said.unit}, --energy-unit says {wanted}; leave one out")
    known = wanted or said.unit or "eV"
    if known not in ENERGIES:
        raise DataError(f"field {name!r}: an energy in {known!r} is not known; known: {', '.join(ENERGIES)}")
    if kind == "energy":
        per_atom = said.per_atom or given.endswith("/atom")
        return f"{known}/atom" if per_atom else f"{known} per cell", ENERGIES[known], per_atom
    return f"{known}/atom", ENERGIES[known], False


def _stress_scale(name: str, said: Meaning, options: NewOptions) -> tuple[str, float, bool]:
    if said.virial:
        return "eV, taken as minus stress times volume", 1.0, False
    if said.unit and options.stress_unit and said.unit != options.stress_unit:
        raise DataError(
            f"field {name!r}: its name says {said.unit}, --stress-unit says {options.stress_unit}; leave one out"
        )
    known = options.stress_unit or said.unit or "eV/Å^3"
    if known not in STRESSES:
        raise DataError(f"field {name!r}: a stress in {known!r} is not known; known: {', '.join(STRESSES)}")
    sign = -1.0 if options.stress_sign == "pressure" else 1.0
    words = "positive is compression" if sign < 0 else "positive is tension, as in ASE"
    return f"{known} ({words})", sign * STRESSES[known], False


def _value(kind: Kind, value: Any, name: str, entry: Entry) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if kind == "group":
        return str(value).strip()
    if kind == "stable":
        found = TRUTHS.get(str(value).strip().lower())
        if found is None:
            raise _wrong(entry, name, value, "is neither true nor false")
        return found
    if kind in ("forces", "stress"):
        return _array(kind, value, name, entry)
    try:
        number = float(np.asarray(value).reshape(())) if not isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise _wrong(entry, name, value, "is not a number") from None
    if number != number:
        return None
    if not isfinite(number):
        raise _wrong(entry, name, value, "is not finite")
    return number


def _array(kind: Kind, value: Any, name: str, entry: Entry) -> Any:
    try:
        found = np.array(value, float)
    except (TypeError, ValueError):
        raise _wrong(entry, name, value, "holds no numbers") from None
    if np.isnan(found).all():
        return None
    if not np.isfinite(found).all():
        raise _wrong(entry, name, value, "holds a number that is not finite")
    if kind == "forces":
        if found.shape != (len(entry.atoms), 3):
            raise _wrong(entry, name, value, f"is not {len(entry.atoms)} x 3 numbers")
        return found
    if found.shape in ((9,), (3, 3)):
        full = found.reshape(3, 3)
        if not np.allclose(full, full.T, atol=1e-3 * max(np.abs(full).max(), 1e-12)):
            raise _wrong(entry, name, value, "is not symmetric, as a stress has to be")
        return np.array([full[0, 0], full[1, 1], full[2, 2], full[1, 2], full[0, 2], full[0, 1]])
    if found.shape != (6,):
        raise _wrong(entry, name, value, "is neither 3 x 3 numbers nor 6 in the order xx yy zz yz xz xy")
    return found


def _wrong(entry: Entry, name: str, value: Any, problem: str) -> DataError:
    return DataError(
        f"{entry.where}: field {name!r} of {entry.material_id!r} (value {str(value)[:40]!r}) {problem}; mend it, or "
        "leave it empty"
    )


def _agree(one: Label, other: Label) -> bool:
    """Whether the second adds nothing to the first."""
    return all(_equal(a, b) for a, b in zip(one.values, other.values, strict=True) if b is not None)


def _equal(a: Any, b: Any) -> bool:
    if a is None or isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return bool(np.allclose(a, b, rtol=0, atol=SAME * (1 if np.ndim(a) else max(1.0, abs(a)))))


def _where_they_differ(one: Label, other: Label, entries: Sequence[Entry]) -> str:
    for a, b, entry in zip(one.values, other.values, entries, strict=True):
        if b is not None and not _equal(a, b):
            if a is None:
                return f": {entry.where} has the second and not the first"
            if np.ndim(a) == 0:
                return (
                    f": {entry.where} has {a} and {b}" if isinstance(a, str) else f": {entry.where} has {a:g} and {b:g}"
                )
            return f", first in {entry.where}"
    return ""


def _refuse_heats(names: Sequence[str], found: Labels) -> None:
    heats = [name for name in names if (said := meaning(name)) and said.kind == "heat"]
    if heats and "e_form_per_atom" not in found and "e_above_hull" not in found:
        raise DataError(
            f"the structures have {' and '.join(repr(name) for name in heats)}: a heat may be against the elements or "
            "against competing phases; say which column is the formation energy in eV/atom (--formation-energy NAME), "
            "and which, if any, the distance to the hull (--hull-distance NAME)"
        )
