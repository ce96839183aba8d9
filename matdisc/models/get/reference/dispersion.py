"""London dispersion between atoms with coefficients fixed by the element, in the form of D3(CSO).

    E = -sum_{i<j} C6 / (r^6 + a4^6) (1 + a1 / (1 + exp((r - 2.5 R0)/bohr)))
    C6 = sqrt(C6_i C6_j),  R0 = sqrt(3 s_i s_j),  s = sqrt(sqrt(Z) <r^4> / (2 <r^2>)),  a4 = 6.25 bohr

Form and parameters: Schröder, Creon, Schwabe, J. Chem. Theory Comput. 11, 3163 (2015), doi 10.1021/acs.jctc.5b00400,
in the statement of tad-dftd3 (Apache-2.0). There C6 follows the surroundings of an atom (Grimme et al., J. Chem. Phys.
132, 154104 (2010)); here it is one number for an element, which the settings of a model have to give; `C6` are those
of liquid electrolytes. From 9 to 10 Å every energy is switched off by a quintic, so that forces, the gradient of the
same function, are smooth. What is lost beyond comes back in a box as the energy of a uniform liquid (Allen and
Tildesley, Computer Simulation of Liquids, 2nd ed., section 2.8).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matdisc.units import BOHR

if TYPE_CHECKING:
    from torch import Tensor

    from matdisc.models.get.settings import Settings

A2 = 2.5
A4 = 6.25 * BOHR
"""Å."""
SWITCH = (9.0, 10.0)
"""Distances between which dispersion fades, Å."""
C6: Mapping[int, float] = MappingProxyType(
    {1: 0.96, 3: 11.92, 6: 14.25, 7: 18.76, 8: 12.09, 9: 6.88, 15: 84.10, 16: 67.65}
)
"""eV Å^6, by atomic number: means over the atoms of the built-in solvents and anions and of Li+ among four EC.

Computed by `matdisc.generate.dispersion` with dftd4 4.3.1, method of Caldeweyher et al., J. Chem. Phys. 150, 154122
(2019), doi 10.1063/1.5090222. Atoms in molecules are smaller than the free ones of Tkatchenko and Scheffler, Phys. Rev.
Lett. 102, 073005 (2009): carbon has half of their C6, hydrogen a quarter.
"""

# <r^4>/<r^2> of free atoms, bohr^2: S. Grimme (2010), rare gases J. Mewes (2018), as listed in tad-dftd3 (Apache-2.0).
_MOMENTS = """
8.0589 3.4698 29.0974 14.8517 11.8799 7.8715 5.5588 4.7566 3.8025 3.1036 26.1552 17.2304 17.7210 12.7442 9.5361 8.1652
6.7463 5.6004 29.2012 22.3934 19.0598 16.8590 15.4023 12.5589 13.4788 12.2309 11.2809 10.5569 10.1428 9.4907 13.4606
10.8544 8.9386 8.1350 7.1251 6.1971 30.0162 24.4103 20.3537 17.4780 13.5528 11.8451 11.0355 10.1997 9.5414 9.0061
8.6417 8.9975 14.0834 11.8333 10.0179 9.3844 8.4110 7.5152 32.7622 27.5708 23.1671 21.6003 20.9615 20.4562 20.1010
19.7475 19.4828 15.6013 19.2362 17.4717 17.8321 17.4237 17.1954 17.1631 14.5716 15.8758 13.8989 12.4834 11.4421 10.2671
8.3549 7.8496 7.3278 7.4820 13.5124 11.6554 10.0959 9.7340 8.8584 8.0125
"""


def coefficients(settings: Settings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the factors of pair coefficients for each atomic number.

    C6 of a pair is the product of the first of both atoms, R0 the product of the second.

    Args:
        settings: Of a model; an element without C6 has 0, and `Settings` sees to it that no such atom is asked about.

    Returns:
        Square roots of C6 (eV Å^6) and of R0 (Å), shapes (87,).
    """
    moments = np.array([0.0, *(float(word) for word in _MOMENTS.split())])
    spread = np.sqrt(0.5 * np.sqrt(np.arange(len(moments))) * moments)
    strengths = np.zeros(len(moments))
    for number, c6 in settings.dispersion_c6.items():
        strengths[number] = np.sqrt(c6)
    return strengths, np.sqrt(np.sqrt(3) * spread * BOHR)


def reach(settings: Settings) -> float:
    """Return the distance (Å) up to which pairs of a box are wanted for dispersion: 0 without it."""
    return SWITCH[1] if settings.dispersion else 0.0


def pair_energies(distances: Tensor, c6: Tensor, radii: Tensor, a1: float) -> Tensor:
    """Return the dispersion energies of pairs, eV, shape (P,).

    Args:
        distances: Å, shape (P,).
        c6: eV Å^6, shape (P,).
        radii: R0, Å, shape (P,).
        a1: Parameter of the density functional that made the labels.
    """
    scale = 1 + a1 * ((A2 * radii - distances) / BOHR).sigmoid()
    return -c6 * scale / (distances.pow(6) + A4**6) * switching_function(distances)


def switching_function(distances: Tensor) -> Tensor:
    """Return 1 below the switch, 0 beyond it, and the quintic with flat ends between, shape (P,)."""
    start, end = SWITCH
    t = ((distances - start) / (end - start)).clamp(0, 1)
    return 1 - t.pow(3) * (10 - 15 * t + 6 * t.square())


def beyond_switch(strengths: float | Tensor, volume: float | Tensor) -> float | Tensor:
    """Return the energy that a box lacks because of the switch, eV, if atoms beyond it are spread evenly.

    The virial is this energy times the unit matrix, for it goes as 1/volume.

    Args:
        strengths: Sum of the square roots of C6 over all atoms, eV^(1/2) Å^3.
        volume: Å^3.
    """
    return -2 * math.pi * _BEYOND * strengths * strengths / volume


def _beyond() -> float:
    """Return the integral of (1 - switch) r^2 / (r^6 + a4^6) from the switch to infinity, Å^-3."""
    import torch

    start, end = SWITCH
    r = torch.linspace(start, end, 2001, dtype=torch.float64)
    fading = torch.trapezoid((1 - switching_function(r)) * r.square() / (r.pow(6) + A4**6), r)
    return float(fading) + (math.pi / 2 - math.atan((end / A4) ** 3)) / (3 * A4**3)


_BEYOND = _beyond()
