"""Birch-Murnaghan curves of third order: their fit to energies, and how far apart two of them are.

The distances epsilon and nu are those of E. Bosoni et al., Nat. Rev. Phys. 6, 45 (2024), Delta that of
K. Lejaeghere et al., Science 351, aad3000 (2016). All take arrays of curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats
from matdisc.units import GIGAPASCALS

SPAN = 0.06
"""Curves are compared from 94 to 106 % of the mean of their volumes."""
WEIGHTS = (1.0, 1 / 20, 1 / 400)
"""Of V0, B0 and B' in nu."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_WEIGHTS = _WEIGHTS / 2


class Curves(NamedTuple):
    """Birch-Murnaghan curves: volume V0 (Å^3/atom), bulk modulus B0 (GPa) and its derivative B', of one shape."""

    v0: Floats
    b0: Floats
    b1: Floats


@dataclass(frozen=True, slots=True)
class Fit:
    """A Birch-Murnaghan curve through some energies, and the largest distance of one of them from it, eV/atom."""

    v0: float
    b0: float
    b1: float
    residual: float


def energy(curves: Curves, volumes: Floats) -> Floats:
    """Return E(V) - E(V0), eV/atom, of curves of shape (n,) at volumes of shape (n, n_volumes), Å^3/atom."""
    v0, b0, b1 = (np.asarray(one, float)[..., None] for one in curves)
    x = (v0 / volumes) ** (2 / 3)
    found: Floats = 9 / 16 * b0 / GIGAPASCALS * v0 * (x - 1) ** 2 * ((x - 1) * b1 + 6 - 4 * x)
    return found


def fit(volumes: ArrayLike, energies: ArrayLike) -> Fit | None:
    """Return the least-squares curve through energies, eV/atom, at volumes, Å^3/atom; None if it has no minimum.

    The curve is a cubic polynomial of V^(-2/3), so the fit is linear and has one solution.
    """
    v, e = np.asarray(volumes, float), np.asarray(energies, float)
    unit = float(np.median(v))
    t, shifted = (v / unit) ** (-2 / 3) - 1, e - e.mean()
    polynomial = np.polyfit(t, shifted, 3)
    third, second, first, _ = polynomial
    discriminant = second**2 - 3 * third * first
    if discriminant <= 0:
        return None
    half_curvature = np.sqrt(discriminant)  # at the minimum
    x = 1 - first / (second + half_curvature) if second + half_curvature else 0.0
    if x <= 0:
        return None
    v0 = unit * x ** (-3 / 2)
    b0 = 4 / 9 * 2 * half_curvature * x**2 / v0
    b1 = 4 + 2 / 3 * x * 3 * third / half_curvature
    residual = np.abs(np.polyval(polynomial, t) - shifted).max()
    return Fit(float(v0), float(b0 * GIGAPASCALS), float(b1), float(residual))


def delta_gauge(one: Curves, other: Curves) -> Floats:
    """Return the root mean square difference of energies, minima on each other, meV/atom."""
    first, second = _energies(one, other)
    return 1000 * np.sqrt(_mean((first - second) ** 2))


def epsilon(one: Curves, other: Curves) -> Floats:
    """Return the root mean square difference of energies over their own spread: 0 for equal curves."""
    first, second = _energies(one, other)
    spread = [_mean((e - _mean(e)[..., None]) ** 2) for e in (first, second)]
    return np.sqrt(_mean((first - second) ** 2) / np.sqrt(spread[0] * spread[1]))


def nu(one: Curves, other: Curves) -> Floats:
    """Return the length of the vector of relative differences of V0, B0 and B', weighted, in per cent."""
    relative = [
        weight * 2 * (mine - yours) / (mine + yours) for weight, mine, yours in zip(WEIGHTS, one, other, strict=True)
    ]
    return 100 * np.sqrt(np.sum(np.square(relative), axis=0))


def _energies(one: Curves, other: Curves) -> tuple[Floats, Floats]:
    """Return both energies at the nodes of a quadrature, which is exact to many digits for curves this smooth."""
    middle = (one.v0 + other.v0)[..., None] / 2
    volumes = middle * (1 + SPAN * _NODES)
    return energy(one, volumes), energy(other, volumes)


def _mean(values: Floats) -> Floats:
    found: Floats = values @ _WEIGHTS
    return found
