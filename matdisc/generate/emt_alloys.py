"""Make the frozen table of the emt-alloys set: `python -m matdisc.generate.emt_alloys OUT.csv`.

Ordered alloys of the seven metals of effective medium theory are relaxed with ASE's EMT over the parameters
that their symmetry leaves free (a, c and, in C11_b, z), and their convex hulls are taken with pymatgen. A
candidate that leaves its prototype on the way (see `within_bounds`) is left out and named on standard error.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import exp, log
from pathlib import Path

import numpy as np

from matdisc.datasets.emt_alloys import COLUMNS, METALS, material_id
from matdisc.datasets.prototypes import PROTOTYPES, crystal
from matdisc.schema import Crystal

AB_PROTOTYPES = ("cscl", "rocksalt", "zincblende", "L1_0", "L1_1")
MAJORITY_PROTOTYPES = ("L1_2", "D0_3", "D0_22", "C11_b", "C15")
TERNARY_PROTOTYPES = ("L2_1", "C1_b", "tP4")
VOLUME_RATIO = {"fcc": 1.0, "rocksalt": 1.15, "zincblende": 1.5, "C1_b": 1.2}
"""Volume per atom of the start geometry over the mean of the elements; 1.02 where nothing is said."""
MAX_DISTORTION = 0.15
"""Largest relative change of c/a from the ideal ratio, and 0.10 of z, before a candidate has left its prototype."""
MAX_STRAIN = 0.25
"""Largest relative change of the edge that the start geometry may see."""
TIGHT = 1e-7
"""Largest component of the gradient, eV per unit strain (and per unit of z), at which a relaxation ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One relaxed candidate: lengths in Å, energies in eV/atom."""

    prototype: str
    elements: tuple[str, ...]
    a: float
    c: float | None
    z: float | None
    energy: float
    e_form: float = 0.0
    e_hull: float = 0.0

    @property
    def crystal(self) -> Crystal:
        return crystal(self.prototype, self.elements, self.a, c=self.c, z=self.z)

    @property
    def material_id(self) -> str:
        return material_id(self.prototype, self.elements)


def candidates() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield prototype and elements of every candidate, elemental fcc first."""
    for metal in METALS:
        yield "fcc", (metal,)
    for first, second in combinations(METALS, 2):
        for name in AB_PROTOTYPES:
            yield name, (first, second)
        for name in MAJORITY_PROTOTYPES:
            yield name, (first, second)
            yield name, (second, first)
    for trio in combinations(METALS, 3):
        for name in TERNARY_PROTOTYPES:
            for special in trio:
                yield name, (special, *(el for el in trio if el != special))


def relaxed(prototype: str, elements: tuple[str, ...], volume: float) -> Entry:
    """Return the candidate at the nearest minimum of its EMT energy; `volume` in Å^3/atom starts the search.

    Raises:
        ArithmeticError: If the search does not end at a minimum, or outside of the bounds.
    """
    from scipy.optimize import minimize, root

    kind = PROTOTYPES[prototype]
    unit = _volume(crystal(prototype, elements, 1.0))
    edge = (volume * len(kind.sites) / unit) ** (1 / 3)
    start = [log(edge)]
    if kind.ideal_c is not None:
        start.append(log(edge * kind.ideal_c))
    if kind.ideal_z is not None:
        start.append(kind.ideal_z)

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        if np.abs(x - np.array(start)).max() > 2 * MAX_STRAIN:  # a crushed cell would have endless neighbours
            raise ArithmeticError("the search ran away from the prototype")
        return energy_and_gradient(prototype, elements, x)

    stiffness = 100.0 * len(kind.sites)  # eV; about 9 times bulk modulus times volume, so that first steps are short
    options = {"gtol": 1e-5, "maxiter": 200, "hess_inv0": np.eye(len(start)) / stiffness}
    rough = minimize(value, np.array(start), jac=True, method="BFGS", options=options)
    fine = root(lambda x: value(x)[1], rough.x, method="hybr", options={"xtol": 1e-13})
    energy, gradient = value(fine.x)
    if np.abs(gradient).max() > TIGHT or energy > rough.fun + 1e-9:
        raise ArithmeticError(f"no minimum found, gradient {np.abs(gradient).max():.1e} eV")
    a, c, z = _parameters(prototype, fine.x)
    found = Entry(prototype, elements, a, c, z, energy / len(kind.sites))
    problem = within_bounds(found, edge)
    if problem:
        raise ArithmeticError(problem)
    return found


def within_bounds(entry: Entry, start_edge: float) -> str:
    """Return why a relaxed candidate is no longer its prototype; empty if it still is."""
    kind = PROTOTYPES[entry.prototype]
    if abs(entry.a / start_edge - 1) > MAX_STRAIN:
        return f"a went from {start_edge:.2f} to {entry.a:.2f} Å"
    if entry.c is not None and kind.ideal_c is not None:
        ratio = entry.c / entry.a / kind.ideal_c
        if abs(ratio - 1) > MAX_DISTORTION:
            return f"c/a is {ratio:.2f} of its ideal value"
    if entry.z is not None and kind.ideal_z is not None and abs(entry.z / kind.ideal_z - 1) > 0.10:
        return f"z is {entry.z:.3f}"
    return ""


