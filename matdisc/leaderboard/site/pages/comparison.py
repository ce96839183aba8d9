"""A page a table, with every pair of its rows."""

from __future__ import annotations

from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import names
from matdisc.leaderboard.site.tables.ranking import MOST_COMPARED, pairs


def pages(site: Site) -> dict[str, str]:
    """Return a page for each table whose rows can be compared."""
    found: dict[str, str] = {}
    for table in site.tables:
        if table.ranking and table.comparable:
            compared = pairs(table.ranking, names(table), most=MOST_COMPARED)
            found |= site.page(f"compare/{table.id}.html", "compare.html", table=table, pairs=compared)
    return found
