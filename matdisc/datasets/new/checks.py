"""Labels held against physics and against each other before they are believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import numpy as np

from matdisc.datasets.new.gradients import check_gradients
from matdisc.datasets.new.labels import Label, Labels
from matdisc.datasets.new.options import NewOptions
from matdisc.datasets.table import refuse_contacts
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.formats.entries import Entry
from matdisc.units import GIGAPASCALS

Say = Callable[[str], None]
ENOUGH = 10
"""So many structures tell whether energies are total ones."""
BOUND = 2.0
"""eV/atom; hardly a crystal's total energy is that close to zero, and most formation energies are."""
SAME = 1e-6
"""Å or fractions of a cell edge, and 1e-3 eV/atom: duplicates."""
HIGHEST = 10.0
"""eV/atom; no crystal that anybody computes is that far above the hull."""
STRONG = 0.5
"""eV/Å^3, 80 GPa; more is no common stress."""


def check(entries: Sequence[Entry], labels: Labels, options: NewOptions, say: Say) -> None:
    """Refuse labels that cannot mean what they say, and say what cannot be checked or is left out.

    Raises:
        DataError: Naming file, frame, field and remedy.
    """
    _refuse_aperiodic(entries)
    for entry in entries:
        refuse_contacts(to_crystal(entry.atoms), entry.where)
    if "energy" in labels:
        _check_energies(entries, labels, options)
    if "e_above_hull" in labels:
        _check_hull(entries, labels["e_above_hull"])
    _check_duplicates(entries, labels, say)
    checked = check_gradients(entries, labels, say)
    if "stress" in labels and not checked and not options.stress_unit:
        _bound_stress(labels["stress"])
    if "forces" in labels:
        energies = labels["energy"].values if "energy" in labels else (None,) * len(entries)
        pairs = zip(labels["forces"].values, energies, strict=True)
        without = sum(forces is None or energy is None for forces, energy in pairs)
        if without:
            say(
                f"{without:,} of {len(entries):,} structures lack energy or forces; the task static scores of each "
                "what it has"
            )


