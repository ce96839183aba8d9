"""The first page: all models by all tables."""

from __future__ import annotations

from matdisc.leaderboard.site.facts import column_facts, facts
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.matrix import make_matrix
from matdisc.leaderboard.site.verdict import headline_table


def pages(site: Site) -> dict[str, str]:
    """Return the first page."""
    columns = {table.id: column_facts(table.headline, table) for table in site.tables}
    return site.page(
        "index.html",
        "index.html",
        lead=headline_table(site.tables, site.settings),
        matrix=make_matrix(site.tables),
        models=site.content.models,
        datasets=site.content.datasets,
        about_rows=facts(site.tables, {"overview": columns}),
    )
