"""Formation energies held against total energies and references, which together say them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from matdisc.datasets.new.derived import Derived, e_form_of
from matdisc.datasets.new.labels import Label
from matdisc.datasets.new.options import NewOptions
from matdisc.errors import DataError
from matdisc.formats.entries import Entry

Say = Callable[[str], None]
CONTAINED = 2e-3
"""eV/atom; a label whose correction differs by more from the computed one keeps its own."""
UNLIKE = 0.05
"""eV/atom; where formation and total energies differ by more, they are not on one scale."""
ALIKE, SEVERAL = 0.02, 3
"""eV for each atom, and structures: so many that are off by the same tell that a reference is another one."""
ABSURD = 6.0
"""eV/atom; no compound is bound, or unbound, by more."""


def hold_to_energies(
    entries: Sequence[Entry],
    counts: Sequence[dict[str, int]],
    label: Label,
    energy: Label,
    options: NewOptions,
    found: Derived,
    say: Say,
) -> None:
    """Compare formation with total energies: their difference is the correction that the labels hold."""
    offs = [
        None if e_form is None or total is None else e_form - e_form_of(total, one, found, entry)
        for entry, one, e_form, total in zip(entries, counts, label.values, energy.values, strict=True)
    ]
    _refuse_other_references(counts, offs, label)
    others = 0
    for entry, one, e_form, off in zip(entries, counts, label.values, offs, strict=True):
        if e_form is None or off is None:
            continue
        n = sum(one.values())
        if options.corrections and abs(off) > CONTAINED:
            found.corrections[entry.material_id] += off * n
            others += 1
        elif not options.corrections and abs(off) > UNLIKE:
            raise DataError(
                f"{entry.where}: {entry.material_id!r} has the formation energy {e_form:.3f} eV/atom, and its total "
                f"energy and the references give {e_form - off:.3f}: if {label.name!r} holds MP2020 corrections, say "
                "--corrections mp2020; otherwise give the references that belong to it"
            )
    if others:
        text = (
            f"{others} formation energies hold another correction than pymatgen computes, by more than "
            f"{CONTAINED * 1e3:g} meV/atom; that of the label is in corrections.csv."
        )
        found.notes.append(text)
        say(text)


def _refuse_other_references(counts: Sequence[dict[str, int]], offs: Sequence[float | None], label: Label) -> None:
    """Refuse references of elements whose compounds are off by the same energy for each of their atoms."""
    known = [(one, off * sum(one.values())) for one, off in zip(counts, offs, strict=True) if off is not None]
    guilty: dict[str, float] = {}
    while (worst := _shifted(known, guilty)) is not None:
        el, shift = worst
        guilty[el] = -shift
        known = [(one, left - shift * one.get(el, 0)) for one, left in known]
    if guilty:
        said = ", ".join(f"{el} by {shift:+.3f}" for el, shift in sorted(guilty.items()))
        raise DataError(
            f"formation energies {label.name!r} and total energies fit together only with other energies of some "
            f"elements, in eV/atom: {said}; give the references that the formation energies were made with, or leave "
            "these out (--formation-energy none), so that they are made of total energies and references"
        )


def _shifted(known: Sequence[tuple[dict[str, int], float]], but: Iterable[str]) -> tuple[str, float] | None:
    """Return the element, and eV for each atom, by which most of its compounds are off alike; None if there is none."""
    shifts: dict[str, list[float]] = {}
    for one, left in known:
        for el, n in one.items():
            shifts.setdefault(el, []).append(left / n)
    best: tuple[float, int, str, float] | None = None
    for el, found in shifts.items():
        middle = median(found)
        share = sum(abs(shift - middle) < ALIKE for shift in found) / len(found)
        if el not in but and len(found) >= SEVERAL and abs(middle) > ALIKE and share > 0.5:
            best = max(best or (0.0, 0, "", 0.0), (share, len(found), el, middle))
    return None if best is None else (best[2], best[3])


def refuse_absurd(entries: Sequence[Entry], e_form: Sequence[float], label: Label | None, energy: Label | None) -> None:
    known = [(abs(value), value, entry) for value, entry in zip(e_form, entries, strict=True)]
    worst = max(known, key=lambda one: one[0], default=None)
    if worst is None or worst[0] <= ABSURD:
        return
    value, entry = worst[1], worst[2]
    many = sum(one[0] > ABSURD for one in known)
    if label is None and energy is not None:
        raise DataError(
            f"{entry.where}: from {energy.name!r} and the references {entry.material_id!r} would have a formation "
            f"energy of {value:.2f} eV/atom (beyond {ABSURD:g} in {many} structures): is {energy.name!r} a total "
            f"energy in {energy.unit}, on the scale of the references? If it is a formation energy, say "
            f"--formation-energy {energy.name}"
        )
    raise DataError(
        f"{entry.where}: field {label.name if label else ''!r} says a formation energy of {value:.2f} eV/atom for "
        f"{entry.material_id!r} (beyond {ABSURD:g} in {many} structures): total energies or energies per cell are no "
        "formation energies per atom; name the right field with --formation-energy, and a unit as in e_form_mev"
    )
