"""What a potential is asked: the crystal's minimum, then the stresses of strained cells with their ions at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matdisc.physics.elasticity import TIGHT, elastic_response, moduli
from matdisc.physics.evaluation import Steps
from matdisc.physics.relaxation.relax import relaxation
from matdisc.schema import Crystal, Sample
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from matdisc.protocols import Protocol

SHEARED = 0.3
"""Largest logarithmic strain of a cell by its relaxation that leaves it the crystal that was asked about."""
TENSOR = "elastic_tensor"


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Return moduli with relaxed and with clamped ions; every model relaxes tightly, whatever its card's protocol.

    Raises:
        ArithmeticError: If the cell leaves its shape while relaxing, or takes no stress from some strain.
        ValueError: If the potential gives no stress.
    """
    end = yield from relaxation(sample.crystal, TIGHT)
    strain = cell_strain(sample.crystal, end.crystal)
    if strain > SHEARED:
        raise ArithmeticError(
            f"the cell sheared away while relaxing: its largest strain is {strain:.2f}, more than {SHEARED}, so its "
            "moduli would be those of another crystal; look at the relaxed structure (task relaxation)"
        )
    found = yield from elastic_response(end.crystal)
    relaxed, clamped = moduli(found.relaxed), moduli(found.clamped)
    values = {
        "bulk_modulus": relaxed.bulk,
        "shear_modulus": relaxed.shear,
        "smallest_eigenvalue": relaxed.smallest,
        "anisotropy": relaxed.anisotropy,
        "bulk_modulus_clamped": clamped.bulk,
        "shear_modulus_clamped": clamped.shear,
        "unexplained": found.unexplained,
        "fmax": max(end.fmax, found.fmax),
        "strained_cells": float(found.n_cells),
    }
    tensor = tuple(found.relaxed.ravel().tolist())
    converged = end.converged and found.converged
    return Outcome(values, converged, end.steps + found.steps, arrays={TENSOR: tensor})


def cell_strain(before: Crystal, after: Crystal) -> float:
    """Return the largest logarithmic stretch, in size, that leads from one cell to the other."""
    deformation = np.linalg.solve(np.array(before.cell), np.array(after.cell))
    return float(np.abs(np.log(np.linalg.svd(deformation, compute_uv=False))).max())
