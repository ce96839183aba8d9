"""Is a solid solution of equal parts stable against everything it could separate into?

An equiatomic alloy S of m elements at temperature T lies above or below the best mixture of competing phases: the solid
solutions of all its proper subsets (the pure elements included) and the binary intermetallics of its pairs.

    H_ss(S) = min over lattices l of [ (1/m) sum_i E_i^l + (1/m^2) sum_{i<j} Omega_ij^l ]
    G_ss(S) = H_ss(S) - T R ln m        G_ss({i}) = 0        intermetallics: G = H, only where H < 0
    margin(S) = G_ss(S) - min { sum_k lambda_k G_k : lambda >= 0, sum_k lambda_k x_k = composition of S }

The alloy forms one phase if margin <= 0. The minimum is a linear programme; `lowest_mixtures` solves thousands at once.
Energies are kJ/mol of atoms, temperatures K. Ordered ternaries, vibrations, magnetism and short-range order are left
out, and the entropy is the ideal one. Method: "A map of single-phase high-entropy alloys", Nat. Commun. 2023,
doi:10.1038/s41467-023-38423-7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats
from matdisc.errors import DataError
from matdisc.units import GAS_CONSTANT

Ints = NDArray[np.intp]

CHUNK = 2048
"""Alloys solved at a time; bounds the memory to some tens of MB."""
TILT = 1e-10
"""Shift of the composition that keeps the simplex from running in circles."""
TOLERANCE = 1e-10
"""kJ/mol: a phase less than this below the plane of the basis does not enter it."""
MAX_STEPS = 500
TOO_HIGH = 1e6
"""kJ/mol of a phase that no mixture holds."""


class Compounds(NamedTuple):
    """Intermetallics of one pair: fraction of its first element and enthalpy of formation, each of shape (k,)."""

    fraction: Floats
    enthalpy: Floats


@dataclass(frozen=True, slots=True)
class Energies:
    """What the hull is made of, kJ/mol.

    Attributes:
        elements: Symbols, alphabetical.
        end_members: Energy of each element on each lattice above its best one, shape (n_lattices, n_elements).
        omegas: Interaction of each pair on each lattice, symmetric, shape (n_lattices, n_elements, n_elements).
        compounds: Intermetallics by pair of places in `elements`, the smaller place first.
    """

    elements: tuple[str, ...]
    end_members: Floats
    omegas: Floats
    compounds: Mapping[tuple[int, int], Compounds]


class Phases(NamedTuple):
    """Competing phases: compositions, shape (n_alloys, n_phases, m), and free energies, shape (n_alloys, n_phases)."""

    composition: Floats
    energy: Floats


def margins(energies: Energies, alloys: Sequence[Sequence[str]], temperatures: ArrayLike) -> Floats:
    """Return how far each equiatomic alloy lies above its competing phases, kJ/mol, shape (n_alloys,).

    Zero or less means one phase. Alloys may differ in length, from two elements on.

    Args:
        energies: Energies of lattices, pairs and compounds.
        alloys: Symbols of each alloy, each once.
        temperatures: K, shape (n_alloys,) or one for all.

    Raises:
        DataError: If an alloy has an element without energies, one twice, or fewer than two.
        ValueError: If a temperature is negative or not finite.
    """
    kelvin = np.broadcast_to(np.asarray(temperatures, float), (len(alloys),))
    if not np.all(np.isfinite(kelvin) & (kelvin >= 0)):
        raise ValueError("temperatures have to be finite numbers of K, not below 0")
    places = [_places(energies, alloy) for alloy in alloys]
    lengths = np.array([len(alloy) for alloy in places], np.intp)
    found = np.empty(len(places))
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            sets = np.array([places[row] for row in part], np.intp)
            own = free_energy(energies, sets, kelvin[part])
            found[part] = own - lowest_mixtures(*competing_phases(energies, sets, kelvin[part]))
    return found


def solution_enthalpy(energies: Energies, sets: Ints) -> Floats:
    """Return the enthalpy of equiatomic solid solutions on their best lattice, kJ/mol, shape (n_alloys,).

    Args:
        energies: Energies of lattices and pairs.
        sets: Places of the elements, shape (n_alloys, m).
    """
    m = sets.shape[1]
    on_lattice = energies.end_members[:, sets].mean(axis=2)
    for i, j in combinations(range(m), 2):
        on_lattice += energies.omegas[:, sets[:, i], sets[:, j]] / m**2
    return np.asarray(on_lattice.min(axis=0))


def free_energy(energies: Energies, sets: Ints, temperatures: Floats) -> Floats:
    """Return enthalpy minus ideal entropy of equiatomic solid solutions, kJ/mol, shape (n_alloys,)."""
    return solution_enthalpy(energies, sets) - temperatures * GAS_CONSTANT * np.log(sets.shape[1])


def competing_phases(energies: Energies, sets: Ints, temperatures: Floats) -> Phases:
    """Return the phases that alloys of m elements could separate into; the first m are the pure elements.

    Alloys with few compounds are filled up with a phase too high to form.
    """
    n, m = sets.shape
    compositions, values = [], []
    for size in range(1, m):
        for subset in combinations(range(m), size):
            phase = np.zeros((n, m))
            phase[:, list(subset)] = 1 / size
            compositions.append(phase)
            values.append(free_energy(energies, sets[:, list(subset)], temperatures))
    for i, j in combinations(range(m), 2):
        fraction, enthalpy = _compounds(energies, sets[:, i], sets[:, j])
        for k in range(fraction.shape[1]):
            phase = np.zeros((n, m))
            phase[:, i], phase[:, j] = fraction[:, k], 1 - fraction[:, k]
            compositions.append(phase)
            values.append(enthalpy[:, k])
    return Phases(np.stack(compositions, axis=1), np.stack(values, axis=1))


def lowest_mixtures(composition: Floats, energy: Floats) -> Floats:
    """Return the lowest energy of mixtures with equal parts of all elements, kJ/mol, shape (n_alloys,).

    A revised simplex over all alloys at once (Dantzig 1963), started from the pure elements. Many phases hold equal
    parts themselves, so that steps of length zero abound: the composition is tilted by about 1e-10 against running in
    circles, and the value is read off the final plane at the untilted composition, which bounds the error by the tilt
    times the largest energy.

    Args:
        composition: Fractions of each phase, shape (n_alloys, n_phases, m); the first m phases are the pure elements.
        energy: Energy of each phase, kJ/mol, shape (n_alloys, n_phases).

    Raises:
        ValueError: If the first phases are not the pure elements, or an energy is not finite.
    """
    n, _, m = composition.shape
    if not np.array_equal(composition[:, :m], np.broadcast_to(np.eye(m), (n, m, m))):
        raise ValueError("the first phases have to be the pure elements, in the order of the columns")
    if not np.isfinite(energy).all():
        raise ValueError("every phase needs a finite energy")
    target = 1 / m + TILT * np.sqrt(np.arange(2, m + 2))
    basis = np.tile(np.arange(m), (n, 1))
    value, active = np.empty(n), np.arange(n)
    for _ in range(MAX_STEPS):
        columns = np.swapaxes(np.take_along_axis(composition[active], basis[active][:, :, None], axis=1), 1, 2)
        inverse = np.linalg.inv(columns)
        costs = np.take_along_axis(energy[active], basis[active], axis=1)
        plane = np.einsum("nk,nkm->nm", costs, inverse)
        reduced = energy[active] - np.einsum("npm,nm->np", composition[active], plane)
        entering = np.argmin(reduced, axis=1)
        done = np.take_along_axis(reduced, entering[:, None], axis=1)[:, 0] > -TOLERANCE
        value[active[done]] = plane[done].mean(axis=1)
        active, entering, inverse = active[~done], entering[~done], inverse[~done]
        if not len(active):
            return value
        direction = np.einsum("nkm,nm->nk", inverse, composition[active, entering])
        amounts = np.einsum("nkm,m->nk", inverse, target)
        ratio = np.full(direction.shape, np.inf)
        np.divide(amounts, direction, out=ratio, where=direction > 1e-12)
        basis[active, np.argmin(ratio, axis=1)] = entering
    raise ArithmeticError(f"{len(active)} linear programmes did not end within {MAX_STEPS} steps")


def on_the_hull(compounds: Compounds) -> Compounds:
    """Return the compounds on the lower hull of their pair and its pure elements, by fraction.

    The others change no margin: a mixture of the rest lies lower at the same composition.
    """
    below = compounds.enthalpy < 0
    fraction, enthalpy = compounds.fraction[below], compounds.enthalpy[below]
    hull = [(0.0, 0.0)]
    for i in (*np.lexsort((enthalpy, fraction)), None):
        x, y = (1.0, 0.0) if i is None else (float(fraction[i]), float(enthalpy[i]))
        if x == hull[-1][0]:
            continue
        while len(hull) > 1 and _right_turn(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    inner = np.array(hull[1:-1]).reshape(-1, 2)
    return Compounds(inner[:, 0], inner[:, 1])


@lru_cache
def melting_points(elements: tuple[str, ...]) -> Floats:
    """Return the melting point of each element, K, as pymatgen has it.

    Raises:
        DataError: If an element has none.
    """
    from pymatgen.core import Element

    found = [Element(el).melting_point for el in elements]
    missing = [el for el, value in zip(elements, found, strict=True) if value is None]
    if missing:
        raise DataError(f"no melting point is known of {missing[0]}; leave the element out")
    return np.array([float(value) for value in found])


def temperatures(alloys: Sequence[Sequence[str]], share: float) -> Floats:
    """Return a share of the mean melting point of each alloy's elements, K, shape (n_alloys,)."""
    elements = tuple(sorted({el for alloy in alloys for el in alloy}))
    points = dict(zip(elements, melting_points(elements), strict=True))
    return np.array([share * np.mean([points[el] for el in alloy]) for alloy in alloys])


