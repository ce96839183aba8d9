"""Forces and stresses held against energies, where structures are close enough to each other for that.

Between two structures of the same atoms, the second a little strained (e) and its atoms a little displaced (u),

    E2 - E1 = V s : e - sum_i F_i . u_i

with the means of volume times stress s (ASE's sign) and of forces F: exact to third order. The factors of both terms
are fitted; stresses in GPa or of the other sign, and forces in other units, give factors that are not 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

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
"""So many pairs tell a factor."""
FIT = 0.9
"""Share of the energies' variance that has to be explained."""
CLEAR = 3.0
"""A term tells its factor if it is so many times what is left unexplained."""
NEAR = 0.25
"""Relative deviation from a factor that counts as that factor."""
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
    rows = np.array(list(_pairs(entries, labels))[:5000], float).reshape(-1, 3)
    if len(rows) < PAIRS:
        return False
    change, terms = rows[:, 0], rows[:, 1:]
    used = [i for i in range(2) if np.linalg.norm(terms[:, i]) > 0]
    factors = np.full(2, np.nan)
    scale = np.linalg.norm(terms[:, used], axis=0)
    factors[used] = np.linalg.lstsq(terms[:, used] / scale, change, rcond=None)[0] / scale
    left = change - terms[:, used] @ factors[used]
    if left @ left > (1 - FIT) * (change @ change):
        return False
    told = [i in used and np.linalg.norm(factors[i] * terms[:, i]) > CLEAR * np.linalg.norm(left) for i in range(2)]
    for i, (kind, known) in enumerate((("stress", OF_STRESS), ("forces", OF_FORCES))):
        if told[i]:
            _judge(labels[kind], float(factors[i]), known, len(rows), say)  # type: ignore[index]
    return bool(told[0])


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
    say(f"{label.name!r} and the energies of {n:,} pairs of structures disagree (slope {factor:.3g} instead of 1)")


def _pairs(entries: Sequence[Entry], labels: Labels) -> Iterator[tuple[float, float, float]]:
    """Yield the change of the energy, the work of the stress and that of the forces, eV, of pairs of neighbours."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for i, entry in enumerate(entries):
        if labels["energy"].values[i] is not None:
            group = labels["group"].values[i] if "group" in labels else ""
            groups[(entry.atoms.numbers.tobytes(), group)].append(i)
    for members in groups.values():
        by_volume = sorted(members, key=lambda i: entries[i].atoms.get_volume())
        steps = {*pairwise(members), *pairwise(by_volume)}
        for i, j in sorted(steps):
            if (found := _pair(entries, labels, i, j)) is not None:
                yield found


def _pair(entries: Sequence[Entry], labels: Labels, i: int, j: int) -> tuple[float, float, float] | None:
    one, two = entries[i].atoms, entries[j].atoms
    moved = np.linalg.solve(one.cell[:], two.cell[:])
    strain = 2 * (moved - np.eye(3)) @ np.linalg.inv(moved + np.eye(3))  # seen from the middle
    shift = two.get_scaled_positions(wrap=False) - one.get_scaled_positions(wrap=False)
    shift = (shift - np.round(shift)) @ ((one.cell[:] + two.cell[:]) / 2)
    turned = np.abs(strain - strain.T).max()
    if np.abs(strain).max() > STRAIN or turned > 1e-3 or np.linalg.norm(shift, axis=1).max() > SHIFT:
        return None
    strained, displaced = np.abs(strain).max() > 1e-5, np.abs(shift).max() > 1e-5
    stress, forces = labels.get("stress"), labels.get("forces")
    if (strained and _missing(stress, i, j)) or (displaced and _missing(forces, i, j)):
        return None
    energy = labels["energy"].values
    of_stress = of_forces = 0.0
    if strained and stress is not None:
        weighed = one.get_volume() * _full(stress.values[i]) + two.get_volume() * _full(stress.values[j])
        of_stress = float((weighed / 2 * strain).sum())
    if displaced and forces is not None:
        of_forces = -float(((forces.values[i] + forces.values[j]) / 2 * shift).sum())
    return energy[j] - energy[i], of_stress, of_forces


def _missing(label: Label | None, i: int, j: int) -> bool:
    return label is None or label.values[i] is None or label.values[j] is None


def _full(stress: Floats) -> Floats:
    xx, yy, zz, yz, xz, xy = stress
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
