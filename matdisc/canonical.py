"""JSON texts of which equal contents have equal bytes, so that git and hashes see no change where there is none."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(content: Any) -> str:
    """Return content as JSON that people can read: keys sorted, one item a line, the last line ended.

    Raises:
        ValueError: If a number is nan or infinite, which JSON does not know.
    """
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
