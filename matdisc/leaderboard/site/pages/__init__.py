"""The pages of a site, one module a kind; each returns paths on the site with their text."""

from __future__ import annotations

from collections.abc import Callable

from matdisc.leaderboard.site.links import with_links
from matdisc.leaderboard.site.pages import (
    changes,
    comparison,
    dataset,
    files,
    lists,
    material,
    methods,
    model,
    overview,
    published,
    resolution,
    result,
    scatter,
    task,
)
from matdisc.leaderboard.site.site import Site

PAGES: tuple[Callable[[Site], dict[str, str]], ...] = (
    overview.pages,
    task.pages,
    model.pages,
    result.pages,
    dataset.pages,
    comparison.pages,
    material.pages,
    scatter.pages,
    resolution.pages,
    published.pages,
    methods.pages,
    lists.pages,
    changes.pages,
    files.pages,
)


def render_pages(site: Site) -> dict[str, str]:
    """Return every generated file of a site: relative path to text."""
    found: dict[str, str] = {}
    for pages in PAGES:
        found |= pages(site)
    return with_links(found, site.settings.base_path)
