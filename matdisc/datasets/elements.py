"""Which structure does an element choose? Five candidates for each, all built from one radius."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.datasets.prototypes import crystal, edge_for_distance, nearest_distance
from matdisc.schema import Crystal, Dataset, Sample

CANDIDATES = ("fcc", "bcc", "hcp", "diamond", "sc")
COLUMNS = ("element", "structure", "a_angstrom", "c_angstrom", "used")

COORDINATION: Mapping[str, int] = MappingProxyType({"fcc": 12, "hcp": 12, "bcc": 8, "sc": 6, "diamond": 4})
GOLDSCHMIDT: Mapping[int, float] = MappingProxyType({12: 1.00, 8: 0.97, 6: 0.96, 4: 0.88})
"""Radius of an atom at a coordination number, relative to twelve neighbours.

V. M. Goldschmidt, Z. Phys. Chem. 133, 397 (1928); in any textbook of metal physics.
"""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return five samples for each used element; `stable` is 1 for the observed structure.

    `relaxed` holds the observed structures with their measured edges; none has a free coordinate.

    Raises:
        DataError: If the table is damaged, or a used row has a structure that is no candidate.
    """
    rows = read_rows(files["ground_states.csv"], COLUMNS)
    unique(rows, "element")
    used = [row for row in rows if row.truth("used")]
    samples = [s for row in used for s in _candidates(row, card.split.n_folds)]
    return Dataset(key=card.key, samples=tuple(samples), relaxed=dict(map(_observed, used)))


def close_packed_radius(structure: str, a: float, c: float | None = None) -> float:
    """Radius of an atom with twelve neighbours, Å, from the edges of its observed structure, Å.

    Every candidate starts from this one number, so that a start geometry does not tell the answer.
    """
    return nearest_distance(structure, a, c=c) / 2 / GOLDSCHMIDT[COORDINATION[structure]]


def start_edge(candidate: str, radius: float) -> float:
    """Edge a, Å, at which a candidate's atoms touch, for a radius at twelve neighbours in Å."""
    return edge_for_distance(candidate, 2 * radius * GOLDSCHMIDT[COORDINATION[candidate]])


def _candidates(row: Row, n_folds: int) -> list[Sample]:
    element, observed = row.text("element"), row.text("structure")
    if observed not in CANDIDATES:
        raise row.error("structure", f"is none of {', '.join(CANDIDATES)}; mend it or set used to false")
    try:
        radius = close_packed_radius(observed, row.number("a_angstrom"), row.optional("c_angstrom"))
    except ValueError as err:
        raise row.error("c_angstrom", f"does not suit the structure: {err}") from None
    return [
        Sample(
            f"{element}-{candidate}",
            {
                "crystal": crystal(candidate, (element,), start_edge(candidate, radius)),
                "compound": element,
                "prototype": candidate,
            },
            {"stable": 1.0 if candidate == observed else 0.0},
            group=element,
            fold=fold_of(element, n_folds),
        )
        for candidate in CANDIDATES
    ]


def _observed(row: Row) -> tuple[str, Crystal]:
    element, structure = row.text("element"), row.text("structure")
    c = row.optional("c_angstrom")
    return f"{element}-{structure}", crystal(structure, (element,), row.number("a_angstrom"), c=c)
