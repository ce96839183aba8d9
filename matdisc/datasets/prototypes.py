"""Crystal prototypes from their lattice parameters, by primitive cell; standard library only.

Sites are written down in the conventional cell, as crystallographic tables have them, and turned into
fractions of the primitive one. Where a formula has a majority element, it comes first: `("Al", "Ti")`
with D0_22 is Al3Ti.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType
from typing import Literal

from matdisc.schema import Crystal, Vector

Lattice = Literal[
    "cubic P", "cubic F", "cubic I", "tetragonal P", "tetragonal I", "hexagonal P", "hexagonal R", "orthohexagonal"
]
"""`orthohexagonal` is primitive orthorhombic with b = sqrt(3) a: the rectangular cell of a hexagonal lattice."""
Cell = tuple[Vector, Vector, Vector]

IDEAL_HCP = sqrt(8 / 3)
"""c/a of touching spheres in the hexagonal close packing."""


@dataclass(frozen=True, slots=True)
class Prototype:
    """One arrangement of atoms, up to its lattice parameters.

    Attributes:
        name: Strukturbericht symbol, or the common name.
        space_group: Number of the space group, 1 to 230.
        lattice: Bravais lattice; a and c below are the edges of its conventional cell.
        sites: Index of the element and conventional fractional position, for each atom of the primitive cell.
        moving: Sign by which the free internal coordinate z adds to the third component of a site; empty
            where symmetry fixes every site.
        ideal_c: c/a of the undistorted parent structure; None for cubic lattices. D0_19 and B19 have more free
            coordinates, which stay those of the hexagonal close packing.
        ideal_z: z of that parent structure; None where no coordinate is free.
    """

    name: str
    space_group: int
    lattice: Lattice
    sites: tuple[tuple[int, Vector], ...]
    moving: tuple[int, ...] = ()
    ideal_c: float | None = None
    ideal_z: float | None = None

    @property
    def n_elements(self) -> int:
        return max(index for index, _ in self.sites) + 1


def crystal(name: str, elements: Sequence[str], a: float, *, c: float | None = None, z: float | None = None) -> Crystal:
    """Return the primitive cell of a prototype.

    Args:
        name: A key of `PROTOTYPES`.
        elements: One symbol for each kind of site, majority first.
        a: First edge of the conventional cell, Å.
        c: Third edge, Å; default: the ideal ratio times `a`. Only for lattices that are not cubic.
        z: Free internal coordinate, fraction of `c`; default: its ideal value. Only where one is free.

    Raises:
        ValueError: If the prototype is unknown, or the number of elements or a parameter does not suit it.
    """
    prototype = PROTOTYPES.get(name)
    if prototype is None:
        raise ValueError(f"no prototype {name!r}; known: {', '.join(PROTOTYPES)}")
    if len(elements) != prototype.n_elements:
        raise ValueError(f"{name} has {prototype.n_elements} kinds of sites, {len(elements)} elements were given")
    c = _or_ideal(name, "c", c, prototype.ideal_c, scale=a)
    z = _or_ideal(name, "z", z, prototype.ideal_z)
    if a <= 0 or (c is not None and c <= 0):
        raise ValueError(f"{name}: lattice parameters have to be positive, got a = {a}, c = {c}")
    shifts = [sign * (z or 0.0) for sign in prototype.moving] or [0.0] * len(prototype.sites)
    positions = tuple(
        _to_primitive(prototype.lattice, (x, y, w + shift))
        for (_, (x, y, w)), shift in zip(prototype.sites, shifts, strict=True)
    )
    symbols = tuple(elements[index] for index, _ in prototype.sites)
    return Crystal(symbols, positions, _primitive_cell(prototype.lattice, a, a if c is None else c))


def perovskite(a_site: str, b_site: str, x_site: str, a: float) -> Crystal:
    """Cubic perovskite ABX3, Pm-3m: A on 1a, B on 1b, X on 3c; `a` in Å."""
    return crystal("perovskite", (x_site, a_site, b_site), a)


def nearest_distance(name: str, a: float, *, c: float | None = None) -> float:
    """Distance of nearest neighbours in an elemental or AB prototype, Å; in hcp the mean over all twelve.

    Raises:
        ValueError: If the prototype is not one of `NEAREST`, or `c` is given for a cubic one.
    """
    if name not in NEAREST:
        raise ValueError(f"no nearest-neighbour rule for {name!r}; known: {', '.join(NEAREST)}")
    prototype = PROTOTYPES[name]
    c = _or_ideal(name, "c", c, prototype.ideal_c, scale=a)
    if name == "hcp" and c is not None:
        return (a + sqrt(a * a / 3 + c * c / 4)) / 2
    return a * NEAREST[name]


def edge_for_distance(name: str, distance: float) -> float:
    """Edge a, in Å, at which an ideal prototype has the nearest-neighbour distance `distance`, in Å."""
    return distance / nearest_distance(name, 1.0)


def _or_ideal(
    name: str, parameter: str, value: float | None, ideal: float | None, *, scale: float = 1.0
) -> float | None:
    if ideal is None and value is not None:
        raise ValueError(f"{name} has no free parameter {parameter}, got {value}")
    return value if value is not None or ideal is None else ideal * scale


def _primitive_cell(lattice: Lattice, a: float, c: float) -> Cell:
    h = a / 2
    if lattice == "cubic F":
        return ((0.0, h, h), (h, 0.0, h), (h, h, 0.0))
    if lattice in ("cubic I", "tetragonal I"):
        return ((-h, h, c / 2), (h, -h, c / 2), (h, h, -c / 2))
    if lattice == "hexagonal P":
        return ((a, 0.0, 0.0), (-h, h * sqrt(3), 0.0), (0.0, 0.0, c))
    if lattice == "orthohexagonal":
        return ((a, 0.0, 0.0), (0.0, a * sqrt(3), 0.0), (0.0, 0.0, c))
    if lattice == "hexagonal R":
        r = a / (2 * sqrt(3))
        return ((h, r, c / 3), (-h, r, c / 3), (0.0, -2 * r, c / 3))
    return ((a, 0.0, 0.0), (0.0, a, 0.0), (0.0, 0.0, c))


def _to_primitive(lattice: Lattice, position: Vector) -> Vector:
    x, y, z = position
    if lattice == "cubic F":
        return (y + z - x, x + z - y, x + y - z)
    if lattice in ("cubic I", "tetragonal I"):
        return (y + z, x + z, x + y)
    if lattice == "hexagonal R":
        return (x + z, y - x + z, z - y)
    return position


_ORIGIN: Vector = (0.0, 0.0, 0.0)
_CENTRE: Vector = (0.5, 0.5, 0.5)
_QUARTER: Vector = (0.25, 0.25, 0.25)
_THREE_QUARTERS: Vector = (0.75, 0.75, 0.75)
_FACES: tuple[Vector, ...] = ((0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))
_ON_FACES = tuple((0, face) for face in _FACES)
_PYROCHLORE: tuple[Vector, ...] = (_CENTRE, (0.5, 0.25, 0.25), (0.25, 0.5, 0.25), (0.25, 0.25, 0.5))
_HEX_LOW: Vector = (1 / 3, 2 / 3, 0.0)
_HEX_HIGH: Vector = (2 / 3, 1 / 3, 0.5)

_DOUBLE_LOW: tuple[Vector, ...] = ((5 / 6, 2 / 3, 0.25), (1 / 3, 1 / 6, 0.25), (5 / 6, 1 / 6, 0.25))
_DOUBLE_HIGH: tuple[Vector, ...] = ((1 / 6, 1 / 3, 0.75), (2 / 3, 5 / 6, 0.75), (1 / 6, 5 / 6, 0.75))

_ALL = (
    Prototype("sc", 221, "cubic P", ((0, _ORIGIN),)),
    Prototype("fcc", 225, "cubic F", ((0, _ORIGIN),)),
    Prototype("bcc", 229, "cubic I", ((0, _ORIGIN),)),
    Prototype("hcp", 194, "hexagonal P", ((0, (1 / 3, 2 / 3, 0.25)), (0, (2 / 3, 1 / 3, 0.75))), ideal_c=IDEAL_HCP),
    Prototype(
        "B19",
        51,
        "orthohexagonal",
        ((0, _ORIGIN), (1, (0.5, 0.5, 0.0)), (0, (0.0, 1 / 3, 0.5)), (1, (0.5, 5 / 6, 0.5))),
        ideal_c=IDEAL_HCP,
    ),
    Prototype(
        "D0_19",
        194,
        "hexagonal P",
        (
            (1, (1 / 3, 2 / 3, 0.25)),
            (1, (2 / 3, 1 / 3, 0.75)),
            *((0, site) for site in (*_DOUBLE_LOW, *_DOUBLE_HIGH)),
        ),
        ideal_c=IDEAL_HCP / 2,
    ),
    Prototype("diamond", 227, "cubic F", ((0, _ORIGIN), (0, _QUARTER))),
    Prototype("rocksalt", 225, "cubic F", ((0, _ORIGIN), (1, _CENTRE))),
    Prototype("zincblende", 216, "cubic F", ((0, _ORIGIN), (1, _QUARTER))),
    Prototype(
        "wurtzite",
        186,
        "hexagonal P",
        ((0, _HEX_LOW), (0, _HEX_HIGH), (1, _HEX_LOW), (1, _HEX_HIGH)),
        moving=(0, 0, 1, 1),
        ideal_c=IDEAL_HCP,
        ideal_z=3 / 8,
    ),
    Prototype("cscl", 221, "cubic P", ((0, _ORIGIN), (1, _CENTRE))),
    Prototype("fluorite", 225, "cubic F", ((1, _ORIGIN), (0, _QUARTER), (0, _THREE_QUARTERS))),
    Prototype("L1_0", 123, "tetragonal P", ((0, _ORIGIN), (1, _CENTRE)), ideal_c=sqrt(2)),
    Prototype("L1_1", 166, "hexagonal R", ((0, _ORIGIN), (1, (0.0, 0.0, 0.5))), ideal_c=2 * sqrt(6)),
    Prototype("L1_2", 221, "cubic P", ((1, _ORIGIN), *_ON_FACES)),
    Prototype("D0_3", 225, "cubic F", ((1, _ORIGIN), (0, _CENTRE), (0, _QUARTER), (0, _THREE_QUARTERS))),
    Prototype("B32", 227, "cubic F", ((0, _ORIGIN), (0, _QUARTER), (1, _CENTRE), (1, _THREE_QUARTERS))),
    Prototype(
        "D0_22",
        139,
        "tetragonal I",
        ((1, _ORIGIN), (0, (0.0, 0.0, 0.5)), (0, (0.0, 0.5, 0.25)), (0, (0.5, 0.0, 0.25))),
        ideal_c=2.0,
    ),
    Prototype(
        "C11_b",
        139,
        "tetragonal I",
        ((1, _ORIGIN), (0, _ORIGIN), (0, _ORIGIN)),
        moving=(0, 1, -1),
        ideal_c=3.0,
        ideal_z=1 / 3,
    ),
    Prototype(
        "C15",
        227,
        "cubic F",
        ((1, (0.125, 0.125, 0.125)), (1, (0.875, 0.875, 0.875)), *((0, site) for site in _PYROCHLORE)),
    ),
    Prototype("L2_1", 225, "cubic F", ((1, _ORIGIN), (2, _CENTRE), (0, _QUARTER), (0, _THREE_QUARTERS))),
    Prototype("C1_b", 216, "cubic F", ((1, _ORIGIN), (2, _CENTRE), (0, _QUARTER))),
    Prototype(
        "tP4",
        123,
        "tetragonal P",
        ((1, _ORIGIN), (2, (0.5, 0.5, 0.0)), (0, (0.5, 0.0, 0.5)), (0, (0.0, 0.5, 0.5))),
        ideal_c=1.0,
    ),
    Prototype("perovskite", 221, "cubic P", ((1, _ORIGIN), (2, _CENTRE), *_ON_FACES)),
)

PROTOTYPES: Mapping[str, Prototype] = MappingProxyType({prototype.name: prototype for prototype in _ALL})
"""All prototypes by name. `tP4` is the A2BC ordering of fcc: B and C alternate in one layer, A fills the next."""

NEAREST: Mapping[str, float] = MappingProxyType(
    {
        "sc": 1.0,
        "fcc": sqrt(1 / 2),
        "bcc": sqrt(3) / 2,
        "hcp": 1.0,
        "diamond": sqrt(3) / 4,
        "rocksalt": 0.5,
        "zincblende": sqrt(3) / 4,
        "wurtzite": sqrt(3 / 8),
        "cscl": sqrt(3) / 2,
    }
)
"""Nearest-neighbour distance over a, in the ideal structure."""
