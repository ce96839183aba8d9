"""Driving work on materials: alone, or many in flight with their structures evaluated together."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

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
        atoms = next(steps)
        while True:
            try:
                found = evaluate(calculator, atoms)
            except Exception as err:
                atoms = steps.throw(err)
            else:
                atoms = steps.send(found)
            yield
    except StopIteration as stop:
        value: T = stop.value
        return value


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
    room = calculator.batch_atoms if isinstance(calculator, BatchCalculator) else 0
    source = iter(work)
    flight: list[_InFlight[K, T]] = []
    more = True
    while more or flight:
        while more and (not flight or sum(len(one.atoms) for one in flight) < room):
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
        for one, answer, seconds in _answers(flight, calculator, guard, timeout, clock):
            one.seconds += seconds
            if ended := one.go_on(answer, guard, timeout):
                yield ended
            else:
                going.append(one)
        flight = going


class _InFlight(Generic[K, T]):
    """Work on one material that waits for the evaluation of `atoms`."""

    atoms: Atoms

    def __init__(self, key: K, steps: Steps[T], clock: Clock) -> None:
        self.key, self.steps, self.clock, self.seconds = key, steps, clock, 0.0

    def left(self, timeout: float | None) -> float | None:
        return None if timeout is None else max(1e-3, timeout - self.seconds)

    def go_on(
        self, answer: Evaluation | BaseException | None, guard: Guard, timeout: float | None
    ) -> WorkResult[K, T] | None:
        """Hand over an answer, or raise the error there; return how it ended if it did, else None with the next
        structure in `atoms`.
        """
        started = self.clock()
        try:
            if timeout is not None and self.seconds > timeout and not isinstance(answer, BaseException):
                raise TimedOut
            with guard(self.left(timeout)):
                if isinstance(answer, BaseException):
                    self.atoms = self.steps.throw(answer)
                else:
                    self.atoms = next(self.steps) if answer is None else self.steps.send(answer)
        except StopIteration as stop:
            return WorkResult(self.key, stop.value, None, self.seconds + self.clock() - started)
        except FAULTS as err:
            self.steps.close()
            return WorkResult(self.key, None, err, self.seconds + self.clock() - started)
        self.seconds += self.clock() - started
        return None


def _answers(
    flight: Sequence[_InFlight[K, T]], calculator: Calculator, guard: Guard, timeout: float | None, clock: Clock
) -> Iterator[tuple[_InFlight[K, T], Answer, float]]:
    """Yield each piece of work with its evaluation, or the error instead, and the seconds it took."""
    if len(flight) > 1 and isinstance(calculator, BatchCalculator):
        started = clock()
        try:
            with guard(timeout):
                found = calculator.evaluate_many([one.atoms for one in flight])
            answers = [checked(answer, one.atoms) for one, answer in zip(flight, found, strict=True)]
        except FAULTS:  # one by one then, which finds the material at fault
            pass
        else:
            per_atom = (clock() - started) / sum(len(one.atoms) for one in flight)
            for one, answer in zip(flight, answers, strict=True):
                yield one, answer, per_atom * len(one.atoms)
            return
    for one in flight:
        started = clock()
        try:
            with guard(one.left(timeout)):
                single: Answer = evaluate(calculator, one.atoms)
        except FAULTS as err:
            single = err
        yield one, single, (clock() - started)
