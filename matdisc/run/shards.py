"""Parts of a run: which materials a process asks about that has no cluster in common with the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.errors import RunError
from matdisc.run.engine.schedule import atoms_of
from matdisc.schema import Sample


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `total` parts of the materials, counted from 1; as text `3/8`."""

    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    def of(self, entry: str) -> str:
        """Name of this part of a row's run: `emt.shard-3-of-8`."""
        return f"{entry}.shard-{self.number}-of-{self.total}"

    def part(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """Return the materials of this part, in their order.

        All materials are sorted by atoms, then by id, and dealt out in turn: the parts are disjoint, together they are
        all, and the atoms of two parts differ by less than the largest material has.
        """
        dealt = sorted(samples, key=lambda s: (-atoms_of(s), s.material_id))[self.number - 1 :: self.total]
        chosen = {s.material_id for s in dealt}
        return tuple(s for s in samples if s.material_id in chosen)


def parsed_shard(text: str) -> Shard:
    """Return the part that a text like `3/8` names.

    Raises:
        RunError: If it names none.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.total:
        raise RunError(f"--shard is {text!r}; give a part and how many there are, the first being 1: --shard 3/8")
    return shard
