"""Files of structures as predictions: extended XYZ or pymatgen's JSON, each frame an answer under its `material_id`.

Where a task asks for structures, the frame is the answer, and the energy of its calculator, if it has one, stands
beside it as `energy_per_atom`. Where it asks for the energy of a given structure, that energy is the answer, and forces
and stress of the calculator stand beside it; what a frame does not have is absent, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import DataError, SubmissionError
from matdisc.formats.atoms import to_crystal
from matdisc.formats.entries import Entry, read_entries
from matdisc.schema import STATUSES

SUFFIXES = (".extxyz", ".extxyz.gz", ".xyz", ".xyz.gz")
MARKS = (b'"@module"', b'"lattice"', b'"sites"')
"""What a JSON file of structures has near its beginning, and a table has not."""
LOOKED_AT = 4096
ENERGY, PER_ATOM, STRESS = "energy", "energy_per_atom", "stress"


def holds_structures(path: Path, content: bytes) -> bool:
    """Whether a file is one of structures, by its name, or by the beginning of its JSON."""
    name = path.name.lower()
    is_json = name.endswith((".json", ".json.gz"))
    return name.endswith(SUFFIXES) or (is_json and any(mark in content[:LOOKED_AT] for mark in MARKS))


def fields(path: Path, value_columns: Sequence[str], arrays: Sequence[str], *, structures: bool) -> dict[str, Any]:
    """Return what `matdisc.predictions.Submission` is made of, but for path and hash.

    Args:
        path: The file.
        value_columns, arrays, structures: As for `matdisc.predictions.read`.

    Raises:
        SubmissionError: If the file cannot be read, or its frames cannot answer such a task.
    """
    import pyarrow as pa

    if not structures and ENERGY not in value_columns:
        raise SubmissionError(
            f"{path}: holds structures, and this task asks for {value_columns[0]!r}; give a table of it and material_id"
        )
    notes: dict[str, None] = {}
    try:
        entries = read_entries([path], note=lambda text: notes.setdefault(text))
    except DataError as err:
        raise SubmissionError(str(err)) from None
    results = [_results(entry) for entry in entries]
    energy = np.array([found.get(ENERGY, np.nan) for found in results], float)
    frames = tuple(_crystal(entry) for entry in entries)
    given = np.full(len(entries), True) if structures else np.array([ENERGY in found for found in results])
    sizes = np.array([len(frame.symbols) for frame in frames])
    return {
        "column": "structure" if structures else ENERGY,
        "material_ids": pa.array([entry.material_id for entry in entries], pa.string()),
        "values": np.zeros(len(entries)) if structures else energy,
        "given": given,
        "status": np.where(given, STATUSES.index("ok"), STATUSES.index("failed")).astype(np.int8),
        "structures": frames if structures else None,
        "frames": None if structures else frames,
        "reported": {PER_ATOM: energy / sizes} if structures and PER_ATOM in value_columns else {},
        "arrays": {name: _column(results, name) for name in arrays if any(name in found for found in results)},
        "column_name": "structure" if structures else ENERGY,
        "notes": (*notes, *_gaps(results, (ENERGY, *arrays) if not structures else ())),
    }


def _crystal(entry: Entry) -> Any:
    if not entry.atoms.pbc.all():
        raise SubmissionError(
            f'{entry.where}: is periodic along {entry.atoms.pbc.sum()} of 3 directions; say pbc="T T T"'
        )
    return to_crystal(entry.atoms)


def _results(entry: Entry) -> dict[str, Any]:
    calculator = entry.atoms.calc
    return {} if calculator is None else {name: v for name, v in calculator.results.items() if v is not None}


def _column(results: Iterable[dict[str, Any]], name: str) -> tuple[Floats | None, ...]:
    return tuple(_flat(found[name], name) if name in found else None for found in results)


def _flat(numbers: Any, name: str) -> Floats:
    """Return an array flattened; a stress of three rows as xx yy zz yz xz xy."""
    found = np.asarray(numbers, float)
    if name == STRESS and found.shape == (3, 3):
        from ase.stress import full_3x3_to_voigt_6_stress

        return np.asarray(full_3x3_to_voigt_6_stress(found), float)
    return found.ravel()


def _gaps(results: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """Say of how many frames something is missing that others have, or the energy."""
    missing = {name: sum(name not in found for found in results) for name in names}
    return [
        f"{n:,} of {len(results):,} frames have no {name}; they count as not given"
        for name, n in missing.items()
        if 0 < n < len(results) or (n and name == ENERGY)
    ]
