"""What is done with a crystal: relaxed in its shape, repeated, one atom removed, and the others relaxed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.datasets.dynamics import repeated
from matdisc.formats.atoms import to_atoms
from matdisc.physics.evaluation import Evaluation, Steps
from matdisc.physics.relaxation.relax import RelaxationResult, relaxation
from matdisc.schema import Crystal, Sample
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from matdisc.protocols import Protocol

REPEATS = {"fcc": (4, 4, 4), "hcp": (4, 4, 2)}
"""Repetitions of the primitive cell, 64 atoms each: vacancies are 2.8 (fcc) and 3.3 to 4 (hcp) edges apart."""
STRAINED = {"fcc": ((0, 1, 2),), "hcp": ((0, 1),)}
"""Components of the stress (xx yy zz yz xz xy) that are equal by symmetry; shear is none."""
TIGHT = 10.0
"""The cell is relaxed to this fraction of the protocol's forces, for a pressure that is left acts on the vacancy."""


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Return the formation energy of a vacancy in the potential's own crystal, its cell fixed once it is relaxed.

    Values: `vacancy_energy` E(N-1) - (N-1)/N E(N) and `unrelaxed`, the same before the other atoms move, eV; `moved`,
    the largest way of an atom over the distance of neighbours; `volume_per_atom` of the perfect crystal, Å^3.

    Raises:
        ArithmeticError: If the cell explodes or collapses.
        ValueError: If the potential gives no stress.
    """
    structure = sample.inputs["prototype"]
    tight = replace(protocol, fmax=protocol.fmax / TIGHT)
    perfect: RelaxationResult = yield from in_shape(relaxation(sample.crystal, tight), structure)
    whole = repeated(perfect.crystal, REPEATS[structure])
    full: Evaluation = yield to_atoms(whole)
    start = without_first(whole)
    defect = yield from relaxation(start, protocol, fixed_cell=True)
    share = len(start.symbols) / len(whole.symbols) * full.energy
    values = {
        "vacancy_energy": defect.energy - share,
        "unrelaxed": defect.first.energy - share,
        "moved": largest_move(start, defect.crystal) / nearest(whole),
        "volume_per_atom": abs(float(np.linalg.det(whole.cell))) / len(whole.symbols),
    }
    return Outcome(values, perfect.converged and defect.converged, perfect.steps + defect.steps)


def in_shape(work: Steps[RelaxationResult], structure: str) -> Steps[RelaxationResult]:
    """Relax a crystal that keeps its structure: equal components of the stress are averaged, shear and forces are zero.

    By symmetry they are so but for noise, which unstable crystals would amplify.
    """
    try:
        asked: Any = next(work)
        while True:
            found: Evaluation = yield asked
            asked = work.send(replace(found, forces=np.zeros_like(found.forces), stress=_even(found.stress, structure)))
    except StopIteration as stop:
        result: RelaxationResult = stop.value
        return result


def _even(stress: Floats | None, structure: str) -> Floats | None:
    if stress is None:
        return None
    even = np.array([*stress[:3], 0.0, 0.0, 0.0])
    for equal in STRAINED[structure]:
        even[list(equal)] = even[list(equal)].mean()
    return even


def without_first(crystal: Crystal) -> Crystal:
    """Return a crystal without its first atom."""
    return replace(crystal, symbols=crystal.symbols[1:], positions=crystal.positions[1:])


def largest_move(before: Crystal, after: Crystal) -> float:
    """Return the largest way of an atom between two structures of one cell, Å, once their mean way is taken off."""
    moves = np.array(after.positions) - np.array(before.positions)
    moves -= np.round(moves)
    moves -= moves.mean(axis=0)
    return float(np.linalg.norm(moves @ np.array(before.cell), axis=1).max())


def nearest(crystal: Crystal) -> float:
    """Return the shortest distance from the first atom to another one, Å."""
    apart = np.array(crystal.positions)[1:] - np.array(crystal.positions)[0]
    apart -= np.round(apart)
    return float(np.linalg.norm(apart @ np.array(crystal.cell), axis=1).min())
