"""Formation energies from total energies, and hull distances, with pymatgen's phase diagram."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matdisc.datasets.csv_rows import read_rows, unique
from matdisc.elements import SYMBOLS
from matdisc.errors import DataError

PER_ATOM = ("energy_per_atom", "energy_ev_per_atom", "ev_per_atom")
"""Columns of a table of elemental energies, eV/atom."""
Counts = Mapping[str, int]


def read_references(path: Path) -> dict[str, float]:
    """Return the energy of each element, eV/atom: from a table, or the lowest elemental entries of pymatgen.

    Raises:
        DataError: If the file is neither.
    """
    if ".json" in path.name.lower():
        return elemental(read_entries_json(path), str(path))
    rows = read_rows(path, ("element",))
    unique(rows, "element")
    column = next((name for name in PER_ATOM if name in rows[0].values), None)
    if column is None:
        raise DataError(
            f"{path}, line 1: no column 'energy_per_atom' (eV/atom); the header has {', '.join(rows[0].values)}"
        )
    unknown = [row for row in rows if row.text("element") not in SYMBOLS]
    if unknown:
        raise unknown[0].error("element", "is no element; mend it")
    return {row.text("element"): row.number(column) for row in rows}


def read_entries_json(path: Path) -> list[Any]:
    """Return the computed entries of a JSON file: a list, a mapping of them, or a mapping with `entries`.

    Raises:
        DataError: If it cannot be read, or holds something else.
    """
    from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

    try:
        data = path.read_bytes()
        content = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, EOFError, ValueError) as err:
        raise DataError(f"{path}: cannot be read as JSON ({err}); give pymatgen entries") from None
    if isinstance(content, dict):
        content = content["entries"] if isinstance(content.get("entries"), list) else list(content.values())
    found = []
    for number, one in enumerate(content if isinstance(content, list) else []):
        kind = ComputedStructureEntry if isinstance(one, dict) and "structure" in one else ComputedEntry
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(kind.from_dict(one))
        except (TypeError, KeyError, AttributeError, ValueError, IndexError) as err:
            raise DataError(
                f"{path}, entry {number}: is no computed entry of pymatgen ({type(err).__name__}: {err})"
            ) from None
    if not found:
        raise DataError(f"{path}: holds no entries; give a list or a mapping of pymatgen's ComputedEntry")
    return found


def elemental(entries: Sequence[Any], where: str) -> dict[str, float]:
    """Return the lowest energy of each element among computed entries, eV/atom."""
    lowest: dict[str, float] = {}
    for entry in entries:
        if len(entry.composition.elements) == 1:
            symbol = entry.composition.elements[0].symbol
            lowest[symbol] = min(entry.energy_per_atom, lowest.get(symbol, float("inf")))
    if not lowest:
        raise DataError(f"{where}: holds no elemental entry; add one for each element")
    return lowest


def hull_distances(asked: Sequence[tuple[Counts, float]], against: Sequence[tuple[Counts, float]]) -> list[float]:
    """Return the distance of each material to a hull, eV/atom; below 0 where it lies below a hull that lacks it.

    A hull is built for each chemical system, of what it holds; the elements lie at 0.

    Args:
        asked: Atoms by element, and formation energy in eV/atom, of each material.
        against: The same of the phases that make the hull.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    systems: dict[frozenset[str], list[int]] = {}
    for i, (counts, _) in enumerate(asked):
        systems.setdefault(frozenset(counts), []).append(i)
    lowest: dict[frozenset[tuple[str, float]], tuple[Counts, float]] = {}
    for counts, e_form in against:  # of one composition the lowest is enough
        total = sum(counts.values())
        key = frozenset((el, round(n / total, 8)) for el, n in counts.items())
        if key not in lowest or e_form < lowest[key][1]:
            lowest[key] = (counts, e_form)
    phases = [(frozenset(counts), _entry(PDEntry, Composition, counts, e_form)) for counts, e_form in lowest.values()]
    found = [0.0] * len(asked)
    for system, members in systems.items():
        ends = [PDEntry(Composition({el: 1}), 0.0) for el in system]
        diagram = PhaseDiagram([*ends, *(entry for held, entry in phases if held <= system)])
        for i in members:
            entry = _entry(PDEntry, Composition, *asked[i])
            found[i] = float(diagram.get_e_above_hull(entry, allow_negative=True))
    return found


def _entry(kind: Any, composition: Any, counts: Counts, e_form: float) -> Any:
    return kind(composition(dict(counts)), e_form * sum(counts.values()))
