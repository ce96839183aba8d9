"""Which materials are asked next, in which units, and what is done when a worker dies. Knows nothing of Ray.

Units of work are sized by what answers have cost so far: large enough that handing them over costs
nothing, small enough that all workers end together. Costs are taken as proportional to the number of atoms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matdisc.run.engine.worker import WorkUnit
from matdisc.schema import Prediction, Sample, Status

TARGET_SECONDS = 20.0
"""What a unit should take at most."""
LEAST_SECONDS = 1.0
"""What a unit should take at least, so that materials can be evaluated together and hand-over costs nothing."""
UNITS_PER_SECOND = 250.0
"""How many units the driver hands out and takes back in a second: with many workers the least unit is longer."""
FIRST_ATOMS = 64
"""Size of the first units, while nothing is known about costs."""
MOST_MATERIALS = 4000
DEATHS_ALLOWED = 1
"""A material whose own worker dies is asked once more; after a second death it is recorded as failed."""
NODE_LOSSES_ALLOWED = 5
"""A unit that loses its machine is given to others so often, then taken apart; a material alone then fails."""
SUSPECTS = 16
"""Of a unit whose worker died, the first so many unanswered materials are asked one by one, ..."""
PIECES = 8
"""... and the rest in so many pieces: asking thousands singly would cost more than another death."""
STRAGGLER_SECONDS = 5.0
"""A unit that is still at work this long after the queue ran empty is also given to idle workers."""


@dataclass
class InFlight:
    """A unit of work at a worker.

    Attributes:
        open: What is still unanswered of it, by material id.
        last_heartbeat: When its worker last said something (seconds, any zero); None before it started.
        deaths, losses: Workers that died over it, and machines that went away with it.
        loaded: Whether its worker has the model; before, no material can be to blame.
        node: Id of the machine's node, once its worker has begun.
        copied, is_copy: Whether idle workers have been given its rest, or it is such a rest.
    """

    unit: WorkUnit
    open: dict[str, Sample]
    deaths: int = 0
    losses: int = 0
    last_heartbeat: float | None = None
    loaded: bool = False
    node: str = ""
    copied: bool = False
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    unit: WorkUnit
    deaths: int = 0
    losses: int = 0


class Schedule:
    """The state of a run: a queue of materials, units in flight, and what costs are known.

    Potentials are asked material by material, so their queue can be divided anywhere. Predictors are asked in
    whole units, which stay as they are.
    """

    def __init__(
        self, samples: Sequence[Sample] = (), fixed: Sequence[WorkUnit] = (), *, largest_first: bool = True
    ) -> None:
        """Plan to ask about `samples`, largest first or in their order, and to hand over `fixed` units as they are."""
        self._queue = deque(sorted(samples, key=lambda s: -atoms_of(s)) if largest_first else samples)
        self._queued_atoms = sum(atoms_of(s) for s in samples)
        self._waiting = deque(_Waiting(unit) for unit in fixed)
        self._divisible = not fixed
        self._done: set[str] = set()
        self._seconds = self._answered_atoms = 0.0

    @property
    def waiting(self) -> bool:
        """Whether something could be handed out now."""
        return bool(self._queue or self._waiting)

    def next(self, workers: int) -> InFlight | None:
        """Return the next unit for one of `workers` workers, or None if nothing waits."""
        if self._waiting:
            one = self._waiting.popleft()
            return InFlight(one.unit, {s.material_id: s for s in one.unit.samples}, one.deaths, one.losses)
        if not self._queue:
            return None
        atoms = self._atoms_per_unit(workers)
        taken: list[Sample] = []
        while self._queue and len(taken) < MOST_MATERIALS and (not taken or atoms >= atoms_of(self._queue[0])):
            sample = self._queue.popleft()
            taken.append(sample)
            atoms -= atoms_of(sample)
            self._queued_atoms -= atoms_of(sample)
        return InFlight(WorkUnit(tuple(taken)), {s.material_id: s for s in taken})

    def answered(
        self, in_flight: InFlight, predictions: Iterable[Prediction], seconds: float, now: float
    ) -> list[Prediction]:
        """Note what came from a unit, and return the answers that are the first for their material."""
        fresh = []
        in_flight.last_heartbeat = now
        for prediction in predictions:
            sample = in_flight.open.pop(prediction.material_id, None)
            if sample is not None:
                self._answered_atoms += atoms_of(sample)
            if prediction.material_id not in self._done:
                self._done.add(prediction.material_id)
                fresh.append(prediction)
        self._seconds += seconds
        return fresh

    def unfinished(self, in_flight: InFlight) -> bool:
        """Whether a unit still owes an answer that nobody else has given."""
        return any(key not in self._done for key in in_flight.open)

    def handed_back(self, in_flight: InFlight) -> list[Prediction]:
        """Put back what a unit still owes, because its machine cannot ask the model; nothing is held against it."""
        if (rest := self._rest(in_flight)) and not in_flight.is_copy:
            self._waiting.append(_Waiting(WorkUnit(rest, in_flight.unit.train), in_flight.deaths, in_flight.losses))
        return []

    def lost(self, in_flight: InFlight) -> list[Prediction]:
        """Put back what a unit still owes, because its machine went away through no fault of a material.

        Machines that go away time and again are no chance: then the materials are asked apart, and one that still
        loses its machine is `failed`.
        """
        rest = self._rest(in_flight)
        if not rest or in_flight.is_copy:
            return []
        if in_flight.losses < NODE_LOSSES_ALLOWED:
            self._waiting.append(_Waiting(WorkUnit(rest, in_flight.unit.train), in_flight.deaths, in_flight.losses + 1))
            return []
        if self._divisible and len(in_flight.unit.samples) > 1:
            self._apart(rest)
            return []
        why = f"its machine went away {in_flight.losses + 1} times while it was asked about this material"
        return self._given_up(rest, "failed", why)

    def died(self, in_flight: InFlight, why: str, now: float, timeout: float | None, late: str) -> list[Prediction]:
        """Return answers for materials that are given up because their worker died, and put the others back.

        The materials of a unit that lost its worker are asked again in small parts, which finds the one that kills.
        A material whose own worker dies twice is `failed`; one whose worker was stopped for time is `timed_out`.

        Args:
            in_flight: The unit whose worker died.
            why: How it died.
            now: The time, as given to `answered`.
            timeout: Seconds allowed for one material.
            late: What to record of a material that took too long.
        """
        rest = self._rest(in_flight)
        if not rest or in_flight.is_copy:
            return []
        if self._divisible and len(in_flight.unit.samples) > 1:
            self._apart(rest)
            return []
        silent = 0.0 if in_flight.last_heartbeat is None else now - in_flight.last_heartbeat
        if self._divisible and timeout is not None and silent >= timeout:
            return self._given_up(rest, "timed_out", late + "; its worker was stopped")
        if in_flight.deaths >= DEATHS_ALLOWED:
            return self._given_up(rest, "failed", f"{why} twice while it was asked about this material")
        self._waiting.append(_Waiting(WorkUnit(rest, in_flight.unit.train), in_flight.deaths + 1, in_flight.losses))
        return []

    def overdue(self, in_flight: InFlight, late: str) -> list[Prediction]:
        """Return answers for what a silent unit still owes, after its worker was stopped from outside.

        Several materials are asked again one by one; a single one has timed out.
        """
        rest = self._rest(in_flight)
        if in_flight.is_copy:
            return []
        if self._divisible and len(in_flight.unit.samples) > 1:
            self._apart(rest)
            return []
        return self._given_up(rest, "timed_out", late + "; its worker was stopped")

    def copy_of_straggler(self, flight: Iterable[InFlight], now: float) -> InFlight | None:
        """Return a copy of the longest unheard-of unit for an idle worker, from its far end; None if all is well."""
        if self.waiting or not self._divisible:
            return None
        slow = [
            (p.last_heartbeat, i, p)
            for i, p in enumerate(flight)
            if p.last_heartbeat is not None and not p.copied and not p.is_copy and len(self._rest(p)) > 1
        ]
        if not slow or now - min(slow)[0] < STRAGGLER_SECONDS:
            return None
        in_flight = min(slow)[2]
        in_flight.copied = True
        rest = self._rest(in_flight)[::-1]
        return InFlight(WorkUnit(rest), {s.material_id: s for s in rest}, is_copy=True)

    def _rest(self, in_flight: InFlight) -> tuple[Sample, ...]:
        return tuple(s for key, s in in_flight.open.items() if key not in self._done)

    def _apart(self, samples: Sequence[Sample]) -> None:
        """Queue the first ones, which were most likely at work, one by one, and the rest in pieces."""
        first, rest = samples[:SUSPECTS], samples[SUSPECTS:]
        self._waiting.extend(_Waiting(WorkUnit((sample,))) for sample in first)
        length = -(-len(rest) // PIECES)
        pieces = (rest[i : i + length] for i in range(0, len(rest), length or 1))
        self._waiting.extend(_Waiting(WorkUnit(tuple(piece))) for piece in pieces)

    def _given_up(self, samples: Sequence[Sample], status: Status, error: str) -> list[Prediction]:
        self._done |= {s.material_id for s in samples}
        return [Prediction(s.material_id, status=status, error=error) for s in samples]

    def _atoms_per_unit(self, workers: int) -> float:
        if self._answered_atoms == 0 or self._seconds == 0:
            return FIRST_ATOMS
        per_second = self._answered_atoms / self._seconds
        fair = self._queued_atoms / (2 * max(1, workers))
        least = max(LEAST_SECONDS, workers / UNITS_PER_SECOND)
        return max(least * per_second, min(TARGET_SECONDS * per_second, fair))


def atoms_of(sample: Sample) -> int:
    """Return how many atoms a material has; 1 where it has no crystal."""
    crystal = sample.inputs.get("crystal")
    return len(crystal.symbols) if crystal is not None else 1


def fold_units(samples: Sequence[Sample], train_for: Mapping[int | None, Sequence[Sample]]) -> list[WorkUnit]:
    """Return one unit for each fold, with the labelled samples that a predictor may learn from."""
    folds: dict[int | None, list[Sample]] = {}
    for sample in samples:
        folds.setdefault(sample.fold, []).append(sample.without_target())
    return [WorkUnit(tuple(members), tuple(train_for[fold])) for fold, members in folds.items()]
