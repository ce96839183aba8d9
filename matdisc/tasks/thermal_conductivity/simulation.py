"""What is done with a crystal: relaxed with its symmetry, displaced twice over, and its modes' conductivities taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matdisc.physics.conductivity import flat_modes, mode_conductivities
from matdisc.physics.evaluation import Steps
from matdisc.physics.phonons import TEMPERATURE, operations, symmetric
from matdisc.physics.relaxation.relax import relaxation
from matdisc.schema import Sample
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from matdisc.protocols import Protocol

FMAX = 1e-4
"""eV/Å to which crystals are relaxed."""
MAX_STEPS = 300


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Relax a crystal with its symmetry kept, and take the conductivity of each of its modes at 300 K.

    A sample prescribes `supercell`, `supercell_third`, `mesh` and `displacement` (Å). A crystal with an imaginary mode,
    or of another space group than its start, conducts nothing, and a flag says why. Single points leave the crystal as
    it is.

    Raises:
        MissingPhono3py: If phono3py 3.30.0 is not installed.
        SupercellTooLarge: If a supercell has too many atoms.
        ValueError: If the potential gives no stress, or the mesh has more modes than an answer holds.
    """
    start, given = sample.crystal, sample.inputs
    kept = operations(start)
    tight = replace(protocol, fmax=FMAX, max_steps=min(MAX_STEPS, protocol.max_steps))
    end = yield from symmetric(relaxation(start, tight), kept)
    changed = operations(end.crystal).space_group != kept.space_group
    modes = None
    if not changed:
        modes = yield from mode_conductivities(
            end.crystal,
            second=given["supercell"],
            third=given["supercell_third"],
            mesh=given["mesh"],
            distance=float(given["displacement"]),
            temperature=TEMPERATURE,
        )
    row = flat_modes(np.zeros(0) if modes is None else modes)
    values = {
        "kappa": sum(row),
        "imaginary": float(modes is None and not changed),
        "symmetry_changed": float(changed),
    }
    return Outcome(values, converged=end.converged, steps=end.steps, arrays={"mode_conductivity": row})
