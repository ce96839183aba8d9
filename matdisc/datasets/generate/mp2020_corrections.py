"""Make the frozen corrections of mp-abc3-cubic.

    python -m matdisc.datasets.generate.mp2020_corrections TABLE.csv SITES.csv REFERENCES.json.gz OUT.csv

A potential trained on raw GGA and GGA+U totals lacks the MP2020 corrections that the labels contain. They are
computed once, with pymatgen's `MaterialsProject2020Compatibility` in its defaults, and frozen: what counts as an
anion has changed between versions of pymatgen. Made with pymatgen-core 2026.10.16.

Run type: as in the Materials Project, a compound with O or F and one of Co, Cr, Fe, Mn, Mo, Ni, V, W is GGA+U and
takes the mixing term of that metal; any other is plain GGA. Oxides and peroxides are told apart by distances in
the cubic cell, oxidation states are guessed from the composition.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from matdisc.datasets.mp_abc3 import samples_of
from matdisc.schema import Crystal

HUBBARD_U = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
"""U of the Materials Project, eV, in compounds with O or F."""


def hubbards(elements: set[str]) -> dict[str, float]:
    """U of each element of a compound, eV; empty where the Materials Project uses plain GGA."""
    return {el: HUBBARD_U[el] for el in sorted(elements & set(HUBBARD_U))} if elements & {"O", "F"} else {}


def correction(crystal: Crystal) -> float:
    """MP2020 correction of a cell, eV: to be added to its raw GGA or GGA+U total energy.

    Raises:
        ValueError: If pymatgen refuses the entry.
    """
    from pymatgen.core import Lattice, Structure
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    structure = Structure(Lattice(crystal.cell), crystal.symbols, crystal.positions)
    u = hubbards(set(crystal.symbols))
    parameters = {"run_type": "GGA+U" if u else "GGA", "hubbards": u, "software": "none"}
    entry = ComputedStructureEntry(structure, 0.0, parameters=parameters)
    scheme = MaterialsProject2020Compatibility(check_potcar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "failed to guess oxidation states": then the most electronegative one counts
        if scheme.process_entry(entry) is None:
            raise ValueError(f"pymatgen refuses {crystal.formula}")
    return float(entry.correction)


def main(arguments: Sequence[str]) -> int:
    """Write the corrections of all materials to the last path given."""
    if len(arguments) != 4:
        print(f"usage: {__doc__.splitlines()[2].strip()}" if __doc__ else "", file=sys.stderr)
        return 2
    table, sites, references, out = map(Path, arguments)
    samples = samples_of(table, sites, references, n_folds=5)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("material_id", "correction_ev_per_cell"))
        writer.writerows((s.material_id, f"{correction(s.crystal):.6f}") for s in samples)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