def _places(energies: Energies, alloy: Sequence[str]) -> list[int]:
    unknown = [el for el in alloy if el not in energies.elements]
    if unknown:
        raise DataError(f"alloy {'|'.join(alloy)}: no energies are known of {unknown[0]}; leave the alloy out")
    if len(alloy) < 2 or len(set(alloy)) < len(alloy):
        raise DataError(f"alloy {'|'.join(alloy)}: give at least two elements, each once")
    return sorted(energies.elements.index(el) for el in alloy)


def _compounds(energies: Energies, first: Ints, second: Ints) -> Compounds:
    """Compounds of a pair for each alloy, shape (n_alloys, most of any pair), filled up with one too high to form."""
    n_elements = len(energies.elements)
    codes, which = np.unique(first * n_elements + second, return_inverse=True)
    none = Compounds(np.zeros(0), np.zeros(0))
    lists = [energies.compounds.get((int(c) // n_elements, int(c) % n_elements), none) for c in codes]
    most = max((len(found.fraction) for found in lists), default=0)
    fraction, enthalpy = np.ones((len(lists), most)), np.full((len(lists), most), TOO_HIGH)
    for row, found in enumerate(lists):
        fraction[row, : len(found.fraction)], enthalpy[row, : len(found.fraction)] = found
    return Compounds(fraction[which], enthalpy[which])


def _right_turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or above the line from a to c."""
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])
