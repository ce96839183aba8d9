"""The first page: all models by all tables."""

from __future__ import annotations

from matdisc.leaderboard.site.charts.intervals import make_chart
from matdisc.leaderboard.site.facts import column_facts, facts
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Table
from matdisc.leaderboard.site.tables.matrix import make_matrix
from matdisc.leaderboard.site.verdict import headline_table

PICTURED = 10
"""Rows of the picture."""


def pages(site: Site) -> dict[str, str]:
    """Return the first page, and a picture of its first table for READMEs and slides."""
    columns = {table.id: column_facts(table.headline, table) for table in site.tables}
    lead = headline_table(site.tables, site.settings)
    return _picture(site, lead) | site.page(
        "index.html",
        "index.html",
        lead=lead,
        matrix=make_matrix(site.tables),
        models=site.content.models,
        datasets=site.content.datasets,
        about_rows=facts(site.tables, {"overview": columns}),
    )


def _picture(site: Site, lead: Table | None) -> dict[str, str]:
    chart = make_chart(lead, lead.headline, PICTURED) if lead else None
    return site.page("board.svg", "board.svg", table=lead, chart=chart) if chart else {}
