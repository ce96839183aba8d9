"""Make the table of the synthetic-miedema set: `python -m matdisc.generate.miedema_alloys OUT.csv`.

All equiatomic quaternaries of 25 metals with margins against separation at three temperatures; labels at 0.9 of the
mean melting point. Energies: `matdisc.physics.alloys.miedema`; melting points: pymatgen. A second or two.
"""

from __future__ import annotations

import csv
import sys
from itertools import combinations
from pathlib import Path

from matdisc.physics.alloys.hull import margins, temperatures
from matdisc.physics.alloys.miedema import METALS, miedema_energies

SHARES = (0.9, 0.7, 0.5)
"""Temperatures as shares of the mean melting point; the first one gives the label."""
COLUMNS = ("set_name", "label", "length", "margin_kj_mol", "margin_kj_mol_0.7Tm", "margin_kj_mol_0.5Tm")


def rows(elements: list[str], length: int) -> list[tuple[str | int, ...]]:
    """Return the rows of the table for all alloys of `length` of the elements, alphabetically; margins in kJ/mol."""
    alloys = list(combinations(sorted(elements), length))
    energies = miedema_energies(elements)
    columns = [margins(energies, alloys, temperatures(alloys, share)) for share in SHARES]
    return [
        ("|".join(alloy), "High" if values[0] <= 0 else "Low", length, *(f"{value:.4f}" for value in values))
        for alloy, values in zip(alloys, zip(*columns, strict=True), strict=True)
    ]


def main(out: Path) -> None:
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows(list(METALS), 4))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
