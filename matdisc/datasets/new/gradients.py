"""Forces and stresses held against energies, where structures are close enough to each other for that.

Between two structures of the same atoms, the second a little strained (e) and its atoms a little displaced (u),

    E2 - E1 = V s : e - sum_i F_i . u_i

with the means of volume times stress s (ASE's sign) and of forces F: exact to third order. The factors of both terms
are fitted, so that some wrong labels do no harm; stresses in GPa or of the other sign, and forces in other units, give
factors that are not 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np

from matdisc.arrays import Floats
from matdisc.datasets.new.labels import Label, Labels
from matdisc.errors import DataError
from matdisc.formats.entries import Entry
from matdisc.units import BOHR, GIGAPASCALS, HARTREE

Say = Callable[[str], None]
STRAIN, SHIFT = 0.06, 0.2
"""Largest strain, and displacement in Å, over which two structures are compared."""
PAIRS = 4
"""So many pairs tell a factor; two factors, which fit any two pairs, take one more."""
MOST = 5000
"""More pairs need not be looked at."""
FIT = 0.5
"""Share of the pairs that have to agree with one factor; the others may have wrong labels."""
OFF = 0.1
"""Share of an energy difference that may be unexplained."""
CLEAR = 3.0
"""A term tells its factor if it is so many times what is left unexplained."""
NEAR = 0.25
"""Relative deviation from a factor that counts as that factor."""
ORDERS = {"xx yy zz yz xz xy": (3, 4, 5), "xx yy zz xy yz xz": (4, 5, 3), "xx yy zz xy xz yz": (5, 4, 3)}
"""Where yz, xz and xy stand: in ASE, as VASP prints them, and as some write them."""
OF_STRESS = {
    -1.0: "they have the other sign (--stress-sign pressure)",
    1 / GIGAPASCALS: "they are in GPa (--stress-unit GPa)",
    -1 / GIGAPASCALS: "they are in GPa with the other sign (--stress-unit GPa --stress-sign pressure)",
    0.1 / GIGAPASCALS: "they are in kbar (--stress-unit kbar)",
    -0.1 / GIGAPASCALS: "they are in kbar with the other sign (--stress-unit kbar --stress-sign pressure)",
    GIGAPASCALS: "they are in eV/Å^3 already (--stress-unit eV/Å^3)",
    1 / HARTREE: "the energies are in Ha (--energy-unit Ha)",
    2 / HARTREE: "the energies are in Ry (--energy-unit Ry)",
}
"""What is wrong with stresses whose factor is not 1."""
OF_FORCES = {
    -1.0: "they are gradients; give their negative",
    HARTREE / BOHR: "they are in Ha/bohr; convert them to eV/Å",
    1 / HARTREE: "the energies are in Ha (--energy-unit Ha)",
    2 / HARTREE: "the energies are in Ry (--energy-unit Ry)",
}
"""What is wrong with forces whose factor is not 1."""


def check_gradients(entries: Sequence[Entry], labels: Labels, say: Say) -> bool:
    """Refuse forces or stresses that do not belong to the energies; return whether stresses could be checked.

    Raises:
        DataError: With what is wrong, where the factor tells it.
    """
    if "energy" not in labels or not ("stress" in labels or "forces" in labels):
        return False
    pairs = list(islice(_pairs(entries, labels), MOST))
    if len(pairs) < PAIRS:
        return _unchecked(labels, say, "no structures of the same atoms are close enough to each other")
    change = np.array([pair.change for pair in pairs])
    works = [np.array([[pair.stress[k], pair.forces] for pair in pairs]) for k in range(len(ORDERS))]
    _refuse_order(labels, change, works)
    factors, left = _fit(change, works[0])
    sizes: Floats = np.abs(change)
    allowed = OFF * (sizes + float(np.median(sizes)))
    agree = np.abs(left) <= allowed
    if agree.mean() < FIT or agree.sum() - np.count_nonzero(factors) < PAIRS - 1:
        return _unchecked(labels, say, f"the energies of {len(pairs):,} pairs of structures fit no one factor")
    unexplained = max(float(np.linalg.norm(left[agree])), 1e-12)
    told = [float(np.linalg.norm(factors[i] * works[0][agree, i])) > CLEAR * unexplained for i in (0, 1)]
    for i, (kind, known) in enumerate((("stress", OF_STRESS), ("forces", OF_FORCES))):
        if told[i]:
            _judge(labels[kind], float(factors[i]), known, int(agree.sum()), say)  # type: ignore[index]
    works_of_ends = np.array([pair.ends for pair in pairs]) @ np.abs(factors)  # what cancels leaves an error, too
    far = np.abs(left) > allowed + OFF * works_of_ends
    if far.any():
        worst = pairs[int(np.argmax(np.abs(left)))]
        one, two = (entries[i].material_id for i in worst.members)
        say(
            f"{far.sum():,} of {len(pairs):,} pairs of structures disagree with their energies, e.g. {one!r} and "
            f"{two!r}: look at their labels, or they are too far apart for this comparison"
        )
    return bool(told[0])


def _unchecked(labels: Labels, say: Say, why: str) -> bool:
    names = " and ".join(repr(label.name) for kind, label in labels.items() if kind in ("forces", "stress"))
    say(f"{names} could not be compared with the energies: {why}")
    return False


def _fit(change: Floats, terms: Floats) -> tuple[Floats, Floats]:
    """Return the factors of two terms with the smallest sum of deviations, and the deviations; 0 for a term of zeros.

    Least absolute deviations, by least squares with weights: some wrong labels do not spoil the factors.
    """
    used = [i for i in (0, 1) if np.abs(terms[:, i]).max() > 0]
    factors, weights = np.zeros(2), np.ones(len(change))
    left = change
    for _ in range(30 if used else 0):
        scale = np.abs(terms[:, used]).max(axis=0)
        found = np.linalg.lstsq(terms[:, used] / scale * weights[:, None], change * weights, rcond=None)[0]
        factors[used] = found / scale
        left = change - terms @ factors
        weights = 1 / np.sqrt(np.maximum(np.abs(left), 1e-3 * np.abs(change).max() + 1e-12))
    return factors, left


def _refuse_order(labels: Labels, change: Floats, works: Sequence[Floats]) -> None:
    """Refuse stresses that fit the energies only if their shear components are in another order."""
    spread = np.ptp([work[:, 0] for work in works], axis=0)
    moved = spread > OFF * np.abs(works[0][:, 0])
    if "stress" not in labels or moved.sum() < PAIRS:
        return
    misfits = [float(np.median(np.abs(_fit(change[moved], work[moved])[1]))) for work in works]
    best = int(np.argmin(misfits))
    if misfits[best] < misfits[0] / 2:
        raise DataError(
            f"{labels['stress'].name!r} agrees with the energies of {moved.sum():,} sheared pairs of structures only "
            f"in the order {list(ORDERS)[best]}; give 3 x 3 numbers, or the order {next(iter(ORDERS))}"
        )


def _judge(label: Label, factor: float, known: dict[float, str], n: int, say: Say) -> None:
    if abs(factor - 1) <= NEAR:
        say(f"{label.name!r} agrees with the energies of {n:,} pairs of structures (slope {factor:.3f})")
        return
    why = next((text for other, text in known.items() if abs(factor / other - 1) <= NEAR), "")
    if why:
        raise DataError(
            f"{label.name!r} does not agree with the energies of {n:,} pairs of structures (slope {factor:.3g} instead "
            f"of 1): {why}"
        )
    text = f"{label.name!r} and the energies of {n:,} pairs of structures disagree (slope {factor:.3g} instead of 1)"
    if not 0.5 < factor < 2:
        raise DataError(f"{text}; bring them to ASE's units and sign, or leave them out")
    say(text)


class _Pair(NamedTuple):
    """Change of the energy, work of the stress in each order of its shear components, and that of the forces, eV.

    `ends` are the mean sizes of the works with the stress, and the forces, of one of the two structures alone.
    """

    change: float
    stress: tuple[float, ...]
    forces: float
    ends: tuple[float, float]
    members: tuple[int, int]


def _pairs(entries: Sequence[Entry], labels: Labels) -> Iterator[_Pair]:
    """Yield the pairs of structures that are close to each other."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for i, entry in enumerate(entries):
        if labels["energy"].values[i] is not None:
            group = labels["group"].values[i] if "group" in labels else ""
            groups[(entry.atoms.numbers.tobytes(), group)].append(i)
    for members in groups.values():
        by_volume = sorted(members, key=lambda i: entries[i].atoms.get_volume())
        for i, j in sorted({*pairwise(members), *pairwise(by_volume)}):
            if (found := _pair(entries, labels, i, j)) is not None:
                yield found


