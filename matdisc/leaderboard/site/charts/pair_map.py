"""The heat map of substitutability over pairs of elements."""

from __future__ import annotations

import math

from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.site.charts.figures import MOST_ROWS
from matdisc.leaderboard.site.charts.svg import FOOT, LEFT, RIGHT, SHADES, TOP, LegendEntry, Names, Plot, Shape
from matdisc.leaderboard.site.charts.ticks import Tick
from matdisc.leaderboard.site.tables.periodic import SYMBOLS, place
from matdisc.scoring.figures import Table

WIDTH = 620
Pair = tuple[int, int]


def pair_map(found: EvidenceMap) -> Plot | None:
    """Return similar minus dissimilar mass of every pair of elements below the diagonal, and what is known above it.

    Elements stand by group, then by period. None without a pair that anything is known about.
    """
    order = sorted(range(len(found.elements)), key=lambda i: _group_first(found.elements[i]))
    pairs = [(i, j) for k, i in enumerate(order) for j in order[:k]]
    similar, dissimilar = ({pair: table[pair[0]][pair[1]] or 0.0 for pair in pairs}
                           for table in (found.similar, found.dissimilar))  # fmt: skip
    balance = {pair: similar[pair] - dissimilar[pair] for pair in pairs}
    known = {pair: similar[pair] + dissimilar[pair] for pair in pairs}
    if not any(known.values()):
        return None
    step = (WIDTH - LEFT - RIGHT) / len(order)
    names = [((k + 0.5) * step, found.elements[i]) for k, i in enumerate(order)]
    most, best_known = max(map(abs, balance.values())), max(known.values())
    note = f"darkest: {most:.2g} below the diagonal, {best_known:.2g} above"
    return Plot(
        "pairs", "Which elements replace each other", note,
        Names("", tuple(Tick(round(LEFT + at, 1), name) for at, name in names)),
        Names("", tuple(Tick(round(TOP + at, 1), name) for at, name in names)),
        _shapes(order, balance, known, step),
        (LegendEntry("d6", "below: similar", area=True), LegendEntry("w6", "below: dissimilar", area=True),
         LegendEntry("g6", "above: mass that is known", area=True)),
        f"Heat map of similar against dissimilar mass of {len(pairs)} pairs of {len(order)} elements. {note}.",
        _table(found, sorted(pairs, key=lambda pair: -abs(balance[pair]))[:MOST_ROWS]), len(pairs),
        width=WIDTH, height=round(TOP + len(order) * step + FOOT),
    )  # fmt: skip


def _shapes(order: list[int], balance: dict[Pair, float], known: dict[Pair, float], step: float) -> tuple[Shape, ...]:
    at = {i: k for k, i in enumerate(order)}
    most, best_known = max(map(abs, balance.values())), max(known.values())
    cells: dict[str, list[str]] = {}
    for i, j in balance:
        value = balance[i, j]
        if value:
            css = f"{'d' if value > 0 else 'w'}{math.ceil(SHADES * abs(value) / most)}"
            cells.setdefault(css, []).append(_cell(at[j], at[i], step))
        if known[i, j]:
            css = f"g{math.ceil(SHADES * known[i, j] / best_known)}"
            cells.setdefault(css, []).append(_cell(at[i], at[j], step))
    return tuple(Shape(css, "".join(parts)) for css, parts in sorted(cells.items()))


def _table(found: EvidenceMap, pairs: list[Pair]) -> Table:
    rows = tuple(
        (f"{found.elements[j]}–{found.elements[i]}", found.similar[i][j], found.dissimilar[i][j], found.conflict[i][j])
        for i, j in pairs
    )
    return Table("pairs", "Pairs of elements", ("pair", "similar", "dissimilar", "conflict"), rows)


def _group_first(symbol: str) -> tuple[int, int]:
    if symbol not in SYMBOLS:
        return 18, 9
    row, column = place(SYMBOLS.index(symbol) + 1)
    return column, row


def _cell(column: int, row: int, step: float) -> str:
    left, top, size = LEFT + column * step, TOP + row * step, step - 1
    return f"M{left + 0.5:.1f} {top + 0.5:.1f}h{size:.1f}v{size:.1f}h-{size:.1f}z"
