"""Charts of stated probabilities: risk against coverage, intervals, reliability, conflict."""

from __future__ import annotations

from collections.abc import Sequence

from matdisc.leaderboard.schema.folds import BeliefDetails, ConflictHistogram, IntervalBins, Reliability, RiskCoverage
from matdisc.leaderboard.site.charts.curves import MOST_CURVES, SERIES, line_plot, on_grid
from matdisc.leaderboard.site.charts.svg import (
    Axis,
    Key,
    Plot,
    Series,
    Shape,
    box,
    known,
    round_up,
    rule,
    sheet,
    x_axis,
    y_axis,
)
from matdisc.leaderboard.site.tables.format import Number, figure

HALF_BAR = 0.012
"""Half the width of the bar that stands for an interval."""
DOT = 4


def belief_plots(details: BeliefDetails, protocol: str) -> list[Plot]:
    """Return every chart of one protocol that the details carry, in reading order."""
    risk, bins = details.risk_coverage.get(protocol), details.intervals.get(protocol)
    stated, conflict = details.reliability.get(protocol), details.conflict.get(protocol)
    found = [
        risk_plot(risk) if risk else None,
        interval_plot(bins) if bins else None,
        reliability_plot(stated) if stated else None,
        conflict_plot(conflict) if conflict else None,
    ]
    return [plot for plot in found if plot is not None]


def risk_overlay(named: Sequence[tuple[str, BeliefDetails]], protocol: str) -> list[Plot]:
    """Return the risk-coverage curves of the first few of the named details, one drawing for each order."""
    curves = [(name, d.risk_coverage[protocol]) for name, d in named if protocol in d.risk_coverage][:MOST_CURVES]
    by_u = [Series(name, f"s{i % SERIES}", c.coverage, c.by_u) for i, (name, c) in enumerate(curves)]
    by_p = [Series(name, f"s{i % SERIES}", c.coverage, c.by_p) for i, (name, c) in enumerate(curves)]
    found = [
        _risks("risk-u", "Errors among the most certain by ignorance", by_u),
        _risks("risk-p", "Errors among the most certain by probability", by_p),
    ]
    return [plot for plot in found if plot is not None]


def risk_plot(found: RiskCoverage) -> Plot | None:
    """Return the error rate while ever less certain alloys are added, in two orders and in a perfect one."""
    series = [
        Series("by ignorance", "s0", found.coverage, found.by_u),
        Series("by |p − 0.5|", "s1", found.coverage, found.by_p),
        Series("perfect order", "s2", found.coverage, found.least),
    ]
    return _risks("risk", "Errors among the most certain", series, note="flat: its certainty tells nothing")


def interval_plot(found: IntervalBins) -> Plot | None:
    """Return mean belief to plausibility as bars over the stated probability, and the observed share as dots."""
    if not found.n:
        return None
    x, y = x_axis("stated probability of High (mean of the bin)", 0, 1), y_axis("share that is High", 0, 1)
    rows = list(zip(found.p_high, found.belief, found.plausibility, found.rate, found.hit, strict=True))
    shapes = [rule(x, y, (0, 0), (1, 1))]
    bars = "".join(
        box(x, y, p - HALF_BAR, p + HALF_BAR, low, high)
        for p, low, high, _, _ in rows
        if p is not None and low is not None and high is not None and high - low > 0.002
    )
    if bars:
        shapes.append(Shape("band", bars))
    legend = [Key("band", "belief to plausibility", area=True)] if bars else []
    for css, text, wanted in (("seen hit", "observed, inside", True), ("seen missed", "observed, outside", False)):
        dots = "".join(_dot(x, y, p, rate) for p, _, _, rate, hit in rows if hit is wanted)
        if dots:
            shapes.append(Shape(css, dots))
            legend.append(Key(css, text, area=True))
    inside = sum(n for n, hit in zip(found.n, found.hit, strict=True) if hit)
    note = f"{inside:,} of {sum(found.n):,} answers lie in bins that hit" if bars else "no interval is stated"
    numbers = sheet(
        ("mean p", "belief", "plausibility", "observed share", "answers", "inside"),
        (found.p_high, found.belief, found.plausibility, found.rate, found.n, [float(hit) for hit in found.hit]),
    )
    label = f"Stated intervals and observed shares of High in {len(found.n)} bins. {note}."
    return Plot("intervals", "Stated interval and observed share", note, x, y, tuple(shapes), tuple(legend), label,
                numbers)  # fmt: skip


def reliability_plot(found: Reliability) -> Plot | None:
    """Return the observed share of High against the stated probability."""
    return line_plot(
        "reliability", "Reliability", [Series("", "s0", found.p_high, found.rate)],
        x_axis("stated probability of High", 0, 1), y_axis("share that is High", 0, 1),
        sheet(("stated", "observed", "answers"), (found.p_high, found.rate, found.n)),
        note=f"calibration error {figure(found.ece)}; dashed: calibrated", baseline=((0, 0), (1, 1)),
    )  # fmt: skip


def conflict_plot(found: ConflictHistogram) -> Plot | None:
    """Return how many answers had how much conflict; None where no conflict was ever stated."""
    if not any(found.count):
        return None
    last = max(i for i, n in enumerate(found.count) if n) + 1
    x = x_axis("conflict of the sources", found.edges[0], found.edges[-1])
    y = y_axis("answers", 0, round_up(max(found.count)))
    boxes = "".join(box(x, y, found.edges[i], found.edges[i + 1], 0, found.count[i]) for i in range(last))
    note = f"{found.n_unknown:,} answers without" if found.n_unknown else "0: no source contradicts another"
    numbers = sheet(("from", "answers"), (found.edges[:-1], found.count))
    label = f"Histogram of the conflict among sources. {note}."
    return Plot("conflict", "Conflict", note, x, y, (Shape("k-tn", boxes),), (), label, numbers)


def _risks(key: str, title: str, series: Sequence[Series], *, note: str = "") -> Plot | None:
    most = max(known(value for s in series for value in s.ys), default=0.0)
    return line_plot(
        key, title, series, x_axis("share answered, most certain first", 0, 1),
        y_axis("share wrong", 0, min(1.0, round_up(max(most, 0.05)))),
        on_grid("coverage", series, [i / 20 for i in range(1, 21)]), note=note,
    )  # fmt: skip


def _dot(x: Axis, y: Axis, at: Number, value: Number) -> str:
    """Return a diamond, empty where a number is missing."""
    if at is None or value is None:
        return ""
    return f"M{x(at):g} {y(value) - DOT:g}l{DOT} {DOT}l-{DOT} {DOT}l-{DOT} -{DOT}z"
