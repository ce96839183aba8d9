"""Energies for the hull of alloys from published tables of DFT results, read from a folder that holds them.

`bokas_omegas_processed.json` and `bokas_end_members_dict.json` hold interactions and lattice stabilities, eV/atom
(Bokas et al. 2021), `bokas_omegas.json` total energies of the elements, `im_aflow_lib.json` and `im_aflow_icsd.json`
binary intermetallics of AFLOW (Curtarolo et al. 2012). Solutions and intermetallics come from different DFT set-ups:
1 to 5 kJ/mol between them, as much as many margins.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.errors import DataError
from matdisc.physics.alloys.hull import Compounds, Energies, on_the_hull
from matdisc.units import KJ_PER_MOL

LATTICES = ("BCC", "FCC", "HCP")
NOT_CLOSE_PACKED = frozenset({"As", "Bi", "Ga", "Ge", "Sb", "Si", "Te"})
"""Elements whose true ground state is none of the three lattices: their end members have a wrong zero."""


def energies_from(folder: Path, elements: Iterable[str]) -> Energies:
    """Return the energies of `elements` from the published tables in `folder`.

    Raises:
        DataError: If a table is missing or no such table, or has no entry of an element or a pair.
    """
    names = tuple(sorted(set(elements)))
    wrong = sorted(NOT_CLOSE_PACKED & set(names))
    if wrong:
        raise DataError(f"{wrong[0]} is stable on none of {', '.join(LATTICES)}, so it has no end member; leave it out")
    omega_path, member_path = folder / "bokas_omegas_processed.json", folder / "bokas_end_members_dict.json"
    omega_table, member_table = _read(omega_path), _read(member_path)
    members = np.zeros((len(LATTICES), len(names)))
    omegas = np.zeros((len(LATTICES), len(names), len(names)))
    for place, el in enumerate(names):
        members[:, place] = _lattices(member_path, member_table, el)
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        omegas[:, i, j] = omegas[:, j, i] = _lattices(omega_path, omega_table, f"{first}-{second}")
    return Energies(names, members * KJ_PER_MOL, omegas * KJ_PER_MOL, _intermetallics(folder, names))


def tabulated_elements(folder: Path) -> frozenset[str]:
    """Return the elements that `energies_from` can be asked for.

    Raises:
        DataError: If the table of end members is missing.
    """
    return frozenset(_read(folder / "bokas_end_members_dict.json")) - NOT_CLOSE_PACKED


def _intermetallics(folder: Path, names: tuple[str, ...]) -> dict[tuple[int, int], Compounds]:
    """Enthalpies against the lowest energy of each element anywhere in the tables; those on the binary hulls."""
    place = {el: i for i, el in enumerate(names)}
    lowest = dict.fromkeys(names, np.inf)
    for by_element in _read(folder / "bokas_omegas.json")["elements"].values():
        for el in names:
            lowest[el] = min(lowest[el], by_element.get(el, np.inf))
    found: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for file in ("im_aflow_lib.json", "im_aflow_icsd.json"):
        for entry in (entry for entries in _read(folder / file).values() for entry in entries):
            cell = {el: n for el, n in entry["unit_cell_formula"].items() if n}
            per_atom = entry["total_energy"] / sum(cell.values())
            if not set(cell) <= set(names):
                continue
            if len(cell) == 1:
                (el,) = cell
                lowest[el] = min(lowest[el], per_atom)
            elif len(cell) == 2:
                first, second = sorted(cell)
                found[place[first], place[second]].append((cell[first] / sum(cell.values()), per_atom))
    missing = [el for el in names if not np.isfinite(lowest[el])]
    if missing:
        raise DataError(f"{folder}: no energy of the element {missing[0]} in its tables; leave it out")
    return {pair: _enthalpies(rows, lowest[names[pair[0]]], lowest[names[pair[1]]]) for pair, rows in found.items()}


def _enthalpies(rows: list[tuple[float, float]], first: float, second: float) -> Compounds:
    fraction, energy = np.array(rows).T
    return on_the_hull(Compounds(fraction, KJ_PER_MOL * (energy - fraction * first - (1 - fraction) * second)))


def _lattices(path: Path, table: Mapping[str, Any], key: str) -> list[float]:
    try:
        return [float(table[key][lattice]) for lattice in LATTICES]
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path}: no energies of {key!r} on {', '.join(LATTICES)}; leave its elements out") from None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as err:
        raise DataError(f"{path}: not a table of energies ({type(err).__name__}: {err}); fetch it again") from None
