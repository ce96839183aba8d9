"""Where the page of a result lies on the site."""

from __future__ import annotations

import hashlib
import re

from matdisc.leaderboard.schema.result import Result

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST = 60


def result_path(result: Result) -> str:
    """Return the path of a result's page: `models/KEY/TASK--DATASET.html`, of a variant `...--DATASET~VARIANT.html`.

    It needs no escaping in an address. A variant that would need some bears a part of its hash instead.
    """
    _, _, variant = result.entry.partition("+")
    end = f"~{safe_name(variant)}" if variant else ""
    return f"models/{result.model}/{result.task}--{result.dataset}{end}.html"


def safe_name(text: str) -> str:
    """Return a name for a file that is readable, portable, and another one for every text.

    >>> safe_name("relax-fast")
    'relax-fast'
    """
    safe = UNSAFE.sub("-", text)[:LONGEST]
    return safe if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
