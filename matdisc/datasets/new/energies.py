"""What follows from labels: formation energies, MP2020 corrections and hull distances, on one scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from matdisc.datasets.corrections import Anions, correction
from matdisc.datasets.new.agreement import hold_to_energies, refuse_absurd
from matdisc.datasets.new.derived import Derived, e_form_of
from matdisc.datasets.new.hull import elemental, hull_distances, read_entries_json, read_references
from matdisc.datasets.new.labels import Label, Labels
from matdisc.datasets.new.names import meaning
from matdisc.datasets.new.options import NewOptions
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.formats.entries import Entry, read_entries
from matdisc.physics.formation import formation_energy_per_atom

Say = Callable[[str], None]
UNRELAXED = 0.2
"""eV/Å; larger forces are left by no relaxation that anybody takes for one."""


def derive(entries: Sequence[Entry], labels: Labels, options: NewOptions, say: Say) -> Derived:
    """Return what follows from the labels under the options, and say how.

    Raises:
        DataError: If an option needs what is not there, or labels and energies contradict each other.
    """
    _refuse_contradictions(labels, options)
    found = Derived()
    counts = [dict(entry.atoms.symbols.formula.count()) for entry in entries]
    phases = _references(entries, counts, labels, options, found, say)
    if options.corrections:
        found.corrections = _corrections(entries, options, say)
    elif carried := _carried(entries):
        say(
            f"{_count(carried):,} entries hold corrections, and energies are taken without; say --corrections mp2020 "
            "if formation energies shall hold them"
        )
    _formation(entries, counts, labels, options, found, say)
    if found.e_form is not None and (force := largest_force(labels)) > UNRELAXED:
        found.notes.append(
            f"The structures are not relaxed (largest force {force:.2f} eV/Å in the median): ask for formation "
            "energies with the protocol single-point, since labels are not those of relaxed structures."
        )
        say(found.notes[-1])
    _scale(labels, options, found)
    _hull(entries, counts, labels, options, found, phases, say)
    if "stable" in labels:
        found.stable = [bool(value) for value in _all(labels["stable"], entries)]
    if found.scale == "own" and found.elements:
        found.references = {}  # a potential on another scale takes energies of its own
    return found


def largest_force(labels: Labels) -> float:
    """Return the largest force on an atom, eV/Å, in the median over the structures; 0 where no forces are known."""
    known = [value for value in labels["forces"].values if value is not None] if "forces" in labels else []
    return float(np.median([np.linalg.norm(value, axis=1).max() for value in known])) if known else 0.0


def _refuse_contradictions(labels: Labels, options: NewOptions) -> None:
    if options.relaxed and (force := largest_force(labels)) > UNRELAXED:
        raise DataError(
            f"--relaxed says that the structures are relaxed, and the largest force is {force:.2f} eV/Å in the median; "
            "leave it out, or the forces (--forces none)"
        )
    if options.hull and options.own_hull:
        raise DataError("--hull and --own-hull exclude each other; keep one")
    if "e_above_hull" in labels and (options.hull or options.own_hull):
        raise DataError(
            f"hull distances are in {labels['e_above_hull'].name!r} already, and shall be computed; leave out "
            "--hull and --own-hull, or rename the field"
        )
    for kind in ("e_form_per_atom", "e_above_hull"):
        label = labels.get(kind)
        said = meaning(label.name) if label else None
        if label and said and said.mp2020 and not options.corrections:
            raise DataError(
                f"field {label.name!r}: its name says MP2020; if its values hold MP2020 corrections, say "
                "--corrections mp2020"
            )
    if options.corrections and options.energy_scale not in (None, "mp2020_corrected"):
        raise DataError(
            f"--corrections mp2020 and --energy-scale {options.energy_scale} contradict each other; keep one"
        )
    if options.energy_scale == "mp2020_corrected" and not options.corrections:
        raise DataError("--energy-scale mp2020_corrected needs --corrections mp2020, for models without corrections")


def _references(
    entries: Sequence[Entry],
    counts: Sequence[dict[str, int]],
    labels: Labels,
    options: NewOptions,
    found: Derived,
    say: Say,
) -> list[Any]:
    """Find the energies of the elements; return the entries of a given hull."""
    phases = read_entries_json(options.hull) if options.hull else []
    used = {el for one in counts for el in one}
    if options.references:
        found.references = read_references(options.references)
        said = f"elemental energies of {options.references.name}"
    elif phases:
        found.references = elemental(phases, str(options.hull))
        said = f"the lowest elemental entries of {options.hull.name if options.hull else ''}"
    elif own := _own_elements(entries, counts, labels):
        if (force := largest_force(labels)) > UNRELAXED and not options.own_hull:
            say(
                f"formation energies are left out: the structures are not relaxed (largest force {force:.2f} eV/Å in "
                "the median), and potentials relax them; ask for them by --own-hull, --references or --hull"
            )
            return phases
        found.references = {el: value for el, (value, _) in own.items()}
        found.elements = [entry for _, (_, entry) in sorted(own.items())]
        said = "the lowest elements of the set itself"
    else:
        said = ""
    if found.references:
        missing = sorted(used - set(found.references))
        if missing:
            raise DataError(
                f"{options.references or options.hull}: no energy of {', '.join(missing)}, which the structures hold; "
                "add it, or leave the structures out"
            )
        found.references = {el: found.references[el] for el in sorted(used)}
        found.notes.append(f"Formation energies are against {said}.")
        say(f"references: {said}")
    if options.elements:
        found.elements = _given_elements(options, used)
    return phases


def _own_elements(
    entries: Sequence[Entry], counts: Sequence[dict[str, int]], labels: Labels
) -> dict[str, tuple[float, Entry]]:
    """Lowest energy, eV/atom, and structure of each element, if the set has compounds and all of their elements.

    Nothing where they would not be used.
    """
    energy = labels.get("energy")
    if energy is None or "e_form_per_atom" in labels or all(len(one) == 1 for one in counts):
        return {}
    lowest: dict[str, tuple[float, Entry]] = {}
    for one, value, entry in zip(counts, energy.values, entries, strict=True):
        if len(one) != 1 or value is None:
            continue
        ((symbol, n),) = one.items()
        if symbol not in lowest or value / n < lowest[symbol][0]:
            lowest[symbol] = (value / n, entry)
    return lowest if all(el in lowest for one in counts for el in one) else {}


def _given_elements(options: NewOptions, used: set[str]) -> list[Entry]:
    assert options.elements is not None
    found = read_entries([options.elements])
    pure = {entry.atoms[0].symbol: entry for entry in found if len(set(entry.atoms.symbols)) == 1}
    missing = sorted(used - set(pure))
    if missing or len(pure) != len(found):
        raise DataError(
            f"{options.elements}: has to hold one structure of each element, and nothing else; it holds "
            f"{len(found)} of {len(pure)} elements" + (f", and none of {', '.join(missing)}" if missing else "")
        )
    return [pure[el] for el in sorted(used)]


def _corrections(entries: Sequence[Entry], options: NewOptions, say: Say) -> dict[str, float]:
    """Return the corrections that computed entries bring along, else those of pymatgen, eV per cell."""
    own = _carried(entries)
    if own:
        say(f"MP2020 corrections: those of the entries, of which {_count(own):,} of {len(own):,} are not zero")
        return own
    rule: Anions = "no_check" if options.any_anion else "require_bound"
    found = {entry.material_id: correction(to_crystal(entry.atoms), rule) for entry in entries}
    say(
        f"MP2020 corrections of pymatgen: {_count(found):,} of {len(found):,} structures have one; run types are "
        "assumed as in the Materials Project (GGA+U in oxides and fluorides of Co, Cr, Fe, Mn, Mo, Ni, V, W)"
    )
    return found


def _carried(entries: Sequence[Entry]) -> dict[str, float]:
    """Corrections that the entries of pymatgen hold, eV per cell; nothing if one has none or all are zero."""
    found = {entry.material_id: entry.values.get("correction") for entry in entries}
    known = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
    return known if len(known) == len(found) and any(known.values()) else {}


def _count(corrections: Mapping[str, float]) -> int:
    return sum(value != 0 for value in corrections.values())


def _formation(
    entries: Sequence[Entry],
    counts: Sequence[dict[str, int]],
    labels: Labels,
    options: NewOptions,
    found: Derived,
    say: Say,
) -> None:
    label, energy = labels.get("e_form_per_atom"), labels.get("energy")
    if options.corrections:
        found.notes.append("Formation energies hold MP2020 corrections (corrections.csv).")
        if not _carried(entries):
            found.notes.append(
                "MP2020 corrections are pymatgen's, with run types as the Materials Project would choose: GGA+U in "
                "oxides and fluorides of Co, Cr, Fe, Mn, Mo, Ni, V and W, GGA elsewhere."
            )
    if label is None and (not found.references or energy is None):
        if options.references or options.hull or options.corrections:
            raise DataError(
                "--references, --hull and --corrections need formation energies, or total energies and those of the "
                "elements; none were found"
            )
        return
    if label is None:
        assert energy is not None
        found.e_form = [
            e_form_of(value, one, found, entry)
            for value, one, entry in zip(_all(energy, entries), counts, entries, strict=True)
        ]
        say(f"formation energies: from total energies, {len(found.e_form):,} structures")
    else:
        found.e_form = _all(label, entries)
        if energy is not None and found.references:
            hold_to_energies(entries, counts, label, energy, options, found, say)
    refuse_absurd(entries, found.e_form, label, energy)


def _all(label: Label, entries: Sequence[Entry]) -> list[float]:
    """Return the values of a label that may not be missing anywhere."""
    without = [entry for entry, value in zip(entries, label.values, strict=True) if value is None]
    if without:
        raise DataError(
            f"{without[0].where}: field {label.name!r} is missing ({len(without)} of {len(entries)} structures); add "
            "it, or take the structures out: it is asked of all"
        )
    return list(label.values)


def _scale(labels: Labels, options: NewOptions, found: Derived) -> None:
    """Settle on which scale labels and references are, and whose elements count."""
    if found.e_form is None:
        return
    if options.corrections:
        found.scale = "mp2020_corrected"
    elif options.energy_scale or found.elements:
        found.scale = options.energy_scale or "own"
    elif found.references:
        raise DataError(
            "--references and --hull need --energy-scale: pbe_raw for PBE(+U) energies of the Materials Project's "
            "settings without corrections, own for any other; with MP2020 corrections say --corrections mp2020 instead"
        )
    if not found.references and not found.elements:
        found.notes.append(
            "Elemental energies are not known, so potentials cannot give formation energies here; predictors and files "
            "of predictions can be scored."
        )


def _hull(
    entries: Sequence[Entry],
    counts: Sequence[dict[str, int]],
    labels: Labels,
    options: NewOptions,
    found: Derived,
    phases: Sequence[Any],
    say: Say,
) -> None:
    if "e_above_hull" in labels:
        found.e_above_hull = list(labels["e_above_hull"].values)
        return
    if not options.hull and not options.own_hull:
        return
    if found.e_form is None:
        raise DataError("hull distances need formation energies; give total energies and --references, or --hull")
    asked = list(zip(counts, found.e_form, strict=True))
    if options.own_hull:
        against, said = asked, f"the set's own {len(asked):,} phases"
    else:
        against, said = (
            _formed(phases, options, found),
            f"the {len(phases):,} entries of {options.hull.name if options.hull else ''}",
        )
    found.e_above_hull = list(hull_distances(asked, against))
    found.notes.append(f"Hull distances are against {said}, with pymatgen.")
    if options.own_hull:
        alone = _without_competitor(counts)
        text = (
            f"The hull is that of the set itself: phases that it lacks could make materials less stable; {alone:,} of "
            f"{len(counts):,} materials compete with the elements alone."
        )
        found.notes.append(text)
        say(text)
    say(f"hull distances: against {said}")


def _without_competitor(counts: Sequence[dict[str, int]]) -> int:
    """How many materials have no other compound within their chemical system."""
    systems = Counter(frozenset(one) for one in counts)
    compounds = {system: n for system, n in systems.items() if len(system) > 1}
    by_element: dict[str, set[frozenset[str]]] = {}
    for system in compounds:
        for el in system:
            by_element.setdefault(el, set()).add(system)
    alone = 0
    for system, n in systems.items():
        near = set[frozenset[str]]().union(*(by_element.get(el, set()) for el in system))
        others = sum(compounds[other] for other in near if other <= system) - (1 if len(system) > 1 else 0)
        alone += n if not others else 0
    return alone


def _formed(phases: Sequence[Any], options: NewOptions, found: Derived) -> list[tuple[dict[str, int], float]]:
    """Formation energies of the phases of a given hull, against its own elements."""
    ends = elemental(phases, str(options.hull))
    corrected = sum(abs(entry.correction) > 1e-6 for entry in phases)
    if bool(corrected) != (found.scale == "mp2020_corrected"):
        raise DataError(
            f"{options.hull}: {corrected} of {len(phases)} entries hold corrections, and the labels are on the scale "
            f"{found.scale}; give entries on the same scale (--corrections mp2020 where they are corrected)"
        )
    formed = []
    for entry in phases:
        held = {el.symbol: int(n) for el, n in entry.composition.items()}
        if all(el in ends for el in held):
            formed.append((held, formation_energy_per_atom(entry.energy, held, ends.__getitem__)))
    return formed
