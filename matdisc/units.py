"""Physical constants in eV, Å, fs, K, u and e.

Written out, for importing ase.units costs 0.1 s: exact where SI 2019 fixes them, else CODATA 2018 (ASE's are of 2014,
and differ from the eighth digit, its Boltzmann constant from the seventh).
"""

from typing import Literal

EnergyScale = Literal["mp2020_corrected", "pbe_raw", "own"]
"""What energies per atom are measured against."""

BOLTZMANN = 1.380649e-23 / 1.602176634e-19
"""eV/K."""
MASS = 1.66053906660e-27 * 1e10 / 1.602176634e-19
"""One unified atomic mass unit in eV fs^2/Å^2: with it, force over mass is an acceleration in Å/fs^2."""
GRAMS_PER_CM3 = 1.66053906660
"""One atomic mass unit per Å^3, in g/cm^3."""
BAR = 1e5 * 1e-30 / 1.602176634e-19
"""One bar in eV/Å^3."""
GIGAPASCALS = 160.2176634
"""One eV/Å^3 in GPa."""
KJ_PER_MOL = 1.602176634e-19 * 6.02214076e23 / 1e3
"""One eV in kJ/mol."""
KCAL_PER_MOL = KJ_PER_MOL / 4.184
"""One eV in kcal/mol."""
GAS_CONSTANT = 1.380649e-23 * 6.02214076e23 / 1e3
"""kJ/(mol K)."""
HARTREE = 27.211386245988
"""One Hartree in eV."""
BOHR = 0.529177210903
"""One bohr in Å."""
COULOMB = 14.399645478
"""Coulomb constant, eV Å/e^2."""
