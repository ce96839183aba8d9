"""A page a data set, with its tables and what stands beside them."""

from __future__ import annotations

from typing import Any

from matdisc.cards import DatasetCard
from matdisc.leaderboard.site.charts.figures import MOST_CURVES, overlay
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.descriptions import described
from matdisc.leaderboard.site.facts import embedded, facts
from matdisc.leaderboard.site.material_paths import material_paths
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Table, full_name, names
from matdisc.leaderboard.site.tables.ranking import pairs
from matdisc.leaderboard.site.tables.sections import all_rows, draw_by_section, part_by_part
from matdisc.tasks import TASKS


def pages(site: Site) -> dict[str, str]:
    """Return a page for each dataset card."""
    found: dict[str, str] = {}
    with_pages = {dataset for dataset, _ in material_paths(site.content.materials)}
    for key, card in site.content.datasets.items():
        about = [(table, beside(site.content, table)) for table in site.tables if table.dataset.key == key]
        found |= site.page(
            f"datasets/{key}.html",
            "dataset.html",
            card=card,
            tables=about,
            hull=_has_hull(card),
            one_by_one=key in with_pages,
            about_rows=facts([table for table, _ in about]),
            described=embedded({**described(site, card), "recordSet": []}),
        )
    return found


def beside(content: Content, table: Table) -> dict[str, Any]:
    """What stands below a table: part by part, curves of the best, every pair, all rows together."""
    found = [(row, content.details.get((table.task, table.dataset.key, row.result.entry))) for row in table.ranked]
    curves = overlay([(full_name(row), details.figures) for row, details in found if details is not None])
    return {
        "parts": part_by_part(table),
        "plots": draw_by_section(curves),
        "most_curves": MOST_CURVES,
        "pairs": pairs(table.ranking, names(table)) if table.ranking else None,
        "all_rows": all_rows(table.ranking),
    }


def _has_hull(dataset: DatasetCard) -> bool:
    return any(TASKS[task].scoring.hull for task in dataset.tasks if task in TASKS)
