"""The evidence graph of one alloy: known alloys and tables left, exchanges in the middle, the candidate right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matdisc.leaderboard.schema.evidence import Edge, Explained, Node
from matdisc.leaderboard.site.charts.svg import LegendEntry, Shape
from matdisc.scoring.figures import Table

WIDTH, TOP, STEP, FOOT = 620, 24, 30, 14
LEFT, MIDDLE, RIGHT = 150, 330, 490
RADIUS = 5
SPEAKING = ("speaks", "leads")
"""Edges of evidence about the candidate; an alloy's other edges are training pairs behind an exchange."""
WEIGHTS = 4
"""Classes of line width: e1 to e4."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A node with its place and text; `anchor` is the class that places the text."""

    css: str
    d: str
    x: float
    y: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A finished graph."""

    key: str
    title: str
    note: str
    label: str
    edges: tuple[Shape, ...]
    dots: tuple[Dot, ...]
    legend: tuple[LegendEntry, ...]
    data: Table
    n_rows: int
    height: int
    width: int = WIDTH


def evidence_graph(found: Explained, number: int) -> Drawing:
    """Return the graph of an alloy; pairs of training alloys behind an exchange stand in its table only."""
    nodes = {node.id: node for node in found.graph.nodes}
    left = [node for node in nodes.values() if node.kind == "alloy" and node.high is not None]
    left += [node for node in nodes.values() if node.kind == "table"]
    middle = sorted((node for node in nodes.values() if node.kind == "exchange"), key=_beside(found, left))
    right = [node for node in nodes.values() if node.kind == "candidate"]
    rows = max(len(left), len(middle), 1)
    columns = ((left, LEFT), (middle, MIDDLE), (right, RIGHT))
    at = {node.id: (x, _height(i, len(some), rows)) for some, x in columns for i, node in enumerate(some)}
    drawn = [
        edge
        for edge in found.graph.edges
        if edge.source in at and edge.target in at and (edge.kind in SPEAKING or nodes[edge.source].kind == "table")
    ]
    most = max((edge.weight for edge in drawn), default=0.0) or 1.0
    edges = tuple(_line(edge, nodes[edge.source], at[edge.source], at[edge.target], most) for edge in drawn)
    dots = tuple(_dot(nodes[name], x, y) for name, (x, y) in at.items())
    case = "High" if found.high else "Low"
    note = (
        f"p {found.p_high:.3f}, interval {found.belief:.3f} to {found.plausibility:.3f}, "
        f"conflict {abs(found.conflict):.3f}; "
        f"{len(found.steps)} of {found.n_pieces:,} pieces of evidence are drawn; it is {case}"
    )
    told = "; ".join(f"{step.alloy} is {'High' if step.high else 'Low'}, {step.exchange}" for step in found.steps)
    return Drawing(
        f"graph-{number}", found.alloy.replace("|", " "), note, f"Evidence about {found.alloy}: {told}.", edges, dots,
        _legend(left), _table(found), found.n_pieces, TOP + STEP * rows + FOOT,
    )  # fmt: skip


def _beside(found: Explained, left: list[Node]) -> Callable[[Node], float]:
    """Mean place of those that speak through an exchange, so that lines cross as little as may be."""
    place = {node.id: i for i, node in enumerate(left)}

    def key(node: Node) -> float:
        speaking = [place[edge.source] for edge in found.graph.edges if edge.target == node.id and edge.source in place]
        return sum(speaking) / len(speaking) if speaking else float(len(place))

    return key


def _height(i: int, n: int, rows: int) -> float:
    """Place of the i-th of n things, spread evenly over the height of all rows."""
    return round(TOP + STEP * rows * (i + 0.5) / n, 1)


def _line(edge: Edge, source: Node, start: tuple[float, float], stop: tuple[float, float], most: float) -> Shape:
    """Return a curve from left to right; wider for more weight, coloured by the label of an alloy that speaks."""
    (x0, y0), (x1, y1) = start, stop
    bend = round((x1 - x0) / 2, 1)
    width = max(1, round(WEIGHTS * edge.weight / most))
    side = "leads" if edge.kind == "leads" else source.kind if source.high is None else _label(source.high)
    return Shape(f"edge e{width} {side}", f"M{x0:g} {y0:g}C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1:g} {y1:g}")


def _dot(node: Node, x: float, y: float) -> Dot:
    css = f"node {node.kind}" if node.high is None else f"node {_label(node.high)}"
    text = node.label.replace("|", " ").replace("->", "→")
    anchor = {"exchange": "above", "candidate": "after"}.get(node.kind, "before")
    if node.kind == "table":
        path = f"M{x - RADIUS:g} {y - RADIUS:g}h{2 * RADIUS}v{2 * RADIUS}h-{2 * RADIUS}z"
    elif node.high is False:
        path = f"M{x:g} {y - RADIUS - 1:g}l6 6l-6 6l-6 -6z"
    else:
        path = f"M{x - RADIUS:g} {y:g}a{RADIUS} {RADIUS} 0 1 0 {2 * RADIUS} 0a{RADIUS} {RADIUS} 0 1 0 -{2 * RADIUS} 0z"
    x_text = {"above": x, "after": x + 12, "before": x - 12}[anchor]
    return Dot(css, path, x_text, y - 9 if anchor == "above" else y + 4, text, anchor)


def _legend(left: list[Node]) -> tuple[LegendEntry, ...]:
    known = (
        ("node high", "known alloy, High (circle)", any(node.high for node in left)),
        ("node low", "known alloy, Low (diamond)", any(node.high is False for node in left)),
        ("node table", "table of knowledge", any(node.kind == "table" for node in left)),
    )
    return tuple(LegendEntry(css, text, area=True) for css, text, wanted in known if wanted)


def _label(high: bool) -> str:
    return "high" if high else "low"


def _table(found: Explained) -> Table:
    head = (
        "known alloy", "it is", "exchange", "mass High", "mass Low", "similar", "dissimilar", "pairs that agree",
        "pairs that differ",
    )  # fmt: skip
    rows = tuple(
        (
            step.alloy.replace("|", " "),
            "High" if step.high else "Low",
            step.exchange.replace("|", " ").replace("->", "→"),
            *(step.mass_high, step.mass_low, step.similar, step.dissimilar, step.n_agree, step.n_differ),
        )
        for step in found.steps
    )
    return Table("steps", found.alloy, head, rows)
