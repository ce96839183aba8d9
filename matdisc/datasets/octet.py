"""Rocksalt, zincblende, wurtzite or caesium chloride? Four candidates for each AB compound, from one distance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.datasets.prototypes import crystal, edge_for_distance
from matdisc.schema import Crystal, Dataset, Sample

CANDIDATES = ("rocksalt", "zincblende", "wurtzite", "cscl")
COLUMNS = ("formula", "cation", "anion", "structure", "a_angstrom", "c_angstrom", "used")

COORDINATION: Mapping[str, int] = MappingProxyType({"rocksalt": 6, "zincblende": 4, "wurtzite": 4, "cscl": 8})
GOLDSCHMIDT: Mapping[int, float] = MappingProxyType({4: 0.95, 6: 1.00, 8: 1.03})
"""Distance of unlike ions at a coordination number, relative to six neighbours.

V. M. Goldschmidt, Skr. Nor. Vidensk. Akad. Oslo I, No. 8 (1926); L. Pauling, The Nature of the Chemical
Bond, 3rd ed. (1960), chapter 13.
"""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return four samples for each used compound; `stable` is 1 for the observed structure.

    `relaxed` holds the observed cubic structures with their measured edges. Wurtzites are not among them: the table
    does not tell their internal coordinate.

    Raises:
        DataError: If the table is damaged, or a used row has a structure that is no candidate.
    """
    rows = read_rows(files["compounds.csv"], COLUMNS)
    unique(rows, "formula")
    used = [row for row in rows if row.truth("used")]
    samples = [s for row in used for s in _candidates(row, card.split.n_folds)]
    return Dataset(key=card.key, samples=tuple(samples), relaxed=dict(_observed(used)))


def sixfold_distance(structure: str, a: float, c: float | None = None) -> float:
    """Cation-anion distance at six neighbours, Å, from the edges of the observed structure, Å.

    An observed wurtzite counts by its volume, as if its axes were ideal. Every candidate starts from this
    one number, so that a start geometry does not tell the answer.

    Raises:
        ValueError: If `c` is given for a cubic structure, or missing for wurtzite.
    """
    if (c is not None) != (structure == "wurtzite"):
        raise ValueError(f"{structure} {'needs' if c is None else 'has no'} edge c")
    ideal_a = a if c is None else (a * a * c / (8 / 3) ** 0.5) ** (1 / 3)
    return ideal_a / edge_for_distance(structure, 1.0) / GOLDSCHMIDT[COORDINATION[structure]]


def start_edge(candidate: str, distance: float) -> float:
    """Edge a, Å, of a candidate for a compound whose ions would be `distance` Å apart at six neighbours."""
    return edge_for_distance(candidate, distance * GOLDSCHMIDT[COORDINATION[candidate]])


def _candidates(row: Row, n_folds: int) -> list[Sample]:
    formula, observed = row.text("formula"), row.text("structure")
    ions = (row.text("cation"), row.text("anion"))
    if observed not in CANDIDATES:
        raise row.error("structure", f"is none of {', '.join(CANDIDATES)}; mend it or set used to false")
    try:
        distance = sixfold_distance(observed, row.number("a_angstrom"), row.optional("c_angstrom"))
    except ValueError as err:
        raise row.error("c_angstrom", f"does not suit the structure: {err}") from None
    return [
        Sample(
            f"{formula}-{candidate}",
            {
                "crystal": crystal(candidate, ions, start_edge(candidate, distance)),
                "compound": formula,
                "prototype": candidate,
            },
            {"stable": 1.0 if candidate == observed else 0.0},
            group=formula,
            fold=fold_of(formula, n_folds),
        )
        for candidate in CANDIDATES
    ]


def _observed(rows: Sequence[Row]) -> Iterator[tuple[str, Crystal]]:
    for row in rows:
        structure = row.text("structure")
        if structure != "wurtzite":
            ions = (row.text("cation"), row.text("anion"))
            yield f"{row.text('formula')}-{structure}", crystal(structure, ions, row.number("a_angstrom"))