def energy_and_gradient(prototype: str, elements: tuple[str, ...], x: np.ndarray) -> tuple[float, np.ndarray]:
    """EMT energy (eV per cell) and its derivatives with respect to ln a, ln c and z, as far as they are free."""
    from ase import Atoms
    from ase.calculators.emt import EMT

    a, c, z = _parameters(prototype, x)
    built = crystal(prototype, elements, a, c=c, z=z)
    atoms = Atoms(built.symbols, scaled_positions=built.positions, cell=built.cell, pbc=True, calculator=EMT())
    energy = float(atoms.get_potential_energy())
    xx, yy, zz = atoms.get_volume() * atoms.get_stress()[:3]
    slopes = [xx + yy + zz] if c is None else [xx + yy, zz]
    if z is not None:
        further = np.array(crystal(prototype, elements, a, c=c, z=z + 1).positions)
        path = (further - np.array(built.positions)) @ np.array(built.cell)
        slopes.append(-float((atoms.get_forces() * path).sum()))
    return energy, np.array(slopes)


def with_hull(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with formation energies and signed hull distances.

    Above the hull the distance is positive. A phase on the hull gets minus the energy that it would take to
    replace it by phases of other compositions, so labels are signed as in WBM. Each chemical system is
    taken with all its subsystems.
    """
    from pymatgen.analysis.phase_diagram import PhaseDiagram
    from pymatgen.core import Composition
    from pymatgen.entries.computed_entries import ComputedEntry

    own = {e.elements[0]: e.energy for e in entries if e.prototype == "fcc"}
    computed = []
    for index, entry in enumerate(entries):
        cell = Composition(entry.crystal.composition)
        computed.append(ComputedEntry(cell, entry.energy * cell.num_atoms, entry_id=index))
    labelled = {i: e for i, e in enumerate(entries) if e.prototype == "fcc"}
    for system in sorted({e.crystal.chemical_system for e in entries if e.prototype != "fcc"}):
        members = set(system.split("-"))
        diagram = PhaseDiagram([c for c in computed if {el.symbol for el in c.elements} <= members])
        for entry in diagram.all_entries:
            mine = entries[entry.entry_id]
            if mine.crystal.chemical_system != system:
                continue
            on_hull = entry in diagram.stable_entries
            distance = diagram.get_phase_separation_energy(entry) if on_hull else diagram.get_e_above_hull(entry)
            e_form = mine.energy - sum(own[el] for el in mine.crystal.symbols) / len(mine.crystal.symbols)
            labelled[entry.entry_id] = replace(mine, e_form=float(e_form), e_hull=float(distance))
    return [labelled[index] for index in range(len(entries))]


def table() -> tuple[list[Entry], list[str]]:
    """Return all relaxed and labelled entries, and a line for each candidate that was left out."""
    entries: list[Entry] = []
    left_out: list[str] = []
    volumes: dict[str, float] = {}
    for prototype, elements in candidates():
        volume = (
            START_VOLUME
            if prototype == "fcc"
            else VOLUME_RATIO.get(prototype, 1.02) * _mean(volumes, prototype, elements)
        )
        try:
            entry = relaxed(prototype, elements, volume)
        except ArithmeticError as err:
            left_out.append(f"{material_id(prototype, elements)}: {err}")
            continue
        if prototype == "fcc":
            volumes[elements[0]] = _volume(entry.crystal)
        entries.append(entry)
    return with_hull(entries), left_out


START_VOLUME = 14.0
"""Volume at which the fcc elements start, Å^3/atom."""


def write(path: Path, entries: Sequence[Entry]) -> None:
    """Write the table; floats with every digit they have."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for e in entries:
            lengths = (repr(float(e.a)), *("" if v is None else repr(float(v)) for v in (e.c, e.z)))
            energies = (repr(e.energy), repr(e.e_form), repr(e.e_hull))
            writer.writerow((e.material_id, e.prototype, " ".join(e.elements), *lengths, *energies))


def main(arguments: Sequence[str]) -> int:
    """Write the table to the one path given, and tell what was left out."""
    if len(arguments) != 1:
        print("usage: python -m matdisc.generate.emt_alloys OUT.csv", file=sys.stderr)
        return 2
    entries, left_out = table()
    write(Path(arguments[0]), entries)
    print("\n".join([f"{len(entries)} rows, {len(left_out)} candidates left out", *left_out]), file=sys.stderr)
    return 0


def _parameters(prototype: str, x: np.ndarray) -> tuple[float, float | None, float | None]:
    kind = PROTOTYPES[prototype]
    a = exp(x[0])
    c = exp(x[1]) if kind.ideal_c is not None else None
    z = float(x[-1]) if kind.ideal_z is not None else None
    return a, c, z


def _mean(volumes: Mapping[str, float], prototype: str, elements: tuple[str, ...]) -> float:
    """Mean volume per atom of the elements of a candidate, Å^3."""
    sites = PROTOTYPES[prototype].sites
    return sum(volumes[elements[index]] for index, _ in sites) / len(sites)


def _volume(built: Crystal) -> float:
    """Volume of the cell, Å^3."""
    return abs(float(np.linalg.det(np.array(built.cell))))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
