"""Files for programs."""

from __future__ import annotations

from matdisc.leaderboard.site.export import build_json, leaderboard_csv, leaderboard_json
from matdisc.leaderboard.site.site import Site


def pages(site: Site) -> dict[str, str]:
    """Return the tables as JSON and CSV, what the site was built from, and the data files that are passed on.

    With `.nojekyll`, GitHub Pages publishes a branch as it is.
    """
    return {
        ".nojekyll": "",
        "data/leaderboard.json": leaderboard_json(site.content, site.tables, site.stamp),
        "data/leaderboard.csv": leaderboard_csv(site.tables),
        "build.json": build_json(site.content, site.stamp),
        **site.content.copies,
    }
