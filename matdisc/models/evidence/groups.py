"""Alloys as bit masks, the element groups that may be exchanged, and the ways to split an alloy into core and group.

An alloy is a set of elements, equiatomic. A split takes a group G of at most n elements out of an alloy and leaves a
core that is not empty. Two alloys with the same core and disjoint groups T and V differ by the exchange of T for V,
and each pair of alloys that differs so has exactly one such core: pairs are found by cores, never by scanning pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Ints
from matdisc.elements import SYMBOLS
from matdisc.errors import DataError

Masks = NDArray[np.uint64]
Alloy = frozenset[str]
MAX_ELEMENTS = 64
LARGEST_ORDER = 2
"""Largest group that may be exchanged."""


def parse_alloy(given: Any) -> Alloy:
    """Return the elements of an alloy given as `Fe|Ni` or as a collection of symbols.

    Raises:
        DataError: If it is empty, repeats an element, or names something that is no element.
    """
    symbols = given.split("|") if isinstance(given, str) else list(given)
    alloy = frozenset(symbols)
    if not alloy <= SYMBOLS:
        wrong = sorted(str(s) for s in alloy - SYMBOLS)
        raise DataError(f"alloy {given!r}: {wrong[0]!r} is no element; write symbols as 'Fe|Ni' or {{'Fe', 'Ni'}}")
    if not alloy or len(alloy) != len(symbols):
        raise DataError(f"alloy {given!r}: name each element once, and at least one")
    return alloy


def set_name(alloy: Iterable[str]) -> str:
    """Return the symbols sorted and joined: `Fe|Ni`."""
    return "|".join(sorted(alloy))


@dataclass(frozen=True)
class Groups:
    """The groups of at most `order` elements of an alphabet: none, then each element, then each pair.

    Attributes:
        elements: Up to 64 symbols; the first has bit 0.
        order: Size of the largest group, 1 or 2.
    """

    elements: tuple[str, ...]
    order: int = LARGEST_ORDER

    def __post_init__(self) -> None:
        if not 1 <= self.order <= LARGEST_ORDER:
            raise ValueError(f"order is {self.order}; groups have at most 1 or {LARGEST_ORDER} elements")
        if len(self.elements) > MAX_ELEMENTS:
            raise DataError(
                f"{len(self.elements)} elements in one set of alloys; at most {MAX_ELEMENTS} can be told apart"
            )

    def __len__(self) -> int:
        return len(self.masks)

    @cached_property
    def bits(self) -> dict[str, int]:
        """Mask of each element."""
        return {el: 1 << i for i, el in enumerate(self.elements)}

    @cached_property
    def masks(self) -> Masks:
        """Bit mask of each group, shape (n_groups,)."""
        bits = [1 << i for i in range(len(self.elements))]
        pairs = [a | b for a, b in combinations(bits, 2)] if self.order > 1 else []
        return np.array([0, *bits, *pairs], np.uint64)

    @cached_property
    def sizes(self) -> Ints:
        """Number of elements of each group, shape (n_groups,)."""
        return np.bitwise_count(self.masks).astype(np.int64)

    @cached_property
    def disjoint(self) -> NDArray[np.bool_]:
        """Whether two groups share no element and are not both empty, shape (n_groups, n_groups)."""
        apart = (self.masks[:, None] & self.masks[None, :]) == 0
        apart[0, 0] = False
        return apart

    @cached_property
    def pair_ids(self) -> Ints:
        """Number of the group of elements i < j, shape (n_elements, n_elements)."""
        n = len(self.elements)
        ids = np.zeros((n, n), np.int64)
        ids[np.triu_indices(n, 1)] = 1 + n + np.arange(n * (n - 1) // 2)
        return ids

    def encode(self, alloys: Sequence[Alloy]) -> Masks:
        """Return the bit mask of each alloy, shape (n_alloys,); all elements have to be in the alphabet."""
        bits = self.bits
        return np.array([sum([bits[el] for el in alloy]) for alloy in alloys], np.uint64)

    def decode(self, mask: int) -> Alloy:
        """Return the elements of a mask."""
        return frozenset(el for i, el in enumerate(self.elements) if int(mask) >> i & 1)

    def splits(self, masks: Masks) -> Splits:
        """Return all splits of alloys into a core and a group, sorted by alloy."""
        presence = (masks[:, None] >> np.arange(len(self.elements), dtype=np.uint64)) & np.uint64(1)
        length = presence.sum(axis=1).astype(np.int64)
        parts = []
        for m in np.unique(length):
            rows = np.flatnonzero(length == m)
            members = np.nonzero(presence[rows])[1].reshape(len(rows), int(m))
            parts.append((rows, self._groups_in(members)))
        alloy = np.concatenate([np.repeat(rows, ids.shape[1]) for rows, ids in parts] or [np.zeros(0, np.int64)])
        group = np.concatenate([ids.ravel() for _, ids in parts] or [np.zeros(0, np.int64)])
        if len(parts) > 1:
            by_alloy = np.argsort(alloy, kind="stable")
            alloy, group = alloy[by_alloy], group[by_alloy]
        return Splits(alloy, masks[alloy] ^ self.masks[group], group)

    def _groups_in(self, members: Ints) -> Ints:
        """Groups inside alloys of equal length that leave a core, shape (n_alloys, n_groups_each)."""
        m = members.shape[1]
        columns = [np.zeros(len(members), np.int64)]
        if m > 1:
            columns += [1 + members[:, i] for i in range(m)]
        if m > 2 and self.order > 1:
            columns += [self.pair_ids[members[:, i], members[:, j]] for i, j in combinations(range(m), 2)]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class Splits:
    """Splits of alloys: number of the alloy, mask of the core, number of the group; each of shape (n_splits,)."""

    alloy: Ints
    core: Masks
    group: Ints


def alphabet(*sets: Iterable[Alloy]) -> tuple[str, ...]:
    """Return the elements of the first set of alloys in alphabetical order, then new ones of the next, and so on."""
    found: list[str] = []
    for alloys in sets:
        elements: set[str] = set()
        elements.update(*alloys)
        found += sorted(elements.difference(found))
    return tuple(found)
