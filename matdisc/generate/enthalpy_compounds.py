"""Choose the compounds of enthalpy-experiment: `python -m matdisc.generate.enthalpy_compounds BOARD FOLDER`.

Every octet AB compound of octet-binaries whose structure is beyond dispute, the perovskites of dynamics-perovskites and
the alloys of emt-alloys whose observed structure is the prototype named here, as far as pymatgen's table has their
enthalpy. Edges of octet compounds are measured ones, others are starting points. MP2020 corrections are written beside.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from matdisc.atomic import write_atomic
from matdisc.datasets.corrections import write_corrections
from matdisc.datasets.csv_rows import read_rows
from matdisc.datasets.formation_enthalpy import COLUMNS, experiment, samples_of

PEROVSKITES = {"SrTiO3": ("O Sr Ti", "3.905"), "BaZrO3": ("O Ba Zr", "4.193")}
ALLOYS = {"AlNi-cscl": "AlNi", "AlNi3-L1_2": "AlNi3", "Cu3Pt-L1_2": "Cu3Pt"}
"""Alloys of emt-alloys that are observed in just that structure (B2, L1_2 and L1_2)."""

LEFT_OUT = ("AlP", "BP", "GaP", "InN", "InP")
"""Phosphides are measured against white phosphorus, which is no crystal of one cell, and black phosphorus lies 0.4 eV
per atom lower. InN stands there with -138 kJ/mol; oxidation calorimetry found -28.6 (M. R. Ranade et al., J. Phys.
Chem. B 104, 4060 (2000))."""


def rows(datasets: Path) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table, without its head."""
    for row in read_rows(datasets / "octet-binaries" / "compounds.csv", ("formula", "structure", "used")):
        if row.truth("used") and row.text("formula") not in LEFT_OUT:
            ions, edges = (
                f"{row.text('cation')} {row.text('anion')}",
                (row.values["a_angstrom"], row.values["c_angstrom"]),
            )
            yield (row.text("formula"), row.text("structure"), ions, *edges, "octet")
    for formula, (elements, a) in PEROVSKITES.items():
        yield (formula, "perovskite", elements, a, "", "perovskite")
    for row in read_rows(datasets / "emt-alloys" / "crystals.csv", ("material_id",)):
        if alloy := ALLOYS.get(row.text("material_id")):
            a, c = (f"{float(v):.4f}" if v else "" for v in (row.values["a_angstrom"], row.values["c_angstrom"]))
            yield (alloy, row.text("prototype"), row.text("elements"), a, c, "alloy")


def main() -> None:
    """Write the table of the data set."""
    known = experiment()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    found = [row for row in rows(Path(sys.argv[1]) / "datasets") if row[0] in known]
    writer.writerows(found)
    path = Path(sys.argv[2]) / "compounds.csv"
    write_atomic(path, text.getvalue().encode())
    write_corrections(path.with_name("corrections.csv"), samples_of(path, n_folds=5))
    print(f"{len(found)} compounds")


if __name__ == "__main__":
    main()
