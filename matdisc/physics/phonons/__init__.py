"""Harmonic vibrations of crystals: a relaxation that keeps symmetry, force constants, spectra and thermal properties.

Force constants come from phonopy (extra `phonons`); spectra and what follows from them need NumPy only, so that scoring
does without it.
"""

from matdisc.physics.phonons.force_constants import (
    DISPLACEMENT,
    MAX_ATOMS,
    SYMPREC,
    MissingPhonopy,
    SupercellTooLarge,
    displaced_forces,
    harmonic,
    mesh_spectrum,
    phonopy_cell,
    supercell_of,
)
from matdisc.physics.phonons.spectrum import SLICES, Spectrum, slice_means, wasserstein
from matdisc.physics.phonons.symmetric import operations, symmetric
from matdisc.physics.phonons.thermal import TEMPERATURE, Thermal, thermal_properties

__all__ = [
    "DISPLACEMENT",
    "MAX_ATOMS",
    "SLICES",
    "SYMPREC",
    "TEMPERATURE",
    "MissingPhonopy",
    "Spectrum",
    "SupercellTooLarge",
    "Thermal",
    "displaced_forces",
    "harmonic",
    "mesh_spectrum",
    "operations",
    "phonopy_cell",
    "slice_means",
    "supercell_of",
    "symmetric",
    "thermal_properties",
    "wasserstein",
]
