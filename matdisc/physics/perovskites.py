"""Geometry of ABX3 by radii: which element sits where, and Goldschmidt's and the octahedral factor.

Radii are pymatgen's `average_ionic_radius`, Å: the mean of Shannon's radii over oxidation states. With them BaTiO3 has
a Goldschmidt factor of 0.921 and an octahedral factor of 0.676.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple


class Sites(NamedTuple):
    """Elements of ABX3 by their site."""

    a: str
    b: str
    x: str


@lru_cache(maxsize=256)
def ionic_radius(element: str) -> float:
    """Return the average ionic radius of an element, Å; nan where pymatgen has none."""
    from pymatgen.core import Element

    return float(Element(element).average_ionic_radius) or math.nan


def sites_by_radius(composition: Mapping[str, float]) -> Sites | None:
    """Return A, B and X of a composition 1:1:3: X is the element at 3, A the one of the others with the larger radius.

    Equal or unknown radii leave the alphabetical order. None if the composition is no ABX3.
    """
    x = [element for element, n in composition.items() if n == 3]
    rest = sorted(element for element, n in composition.items() if n == 1)
    if len(x) != 1 or len(rest) != 2 or len(composition) != 3:
        return None
    first, second = rest
    swap = ionic_radius(second) > ionic_radius(first)
    return Sites(second, first, x[0]) if swap else Sites(first, second, x[0])


def goldschmidt(a: str, b: str, x: str) -> float:
    """Return the tolerance factor (r_A + r_X) / (√2 (r_B + r_X)); nan where a radius is unknown.

    Source: V. M. Goldschmidt, Naturwissenschaften 14, 477 (1926). Cubic perovskites lie between about 0.9 and 1.
    """
    r_a, r_b, r_x = map(ionic_radius, (a, b, x))
    return (r_a + r_x) / (math.sqrt(2) * (r_b + r_x))


def octahedral(b: str, x: str) -> float:
    """Return the octahedral factor r_B / r_X; nan where a radius is unknown.

    Below √2 − 1 = 0.41 an ion is too small for six neighbours that touch each other.
    """
    return ionic_radius(b) / ionic_radius(x)


def bartel(r_a: float, r_b: float, r_x: float, charge_a: int) -> float:
    """Return tau = r_X / r_B - n_A (n_A - (r_A / r_B) / ln(r_A / r_B)); nan unless A is larger than B.

    Source: C. J. Bartel et al., Sci. Adv. 5, eaav0693 (2019). Perovskites are expected below 4.18.

    Args:
        r_a, r_b, r_x: Shannon's radii, Å: of A with twelve neighbours, of B and X with six.
        charge_a: Charge of A, n_A.
    """
    if not r_a > r_b > 0:
        return math.nan
    ratio = r_a / r_b
    return r_x / r_b - charge_a * (charge_a - ratio / math.log(ratio))
