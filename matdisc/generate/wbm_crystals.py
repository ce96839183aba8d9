"""Make the tables of wbm-crystals from the published structures, labels and elemental references.

    python -m matdisc.generate.wbm_crystals STRUCTURES.json.gz LABELS.csv REFERENCES.csv OUT

STRUCTURES is `wbm-random-pbe54-equilibrium-2025.1.json.gz` of MatCalc (the address: datasets/wbm-crystals/README.md),
LABELS says what is official of them, REFERENCES are the elemental energies of the Materials Project. A label that lacks
a correction which the official one has gives way to it. Corrections are pymatgen's, and the label's own where the two
differ. Made with pymatgen-core 2026.10.16.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matdisc.datasets.corrections import correction
from matdisc.datasets.csv_rows import Row, read_rows
from matdisc.schema import Crystal

OFFICIAL_DIFFERS = 2e-3
"""eV/atom; official labels are known to three decimals, so a smaller difference is rounding."""
SAME_CORRECTION = 1e-3
"""eV per cell."""


def label(row: Row) -> float:
    """Return the formation energy of a material, eV/atom: six decimals, unless the official value is another one."""
    computed, official = row.number("e_form_recomputed_mp_refs"), row.optional("e_form_official")
    return computed if official is None or abs(official - computed) < OFFICIAL_DIFFERS else official


def crystal_of(structure: Mapping[str, Any]) -> Crystal:
    """Return the crystal of an ordered pymatgen structure, given as its dictionary."""
    sites, cell = structure["sites"], [tuple(vector) for vector in structure["lattice"]["matrix"]]
    symbols = tuple(site["species"][0]["element"] for site in sites)
    return Crystal(symbols, tuple(tuple(site["abc"]) for site in sites), (cell[0], cell[1], cell[2]))


def main(arguments: Sequence[str]) -> int:
    """Write labels, structures, corrections and references to the folder given last."""
    if len(arguments) != 4:
        print(f"usage: {__doc__.splitlines()[2].strip()}" if __doc__ else "", file=sys.stderr)
        return 2
    structures, labels, references, out = map(Path, arguments)
    entries = json.loads(gzip.decompress(structures.read_bytes()))
    energies = {row.text("element"): row.number("energy_ev_per_atom") for row in read_rows(references, ("element",))}
    rows = {row.text("material_id"): row for row in read_rows(labels, ("material_id",))}
    crystals = {entry["material_id"]: crystal_of(entry["structure"]) for entry in entries}
    made = []
    for entry in entries:
        key = entry["material_id"]
        counts = crystals[key].composition
        elements = sum(n * energies[el] for el, n in counts.items())
        e_form, n_atoms = label(rows[key]), sum(counts.values())
        computed, contained = correction(crystals[key], "no_check"), e_form * n_atoms + elements - entry["energy"]
        if abs(computed - contained) > max(SAME_CORRECTION, n_atoms * OFFICIAL_DIFFERS / 2):
            print(f"{key} {crystals[key].formula}: correction {contained:.3f} eV in the label, {computed:.3f} computed")
            computed = contained
        made.append((key, e_form, rows[key].optional("e_above_hull_from_composition"), computed))
    out.mkdir(parents=True, exist_ok=True)
    used = sorted({el for crystal in crystals.values() for el in crystal.symbols})
    _write(
        out / "labels.csv",
        ("material_id", "e_form_per_atom", "e_above_hull", "hull_known"),
        ((key, f"{e:.6f}", "" if h is None else f"{h:.3f}", str(h is not None).lower()) for key, e, h, _ in made),
    )
    _write(out / "corrections.csv", ("material_id", "correction_ev_per_cell"), ((m[0], f"{m[3]:.6f}") for m in made))
    _write(out / "references.csv", ("element", "energy_per_atom"), ((el, f"{energies[el]:.8f}") for el in used))
    lines = (
        {"material_id": key, "cell": c.cell, "symbols": c.symbols, "positions": c.positions}
        for key, c in crystals.items()
    )
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (out / "structures.jsonl").write_text(text, encoding="utf-8")
    return 0


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
