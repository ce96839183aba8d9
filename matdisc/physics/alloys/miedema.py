"""Energies of alloys from Miedema's semi-empirical model: no table to fetch, and doubtful physics.

An atom is a Wigner-Seitz cell with a chemical potential phi* (V), a boundary electron density n_ws^(1/3) (density
units) and a surface V^(2/3) (cm^2). Alloying A with B in fractions x gives, per mole of atoms,

    H = 2 P f (x_A V_A^(2/3) + x_B V_B^(2/3)) / (n_A^(-1/3) + n_B^(-1/3)) * [ -(dphi*)^2 + 9.4 (dn^(1/3))^2 - R/P ]
    f = s_A s_B for a random solution, s_A s_B (1 + 8 (s_A s_B)^2) for an ordered compound; s = surface fraction

with P = 14.2 for two transition metals, 10.7 for none and 12.35 for one, and R/P only between the two kinds. A random
solution also pays for misfit: an atom A dissolved in B costs (elastic inclusion; Friedel 1954, Eshelby 1956)

    E(A in B) = 2 K_A G_B (V_B - V_A)^2 / (3 K_A V_B + 4 G_B V_A)

with molar volumes V, bulk moduli K and shear moduli G, and x_A x_B (x_B E(A in B) + x_A E(B in A)) per mole of atoms.
F. R. de Boer, R. Boom, W. C. M. Mattens, A. R. Miedema and A. K. Niessen, "Cohesion in Metals" (North-Holland, 1988).
Left out: the change of volume on alloying and the structural energies. All lattices count as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.errors import DataError
from matdisc.physics.alloys.hull import Compounds, Energies, on_the_hull

Q_OVER_P = 9.4
"""V^2 per density unit^(2/3)."""
COMPOUNDS_AT = np.array([0.25, 0.5, 0.75])
"""Fractions of the first element at which an ordered compound is assumed."""


class Metal(NamedTuple):
    """Parameters of one element.

    `potential` phi*, V; `density` n_ws^(1/3), density units^(1/3); `surface` V^(2/3), cm^2; `hybridisation` its factor
    of R/P between a transition metal and another metal; `volume` cm^3/mol; moduli GPa.
    """

    potential: float
    density: float
    surface: float
    hybridisation: float
    volume: float
    bulk_modulus: float
    shear_modulus: float
    transition: bool = True


METALS = {
    "Ag": Metal(4.35, 1.36, 4.7, 0.15, 10.25, 100.7, 28.65),
    "Al": Metal(4.20, 1.39, 4.6, 1.9, 10, 72.18, 26.59, transition=False),
    "Au": Metal(5.15, 1.57, 4.7, 0.3, 10.2, 173.2, 27.57),
    "Co": Metal(5.10, 1.75, 3.5, 1.0, 6.7, 191.5, 76.42),
    "Cr": Metal(4.65, 1.73, 3.7, 1.0, 7.23, 190.3, 116.7),
    "Cu": Metal(4.45, 1.47, 3.7, 0.3, 7.12, 131, 45.13),
    "Fe": Metal(4.93, 1.77, 3.7, 1.0, 7.09, 168.3, 81.52),
    "Hf": Metal(3.60, 1.45, 5.6, 1.0, 13.45, 108.9, 52.97),
    "Ir": Metal(5.55, 1.83, 4.2, 1.0, 8.52, 355.1, 209.9),
    "Mn": Metal(4.45, 1.61, 3.8, 1.0, 7.35, 59.67, 76.52),
    "Mo": Metal(4.65, 1.77, 4.4, 1.0, 9.4, 272.6, 115.8),
    "Nb": Metal(4.05, 1.64, 4.9, 1.0, 10.87, 170.3, 37.47),
    "Ni": Metal(5.20, 1.75, 3.5, 1.0, 6.6, 186.4, 75.05),
    "Os": Metal(5.40, 1.85, 4.2, 1.0, 8.45, 417.9, 209.9),
    "Pd": Metal(5.45, 1.67, 4.3, 1.0, 8.9, 180.9, 51.11),
    "Pt": Metal(5.65, 1.78, 4.4, 1.0, 9.1, 278.4, 61.02),
    "Re": Metal(5.20, 1.85, 4.3, 1.0, 8.85, 371.8, 178.5),
    "Rh": Metal(5.40, 1.76, 4.1, 1.0, 8.3, 270.6, 147.2),
    "Ru": Metal(5.40, 1.83, 4.1, 1.0, 8.2, 320.9, 159.9),
    "Ta": Metal(4.05, 1.63, 4.9, 1.0, 10.81, 200.1, 68.67),
    "Tc": Metal(5.30, 1.81, 4.2, 1.0, 8.64, 297.2, 142.2),
    "Ti": Metal(3.80, 1.52, 4.8, 1.0, 10.58, 105.2, 39.34),
    "V": Metal(4.25, 1.64, 4.1, 1.0, 8.36, 162, 46.5),
    "W": Metal(4.80, 1.81, 4.5, 1.0, 9.55, 323.3, 153),
    "Zr": Metal(3.45, 1.41, 5.8, 1.0, 14, 83.33, 34.14),
}
"""25 metals; values of de Boer et al. 1988 as secondary tables give them (datasets/synthetic-miedema/README.md)."""


def mixing_enthalpy(first: str, second: str, fraction: ArrayLike, *, ordered: bool = False) -> NDArray[np.float64]:
    """Return the enthalpy of forming an alloy of two metals, kJ/mol of atoms, in the shape of `fraction`.

    Args:
        first: Symbol of one metal.
        second: Symbol of the other.
        fraction: Atomic fraction of the first.
        ordered: A compound, in which each atom avoids its own kind, and not a random solution.

    Raises:
        DataError: If the model has no parameters of a metal.
    """
    a, b = _metal(first), _metal(second)
    x = np.asarray(fraction, float)
    surface = x * a.surface + (1 - x) * b.surface
    mixed = x * a.surface * (1 - x) * b.surface / surface**2
    contact = mixed * (1 + 8 * mixed**2) if ordered else mixed
    scale = 2 * _strength(a, b) * contact * surface / (1 / a.density + 1 / b.density)
    return np.asarray(scale * _difference(a, b))


def elastic_enthalpy(first: str, second: str) -> float:
    """Return the misfit energy of a random solution of two metals in equal parts, kJ/mol of atoms; never negative.

    Raises:
        DataError: If the model has no parameters of a metal.
    """
    a, b = _metal(first), _metal(second)
    return 0.125 * (_misfit(a, b) + _misfit(b, a))


def miedema_energies(elements: Iterable[str]) -> Energies:
    """Return the energies of a hull: one lattice, regular solutions, compounds at 25, 50 and 75 %.

    The interaction of a pair is four times its enthalpy in equal parts, chemical and elastic.

    Raises:
        DataError: If the model has no parameters of an element.
    """
    names = tuple(sorted(set(elements)))
    omegas = np.zeros((1, len(names), len(names)))
    compounds: dict[tuple[int, int], Compounds] = {}
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        omegas[0, i, j] = omegas[0, j, i] = 4 * (mixing_enthalpy(first, second, 0.5) + elastic_enthalpy(first, second))
        formed = mixing_enthalpy(first, second, COMPOUNDS_AT, ordered=True)
        compounds[i, j] = on_the_hull(Compounds(COMPOUNDS_AT, formed))
    return Energies(names, np.zeros((1, len(names))), omegas, compounds)


def _metal(symbol: str) -> Metal:
    found = METALS.get(symbol)
    if found is None:
        raise DataError(f"Miedema's model has no parameters of {symbol!r} here; known: {', '.join(METALS)}")
    return found


def _misfit(solute: Metal, host: Metal) -> float:
    """Elastic energy of a dissolved atom, kJ/mol (GPa cm^3/mol = kJ/mol)."""
    stiffness = 3 * solute.bulk_modulus * host.volume + 4 * host.shear_modulus * solute.volume
    return 2 * solute.bulk_modulus * host.shear_modulus * (host.volume - solute.volume) ** 2 / stiffness


def _strength(a: Metal, b: Metal) -> float:
    """P, kJ/(mol V^2 cm^2) times density units^(-1/3)."""
    return (10.7, 12.35, 14.2)[a.transition + b.transition]


def _difference(a: Metal, b: Metal) -> float:
    """The bracket of the model, V^2."""
    hybridisation = a.hybridisation * b.hybridisation if a.transition != b.transition else 0.0
    return -((a.potential - b.potential) ** 2) + Q_OVER_P * (a.density - b.density) ** 2 - hybridisation