def _pair(entries: Sequence[Entry], labels: Labels, i: int, j: int) -> _Pair | None:
    from scipy.linalg import polar

    one, two = entries[i].atoms, entries[j].atoms
    turn, stretch = polar(np.linalg.solve(one.cell[:], two.cell[:]), side="left")
    strain = 2 * (stretch - np.eye(3)) @ np.linalg.inv(stretch + np.eye(3))  # seen from the middle
    shift = two.get_scaled_positions(wrap=False) - one.get_scaled_positions(wrap=False)
    shift = (shift - np.round(shift)) @ (one.cell[:] + two.cell[:] @ turn.T) / 2
    if np.abs(strain).max() > STRAIN or np.linalg.norm(shift, axis=1).max() > SHIFT:
        return None
    strained, displaced = np.abs(strain).max() > 1e-5, np.abs(shift).max() > 1e-5
    if not strained and not displaced:
        return None  # the same structure, which fits any factor
    stress, forces = labels.get("stress"), labels.get("forces")
    if (strained and _missing(stress, i, j)) or (displaced and _missing(forces, i, j)):
        return None
    energy = labels["energy"].values
    of_stress, of_forces, ends = (0.0,) * len(ORDERS), 0.0, [0.0, 0.0]
    if strained and stress is not None:
        first = [one.get_volume() * _full(stress.values[i], places) for places in ORDERS.values()]
        second = [two.get_volume() * turn @ _full(stress.values[j], places) @ turn.T for places in ORDERS.values()]
        of_stress = tuple(float(((a + b) / 2 * strain).sum()) for a, b in zip(first, second, strict=True))
        ends[0] = float(np.mean([abs((end * strain).sum()) for end in (first[0], second[0])]))
    if displaced and forces is not None:
        pulls = [float((end * shift).sum()) for end in (forces.values[i], forces.values[j] @ turn.T)]
        of_forces, ends[1] = -float(np.mean(pulls)), float(np.abs(pulls).mean())
    return _Pair(energy[j] - energy[i], of_stress, of_forces, (ends[0], ends[1]), (i, j))


def _full(stress: Floats, places: Sequence[int]) -> Floats:
    """Return a stress as 3 x 3 numbers; `places` says where yz, xz and xy stand."""
    yz, xz, xy = stress[list(places)]
    return np.array([[stress[0], xy, xz], [xy, stress[1], yz], [xz, yz, stress[2]]])


def _missing(label: Label | None, i: int, j: int) -> bool:
    return label is None or label.values[i] is None or label.values[j] is None
