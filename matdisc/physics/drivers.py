"""Driving work on materials: alone, or many in flight with their structures evaluated together."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from matdisc.physics.evaluation import BatchCalculator, Evaluation, Steps, checked, evaluate

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

Answer = Evaluation | BaseException
K = TypeVar("K")
T = TypeVar("T")
Clock = Callable[[], float]
Guard = Callable[[float | None], AbstractContextManager[None]]
"""Makes a block that raises TimedOut after so many seconds."""


FAULTS = (Exception, SystemExit)
"""What counts as a material's own failure; a potential that calls sys.exit does not end the run."""


class TimedOut(Exception):
    """A material has used up its time."""


@dataclass(frozen=True, slots=True)
class WorkResult(Generic[K, T]):
    """How the work on one material ended: with a value, or with the error that stopped it.

    `seconds` is its share of wall-clock time: of a shared evaluation, the part that its atoms make up.
    """

    key: K
    value: T | None
    error: BaseException | None
    seconds: float


def run_single(steps: Steps[T], calculator: Calculator) -> T:
    """Do all the work on one material, and return its value; errors pass through.

    An evaluation that fails is raised where the work waits for it, and most work lets it pass.
    """
    going = iterate(steps, calculator)
    while True:
        try:
            next(going)
        except StopIteration as stop:
            value: T = stop.value
            return value


def iterate(steps: Steps[T], calculator: Calculator) -> Generator[None, None, T]:
    """Do the work as `run_single` does, and yield after each evaluation; return the value."""
    try:
        asked = next(steps)
        while True:
            if isinstance(asked, list):
                found: Any = []
                for atoms in asked:
                    found.append(_evaluated(calculator, atoms))
                    yield
                asked = steps.send(found)
                continue
            found = _evaluated(calculator, asked)
            asked = steps.throw(found) if isinstance(found, BaseException) else steps.send(found)
            yield
    except StopIteration as stop:
        value: T = stop.value
        return value


def _evaluated(calculator: Calculator, atoms: Atoms) -> Evaluation | Exception:
    try:
        return evaluate(calculator, atoms)
    except Exception as err:
        return err


def run_batched(
    work: Iterable[tuple[K, Steps[T]]],
    calculator: Calculator,
    *,
    timeout: float | None = None,
    guard: Guard = lambda seconds: nullcontext(),
    clock: Clock = time.perf_counter,
) -> Iterator[WorkResult[K, T]]:
    """Work on materials and yield each as it ends, in the order in which they end.

    A calculator that evaluates many gets the structures of as many materials as fit in `batch_atoms`; as one
    ends, the next joins. If a joint evaluation fails for whatever reason, its structures are evaluated one by
    one, so that only the material at fault bears the consequence.

    Args:
        work: Key and work of each material; drawn from as there is room.
        calculator: The potential.
        timeout: Seconds that one material may take in all; None for no limit.
        guard: How code that hangs is interrupted.
        clock: What time is read from, seconds.
    """
    source = iter(work)
    flight: list[_InFlight[K, T]] = []
    more = True
    while more or flight:
        room = _room(calculator)  # asked anew: on a GPU it follows the memory that batches take
        while more and (not flight or sum(one.n_atoms for one in flight) < room):
            found = next(source, None)
            if found is None:
                more = False
                break
            one = _InFlight(*found, clock)
            if ended := one.go_on(None, guard, timeout):
                yield ended
            else:
                flight.append(one)
        going = []
        for one, answers in _answers(flight, calculator, guard, timeout, clock):
            if ended := one.go_on(answers, guard, timeout):
                yield ended
            else:
                going.append(one)
        flight = going


