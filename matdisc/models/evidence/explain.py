"""Why the model says what it says of an alloy: the exchanges and the alloys behind it, as text and as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from matdisc.models.evidence.groups import Alloy, parse_alloy, set_name
from matdisc.models.evidence.inference import piece_masses, pieces, queries_of, speaking_keys
from matdisc.models.evidence.model import EvidenceModel
from matdisc.models.evidence.view import View

EXAMPLES = 3
"""Training pairs that are named behind an exchange; the others are counted."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Two training alloys that differ by an exchange, and whether their labels agree."""

    first: str
    second: str
    agree: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of evidence: a known alloy, the exchange that makes it the candidate, and what is known of that.

    Attributes:
        alloy, high: The known alloy and its label.
        removed, added: What is exchanged, symbols joined by `|`; empty where nothing is.
        mass_high, mass_low: What the piece says about the candidate.
        similar, dissimilar, conflict: Fused masses of the exchange, and the conflict of its sources.
        n_agree, n_differ: Training pairs behind it; 0 where data are no source.
        witnesses: Some of these pairs.
        tables: Discounted (similar, dissimilar) of each table that speaks about it, by name.
    """

    alloy: str
    high: bool
    removed: str
    added: str
    mass_high: float
    mass_low: float
    similar: float
    dissimilar: float
    conflict: float
    n_agree: int
    n_differ: int
    witnesses: tuple[Witness, ...]
    tables: tuple[tuple[str, float, float], ...]

    @property
    def exchange(self) -> str:
        """The exchange in words."""
        if self.removed and self.added:
            return f"{self.removed} -> {self.added}"
        return f"without {self.removed}" if self.removed else f"with {self.added} added"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer about one alloy, and its strongest pieces of evidence, the strongest first."""

    alloy: str
    belief: float
    plausibility: float
    p_high: float
    conflict: float
    n_pieces: int
    steps: tuple[Step, ...]

    def text(self) -> str:
        """Return the explanation in lines."""
        if not self.n_pieces:
            return f"{self.alloy}: no evidence, so no answer (p_high 0.5, interval 0 to 1)"
        lines = [
            f"{self.alloy}: p_high {self.p_high:.3f}, interval {self.belief:.3f} to {self.plausibility:.3f}, "
            f"conflict {self.conflict:.3f}, {self.n_pieces} pieces of evidence; the strongest:"
        ]
        for step in self.steps:
            label = "High" if step.high else "Low"
            strength = f"High {step.mass_high:.3f}" + (f", Low {step.mass_low:.3f}" if step.mass_low else "")
            strength = strength if step.mass_high else f"Low {step.mass_low:.3f}"
            lines.append(f"  {step.alloy} is {label}; {step.exchange}: {strength}")
            if step.n_agree + step.n_differ:
                some = ", ".join(f"{w.first} / {w.second} {'=' if w.agree else '≠'}" for w in step.witnesses)
                lines.append(f"    pairs of alloys: {step.n_agree} agree, {step.n_differ} differ (e.g. {some})")
            lines += [f"    {name}: similar {s:.3f}, dissimilar {d:.3f}" for name, s, d in step.tables]
        return "\n".join(lines)

    def graph(self) -> dict[str, Any]:
        """Return nodes and edges as plain data, for JSON or a drawing.

        Nodes have `id`, `kind` (candidate, exchange, alloy, table), `label`, and a place `x`, `y` in the unit square:
        alloys left, exchanges in the middle, the candidate right. Edges have `source`, `target`, `weight` in [0, 1] and
        `kind`: an alloy speaks through an exchange, which leads to the candidate and which tables and pairs of
        alloys support or oppose.
        """
        drawing = _Drawing()
        drawing.node(f"candidate:{self.alloy}", "candidate", self.alloy, 1.0, 0.5)
        exchanges = sorted({step.exchange for step in self.steps})
        middle = {name: _height(i, len(exchanges)) for i, name in enumerate(exchanges)}
        for name, y in middle.items():
            drawing.node(f"exchange:{name}", "exchange", name, 0.6, y)
        for i, step in enumerate(self.steps):
            self._draw(drawing, step, _height(i, len(self.steps)), middle[step.exchange])
        return {"nodes": list(drawing.nodes.values()), "edges": drawing.edges}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    def _draw(self, drawing: _Drawing, step: Step, y: float, exchange_y: float) -> None:
        exchange, known = f"exchange:{step.exchange}", f"alloy:{step.alloy}"
        drawing.node(known, "alloy", step.alloy, 0.2, y, high=step.high)
        drawing.edge(known, exchange, "speaks", max(step.mass_high, step.mass_low))
        drawing.edge(exchange, f"candidate:{self.alloy}", "leads", step.similar)
        for i, witness in enumerate(step.witnesses):
            for name in (witness.first, witness.second):
                drawing.node(f"alloy:{name}", "alloy", name, 0.0, min(1.0, y + 0.02 * (i + 1)))
                drawing.edge(f"alloy:{name}", exchange, "supports" if witness.agree else "opposes", 0.0)
        for i, (name, s, d) in enumerate(step.tables):
            drawing.node(f"table:{name}", "table", name, 0.4, max(0.0, exchange_y - 0.03 * (i + 1)))
            drawing.edge(f"table:{name}", exchange, "supports" if s >= d else "opposes", max(s, d))


