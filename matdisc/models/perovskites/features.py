"""What a formula ABX3 says: elemental properties by site, their mean and deviation, charges and tolerance factors.

Properties are pymatgen's, of the 27 of arXiv:2312.11335 those that it has, and occupied shells. Where an element lacks
one, it gets the median over the elements, so that every model can read every row.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from matdisc.arrays import Floats
from matdisc.elements import ELEMENTS
from matdisc.models.evidence.descriptors import PROPERTIES as SHELL_PROPERTIES
from matdisc.models.evidence.descriptors import element_properties as shell_properties
from matdisc.physics.perovskites import bartel, goldschmidt, octahedral

OWN = (
    "Z", "group", "row", "mendeleev_no", "iupac_ordering", "X", "average_ionic_radius", "atomic_radius",
    "atomic_radius_calculated", "van_der_waals_radius", "atomic_mass", "molar_volume", "melting_point",
    "boiling_point", "density_of_solid", "thermal_conductivity", "electron_affinity", "ionization_energy",
    "min_oxidation_state", "max_oxidation_state",
)  # fmt: skip
SHELLS = ("covalent_radius", "valence_s", "valence_p", "valence_d", "valence_f", "valence")
PROPERTIES = (*OWN, *SHELLS)
"""Elemental properties in pymatgen's names and units; X is Pauling's electronegativity."""
SITES = ("A", "B", "X")
WEIGHTS = np.array([0.2, 0.2, 0.6])
"""Share of atoms on each site."""
FACTORS = ("t", "mu", "tau", "charge_A", "charge_B", "charge_X")
NAMES = (
    *(f"{kind} {name}" for kind in ("mean", "deviation", *SITES) for name in PROPERTIES),
    *FACTORS,
)
"""Names of the columns of `features`."""
GROUPS = {
    name: slice(i * len(PROPERTIES), (i + 1) * len(PROPERTIES))
    for i, name in enumerate(("means", "deviations", "a_site", "b_site", "x_site", "factors"))
}
"""Columns of `features` that belong together."""
LARGEST_TAU = 15.0
"""Stands for a larger tau and for one that is not defined: both say that no perovskite is expected."""
COORDINATION = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIV")


def features(sites: Sequence[Mapping[str, str]]) -> Floats:
    """Return the features of compounds from their elements on A, B and X, shape (n_compounds, n_names).

    Mean and (population) deviation are over the five atoms.

    Raises:
        KeyError: If an element is none of the first 103.
    """
    table, place = _table()
    places = np.array([[place[compound[site]] for site in SITES] for compound in sites], np.intp).reshape(-1, 3)
    values = table[places]  # (n_compounds, 3, n_properties)
    mean = np.einsum("s,csp->cp", WEIGHTS, values)
    deviation = np.sqrt(np.einsum("s,csp->cp", WEIGHTS, (values - mean[:, None]) ** 2))
    factors = np.array([_factors(*(compound[site] for site in SITES)) for compound in sites]).reshape(-1, len(FACTORS))
    return np.concatenate([mean, deviation, values.reshape(len(sites), -1), factors], axis=1)


@lru_cache(maxsize=65536)
def charges(a: str, b: str, x: str) -> tuple[int, int, int] | None:
    """Return charges of A, B and X that add up to zero, X negative and A and B positive; None if there are none.

    Taken from the common charges of the elements, else from those in the ICSD, else from all that are known; of several
    choices the one with the most even charges of A and B, then the smaller charge of A.
    """
    for level in ("common_oxidation_states", "icsd_oxidation_states", "oxidation_states"):
        known = [_states(el, level) for el in (a, b, x)]
        found = [(p, q, r) for p, q, r in product(*known) if p > 0 and q > 0 and r < 0 and p + q + 3 * r == 0]
        if found:
            return min(found, key=lambda choice: (abs(choice[1] - choice[0]), choice))
    return None


def tolerance(a: str, b: str, x: str) -> float:
    """Return Bartel's tau; nan where there are no charges or radii, or A is not larger than B."""
    found = charges(a, b, x)
    if found is None:
        return math.nan
    n_a, n_b, n_x = found
    r_a, r_b, r_x = shannon_radius(a, n_a, "XII"), shannon_radius(b, n_b, "VI"), shannon_radius(x, n_x, "VI")
    return bartel(r_a, r_b, r_x, n_a)


@lru_cache(maxsize=2048)
def shannon_radius(symbol: str, charge: int, coordination: str) -> float:
    """Return Shannon's ionic radius, Å, of the coordination nearest to one, high spin; nan where there is none."""
    from pymatgen.core import Element

    known = Element(symbol).data.get("Shannon radii")
    radii = known.get(str(charge), {}) if isinstance(known, dict) else {}
    wanted = COORDINATION.index(coordination)
    near = sorted((abs(COORDINATION.index(name) - wanted), name) for name in radii if name in COORDINATION)
    if not near:
        return math.nan
    spins = radii[near[0][1]]
    spin = next((spins[name] for name in ("", "High Spin") if name in spins), next(iter(spins.values())))
    return float(spin["ionic_radius"])


@lru_cache(maxsize=65536)
def _factors(a: str, b: str, x: str) -> tuple[float, ...]:
    """FACTORS of a compound; where they are not defined t and mu are 0, tau is the largest and charges are 0."""
    t, mu, tau = goldschmidt(a, b, x), octahedral(b, x), tolerance(a, b, x)
    found = charges(a, b, x) or (0, 0, 0)
    return (
        t if math.isfinite(t) else 0.0,
        mu if math.isfinite(mu) else 0.0,
        min(tau, LARGEST_TAU) if math.isfinite(tau) else LARGEST_TAU,
        *map(float, found),
    )


@lru_cache(maxsize=512)
def _states(symbol: str, level: str) -> tuple[int, ...]:
    from pymatgen.core import Element

    return tuple(getattr(Element(symbol), level))


@lru_cache(maxsize=1)
def _table() -> tuple[Floats, dict[str, int]]:
    """PROPERTIES of the elements, shape (103, n_properties), without gaps; and the row of each element."""
    from pymatgen.core import Element

    shells = [SHELL_PROPERTIES.index(name) for name in SHELLS]
    symbols = ELEMENTS.split()
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns where a property is unknown
        for symbol in symbols:
            known = [getattr(Element(symbol), name, None) for name in OWN]
            own = [math.nan if value is None else float(value) for value in known]
            rows.append([*own, *shell_properties(symbol)[shells]])
    table = np.array(rows)
    radii = table[:, PROPERTIES.index("average_ionic_radius")]
    radii[radii == 0] = np.nan
    return np.where(np.isfinite(table), table, np.nanmedian(table, axis=0)), dict(
        zip(symbols, range(len(symbols)), strict=True)
    )
