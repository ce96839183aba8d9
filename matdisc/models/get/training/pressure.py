"""Pressures and densities of alignment: units, signs and compressibilities, each in one place.

Adding dP to a model's pressure at given volume does what lowering the outside pressure by dP would do: the liquid
expands, and rho_new - rho_old = -rho kappa_T dP. A liquid simulated too light needs dP < 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from matdisc.errors import DataError
from matdisc.units import BOLTZMANN, GIGAPASCALS

MEGAPASCALS = 1e3 * GIGAPASCALS
"""One eV/Å^3 in MPa."""


def to_mpa(pressure: float) -> float:
    """Return a pressure in MPa from one in eV/Å^3."""
    return pressure * MEGAPASCALS


def from_mpa(pressure: float) -> float:
    """Return a pressure in eV/Å^3 from one in MPa."""
    return pressure / MEGAPASCALS


def shift_for_density(simulated: float, wanted: float, compressibility: float) -> float:
    """Return the pressure shift dP in MPa that moves a density from `simulated` to `wanted`, to first order.

    Args:
        simulated: Density by the model, any unit.
        wanted: By experiment, same unit.
        compressibility: The model's own isothermal one, 1/MPa.

    Raises:
        DataError: If one of them is not positive.
    """
    for name, value in (("simulated", simulated), ("wanted", wanted), ("compressibility", compressibility)):
        if not value > 0:
            raise DataError(f"'{name}' is {value}; densities and compressibilities are positive")
    return (simulated - wanted) / (simulated * compressibility)


def compressibility_of_two(volumes: tuple[float, float], pressures: tuple[float, float]) -> float:
    """Return kappa_T = -d ln V/dP from mean volumes at two pressures, in 1/(unit of pressure).

    Raises:
        DataError: If the pressures are equal or a volume is not positive.
    """
    if pressures[0] == pressures[1] or min(volumes) <= 0:
        raise DataError(f"volumes {volumes} at pressures {pressures}: two unlike pressures and positive volumes needed")
    return float(np.log(volumes[0] / volumes[1]) / (pressures[1] - pressures[0]))


def compressibility_of_fluctuations(volumes: ArrayLike, temperature: float) -> float:
    """Return kappa_T = var(V)/(kT <V>) of a run at constant pressure, in 1/MPa.

    Args:
        volumes: Å^3, shape (n_frames,), n_frames >= 2.
        temperature: K.
    """
    series = np.asarray(volumes, float)
    if series.ndim != 1 or len(series) < 2 or not temperature > 0:
        raise DataError(
            f"{series.shape} volumes at {temperature} K: give at least two volumes and a temperature above 0"
        )
    return float(series.var(ddof=1) / (BOLTZMANN * temperature * series.mean())) / MEGAPASCALS
