"""What is done with a crystal: relaxed with its symmetry, displaced in a supercell, and its modes taken on a mesh."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matdisc.physics.evaluation import Steps
from matdisc.physics.phonons import (
    DISPLACEMENT,
    SLICES,
    TEMPERATURE,
    harmonic,
    mesh_spectrum,
    operations,
    supercell_of,
    symmetric,
    thermal_properties,
)
from matdisc.physics.relaxation.relax import relaxation
from matdisc.schema import Sample
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from matdisc.protocols import Protocol

FMAX = 1e-4
"""eV/Å to which crystals are relaxed: what is left of a force mixes with those of the displacements."""
MESH = 60.0
"""Å; divisions of the mesh times lattice spacing, where a data set prescribes no mesh."""


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Relax a crystal to FMAX with its symmetry kept, and take its harmonic spectrum and thermal properties.

    A sample may prescribe `supercell`, `displacement` (Å) and `mesh`. Single points leave the crystal as it is.

    Raises:
        MissingPhonopy: If phonopy is not installed.
        SupercellTooLarge: If the supercell has too many atoms.
        ValueError: If the potential gives no stress.
    """
    start = sample.crystal
    kept = operations(start)
    tight = replace(protocol, fmax=FMAX)
    end = yield from symmetric(relaxation(start, tight), kept)
    supercell = sample.inputs.get("supercell") or supercell_of(start)
    phonon = yield from harmonic(
        end.crystal, supercell, distance=float(sample.inputs.get("displacement", DISPLACEMENT))
    )
    spectrum = mesh_spectrum(phonon, sample.inputs.get("mesh", MESH))
    thermal = thermal_properties(spectrum, TEMPERATURE)
    values = {
        "max_frequency": float(spectrum.frequencies.max()),
        "min_frequency": float(spectrum.frequencies.min()),
        "mean_frequency": spectrum.mean,
        "last_peak": spectrum.last_peak,
        "imaginary_share": spectrum.imaginary_share,
        "heat_capacity": thermal.heat_capacity,
        "entropy": thermal.entropy,
        "free_energy": thermal.free_energy,
        "symmetry_changed": float(operations(end.crystal).space_group != kept.space_group),
    }
    arrays = {"spectrum": tuple(spectrum.slice_means(SLICES).tolist())}
    return Outcome(values, converged=end.converged, steps=end.steps, arrays=arrays)
