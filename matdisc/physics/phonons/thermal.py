"""Heat capacity, entropy and free energy of independent quantum oscillators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matdisc.physics.phonons.spectrum import Spectrum
from matdisc.units import BOLTZMANN, GAS_CONSTANT, KJ_PER_MOL

PLANCK = 4.135667696923859e-3
"""eV/THz."""
TEMPERATURE = 300.0
"""K; of data sets and answers."""
CUTOFF = 0.01
"""THz; slower and imaginary modes are left out of all sums, as phonopy does."""


@dataclass(frozen=True, slots=True)
class Thermal:
    """Of one atom: heat capacity at constant volume and entropy, J/mol/K, and free energy of vibration, kJ/mol."""

    heat_capacity: float
    entropy: float
    free_energy: float


def thermal_properties(spectrum: Spectrum, temperature: float) -> Thermal:
    """Return what the modes of a spectrum hold at a temperature, per mole of atoms.

    With x = h f / k T each mode has the heat capacity k x^2 e^x / (e^x - 1)^2, the entropy
    k (x / (e^x - 1) - ln(1 - e^-x)) and the free energy h f / 2 + k T ln(1 - e^-x); an atom has three modes.

    Args:
        spectrum: Frequencies; those below CUTOFF count as nothing.
        temperature: K, above zero.
    """
    kept = spectrum.frequencies > CUTOFF
    f, share = spectrum.frequencies[kept], spectrum.shares[kept]
    x = PLANCK * f / (BOLTZMANN * temperature)
    fall = np.exp(-x)
    rest = -np.expm1(-x)
    gas = 1000 * GAS_CONSTANT
    return Thermal(
        heat_capacity=float(3 * gas * (share * x**2 * fall / rest**2).sum()),
        entropy=float(3 * gas * (share * (x * fall / rest - np.log(rest))).sum()),
        free_energy=float(3 * KJ_PER_MOL * (share * (PLANCK * f / 2 + BOLTZMANN * temperature * np.log(rest))).sum()),
    )
