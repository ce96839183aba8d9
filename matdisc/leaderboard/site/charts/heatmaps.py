"""Charts of areas: the stacked histogram of right and wrong calls, and the density of predictions over truth."""

from __future__ import annotations

import math

from matdisc.leaderboard.schema.details import Histogram, Kind, Parity
from matdisc.leaderboard.site.charts.svg import WIDTH, Key, Plot, Shape, box, round_up, rule, sheet, x_axis, y_axis

KINDS: tuple[tuple[Kind, str], ...] = (
    ("tp", "stable, called stable (TP)"),
    ("fp", "unstable, called stable (FP)"),
    ("tn", "unstable, called unstable (TN)"),
    ("fn", "stable, called unstable (FN)"),
)
"""From the bottom of a stack to its top; the wrong ones are hatched."""
WRONG = ("fp", "fn")
SHADES = 8
"""Classes of the density: d1 to d8, each twice as many materials at least."""


def histogram_plot(found: Histogram) -> Plot | None:
    """Return right and wrong calls over the predicted hull distance, stacked; rows beyond the ends are told."""
    counts = {kind: found.counts.get(kind, (0,) * (len(found.edges) + 1)) for kind, _ in KINDS}
    inner = {kind: column[1:-1] for kind, column in counts.items()}
    heights = [sum(column) for column in zip(*inner.values(), strict=True)]
    if not any(heights):
        return None
    full = [i for i, height in enumerate(heights) if height]
    first, last = max(full[0] - 1, 0), min(full[-1] + 2, len(heights))
    x = x_axis("predicted hull distance, eV/atom", found.edges[first], found.edges[last])
    y = y_axis("materials", 0, round_up(max(heights)))
    shapes, floor = [], [0] * len(heights)
    for kind, _ in KINDS:
        boxes = []
        for i in range(first, last):
            if inner[kind][i]:
                boxes.append(box(x, y, found.edges[i], found.edges[i + 1], floor[i], floor[i] + inner[kind][i]))
                floor[i] += inner[kind][i]
        if boxes:
            shapes.append(Shape(f"k-{kind}", "".join(boxes), hatched=kind in WRONG))
    beyond = sum(column[0] + column[-1] for column in counts.values())
    unanswered = sum(found.missing.values())
    told = [f"{beyond:,} beyond the ends" if beyond else "", f"{unanswered:,} without answer" if unanswered else ""]
    note = "; ".join(["hatched: wrong", *filter(None, told)])
    lows = [found.edges[i] for i in range(first, last)]
    numbers = sheet(
        ("from, eV/atom", *(kind.upper() for kind, _ in KINDS)),
        (lows, *(inner[kind][first:last] for kind, _ in KINDS)),
    )
    total = ", ".join(f"{sum(counts[kind]):,} {kind.upper()}" for kind, _ in KINDS)
    label = f"Right and wrong calls over the predicted hull distance: {total}. {note}."
    legend = tuple(
        Key(f"k-{kind}", text, area=True, hatched=kind in WRONG) for kind, text in KINDS if any(counts[kind])
    )
    return Plot(
        "histogram", "Right and wrong calls over the hull distance", note, x, y, tuple(shapes), legend, label, numbers
    )


def parity_plot(found: Parity) -> Plot | None:
    """Return how many materials lie where, predicted against true hull distance; a shade doubles at least."""
    if not found.count:
        return None
    edges, height = found.edges, WIDTH - 20
    x = x_axis("true hull distance, eV/atom", edges[0], edges[-1])
    y = y_axis("predicted hull distance, eV/atom", edges[0], edges[-1], height=height)
    most = max(found.count)
    cells: dict[int, list[str]] = {}
    for i, j, n in zip(found.true_bin, found.pred_bin, found.count, strict=True):
        if n > 0:
            cells.setdefault(shade(n, most), []).append(box(x, y, edges[i], edges[i + 1], edges[j], edges[j + 1]))
    shapes = [Shape(f"d{level}", "".join(parts)) for level, parts in sorted(cells.items())]
    shapes.append(rule(x, y, (edges[0], edges[0]), (edges[-1], edges[-1])))
    notes = [
        "dashed: perfect", f"darkest: {most:,} materials",
        f"{found.outside:,} outside" if found.outside else "", f"{found.missing:,} without answer" if found.missing
        else "",
    ]  # fmt: skip
    note = "; ".join(filter(None, notes))
    order = sorted(range(len(found.count)), key=lambda k: -found.count[k])
    numbers = sheet(
        ("true from, eV/atom", "predicted from, eV/atom", "materials"),
        (
            [edges[found.true_bin[k]] for k in order],
            [edges[found.pred_bin[k]] for k in order],
            [found.count[k] for k in order],
        ),
    )
    label = f"Density of predicted against true hull distance. {note}."
    return Plot(
        "parity", "Predicted against true", note, x, y, tuple(shapes), (), label, numbers, height=height
    )  # fmt: skip


def shade(n: int, most: int) -> int:
    """Return 1 to `SHADES` on a logarithmic scale; the fullest cell is darkest."""
    if most <= 1:
        return SHADES
    return 1 + round((SHADES - 1) * math.log(max(n, 1)) / math.log(most))
