"""What the free text of a card's licence says in the words of other catalogues."""

from __future__ import annotations

import re

SPDX = re.compile(r"(?:MIT|ISC|PDDL|(?:Apache|BSD|A?GPL|LGPL|MPL|ODC|ODbL|CC|CC0)(?:-[A-Za-z0-9.]+)+)")
HUB = frozenset({
    "mit", "isc", "pddl", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "gpl-2.0", "gpl-3.0", "agpl-3.0", "lgpl-2.1",
    "lgpl-3.0", "mpl-2.0", "odc-by", "odbl", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0",
})  # fmt: skip
"""Licences that the Hub has a name of its own for; any other is `other`, with a name."""


def spdx_ids(licence: str) -> list[str]:
    """Return the SPDX identifiers that a card's licence names outright; what it says in brackets or in words is none.

    >>> spdx_ids("CC-BY-4.0 (Materials Project), BSD-3-Clause (repository)")
    ['CC-BY-4.0', 'BSD-3-Clause']
    >>> spdx_ids("derived from MIT-licensed tables")
    []
    """
    parts = (part.strip() for part in re.sub(r"\([^)]*\)", "", licence).split(","))
    return [part for part in parts if SPDX.fullmatch(part)]


def hub_licence(licence: str) -> dict[str, str]:
    """Return the licence as metadata of the Hub: `license`, and for one that it does not know `license_name`."""
    found = [re.sub(r"-(or-later|only)$", "", one).lower() for one in spdx_ids(licence)]
    if len(found) == 1 and found[0] in HUB:
        return {"license": found[0]}
    name = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-.")
    return {"license": "other", "license_name": name or "other"}
