"""Relaxing crystals by named protocols, one evaluation at a time.

The protocol belongs to the task and not to the model, so that all potentials are treated alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matdisc.formats.atoms import to_atoms, to_crystal
from matdisc.physics.evaluation import Evaluation, Steps
from matdisc.physics.relaxation.optimizer import FastDescent
from matdisc.protocols import Protocol
from matdisc.schema import Crystal

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


MAX_VOLUME_CHANGE = 8.0
"""A cell that grows or shrinks by more than this factor has left physics; the answer is a failure."""


@dataclass(frozen=True, slots=True)
class RelaxationResult:
    """Where a relaxation ended.

    Attributes:
        energy: Total energy of the cell, eV.
        converged: Whether the forces got below the protocol's `fmax`; always true without relaxation.
        steps: Steps of the optimiser.
        crystal: The last structure.
        fmax: Largest force left, of atoms or cell, eV/Å, as the protocol measures it.
        first, last: Evaluations of the first and the last structure; two results are compared without them.
    """

    energy: float
    converged: bool
    steps: int
    crystal: Crystal
    fmax: float
    first: Evaluation = field(compare=False)
    last: Evaluation = field(compare=False)


def relaxation(crystal: Crystal, protocol: Protocol, *, fixed_cell: bool = False) -> Steps[RelaxationResult]:
    """Relax a crystal by a protocol: yields structures to evaluate, returns where it ended.

    With `fixed_cell` only its atoms move, which takes no stress.

    Raises:
        ArithmeticError: If the cell has no volume, explodes or collapses.
        ValueError: If the potential gives no stress.
    """
    import numpy as np
    from ase.optimize import FIRE

    from matdisc.physics.relaxation.cell_filter import EvaluatedCell, EvaluatedPositions

    start = _volume(crystal.cell)
    atoms = to_atoms(crystal)
    found = first = yield atoms
    if protocol.max_steps == 0:
        largest = float(np.linalg.norm(found.forces, axis=1).max())
        return RelaxationResult(found.energy, True, 0, crystal, largest, first, found)
    if found.stress is None and not fixed_cell:
        raise ValueError("the potential gives no stress, so a cell cannot be relaxed with it")
    shaped = EvaluatedPositions(atoms) if fixed_cell else EvaluatedCell(atoms)
    optimizer = FastDescent(shaped) if protocol.fast else FIRE(shaped, logfile=None)
    steps = 0
    while True:
        shaped.accept(found)
        forces = shaped.get_forces()
        largest = float(np.linalg.norm(forces, axis=1).max())
        if largest < protocol.fmax or steps >= protocol.max_steps:
            converged, end = largest < protocol.fmax, to_crystal(atoms)
            return RelaxationResult(found.energy, converged, steps, end, largest, first, found)
        optimizer.step()
        steps += 1
        change = _volume(atoms.cell[:]) / start
        if not 1 / MAX_VOLUME_CHANGE < change < MAX_VOLUME_CHANGE:
            raise ArithmeticError(f"the cell's volume changed by a factor of {change:.3g} while relaxing")
        found = yield atoms


def crystal_energy(calculator: Calculator, crystal: Crystal, protocol: Protocol) -> RelaxationResult:
    """Return where a crystal ends under a protocol, asking the calculator directly."""
    from matdisc.physics.drivers import run_single

    return run_single(relaxation(crystal, protocol), calculator)


def _volume(cell: Any) -> float:
    import numpy as np

    volume = abs(float(np.linalg.det(np.asarray(cell))))
    if not volume > 1e-6:
        raise ArithmeticError(f"the cell has no volume ({volume:.3g} Å^3)")
    return volume
