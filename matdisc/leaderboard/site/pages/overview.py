"""The first page."""

from __future__ import annotations

from matdisc.leaderboard.site.facts import facts
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.sections import all_rows
from matdisc.leaderboard.site.verdict import headline_table


def pages(site: Site) -> dict[str, str]:
    """Return the first page."""
    content, tables = site.content, site.tables
    lead = headline_table(tables, site.settings)
    return site.page(
        "index.html",
        "index.html",
        tables=tables,
        lead=lead,
        lead_rows=all_rows(lead.ranking) if lead else None,
        models=content.models,
        datasets=content.datasets,
        about_rows=facts(tables),
        n_entries=len({row.result.entry for table in tables for row in table.ranked}),
        n_results=len(content.results),
        rows_of={key: sum(r.dataset == key for r in content.results) for key in content.datasets},
    )
