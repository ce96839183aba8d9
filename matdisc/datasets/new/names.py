"""Which label a name of a column or a field means, and in which unit, as far as the name says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from matdisc.units import GIGAPASCALS, HARTREE, KCAL_PER_MOL, KJ_PER_MOL

Kind = Literal["energy", "forces", "stress", "e_form_per_atom", "e_above_hull", "stable", "group", "heat"]

ENERGIES = {
    "eV": 1.0,
    "meV": 1e-3,
    "Ha": HARTREE,
    "Ry": HARTREE / 2,
    "kcal/mol": 1 / KCAL_PER_MOL,
    "kJ/mol": 1 / KJ_PER_MOL,
}
"""One of each in eV."""
STRESSES = {"eV/Å^3": 1.0, "GPa": 1 / GIGAPASCALS, "kbar": 0.1 / GIGAPASCALS}
"""One of each in eV/Å^3."""

_WORDS = {
    "ev": "eV", "mev": "meV", "ha": "Ha", "hartree": "Ha", "ry": "Ry", "rydberg": "Ry", "kcal": "kcal/mol",
    "kj": "kJ/mol", "gpa": "GPa", "kbar": "kbar", "kb": "kbar",
}  # fmt: skip
"""Words in a name that say the unit."""
_SILENT = {"mol", "a", "ang", "angstrom", "å", "a3", "ang3", "3", "in", "bohr"}
"""Words that belong to a unit and say nothing alone."""
_SOURCES = {
    "ref", "dft", "pbe", "vasp", "qe", "reference", "target", "true", "label", "mp", "mp2020", "corrected",
    "uncorrected", "ppd",
}  # fmt: skip
"""Words before or after a label that say where it comes from."""
_MEANINGS: dict[Kind, tuple[str, ...]] = {
    "energy": (
        "energy", "totalenergy", "energytotal", "toten", "etot", "potentialenergy", "finalenergy", "e0",
    ),
    "forces": ("forces", "force"),
    "stress": ("stress", "stresses", "virial", "virials"),
    "e_form_per_atom": (
        "formationenergy", "eform", "formenergy", "eformation", "formationenthalpy", "deltae", "deltah", "hform",
        "enthalpyofformation", "energyofformation",
    ),
    "e_above_hull": (
        "eabovehull", "energyabovehull", "ehull", "hulldistance", "energyabovethehull", "ehulldistance",
        "distancetohull", "abovehull",
    ),
    "stable": ("stable", "isstable"),
    "group": ("group", "trajectory", "trajectoryid", "trajid", "traj", "system", "systemid", "groupid"),
    "heat": ("heatall", "heatref", "heat", "heatofformation", "heatofformationall"),
}  # fmt: skip
"""Names in small letters and digits alone, without the words above; `heat` may be against elements or competitors."""
_KINDS: dict[str, Kind] = {name: kind for kind, names in _MEANINGS.items() for name in names}
NUMBERS: tuple[Kind, ...] = ("energy", "e_form_per_atom", "e_above_hull", "stable")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name says: the label, its unit as the name gives it (empty if it does not), and whether it is per atom."""

    kind: Kind
    unit: str = ""
    per_atom: bool = False
    virial: bool = False
    mp2020: bool = False


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning | None:
    """Return what the name of a column or field means; None if it is no label that is known here."""
    words = re.findall(r"[a-z0-9å]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name).lower())
    said = unit(name)
    per_atom = "atom" in words or "peratom" in words or "natoms" in words
    left = [w for w in words if w not in _WORDS and w not in ("per", "atom", "peratom", "natoms")]
    kind = _kind(left) or _kind([w for w in left if w not in _SILENT]) or _kind([w for w in left if w not in _SOURCES])
    kind = kind or _kind([w for w in left if w not in _SOURCES | _SILENT])
    if kind is None:
        return None
    return Meaning(kind, said, per_atom, any(w.startswith("virial") for w in left), "mp2020" in words)


def unit(name: str) -> str:
    """Return the unit that a name says; empty if it says none."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    return next((_WORDS[word.lower()] for word in words if word.lower() in _WORDS), "")


def _kind(words: list[str]) -> Kind | None:
    return _KINDS.get("".join(words))
