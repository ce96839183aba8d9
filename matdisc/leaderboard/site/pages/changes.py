"""What changed from build to build: a page for readers, a feed for their programs, and the history itself."""

from __future__ import annotations

import re
from uuid import UUID, uuid5

from matdisc.leaderboard.site.changes import changes_in
from matdisc.leaderboard.site.previous import HISTORY
from matdisc.leaderboard.site.site import Site

SHOWN = 30
"""Builds on the page and in the feed, the newest; the history has them all."""
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def pages(site: Site) -> dict[str, str]:
    """Return the page of changes, the Atom feed (RFC 4287) and `data/history.json`.

    Entries have ids of their own, so that a site may move. Links of the feed are absolute where `base_url` is set,
    else relative to the feed.
    """
    history = site.history
    builds = [changes_in(build, site.content) for build in history.builds[:SHOWN]]
    address = site.settings.base_url
    own = history.id or UUID(int=0)
    feed = site.page(
        "feed.xml",
        "feed.xml",
        root=f"{address.rstrip('/')}/" if address else "",
        builds=builds,
        id=own.urn,
        ids={build.number: uuid5(own, str(build.number)).urn for build in builds},
        updated=builds[0].time if builds else site.stamp,
    )
    return {
        **site.page("changes.html", "changes.html", builds=builds, history=history),
        "feed.xml": NO_XML.sub("\ufffd", feed["feed.xml"]),
        HISTORY: history.text(),
    }
