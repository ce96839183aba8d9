"""What a potential is asked about a dimer: energy and force at all distances, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.datasets.dimers import POINTS, dimer
from matdisc.errors import RunError
from matdisc.formats.atoms import to_atoms
from matdisc.physics.evaluation import Evaluation, Steps
from matdisc.schema import Sample
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from matdisc.protocols import Protocol


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Evaluate a dimer at its distances; protocol, reference energies and correction are not used.

    A potential may refuse atoms that lie beyond its cutoff. From there on the curve is flat, and `answered` counts the
    points that were evaluated.

    Raises:
        RunError: If it refuses another point.
    """
    element, distances = sample.crystal.symbols[0], sample.inputs["distances"]
    found: list[Evaluation | BaseException] = yield [to_atoms(dimer(element, r)) for r in distances]
    answered = len(found)
    while answered and isinstance(found[answered - 1], BaseException):
        answered -= 1
    for r, one in zip(distances, found[:answered] or found[:1], strict=False):
        if isinstance(one, BaseException):
            raise RunError(f"no answer at {r:g} Å ({type(one).__name__}: {one}), and a curve needs one") from one
    known: list[Any] = list(found[:answered])
    beyond = POINTS - answered
    energy = [one.energy for one in known] + [known[-1].energy] * beyond
    force = [float(one.forces[1, 0] - one.forces[0, 0]) / 2 for one in known] + [0.0] * beyond
    arrays = {"energy": np.array(energy, float), "axial_force": np.array(force)}
    values = {"answered": float(answered)}
    return Outcome(values, arrays={name: tuple(numbers.tolist()) for name, numbers in arrays.items()})