def _height(i: int, n: int) -> float:
    """Place of the i-th of n things down a column of height 1."""
    return (i + 0.5) / n


class _Drawing:
    """Nodes and edges, each once."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: list[dict[str, Any]] = []

    def node(self, key: str, kind: str, label: str, x: float, y: float, **more: Any) -> None:
        self.nodes.setdefault(key, {"id": key, "kind": kind, "label": label, "x": x, "y": y}).update(more)

    def edge(self, source: str, target: str, kind: str, weight: float) -> None:
        edge = {"source": source, "target": target, "kind": kind, "weight": weight}
        if edge not in self.edges:
            self.edges.append(edge)


def explain(model: EvidenceModel, alloy: Any, limit: int = 10) -> Explanation:
    """Return the answer of a fitted model about an alloy and its `limit` strongest pieces.

    Raises:
        DataError: If the alloy names an unknown element.
    """
    asked = parse_alloy(alloy)
    beliefs = model.predict([asked])
    view = model.view([asked])
    fused = model.similarity(view)
    keys = speaking_keys(view.groups, fused.masses, model.order)
    queries = queries_of(view.hosts, view.groups.splits(view.groups.encode([asked])), 1)
    found = pieces(view.hosts, queries)
    masses = piece_masses(view.hosts, keys, found, model.settings.version, model.alpha)
    names = [set_name(host) for host in model.alloys]
    strength = masses[:, :2].max(axis=1, initial=0.0)
    speaking = [int(i) for i in np.flatnonzero(strength > 0)]
    speaking.sort(key=lambda i: (-strength[i], names[found.host[i]]))
    steps = []
    for i in speaking[:limit]:
        t, v = int(found.removed[i]), int(found.added[i])
        removed, added = view.groups.decode(view.groups.masks[t]), view.groups.decode(view.groups.masks[v])
        n_agree, n_differ, witnesses = _witnesses(view, names, t, v)
        steps.append(
            Step(
                names[found.host[i]],
                bool(view.hosts.high[found.host[i]]),
                set_name(removed),
                set_name(added),
                float(masses[i, 0]),
                float(masses[i, 1]),
                float(fused.masses[t, v, 0]),
                float(fused.masses[t, v, 1]),
                float(fused.conflict[t, v]),
                n_agree,
                n_differ,
                witnesses,
                _tables(model, view, removed, added),
            )
        )
    return Explanation(
        set_name(asked),
        float(beliefs.belief[0]),
        float(beliefs.plausibility[0]),
        float(beliefs.p_high[0]),
        float(beliefs.conflict[0]),
        int(beliefs.n_pieces[0]),
        tuple(steps),
    )


def _witnesses(view: View, names: Sequence[str], t: int, v: int) -> tuple[int, int, tuple[Witness, ...]]:
    """Numbers of training pairs behind a key that agree and that differ, and some of them."""
    if view.counts is None:
        return 0, 0, ()
    hosts = view.hosts
    (with_t,), (with_v,) = (np.nonzero(hosts.splits.group == g) for g in (t, v))
    _, first, second = np.intersect1d(hosts.core[with_t], hosts.core[with_v], return_indices=True)
    pairs = zip(hosts.splits.alloy[with_t[first]], hosts.splits.alloy[with_v[second]], strict=True)
    some = tuple(Witness(names[i], names[j], bool(hosts.high[i] == hosts.high[j])) for i, j in list(pairs)[:EXAMPLES])
    return round(float(view.counts.same[t, v])), round(float(view.counts.different[t, v])), some


def _tables(model: EvidenceModel, view: View, removed: Alloy, added: Alloy) -> tuple[tuple[str, float, float], ...]:
    """What each table says about a one-for-one exchange, after its discounts."""
    if len(removed) != 1 or len(added) != 1:
        return ()
    i, j = (view.groups.elements.index(next(iter(group))) for group in (removed, added))
    reliability = model.reliabilities[int(model.settings.use_data) :]
    found = []
    for table, said, r in zip(model.settings.knowledge, view.table_masses, reliability, strict=True):
        s, d = r * said[i, j, :2]
        if s + d > 0:
            found.append((table.name, float(s), float(d)))
    return tuple(found)
