"""Which replicas go to one worker, and what becomes of them when it dies."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

from matdisc.run.md.job import Replica

DEATHS_ALLOWED = 2
"""A replica whose worker dies goes on from its checkpoint; so often without a new one, then it is given up."""
MOST = 32
"""Replicas that move together: potentials keep the neighbour lists of so many structures."""


def side_by_side(replicas: Sequence[Replica], room: int) -> list[Replica]:
    """Return those that move together with the first: as many as a call has room for, in even parts.

    Args:
        replicas: Those at one step, at least one, of equally many atoms.
        room: Atoms that the potential takes in one call at most.
    """
    most = max(1, min(MOST, room // len(replicas[0].atoms)))
    calls = math.ceil(len(replicas) / most)
    return list(replicas[: math.ceil(len(replicas) / calls)])


class Waiting:
    """Replicas that no worker has, handed out in groups; one whose worker has died goes alone from then on."""

    def __init__(self, todo: Sequence[Replica], together: int) -> None:
        """Take replicas, and how many go to one worker at most."""
        self._waiting, self._together = deque(todo), together
        self._deaths: dict[str, tuple[int, int]] = {}

    def group(self) -> list[Replica] | None:
        """Return the next group; None if nothing waits."""
        found: list[Replica] = []
        while self._waiting and len(found) < self._together:
            if found and {found[0].name, self._waiting[0].name} & self._deaths.keys():
                break
            found.append(self._waiting.popleft())
        return found or None

    def take_back(self, group: list[Replica], name: str) -> None:
        """Let a replica that its worker leaves wait again; its group goes on without it."""
        self._waiting += [one for one in group if one.name == name]
        group[:] = [one for one in group if one.name != name]

    def died(self, group: Sequence[Replica], step: Callable[[str], int]) -> list[str]:
        """Let what a dead worker had wait again; return the names of those that are given up.

        Args:
            group: What it had, without those that were done.
            step: How far a replica's checkpoint is.
        """
        given_up = []
        for one in group:
            count, at = self._deaths.get(one.name, (0, -1))
            count = count + 1 if at == step(one.name) else 1
            self._deaths[one.name] = count, step(one.name)
            if count <= DEATHS_ALLOWED:
                self._waiting.append(one)
            else:
                given_up.append(one.name)
        return given_up
