"""The page that compares two to four models, its data, and a page a table with every pair of its rows."""

from __future__ import annotations

from matdisc.leaderboard.site.compare_data import compare_script, compared_rows
from matdisc.leaderboard.site.material_paths import material_paths
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import names
from matdisc.leaderboard.site.tables.ranking import MOST_COMPARED, pairs


def pages(site: Site) -> dict[str, str]:
    """Return a page for each table with a ranking, and one that compares any rows of any table; with their data."""
    found: dict[str, str] = {}
    for table in site.tables:
        if table.ranking and table.comparable:
            compared = pairs(table.ranking, names(table), most=MOST_COMPARED)
            found |= site.page(f"compare/{table.id}.html", "compare.html", table=table, pairs=compared)
    tables = [table for table in site.tables if len(compared_rows(table)) > 1]
    if not tables:
        return found
    paths = material_paths(site.content.materials)
    for table in tables:
        materials = site.content.materials.get((table.task, table.dataset.key))
        found[f"compare/data/{table.id}.js"] = compare_script(table, materials, paths)
    with_pages = {table.id for table in tables if f"compare/{table.id}.html" in found}
    return found | site.page("compare/index.html", "compare_models.html", tables=tables, with_pages=with_pages)
