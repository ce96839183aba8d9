"""Reading what an evidence model knows of pairs of elements, and why it says what it says of a few alloys."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from matdisc.cards import DatasetCard, ModelCard, model_hash
from matdisc.datasets.load import input_hash
from matdisc.leaderboard.schema.read import BoardFile
from matdisc.scoring.record import Numbers, Record

SCHEMA = "matdisc.evidence/2"


class Step(Record):
    """A known alloy that speaks about a candidate through an exchange."""

    alloy: str
    high: bool
    exchange: str
    mass_high: float
    mass_low: float
    similar: float
    dissimilar: float
    n_agree: int = 0
    n_differ: int = 0


class Node(Record):
    """A thing of the graph; only known alloys that speak have a label `high`."""

    id: str
    kind: str
    label: str
    high: bool | None = None


class Edge(Record):
    source: str
    target: str
    kind: str
    weight: float


class Graph(Record):
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @model_validator(mode="after")
    def _ends_exist(self) -> Self:
        known = {node.id for node in self.nodes}
        for edge in self.edges:
            if not {edge.source, edge.target} <= known:
                raise ValueError(f"an edge joins {edge.source!r} and {edge.target!r}, and one of them is no node")
        return self


class Explained(Record):
    """One alloy of the test part: what is said of it, what is the case, and the strongest pieces of evidence."""

    alloy: str
    high: bool
    belief: float
    plausibility: float
    p_high: float
    conflict: float
    n_pieces: int
    steps: tuple[Step, ...]
    graph: Graph


class EvidenceMap(BoardFile):
    """Fused masses of every pair of elements, as learnt from the training part of one fold, and explained alloys."""

    SCHEMA: ClassVar[str] = SCHEMA
    PLACE: ClassVar[tuple[str, ...]] = ("dataset", "entry")
    ADVICE: ClassVar[str] = "write it anew with `matdisc alloys map`"

    entry: str
    dataset: str
    model_sha256: str
    asked_sha256: str
    protocol: str
    fold: str
    n_train: int
    elements: tuple[str, ...]
    similar: tuple[Numbers, ...]
    dissimilar: tuple[Numbers, ...]
    conflict: tuple[Numbers, ...]
    alloys: tuple[Explained, ...] = ()

    @model_validator(mode="after")
    def _square(self) -> Self:
        n = len(self.elements)
        for name in ("similar", "dissimilar", "conflict"):
            rows = getattr(self, name)
            if len(rows) != n or any(len(row) != n for row in rows):
                raise ValueError(f"'{name}' needs {n} rows of {n} numbers, one for each element")
        return self

    def fits(self, model: ModelCard, dataset: DatasetCard) -> bool:
        """Whether the file was made of this model and these alloys."""
        return basis(model, dataset) == {"model_sha256": self.model_sha256, "asked_sha256": self.asked_sha256}


def basis(model: ModelCard, dataset: DatasetCard) -> dict[str, str]:
    """Return the hashes of what a file is made of: the model's card, and the alloys with their headline folds."""
    headline = dict(list(dataset.splits.items())[:1])
    return {"model_sha256": model_hash(model), "asked_sha256": input_hash(dataset.sha256 or "", headline)}
