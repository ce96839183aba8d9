"""Where the pages of single materials lie: names of materials are anybody's, paths are safe and never the same."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from matdisc.leaderboard.materials import SMALL
from matdisc.leaderboard.schema.materials import Materials

PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}", re.IGNORECASE)
"""Names that are parts of paths as they are: no dot, so that none ends in one or hides a file's kind."""
RESERVED = re.compile(r"index|con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
"""The list of all materials, and names that Windows has for devices."""


def material_paths(materials: Mapping[tuple[str, ...], Materials]) -> dict[tuple[str, str], str]:
    """Return dataset and id of every material of a small set, to the path of its page on the site."""
    names: dict[str, dict[str, None]] = {}
    for (_, dataset), found in materials.items():
        if found.of <= SMALL and found.entries:
            names.setdefault(dataset, {}).update(dict.fromkeys(found.ids))
    return {
        (dataset, name): f"materials/{dataset}/{stem}.html"
        for dataset, ids in names.items()
        for name, stem in stems(ids).items()
    }


def stems(ids: Iterable[str]) -> dict[str, str]:
    """Return a file's stem for each name: itself where that is plain and unlike all others, else with its hash.

    Hashes stand behind a `~`, which no plain name has, so that no two names share a path, whatever the file system
    makes of capitals.
    """
    ids = list(ids)
    alike = Counter(name.casefold() for name in ids)
    return {name: name if _is_plain(name) and alike[name.casefold()] == 1 else _hashed(name) for name in ids}


def _is_plain(name: str) -> bool:
    return bool(PLAIN.fullmatch(name)) and not RESERVED.fullmatch(name)


def _hashed(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:40]
    return f"{words or 'material'}~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
