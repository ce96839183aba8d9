"""What caches are keyed by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class CacheKey(Generic[T]):
    """A value that a cache knows by its name alone: two keys are equal, and hash alike, where their names are."""

    name: str
    value: T = field(compare=False)
