"""What a worker does for molecular dynamics: a group of replicas, in stretches from checkpoint to checkpoint."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

from matdisc.cards import ModelCard
from matdisc.errors import MatdiscError, RunError
from matdisc.models import load_potential, one_thread
from matdisc.physics.drivers import FAULTS
from matdisc.physics.evaluation import evaluate
from matdisc.physics.md import State
from matdisc.physics.md.state import from_bytes
from matdisc.physics.md.trajectory import needs_cell
from matdisc.predictions import one_line
from matdisc.run.engine.limits import MachineTrouble, lift_memory_limit, limit_memory, remedy_for_machine
from matdisc.run.environments.layers import confirm
from matdisc.run.md.groups import side_by_side
from matdisc.run.md.job import Dynamics, Part, Replica
from matdisc.run.md.stretch import Named, relaxed, step_of, stretch

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator


def run_group(job: Dynamics, group: Sequence[tuple[Replica, bytes | None]]) -> Iterator[Named]:
    """Yield trajectories part by part, each from the state it has reached or from the start.

    A potential that evaluates many is asked about all at once, if it says that company changes none of its answers.
    With any other the first is moved, and the rest is left to other tasks. Those behind catch up with the others first.

    Each stretch begins with a potential that remembers nothing: neighbour lists that were made at another step would
    add up forces in another order, and a trajectory that goes on would not be the same to the last bit.

    Raises:
        MatdiscError: If the model cannot be loaded, the start cannot be simulated, or the machine is in the way; what
            other replicas of the group have done up to the next checkpoint is yielded before.
    """
    if job.in_worker:
        confirm(job.model)
    one_thread()
    yield from ((replica.name, Part(0)) for replica, _ in group)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a model package has to say to its developers
        lift_memory_limit()  # this process may have had another model, and another limit
        try:
            potential = _Fresh(job.model)
            limit_memory(job.memory_gib, job.model.key, in_worker=job.in_worker)
        except MatdiscError:
            raise
        except FAULTS as err:
            raise _in_words(job, group[0][0], err, group[0][1] is not None) from err
        if len(group) > 1 and not getattr(potential.calculator(), "batch_invariant", False):
            yield from ((replica.name, Part(0, left=True)) for replica, _ in group[1:])
            group = group[:1]
        states = {replica.name: from_bytes(reached)[0] if reached else None for replica, reached in group}
        yield from _moved(job, [replica for replica, _ in group], states, potential)


def _moved(
    job: Dynamics, live: list[Replica], states: dict[str, State | None], potential: _Fresh
) -> Generator[Named, None, None]:
    if job.relax:
        for replica in live:
            if states[replica.name] is None:
                try:
                    states[replica.name] = yield from relaxed(job, replica, potential.calculator())
                except FAULTS as err:
                    raise _as_user_error(job, replica, err, potential, None) from err
    while live:
        first = min(step_of(states[replica.name]) for replica in live)
        behind = [replica for replica in live if step_of(states[replica.name]) == first]
        calculator = potential.calculator()
        together = side_by_side(behind, getattr(calculator, "batch_atoms", 0))
        found = yield from stretch(job, together, states, calculator)
        for replica in together:
            end = found[replica.name]
            if isinstance(end, BaseException):
                raise _as_user_error(job, replica, end, potential, states[replica.name]) from end
            states[replica.name] = end.state
            if end.stop or end.state.step >= job.steps:
                live = [one for one in live if one is not replica]


def _as_user_error(
    job: Dynamics, replica: Replica, err: BaseException, potential: _Fresh, state: State | None
) -> MatdiscError:
    """Return an error of a replica in the words of a user."""
    if state is None and isinstance(err, Exception) and _lacks_cell(potential, replica.atoms):
        return RunError(
            f"model {job.model.key!r} needs a cell that is periodic in three directions; "
            "give one, with room around atoms that are to be alone"
        )
    begun = state is not None and bool(state.ensemble)
    return err if isinstance(err, MatdiscError) else _in_words(job, replica, err, begun)


def _in_words(job: Dynamics, replica: Replica, err: BaseException, begun: bool) -> RunError:
    said = one_line(f"{type(err).__name__}: {err}")
    who = f"replica {replica.name}: model {job.model.key!r}"
    kept = "; what is done is kept up to the last checkpoint, and the same command goes on from there" if begun else ""
    if isinstance(err, MemoryError):
        limit = "" if job.memory_gib is None else f" within {job.memory_gib:.3g} GiB"
        return RunError(f"{who} finds no memory{limit} ({said}): take fewer atoms, or give a greater --memory{kept}")
    if remedy := remedy_for_machine(err):
        return MachineTrouble(f"{who} could not be asked: {said}: {remedy}{kept}")
    return RunError(f"{who} {'failed' if begun else 'has no answer to the start'}: {said}{kept}")


class _Fresh:
    """A potential as it was loaded, as often as it is wanted."""

    def __init__(self, model: ModelCard) -> None:
        self._model = model
        self._unused: Calculator | None = load_potential(model)

    def calculator(self) -> Calculator:
        """Return a calculator that remembers nothing of earlier calls."""
        if self._unused is None:
            return load_potential(self._model)
        if hasattr(self._unused, "forget"):
            self._unused.forget()
            return self._unused
        try:
            return copy.deepcopy(self._unused)
        except Exception:  # some packages hold what cannot be copied
            found, self._unused = self._unused, None
            return found


def _lacks_cell(potential: _Fresh, atoms: Atoms) -> bool:
    """Whether a potential has no answer to atoms because they have no periodic cell."""
    try:
        evaluate(potential.calculator(), atoms)
    except MemoryError:
        return False
    except Exception:  # packages raise whatever they like
        return needs_cell(potential.calculator(), atoms)
    return False
