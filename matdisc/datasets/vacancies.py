"""Vacancy formation energies of elements in the fcc and the hcp structure, by PBE (Angsten et al. 2014).

Both structures are hypothetical for most elements. Crystals are built from the volumes of the tables, hcp with the
ideal ratio of its edges; potentials relax them before anything is removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.datasets.prototypes import crystal
from matdisc.schema import Dataset, Sample

TABLES = {"fcc": "Table-A1-fcc.csv", "hcp": "Table-A2-hcp.csv"}
COLUMNS = ("symbol", "cohesive_energy", "K", "volume_per_atom", "e_vacform")
MAGNETIC = "_mag"
"""Ends the name of a row that was computed with magnetic moments; of two rows of one crystal this one is taken."""
FAULTY = {
    "Er-fcc": "bound by 1.55 eV at 41 Å^3, its neighbours Ho and Dy by 4.2 eV at 31 Å^3",
    "Pr-fcc": "24 Å^3 per atom, by measurement (dhcp) 34.5 Å^3",
    "Pa-hcp": "bound by 3.09 eV at 15 Å^3, in fcc by 6.86 eV at 25 Å^3",
}
"""Rows that contradict their neighbours, left out."""
NOBLE = ("He", "Ne", "Ar", "Kr", "Xe")
LOWEST = 0.05
"""Share of the cohesive energy; a crystal with a cheaper vacancy is no stable one."""
DOUBTFUL = "doubtful"


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return a sample for each element and structure; targets are `vacancy_energy`, `cohesive_energy` (eV) and
    `volume_per_atom` (Å^3).

    Left out are negative formation energies, FAULTY rows, and rows without moments where there are magnetic ones. Noble
    gases and crystals whose vacancy costs less than 5 % of the cohesive energy have the flag `doubtful`, others that of
    their structure.

    Raises:
        DataError: If a table is damaged.
    """
    return Dataset(key=card.key, samples=tuple(s for name in TABLES for s in _samples(card, name, files[TABLES[name]])))


def _samples(card: DatasetCard, structure: str, path: Path) -> Iterator[Sample]:
    rows = read_rows(path, COLUMNS)
    unique(rows, "symbol")
    magnetic = {row.text("symbol").removesuffix(MAGNETIC) for row in rows if row.text("symbol").endswith(MAGNETIC)}
    for row in rows:
        element = row.text("symbol").removesuffix(MAGNETIC)
        superseded = element in magnetic and not row.text("symbol").endswith(MAGNETIC)
        if not superseded and f"{element}-{structure}" not in FAULTY and row.number("e_vacform") >= 0:
            yield _sample(card, element, structure, row)


def _sample(card: DatasetCard, element: str, structure: str, row: Row) -> Sample:
    names = {"e_vacform": "vacancy_energy", "cohesive_energy": "cohesive_energy", "volume_per_atom": "volume_per_atom"}
    target = {name: row.number(column) for column, name in names.items()}
    if target["volume_per_atom"] <= 0 or target["cohesive_energy"] <= 0:
        raise row.error("volume_per_atom", "or the cohesive energy is not positive; fetch the file again")
    edge = (4 * target["volume_per_atom"]) ** (1 / 3)  # of fcc; touching spheres of hcp have the same volume
    start = crystal(structure, (element,), edge if structure == "fcc" else edge / 2**0.5)
    doubtful = element in NOBLE or target["vacancy_energy"] < LOWEST * target["cohesive_energy"]
    return Sample(
        f"{element}-{structure}",
        {"crystal": start, "compound": element, "prototype": structure},
        target,
        element,
        fold_of(element, card.split.n_folds),
        (DOUBTFUL,) if doubtful else (structure,),
    )
