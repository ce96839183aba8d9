"""Which replicas may move together: those whose answers do not depend on their company, not even in the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from matdisc.physics.drivers import FAULTS, Answer
from matdisc.physics.evaluation import BatchCalculator, evaluate
from matdisc.physics.md import State
from matdisc.run.md.job import Replica
from matdisc.run.md.stretch import answers

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

MOST = 32
"""Replicas that move together: potentials keep the neighbour lists of so many structures."""
APART = 4.0
"""Å; how far apart one atom at least must be in two replicas. Potentials that keep neighbour lists take structures
that are nearly alike for one trajectory; no stretch between two checkpoints brings all atoms back from here."""
TRIED = (0.02, 0.3, 0.02)
"""Å; how far atoms lie from the start in the rounds of a trial: near it, beyond a neighbour list, and near it again."""
PROBED = 3
"""Structures of a trial."""


def evaluates_alike(calculator: Calculator, atoms: Atoms) -> bool:
    """Whether a potential gives structures asked about together the answers that each has alone, to the last bit.

    Some do not evaluate many, and some add up in an order that depends on what else they are asked. What is tried are
    displaced copies of a start, which lie APART.
    """
    if not (isinstance(calculator, BatchCalculator) and hasattr(calculator, "forget")):
        return False
    rounds = [[_displaced(atoms, place, size) for place in range(PROBED)] for size in TRIED]
    try:
        calculator.forget()
        together = [_bits(answer) for structures in rounds for answer in answers(structures, calculator)]
        alone = []
        for mine in zip(*rounds, strict=True):
            calculator.forget()
            alone.append([_bits(evaluate(calculator, one)) for one in mine])
    except FAULTS:  # told by the run itself, about the replica at fault
        return False
    return together == [found for one in zip(*alone, strict=True) for found in one]


def companions(replicas: Sequence[Replica], states: Mapping[str, State | None], room: int) -> list[Replica]:
    """Return those that move together with the first: as many as a call has room for, in even parts, and APART.

    Args:
        replicas: Those at one step, at least one.
        states: Where each is; None at the start.
        room: Atoms that the potential takes in one call at most.
    """
    calls = max(1, math.ceil(sum(len(one.atoms) for one in replicas) / max(1, room)), math.ceil(len(replicas) / MOST))
    size = math.ceil(len(replicas) / calls)
    found = [replicas[0]]
    for one in replicas[1:]:
        if len(found) < size and all(_apart(states[one.name], states[other.name]) for other in found):
            found.append(one)
    return found


def _apart(one: State | None, other: State | None) -> bool:
    if one is None or other is None or len(one.positions) != len(other.positions):
        return False
    return float(np.linalg.norm(one.positions - other.positions, axis=1).max()) >= APART


def _displaced(start: Atoms, place: int, size: float) -> Atoms:
    atoms = start.copy()
    atoms.positions += np.random.default_rng(place).uniform(-size, size, atoms.positions.shape)
    atoms.positions[:, 0] += 2 * APART * place
    return atoms


def _bits(answer: Answer) -> tuple[bytes, ...]:
    if isinstance(answer, BaseException):
        raise answer
    return tuple(np.asarray(x).tobytes() for x in (answer.energy, answer.forces, answer.stress) if x is not None)
