"""How long the replicas of a liquid move between two checkpoints, and how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from matdisc.tasks.headway import Headway, read_headway, write_headway

CHECKPOINT_SECONDS = 30.0
"""Wall-clock time between two checkpoints of a replica, about."""
FIRST_STRETCH, GROWTH = 20, 4
"""Steps of the first stretch, and by how much one may be longer than the one before."""


class Pace:
    """The time that a liquid takes; its replicas share one.

    Attributes:
        ended: Whether a replica was ended: the others need not go on then.
    """

    def __init__(
        self,
        name: str,
        total_ps: float,
        done_ps: Sequence[float],
        folder: Path | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Begin to take time.

        Args:
            name: Of the liquid.
            total_ps: Of each replica.
            done_ps: Of each, what it has done before.
            folder: Where the headway is noted; None for nowhere.
            clock: What time is read from, s.
        """
        self.ended = False
        self._name, self._total, self._folder, self._clock = name, total_ps, folder, clock
        before = read_headway(folder) if folder else None
        self._earlier = before.seconds if before else 0.0
        self._began = clock()
        self._done = list(done_ps)
        self._first = self._mean()
        self._notes: list[str] = []

    def now(self) -> float:
        """Return the time, s."""
        return self._clock()

    def next_stretch(self, steps: int, seconds: float) -> int:
        """Return the steps of the next stretch, after one of so many that took so long."""
        longest = GROWTH * steps
        return max(1, longest if seconds <= 0 else min(longest, int(steps * CHECKPOINT_SECONDS / seconds)))

    def note(self, replica: int, done_ps: float) -> None:
        """Note how far a replica is."""
        self._done[replica] = done_ps
        self._write()

    def say(self, said: str) -> None:
        """Note what a user should know."""
        self._notes.append(said)
        self._write()

    def end(self, said: str) -> None:
        """Note that nothing is left to do, and what a user should know."""
        self._notes.append(said)
        self._write(ended=True)

    @property
    def seconds(self) -> float:
        """Time since the beginning, that of earlier processes included, s."""
        return self._earlier + self._clock() - self._began

    def _write(self, *, ended: bool = False) -> None:
        if self._folder is None:
            return
        done = self._mean()
        gained = done - self._first
        left = max(0.0, self._total - done) * (self._clock() - self._began) / gained if gained > 0 else None
        write_headway(
            self._folder,
            Headway(
                material_id=self._name, done=round(done, 3), total=self._total, unit="ps",
                seconds=round(self.seconds, 1), left=left, ended=ended, notes=self._notes,
            ),
        )  # fmt: skip

    def _mean(self) -> float:
        return sum(self._done) / len(self._done)