def _refuse_aperiodic(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if not entry.atoms.pbc.all() or abs(entry.atoms.get_volume()) < 1e-3:
            raise DataError(
                f"{entry.where}: {entry.material_id!r} is not periodic in three directions (pbc "
                f"{' '.join('T' if p else 'F' for p in entry.atoms.pbc)}); data sets hold crystals: give it a cell, or "
                "take it out"
            )


def _check_energies(entries: Sequence[Entry], labels: Labels, options: NewOptions) -> None:
    label = labels["energy"]
    known = [(e, value / len(e.atoms)) for e, value in zip(entries, label.values, strict=True) if value is not None]
    _refuse_formation(entries, known, labels, options)
    for same in _of_one_formula(known):
        _refuse_per_atom(same, label)
        low, high = min(same, key=lambda one: abs(one[1])), max(same, key=lambda one: abs(one[1]))
        if abs(high[1]) > 3 * abs(low[1]) and abs(high[1] - low[1]) > 5:
            raise DataError(
                f"{low[0].where}: field {label.name!r} is {low[1]:.3f} eV/atom, and {high[1]:.3f} in {high[0].where}, "
                "of the same formula: units or kinds of energy are mixed; bring them to one"
            )


def _refuse_formation(
    entries: Sequence[Entry], known: Sequence[tuple[Entry, float]], labels: Labels, options: NewOptions
) -> None:
    label, e_form = labels["energy"], labels.get("e_form_per_atom")
    remedy = f"if they are formation energies, say `--formation-energy {label.name}`"
    pure = [value for entry, value in known if len(set(entry.atoms.numbers)) == 1]
    if pure and len(pure) < len(known) and all(abs(value) < 1e-6 for value in pure):
        raise DataError(f"the energies {label.name!r} of all elements are 0, as formation energies are; {remedy}")
    if e_form is not None and e_form.name != label.name:
        pairs = [
            (value / len(entry.atoms), form)
            for entry, value, form in zip(entries, label.values, e_form.values, strict=True)
            if value is not None and form is not None
        ]
        if pairs and all(abs(a - b) < 1e-4 for a, b in pairs):
            raise DataError(
                f"the energies {label.name!r} equal {e_form.name!r}, so they are no total energies; rename one"
            )
    small = median([abs(value) for _, value in known]) < BOUND if known else False
    alone = "forces" not in labels and "stress" not in labels
    if options.energy is None and alone and len(known) >= ENOUGH and small:
        raise DataError(
            f"half of the energies {label.name!r} are within {BOUND:g} eV/atom of zero, where formation energies are "
            f"and total energies seldom; {remedy}; if they are total energies, say `--energy {label.name}`"
        )


def _of_one_formula(known: Sequence[tuple[Entry, float]]) -> Iterator[list[tuple[Entry, float]]]:
    groups: dict[str, list[tuple[Entry, float]]] = defaultdict(list)
    for entry, value in known:
        groups[entry.atoms.symbols.formula.reduce()[0].format("hill")].append((entry, value))
    yield from (group for group in groups.values() if len(group) > 1)


def _refuse_per_atom(same: Sequence[tuple[Entry, float]], label: Label) -> None:
    """Refuse energies that do not grow with the cell; `same` holds what they would be per atom."""
    small, large = min(same, key=lambda one: len(one[0].atoms)), max(same, key=lambda one: len(one[0].atoms))
    n, m = len(small[0].atoms), len(large[0].atoms)
    first, second = small[1] * n, large[1] * m
    if m >= 1.5 * n and abs(first) > 0.5 and abs(second - first) < 0.1 * abs(first):
        raise DataError(
            f"{large[0].where}: field {label.name!r} is {second:.3f} for {m} atoms, and {first:.3f} for {n} atoms of "
            f"the same formula in {small[0].where}: are they per atom? If so, say --energy-unit eV/atom"
        )


def _check_hull(entries: Sequence[Entry], label: Label) -> None:
    for entry, value in zip(entries, label.values, strict=True):
        if value is not None and not -2.0 < value < HIGHEST:
            raise DataError(
                f"{entry.where}: field {label.name!r} says that {entry.material_id!r} is {value:g} eV/atom above the "
                "hull; if it is in another unit, say so in the name, as in e_above_hull_mev"
            )


def _check_duplicates(entries: Sequence[Entry], labels: Labels, say: Say) -> None:
    """Refuse one structure with two labels; say how many structures occur twice."""
    seen: dict[object, int] = {}
    twice = 0
    for i, entry in enumerate(entries):
        atoms = entry.atoms
        rounded = np.round(np.concatenate([atoms.cell[:], atoms.positions]) / SAME).astype(np.int64).tobytes()
        first = seen.setdefault((atoms.numbers.tobytes(), rounded), i)
        if first == i:
            continue
        twice += 1
        for kind in ("energy", "e_form_per_atom", "e_above_hull", "stable"):
            label = labels.get(kind)
            if label is None or label.values[i] is None or label.values[first] is None:
                continue
            if abs(label.values[i] - label.values[first]) > 1e-3 * len(atoms):
                raise DataError(
                    f"{entry.where}: {entry.material_id!r} is the same structure as {entries[first].material_id!r} "
                    f"({entries[first].where}), and field {label.name!r} differs ({label.values[i]:g} and "
                    f"{label.values[first]:g}); keep the one that is right"
                )
    if twice:
        say(f"{twice:,} structures occur more than once under other names, with equal labels; each counts")


def _bound_stress(label: Label) -> None:
    middle = median([float(np.abs(value).max()) for value in label.values if value is not None])
    if middle > STRONG:
        raise DataError(
            f"half of the stresses {label.name!r} are above {middle:.3g} eV/Å^3, that is {middle * GIGAPASCALS:.0f} "
            "GPa; say their unit with --stress-unit, and `--stress-sign pressure` if positive means compression"
        )