class _InFlight(Generic[K, T]):
    """Work on one material that waits for the evaluation of what it has `asked` for: a structure, or a list."""

    asked: Atoms | list[Atoms]

    def __init__(self, key: K, steps: Steps[T], clock: Clock) -> None:
        self.key, self.steps, self.clock, self.seconds = key, steps, clock, 0.0

    @property
    def structures(self) -> list[Atoms]:
        return self.asked if isinstance(self.asked, list) else [self.asked]

    @property
    def n_atoms(self) -> int:
        return sum(len(atoms) for atoms in self.structures)

    def left(self, timeout: float | None) -> float | None:
        return None if timeout is None else max(1e-3, timeout - self.seconds)

    def go_on(self, answers: list[Answer] | None, guard: Guard, timeout: float | None) -> WorkResult[K, T] | None:
        """Hand over answers, or raise a single one that is an error there; return how it ended if it did, else None
        with the next structures in `asked`.
        """
        started = self.clock()
        failed = answers is not None and any(isinstance(answer, BaseException) for answer in answers)
        try:
            if timeout is not None and self.seconds > timeout and not failed:
                raise TimedOut
            with guard(self.left(timeout)):
                if answers is None:
                    self.asked = next(self.steps)
                elif isinstance(self.asked, list):
                    self.asked = self.steps.send(answers)
                elif isinstance(answers[0], BaseException):
                    self.asked = self.steps.throw(answers[0])
                else:
                    self.asked = self.steps.send(answers[0])
        except StopIteration as stop:
            return WorkResult(self.key, stop.value, None, self.seconds + self.clock() - started)
        except FAULTS as err:
            self.steps.close()
            return WorkResult(self.key, None, err, self.seconds + self.clock() - started)
        self.seconds += self.clock() - started
        return None


def _answers(
    flight: Sequence[_InFlight[K, T]], calculator: Calculator, guard: Guard, timeout: float | None, clock: Clock
) -> Iterator[tuple[_InFlight[K, T], list[Answer]]]:
    """Yield each piece of work with its evaluations, or errors instead; its seconds count what they took."""
    asked = [(one, atoms) for one in flight for atoms in one.structures]
    answers: dict[int, list[Answer]] = {id(one): [] for one in flight}
    for part in _parts(asked, calculator):
        for one, answer, seconds in _evaluated_together(part, calculator, guard, timeout, clock):
            one.seconds += seconds
            answers[id(one)].append(answer)
    for one in flight:
        yield one, answers[id(one)]


def _room(calculator: Calculator) -> int:
    """Atoms of one call. It is asked several times a material, and `isinstance` of a protocol takes a while."""
    return int(getattr(calculator, "batch_atoms", 0)) if hasattr(calculator, "evaluate_many") else 0


def _parts(asked: Sequence[tuple[K, Atoms]], calculator: Calculator) -> Iterator[list[tuple[K, Atoms]]]:
    """Divide structures into parts for one call each: one that fills a part up is its last."""
    room = _room(calculator)
    part: list[tuple[K, Atoms]] = []
    n_atoms = 0
    for one, atoms in asked:
        part.append((one, atoms))
        n_atoms += len(atoms)
        if n_atoms >= room:
            yield part
            part, n_atoms = [], 0
    if part:
        yield part


def _evaluated_together(
    asked: Sequence[tuple[_InFlight[K, T], Atoms]],
    calculator: Calculator,
    guard: Guard,
    timeout: float | None,
    clock: Clock,
) -> Iterator[tuple[_InFlight[K, T], Answer, float]]:
    """Yield each structure's evaluation, or the error instead, and its share of the seconds."""
    if len(asked) > 1 and isinstance(calculator, BatchCalculator):
        started = clock()
        try:
            with guard(timeout):
                found = calculator.evaluate_many([atoms for _, atoms in asked])
            answers = [checked(answer, atoms) for (_, atoms), answer in zip(asked, found, strict=True)]
        except FAULTS:  # one by one then, which finds the material at fault
            pass
        else:
            per_atom = (clock() - started) / sum(len(atoms) for _, atoms in asked)
            for (one, atoms), answer in zip(asked, answers, strict=True):
                yield one, answer, per_atom * len(atoms)
            return
    for one, atoms in asked:
        started = clock()
        try:
            with guard(one.left(timeout)):
                single: Answer = evaluate(calculator, atoms)
        except FAULTS as err:
            single = err
        yield one, single, (clock() - started)
