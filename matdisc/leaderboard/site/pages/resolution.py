"""What the board can tell: which rows are told apart, how sure first places are, and what it would take."""

from __future__ import annotations

from dataclasses import dataclass

from matdisc.leaderboard.resolution_text import findings, needed_text, notes, order
from matdisc.leaderboard.schema.resolution import TableResolution
from matdisc.leaderboard.site.charts.places import Places, places
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.ranking import p_text
from matdisc.leaderboard.site.tables.resolution import board_findings, powers
from matdisc.metrics.resolution import HOPELESS


@dataclass(frozen=True, slots=True)
class Line:
    """One model of a table from elsewhere, and its pair with the next; texts as they are printed."""

    rank: str
    name: str
    drawing: Places
    value: str
    interval: str
    first: str
    opens: bool
    difference: str
    p: str
    apart: str
    needed: str
    change: str
    material: str


@dataclass(frozen=True, slots=True)
class Section:
    """A table from elsewhere with what it can tell."""

    found: TableResolution
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    lines: tuple[Line, ...]


def pages(site: Site) -> dict[str, str]:
    """Return the page; none for a board without rankings and without tables from elsewhere."""
    found = powers(site.tables)
    sections = [section(one) for one in site.content.resolutions]
    if not found and not sections:
        return {}
    return site.page(
        "resolution.html",
        "resolution.html",
        powers=found,
        said=board_findings(found),
        sections=sections,
        most=HOPELESS,
    )


def section(found: TableResolution) -> Section:
    """Return a table from elsewhere as it is printed."""
    lines = tuple(_line(found, place, i) for place, i in enumerate(order(found)))
    return Section(found, tuple(findings(found)), tuple(notes(found)), lines)


def _line(found: TableResolution, place: int, i: int) -> Line:
    ranked, pairs, places_of = found.ranked, found.neighbours, order(found)
    low, high, last = ranked.low[i], ranked.high[i], place == len(pairs.better)
    alone, corrected = (None, None) if last else (pairs.p_value[place], pairs.p_corrected[place])
    difference = None if last else pairs.difference[place]
    return Line(
        rank=str(low) if low == high else f"{low}–{high}",
        name=found.models[i],
        drawing=places(ranked.rank[i], low, high, len(found.models)),
        value=_number(ranked.value[i]),
        interval="" if found.low[i] is None else f"{_number(found.low[i])}–{_number(found.high[i])}",
        first=_share(ranked.first[i]),
        opens=place > 0 and ranked.tie_group[i] != ranked.tie_group[places_of[place - 1]],
        difference="" if difference is None else _number(abs(difference)),
        p="" if last else p_text(alone),
        apart="" if last else _apart(alone, corrected),
        needed="" if last else needed_text(found, place),
        change=_number(found.leverage.change[i], sign=True),
        material=found.leverage.material[i],
    )


def _apart(alone: float | None, corrected: float | None) -> str:
    if corrected is not None and corrected <= 0.05:
        return "yes"
    return "alone" if alone is not None and alone <= 0.05 else "no"


def _number(value: float | None, *, sign: bool = False) -> str:
    """Return three significant digits with a real minus."""
    if value is None:
        return "–"
    return format(value, "+.2g" if sign else "#.3g").rstrip(".").replace("-", "−")


def _share(share: float | None) -> str:
    if not share:
        return "–" if share is None else "0"
    return "< 1" if share < 0.005 else f"{100 * share:.0f}"
