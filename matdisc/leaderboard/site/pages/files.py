"""Files for programs."""

from __future__ import annotations

from matdisc.canonical import canonical_json
from matdisc.leaderboard.site.descriptions import described
from matdisc.leaderboard.site.export import build_json, leaderboard_csv, leaderboard_json
from matdisc.leaderboard.site.site import Site


def pages(site: Site) -> dict[str, str]:
    """Return tables as JSON and CSV, datasets as Croissant, what the site was built from, and files that are passed on.

    With `.nojekyll`, GitHub Pages publishes a branch as it is.
    """
    datasets = {f"data/croissant/{key}.json": described(site, card) for key, card in site.content.datasets.items()}
    return {
        ".nojekyll": "",
        "data/leaderboard.json": leaderboard_json(site.content, site.tables, site.stamp),
        "data/leaderboard.csv": leaderboard_csv(site.tables),
        "build.json": build_json(site.content, site.stamp),
        **{path: canonical_json(content) for path, content in datasets.items()},
        **site.content.copies,
    }
