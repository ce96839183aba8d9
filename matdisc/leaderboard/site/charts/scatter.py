"""One quantity against another: who is on the Pareto front, where points and names stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matdisc.leaderboard.site.charts.svg import FOOT, LEFT, MARKERS, RIGHT, TOP, Axis, Label, LegendEntry, Plot, Shape
from matdisc.leaderboard.site.tables.fields import Field, Point
from matdisc.scoring.figures import Table
from matdisc.scoring.metric import Better
from matdisc.scoring.record import Value

WIDE, HIGH = 760, 470
SERIES = 8
NOT_SAID = "not stated"
OTHERS = "other"
LETTER, LINE = 6.6, 15
"""Size of a letter of a name, in user units, as far as placing names needs it."""
APART = 9
"""How far a name stands from the middle of its point."""


def front(values: Sequence[tuple[float, float]], better: tuple[Better, Better]) -> list[int]:
    """Return the places of the points that no other point beats, from the best x to the best y.

    A point beats another if it is at least as good in both and better in one; equal points stand together.

    Args:
        values: x and y of each point.
        better: Which direction of x and of y is good.
    """
    signs = [1 if one == "lower" else -1 for one in better]
    costs = [(signs[0] * x, signs[1] * y) for x, y in values]
    found: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: costs[i]):
        if not found or costs[i][1] < costs[found[-1]][1] or costs[i] == costs[found[-1]]:
            found.append(i)
    return found


def not_beaten(spans: Sequence[tuple[Value, Value]], better: tuple[Better, Better]) -> list[int]:
    """Return the places of the points that no other point beats even where intervals are read against it.

    The other point then counts with the worse ends of its 95 % intervals, this one with the better ends. It is the
    cautious rule: such a point may be on the front.
    """
    ends = [[_ends(value, one) for value, one in zip(span, better, strict=True)] for span in spans]
    return [
        i
        for i, ((x, _), (y, _)) in enumerate(ends)
        if not any(p <= x and q <= y and (p < x or q < y) for (_, p), (_, q) in ends)
    ]


def _ends(value: Value, better: Better) -> tuple[float, float]:
    """The better and the worse end, signed so that less is better."""
    known = [end for end in (value.low, value.value, value.high) if end is not None]
    sign = 1 if better == "lower" else -1
    return min(sign * end for end in known), max(sign * end for end in known)


@dataclass(frozen=True, slots=True)
class Scatter:
    """The drawing and its points, best y first: which are on the front, which others may be within their intervals.

    `left_out` are the points that have no place, each with the reason.
    """

    plot: Plot
    shown: tuple[Point, ...]
    on_front: frozenset[int]
    perhaps: frozenset[int]
    left_out: tuple[tuple[Point, str], ...]
    note: str


def make_scatter(x: Field, y: Field, found: Sequence[Point], kinds: Sequence[str | None]) -> Scatter | None:
    """Return the picture of points, coloured by kind, logarithmic where the quantities are; None without a point.

    Args:
        x: Quantity of the horizontal axis.
        y: Quantity of the vertical axis.
        found: All points, drawn or not.
        kinds: What each point is coloured by; None where that is not stated.
    """
    reasons = [_why_not(x, y, point) for point in found]
    left_out = tuple((point, why) for point, why in zip(found, reasons, strict=True) if why)
    kept = [i for i, why in enumerate(reasons) if not why]
    if not kept:
        return None
    sign = 1 if y.better == "lower" else -1
    kept.sort(key=lambda i: (sign * _at(found[i])[1], found[i].name))
    shown = [found[i] for i in kept]
    names = series_names([kinds[i] for i in kept])
    series = [names.index(_named(kinds[i], names)) for i in kept]
    across = _axis(x, [p.x for p in shown], LEFT, WIDE - RIGHT)
    up = _axis(y, [p.y for p in shown], HIGH - FOOT, TOP)
    best, perhaps = _fronts(x, y, shown)
    places = [(across(_at(p)[0]), up(_at(p)[1])) for p in shown]
    shapes = [*_steps([places[i] for i in best], x.better, y.better), *_bars(shown, series, across, up)]
    shapes += [_marker(x, y, p, k, at) for p, k, at in zip(shown, series, places, strict=True)]
    legend = tuple(
        LegendEntry("", name, marker=Shape(f"point s{k}", f"M14 6{MARKERS[k]}"))
        for k, name in enumerate(names)
        if len(names) > 1
    )
    labels = place_names([(shown[i].name, places[i]) for i in best], places, _step_boxes([places[i] for i in best]))
    plot = Plot(
        "scatter", f"{y.label} against {x.label}", "", across, up, tuple(shapes), legend,
        f"{y.axis} against {x.axis}", Table("scatter", "", ("",), ()), len(shown),
        WIDE, HIGH, tuple(labels),
    )  # fmt: skip
    more = set(perhaps) - set(best)
    note = describe(shown, [shown[i].name for i in best], len(more))
    return Scatter(plot, tuple(shown), frozenset(best), frozenset(more), left_out, note)


def _fronts(x: Field, y: Field, shown: Sequence[Point]) -> tuple[list[int], list[int]]:
    """Return the places of the points on the front and of those that may be, without references.

    None where a quantity has no good direction.
    """
    if x.better is None or y.better is None:
        return [], []
    ranked = [i for i, point in enumerate(shown) if not point.reference]
    better = x.better, y.better
    best = front([_at(shown[i]) for i in ranked], better)
    perhaps = not_beaten([(shown[i].x, shown[i].y) for i in ranked], better)
    return [ranked[i] for i in best], [ranked[i] for i in perhaps]


def describe(shown: Sequence[Point], best: Sequence[str], more: int) -> str:
    """Return what there is to see, in words: how many points, which are on the front, how many more may be."""
    words = f"{len(shown)} point{'s' if len(shown) != 1 else ''}"
    if not best:
        return f"{words}."
    return f"{words}. On the front: {', '.join(best)}" + (f"; {more} more perhaps." if more else ".")


def series_names(kinds: Sequence[str | None]) -> list[str]:
    """Return the series in order: the most frequent kinds by name, then those without an own colour, then unknown."""
    known = [kind for kind in kinds if kind is not None]
    unknown = len(known) < len(kinds)
    counted = sorted(set(known), key=lambda kind: (-known.count(kind), kind))
    most = SERIES - unknown
    own = counted if len(counted) <= most else counted[: most - 1]
    return [*sorted(own), *([OTHERS] if len(own) < len(counted) else []), *([NOT_SAID] if unknown else [])]


Box = tuple[float, float, float, float]


def place_names(
    wanted: Sequence[tuple[str, tuple[float, float]]],
    points: Sequence[tuple[float, float]],
    lines: Sequence[Box] = (),
) -> list[Label]:
    """Return the names that find room beside their points: within the frame, over no point and no earlier name.

    Places that none of the `lines` crosses come first.
    """
    taken: list[Box] = [(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    placed: list[Label] = []
    for name, at in wanted:
        free = [box for box in _around(at, LETTER * len(name)) if not any(_overlap(box, other) for other in taken)]
        clear = [box for box in free if not any(_overlap(box, line) for line in lines)]
        for box in (clear or free)[:1]:
            taken.append(box)
            placed.append(Label(round(box[0], 1), round(box[3] - 3, 1), name))
    return placed


def _around(at: tuple[float, float], length: float) -> list[Box]:
    """The boxes around a point that a name of this length fits in, within the frame."""
    corners = [
        (-APART - length + 2, -6), (APART - 2, -6), (-length / 2, -APART), (APART, 4), (-APART - length, 4),
        (APART - 2, APART + 6), (-length / 2, APART + 10),
    ]  # fmt: skip
    boxes = [(at[0] + dx, at[1] + dy - 11, at[0] + dx + length, at[1] + dy + 3) for dx, dy in corners]
    return [b for b in boxes if b[0] >= LEFT and b[2] <= WIDE - 2 and b[1] >= TOP - 12 and b[3] <= HIGH - FOOT]


def _step_boxes(places: Sequence[tuple[float, float]]) -> list[Box]:
    """The steps between points of the front, as thin boxes that names should not cross."""
    found: list[Box] = []
    for (x0, y0), (x1, y1) in pairwise(places):
        found += [(min(x0, x1), y0 - 1, max(x0, x1), y0 + 1), (x1 - 1, min(y0, y1), x1 + 1, max(y0, y1))]
    return found


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _why_not(x: Field, y: Field, point: Point) -> str:
    for field, value in ((x, point.x), (y, point.y)):
        if value.value is None:
            return f"{field.label} is undefined"
        if field.log and value.value <= 0:
            return f"{field.label} is {field.show(value.value)}, which has no place on a logarithmic axis"
    return ""


def _named(kind: str | None, names: Sequence[str]) -> str:
    return NOT_SAID if kind is None else kind if kind in names else OTHERS


def _at(point: Point) -> tuple[float, float]:
    assert point.at is not None
    return point.at


def _axis(field: Field, values: Sequence, start: float, stop: float) -> Axis:
    """Return an axis that holds every value with its interval and a little room."""
    numbers = [n for value in values for n in (value.value, value.low, value.high) if n is not None]
    if field.log:
        logs = [math.log10(n) for n in numbers if n > 0]
        room = 0.06 * (max(logs) - min(logs)) or 0.3
        return Axis(_axis_name(field), 10 ** (min(logs) - room), 10 ** (max(logs) + room), start, stop, log=True)
    low, high = min(numbers), max(numbers)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(_axis_name(field), low - room, high + room, start, stop)


def _axis_name(field: Field) -> str:
    return f"{field.axis} · {field.better} is better" if field.better else field.axis


def _steps(places: Sequence[tuple[float, float]], better_x: Better | None, better_y: Better | None) -> list[Shape]:
    """Return the front as steps: along x to the next point, then to its y; open ends reach the frame."""
    if not places:
        return []
    parts = [f"M{places[0][0]:g} {TOP if better_y == 'lower' else HIGH - FOOT}"]
    parts += [f"{f'H{x:g}' if i else ''}V{y:g}" for i, (x, y) in enumerate(places)]
    parts.append(f"H{WIDE - RIGHT if better_x == 'lower' else LEFT}")
    return [Shape("pareto", "".join(parts))]


def _bars(shown: Sequence[Point], series: Sequence[int], across: Axis, up: Axis) -> list[Shape]:
    """Return the 95 % intervals of all points of a series as one path."""
    parts: dict[int, list[str]] = {}
    for point, k in zip(shown, series, strict=True):
        x, y = _at(point)
        if point.x.low is not None and point.x.high is not None:
            parts.setdefault(k, []).append(f"M{across(point.x.low):g} {up(y):g}H{across(point.x.high):g}")
        if point.y.low is not None and point.y.high is not None:
            parts.setdefault(k, []).append(f"M{across(x):g} {up(point.y.low):g}V{up(point.y.high):g}")
    return [Shape(f"error-bar s{k}", "".join(found)) for k, found in sorted(parts.items())]


def _marker(x: Field, y: Field, point: Point, k: int, at: tuple[float, float]) -> Shape:
    css = f"point{' hollow' if point.reference else ''} s{k}"
    value = _at(point)
    title = f"{point.name}: {x.label} {x.show(value[0])}, {y.label} {y.show(value[1])}"
    return Shape(css, f"M{at[0]:g} {at[1]:g}{MARKERS[k]}", title=title)
