"""Knowledge about pairs of elements as sources of evidence, and the fusion of all sources key by key.

A table holds, for unordered pairs of elements, the masses for similar and dissimilar before discounting. It speaks
about exchanges of one element for one other and about nothing else. Each source is discounted once, when the fused
table is made: by its share of the weight and by its reliability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from matdisc.arrays import Floats
from matdisc.elements import SYMBOLS
from matdisc.errors import DataError
from matdisc.models.evidence.groups import Groups
from matdisc.models.evidence.masses import Combined, Rule, combine, discount

DATA_SHARE = 2 / 3
"""Weight of the data source beside knowledge; the tables share the rest evenly, also where there are no data."""


@dataclass(frozen=True, slots=True)
class PairTable:
    """What one source says about exchanging elements one for one.

    Attributes:
        name: How it is named in explanations.
        pairs: (similar, dissimilar) of each unordered pair, symbols in alphabetical order; the sum is at most 1.
        discount: Weight in [0, 1] of its masses; None: an even share of a third among all tables.
    """

    name: str
    pairs: Mapping[tuple[str, str], tuple[float, float]] = field(repr=False)
    discount: float | None = None

    def __post_init__(self) -> None:
        for (a, b), (s, d) in self.pairs.items():
            where = f"table {self.name!r}, pair {a!r} {b!r}"
            if not {a, b} <= SYMBOLS or a >= b:
                raise DataError(f"{where}: give two different elements in alphabetical order")
            if not (s >= 0 and d >= 0 and s + d <= 1 + 1e-9):
                raise DataError(f"{where}: masses {s}, {d} have to be at least 0 with a sum of at most 1")
        if self.discount is not None and not 0 <= self.discount <= 1:
            raise DataError(f"table {self.name!r}: 'discount' is {self.discount}; it has to lie in [0, 1]")

    @classmethod
    def from_pairs(
        cls, name: str, pairs: Mapping[tuple[str, str], tuple[float, float]], discount: float | None = None
    ) -> PairTable:
        """Return a table of pairs in any order of symbols.

        Raises:
            DataError: If a pair occurs in both orders with different masses, or a pair or mass is impossible.
        """
        ordered: dict[tuple[str, str], tuple[float, float]] = {}
        for (a, b), masses in pairs.items():
            key = (min(a, b), max(a, b))
            if ordered.setdefault(key, masses) != masses:
                raise DataError(f"table {name!r}: pair {key} has the masses {ordered[key]} and {masses}; keep one")
        return cls(name, ordered, discount)

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements it knows, in alphabetical order."""
        return tuple(sorted({el for pair in self.pairs for el in pair}))

    def masses(self, elements: Sequence[str]) -> Floats:
        """Return triples before discounting, shape (n_elements, n_elements, 3); (0, 0, 1) for what it does not know."""
        place = {el: i for i, el in enumerate(elements)}
        out = np.tile([0.0, 0.0, 1.0], (len(elements), len(elements), 1))
        for (a, b), (s, d) in self.pairs.items():
            if a in place and b in place:
                i, j = place[a], place[b]
                out[i, j] = out[j, i] = (s, d, max(1.0 - s - d, 0.0))
        return out

    def permuted(self, seed: int) -> PairTable:
        """Return the table with its elements' names shuffled: the same answers about the wrong pairs."""
        names = self.elements
        shuffled = np.random.default_rng(seed).permutation(len(names))
        new = {el: names[i] for el, i in zip(names, shuffled, strict=True)}
        moved = {(new[a], new[b]): masses for (a, b), masses in self.pairs.items()}
        return replace(PairTable.from_pairs(f"{self.name}, permuted {seed}", moved), discount=self.discount)


def constant_table(elements: Sequence[str], similar: float = 0.1) -> PairTable:
    """Return the null source: every pair is similar to the same degree, undiscounted."""
    ordered = sorted(elements)
    pairs = {(a, b): (similar, 0.0) for i, a in enumerate(ordered) for b in ordered[i + 1 :]}
    return PairTable("constant", pairs, discount=1.0)


@dataclass(frozen=True, slots=True)
class Fusion:
    """How sources are put together.

    Attributes:
        rule: Between the data and what the tables say together.
        expert_rule: Among the tables, which seldom are independent.
        data_share: Weight of the data beside tables, in [0, 1]; alone they have 1.
    """

    rule: Rule = "dempster"
    expert_rule: Rule = "cautious"
    data_share: float = DATA_SHARE


def table_masses(groups: Groups, tables: Sequence[PairTable], fusion: Fusion) -> Floats:
    """Return what tables say, discounted by their share of the weight, shape (n_tables, n_elements, n_elements, 3)."""
    n = len(groups.elements)
    masses = np.empty((len(tables), n, n, 3))
    for i, table in enumerate(tables):
        even = (1.0 - fusion.data_share) / len(tables)
        masses[i] = discount(table.masses(groups.elements), even if table.discount is None else table.discount)
    return masses


def fuse(
    groups: Groups, data: Floats | None, knowledge: Floats, reliability: Sequence[float], fusion: Fusion
) -> Combined:
    """Return the masses of each key over all sources, shape (n_groups, n_groups, 3), and their conflict.

    The conflict of two levels of fusion is 1 - (1 - k1)(1 - k2); a key that one source speaks about has none.

    Args:
        groups: The element groups that keys are made of.
        data: Masses of stage A, undiscounted; None without that source.
        knowledge: What `table_masses` returns; shape (0, n_elements, n_elements, 3) without knowledge.
        reliability: In [0, 1], of the data first if there are, then of each table.
        fusion: Rules and weights.

    Raises:
        TotalConflict: If sources without any doubt contradict each other.
    """
    size = len(groups)
    if data is None:
        masses = np.tile([0.0, 0.0, 1.0], (size, size, 1))
    else:
        masses = discount(data, (fusion.data_share if len(knowledge) else 1.0) * reliability[0])
    conflict = np.zeros((size, size))
    if len(knowledge):
        tables = discount(knowledge, np.asarray(reliability[data is not None :])[:, None, None])
        ones = slice(1, len(groups.elements) + 1)
        both = _two_levels(None if data is None else masses[ones, ones], np.moveaxis(tables, 0, -2), fusion)
        masses[ones, ones], conflict[ones, ones] = both
    return Combined(masses, conflict)


def _two_levels(data: Floats | None, knowledge: Floats, fusion: Fusion) -> tuple[Floats, Floats]:
    """Tables first, then data; at once where both have the same rule, which matters to those that do not associate."""
    if data is not None and fusion.rule == fusion.expert_rule:
        at_once = _combined(np.concatenate([knowledge, data[..., None, :]], axis=-2), fusion.rule)
        return at_once.masses, at_once.conflict
    experts = _combined(knowledge, fusion.expert_rule)
    if data is None:
        return experts.masses, experts.conflict
    both = _combined(np.stack([experts.masses, data], axis=-2), fusion.rule)
    return both.masses, 1.0 - (1.0 - experts.conflict) * (1.0 - both.conflict)


def _combined(pieces: Floats, rule: Rule) -> Combined:
    """Combine where something is said; a single speaker is taken as it is, so its own doubt is no conflict."""
    speaking = np.asarray(pieces[..., :2].any(axis=-1))
    alone = speaking.sum(axis=-1) == 1
    done = combine(pieces, rule, where=speaking)
    single = np.where(speaking[..., None], pieces, 0.0).sum(axis=-2)
    return Combined(np.where(alone[..., None], single, done.masses), np.where(alone, 0.0, done.conflict))
