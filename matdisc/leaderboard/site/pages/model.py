"""A page a model, with its profile and its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.charts.evidence_graph import Drawing, evidence_graph
from matdisc.leaderboard.site.charts.pair_map import pair_map
from matdisc.leaderboard.site.charts.svg import Plot
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.findings import LEVELS
from matdisc.leaderboard.site.profile import make_profile
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Table
from matdisc.leaderboard.site.tables.cells import badges, variant
from matdisc.leaderboard.site.tables.format import COVERAGE
from matdisc.leaderboard.site.tables.sections import sections


def pages(site: Site) -> dict[str, str]:
    """Return a page for each model card."""
    found: dict[str, str] = {}
    for key, card in site.content.models.items():
        mine = results_of(site.content, site.tables, key)
        found |= site.page(
            f"models/{key}.html",
            "model.html",
            card=card,
            sections=mine,
            profile=make_profile(card, mine, site.content.datasets),
            levels=LEVELS,
            coverage_help=COVERAGE,
        )
    return found


def results_of(content: Content, tables: Sequence[Table], key: str) -> list[dict[str, Any]]:
    """A model's results in the order of the board, each with its rank, flags and charts."""
    return [
        {
            "details": details,
            "sections": sections(details) if details else [],
            "evidence": _evidence_of(content, row.result),
            "result": row.result,
            "table": table,
            "row": row,
            "dataset": content.datasets[row.result.dataset],
            "variant": variant(row.result),
            "has_run": any(other.result.entry == key for other in table.rows),
            "badges": badges(row.result, table.dataset),
        }
        for table in tables
        for row in table.rows
        if row.result.model == key
        for details in [content.details.get((table.task, table.dataset.key, row.result.entry))]
    ]


@dataclass(frozen=True, slots=True)
class EvidenceSection:
    """What an evidence model learnt in one fold: a heat map of pairs, and graphs of explained alloys.

    Nothing is drawn of a file that was made of another model card or of other alloys.
    """

    found: EvidenceMap
    stale: bool
    heat: Plot | None = None
    graphs: tuple[Drawing, ...] = ()


def _evidence_of(content: Content, result: Result) -> EvidenceSection | None:
    """Heat map and graphs of a result, where a file of evidence about its dataset lies beside it."""
    found = content.evidence.get((result.dataset, result.entry))
    if found is None:
        return None
    if not found.fits(content.models[result.model], content.datasets[result.dataset]):
        return EvidenceSection(found, stale=True)
    graphs = tuple(evidence_graph(explained, i) for i, explained in enumerate(found.alloys) if explained.steps)
    return EvidenceSection(found, False, pair_map(found), graphs)
