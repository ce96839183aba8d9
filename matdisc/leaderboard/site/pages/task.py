"""A page a task, with its tables."""

from __future__ import annotations

from matdisc.leaderboard.site.facts import facts
from matdisc.leaderboard.site.site import Site
from matdisc.tasks import TASKS


def pages(site: Site) -> dict[str, str]:
    """Return a page for each task that has results."""
    found: dict[str, str] = {}
    for key in site.tasks:
        tables = [table for table in site.tables if table.task == key]
        found |= site.page(f"tasks/{key}.html", "task.html", task=TASKS[key], tables=tables, about_rows=facts(tables))
    return found
