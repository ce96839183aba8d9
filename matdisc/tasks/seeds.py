"""Seeds of simulations that do not depend on the order in which materials are asked about."""

from __future__ import annotations

import hashlib


def seed_of(*parts: int | str) -> int:
    """Return the seed, from 0 to 2^32 - 1, of what is named by the card's seed, a material and more: equal for equal
    parts, on every machine."""
    return int.from_bytes(hashlib.sha256(":".join(map(str, parts)).encode()).digest()[:4], "big")
