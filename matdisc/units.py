"""The few constants that dynamics needs, in eV, Å, fs and K (SI 2019 and CODATA 2018)."""

BOLTZMANN = 1.380649e-23 / 1.602176634e-19
"""eV/K."""
MASS = 1.66053906660e-27 * 1e10 / 1.602176634e-19
"""One unified atomic mass unit in eV fs^2/Å^2: with it, force over mass is an acceleration in Å/fs^2."""
BAR = 1e5 * 1e-30 / 1.602176634e-19
"""One bar in eV/Å^3."""
GRAMS_PER_CM3 = 1.66053906660
"""One atomic mass unit per Å^3, in g/cm^3."""
