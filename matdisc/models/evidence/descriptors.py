"""What the elements are like: properties for descriptor models, and our own table of substitutability by rules."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from matdisc.arrays import Floats
from matdisc.models.evidence.groups import Alloy
from matdisc.models.evidence.sources import PairTable

SHELLS = ("s", "p", "d", "f")
PROPERTIES = (
    "Z", "mendeleev_no", "atomic_mass", "melting_point", "group", "row", "covalent_radius", "X",
    "valence_s", "valence_p", "valence_d", "valence_f", "valence", "molar_volume",
)  # fmt: skip
"""Properties by name; units u, K, Å (covalent radius), cm^3/mol; X is Pauling's electronegativity."""
STATISTICS = ("mean", "deviation", "range", "minimum", "maximum")
METALS_AND_METALLOIDS = """
Ag Al Au Co Cr Cu Fe Hf Ir Mg Mn Mo Nb Ni Os Pd Pt Re Rh Ru Sc Si Sn Ta Tc Ti V W Y Zn Zr
Be B C Ca Ga Ge In La Li As Sb Bi Pb Ce Nd Gd Dy Er
"""
RULE_ELEMENTS = tuple(sorted(METALS_AND_METALLOIDS.split()))
"""Elements that the rule table knows: what occurs in alloys of this kind."""
RADIUS_LIMIT, ELECTRONEGATIVITY_LIMIT, VALENCE_LIMIT = 0.10, 0.3, 2
"""Relative difference of radii, difference of electronegativity, and of valence electrons that still count as like."""


@lru_cache(maxsize=128)
def element_properties(symbol: str) -> Floats:
    """Return the PROPERTIES of an element, shape (n_properties,); nan where none is known."""
    from ase.data import covalent_radii
    from pymatgen.core import Element

    element = Element(symbol)
    shells = _valence(element.electronic_structure)
    own = {"covalent_radius": covalent_radii[element.Z], "valence": sum(shells.values())}
    own |= {f"valence_{shell}": shells[shell] for shell in SHELLS}
    return np.array([own[name] if name in own else _known(element, name) for name in PROPERTIES], float)


def descriptors(alloys: Sequence[Alloy]) -> Floats:
    """Return STATISTICS of PROPERTIES over the elements of equiatomic alloys, shape (n_alloys, n_both).

    A property that some element lacks is left out of that alloy's statistics; nan if all lack it.
    """
    out = np.empty((len(alloys), len(STATISTICS) * len(PROPERTIES)))
    lengths = np.array([len(a) for a in alloys])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        table = np.array([[element_properties(el) for el in sorted(alloys[int(i)])] for i in rows])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all nan: the answer is nan
            low, high = np.nanmin(table, axis=1), np.nanmax(table, axis=1)
            parts = [np.nanmean(table, axis=1), np.nanstd(table, axis=1), high - low, low, high]
        out[rows] = np.concatenate(parts, axis=1)
    return out


def one_hot(alloys: Sequence[Alloy], elements: Sequence[str]) -> Floats:
    """Return 1 where an alloy has an element, shape (n_alloys, n_elements); others are not seen."""
    place = {el: i for i, el in enumerate(elements)}
    out = np.zeros((len(alloys), len(elements)))
    for row, alloy in enumerate(alloys):
        out[row, [place[el] for el in alloy if el in place]] = 1.0
    return out


def rule_table(elements: Sequence[str] = RULE_ELEMENTS, discount: float | None = None) -> PairTable:
    """Return our own table: s is the share of four rules that a pair keeps, d the rest.

    Like atoms replace each other (after Hume-Rothery, 1934): radii within 10 % of their mean, Pauling
    electronegativities within 0.3, valence electrons within 2, the same group of the periodic table. The radius is the
    metallic one, or the atomic one where there is none. A pair with an unknown property is not answered. The limits are
    round numbers that were fixed beforehand; no label was used.
    """
    known = {el: _rule_properties(el) for el in sorted(elements)}
    pairs = {}
    for a, b in combinations(known, 2):
        (ra, xa, va, ga), (rb, xb, vb, gb) = known[a], known[b]
        if np.isfinite([ra, rb, xa, xb]).all():
            kept = [
                abs(ra - rb) <= RADIUS_LIMIT * (ra + rb) / 2,
                abs(xa - xb) <= ELECTRONEGATIVITY_LIMIT + 1e-9,
                abs(va - vb) <= VALENCE_LIMIT,
                ga == gb,
            ]
            pairs[a, b] = (sum(kept) / 4, 1 - sum(kept) / 4)
    return PairTable("rules", pairs, discount)


def _rule_properties(symbol: str) -> tuple[float, float, float, float]:
    """Radius (Å), electronegativity, number of valence electrons, group."""
    from pymatgen.core import Element

    element = Element(symbol)
    radius = _known(element, "metallic_radius")
    radius = radius if np.isfinite(radius) else _known(element, "atomic_radius")
    return radius, _known(element, "X"), sum(_valence(element.electronic_structure).values()), _known(element, "group")


def _valence(structure: str) -> dict[str, int]:
    """Electrons beyond the noble gas core, and beyond full d or f shells under a p shell or a d shell."""
    shells = dict.fromkeys(SHELLS, 0)
    for part in structure.split("."):
        if not part.startswith("["):
            shells[part[1]] += int(part[2:])
    if shells["d"] == 10 and shells["p"]:
        shells["d"] = 0
    if shells["f"] == 14:
        shells["f"] = 0
    return shells


def _known(element: object, name: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns where a property is unknown; nan says so
        try:
            found = getattr(element, name)
        except (AttributeError, TypeError, ValueError):
            return float("nan")
    return float("nan") if found is None else float(found)
