"""Descriptions of datasets for other catalogues: a file each, and a part of each page for search engines."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from matdisc.cards import DatasetCard
from matdisc.leaderboard.export.croissant import Publication, croissant
from matdisc.leaderboard.site.settings import Settings
from matdisc.leaderboard.site.site import Site

RAW = {"github.com": "raw/HEAD", "gitlab.com": "-/raw/HEAD"}
"""Where hosts of repositories have files as they are, below the repository's address."""


def described(site: Site, card: DatasetCard) -> dict[str, Any]:
    """Return a dataset as Croissant, with addresses on this site."""
    settings = site.settings
    about = Publication(settings.publisher or settings.title, site.stamp[:10], settings.base_url, files_at(settings))
    return croissant(card, site.content.tables_beside.get(card.key, {}), about)


def files_at(settings: Settings) -> str | None:
    """Return where the files beside a card can be fetched: in the board's repository, if its host is known."""
    place = RAW.get(urlsplit(settings.repository or "").netloc)
    return f"{str(settings.repository).rstrip('/')}/{place}/datasets/{{key}}/" if place else None
