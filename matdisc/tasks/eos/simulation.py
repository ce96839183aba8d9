"""What a potential is asked: seven volumes of a crystal, and others where the minimum is not among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.formats.atoms import to_atoms
from matdisc.physics.evaluation import Evaluation, Steps, evaluations
from matdisc.schema import Sample
from matdisc.tasks.eos.birch_murnaghan import Fit, fit
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.protocols import Protocol

SEVEN = np.linspace(0.94, 1.06, 7)
"""Volumes over the given one."""
SEARCH = np.linspace(0.6, 1.6, 26)
"""Volumes, over the given one, where a minimum is looked for that is not within the seven."""
ROUGH = 0.01
"""Largest distance of an energy from the fitted curve over the range of the seven energies. No all-electron curve of
the verification study has more than 0.008."""
NOISE = 2e-5
"""eV/atom; what single precision may do to an energy, which is no shape."""
FAULTS = ("sound", "no minimum", "several minima", "rough")
NO_MINIMUM, SEVERAL, UNEVEN = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Window:
    """Seven energies, eV/atom above the lowest, about a volume, and the curve through them if its minimum is within."""

    centre: float
    energies: Floats
    curve: Fit | None


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Return equilibrium volume, bulk modulus and its derivative; atoms keep their fractional coordinates.

    Where the fitted minimum is outside the seven volumes, the next one downhill is looked for, and seven volumes about
    that are asked.
    """
    atoms = to_atoms(sample.crystal)
    window = yield from _window(atoms, 1.0)
    minima = count_minima(window.energies)
    if window.curve is None:
        place = yield from downhill(atoms)
        if place is not None and place != 1.0:
            there = yield from _window(atoms, place)
            minima = max(minima, count_minima(there.energies))
            window = there if there.curve else window
    return Outcome(_values(atoms, window, minima))


def downhill(atoms: Atoms) -> Steps[float | None]:
    """Return the volume, over the given one, of the minimum that one gets to downhill; None if there is none.

    A volume that a potential cannot answer ends the search: behind it, nobody knows.
    """
    found = yield [_scaled(atoms, factor) for factor in SEARCH]
    energies = [one.energy if isinstance(one, Evaluation) else np.inf for one in found]
    at = int(np.abs(SEARCH - 1).argmin())
    while 0 < at < len(SEARCH) - 1:
        lowest = min((at - 1, at, at + 1), key=lambda place: (energies[place], place != at))
        if lowest == at:
            known = np.isfinite(energies[at - 1]) and np.isfinite(energies[at + 1])
            return round(float(SEARCH[at]), 2) if known else None
        at = lowest
    return None


def count_minima(energies: Sequence[float] | Floats) -> int:
    """Return how many inner energies, eV/atom, are lower than what is to both sides, by more than noise.

    One dip that noise divides is one minimum.
    """
    count, lowest, highest, falling = 0, energies[0], energies[0], False
    for e in energies[1:]:
        if falling:
            lowest = min(lowest, e)
            if e > lowest + NOISE:
                count, falling, highest = count + 1, False, e
        else:
            highest = max(highest, e)
            if e < highest - NOISE:
                falling, lowest = True, e
    return count


def _window(atoms: Atoms, centre: float) -> Steps[Window]:
    found = yield from evaluations([_scaled(atoms, centre * factor) for factor in SEVEN])
    energies = np.array([one.energy for one in found]) / len(atoms)
    curve = fit(SEVEN, energies)
    within = curve is not None and SEVEN[0] <= curve.v0 <= SEVEN[-1]
    return Window(centre, energies - energies.min(), curve if within else None)


def _scaled(atoms: Atoms, factor: float) -> Atoms:
    """Return the crystal at so many times its volume."""
    copy = atoms.copy()
    copy.set_cell(atoms.cell[:] * factor ** (1 / 3), scale_atoms=True)
    return copy


def _values(atoms: Atoms, window: Window, minima: int) -> dict[str, float]:
    curve, span = window.curve, float(np.ptp(window.energies))
    values = {f"e_{i}": 1000 * float(energy) for i, energy in enumerate(window.energies)}
    if curve is None:
        return {"fault": float(SEVERAL if minima > 1 else NO_MINIMUM), "centre": window.centre} | values
    rough = curve.residual > max(ROUGH * span, NOISE)
    fault = SEVERAL if minima > 1 else UNEVEN if rough else 0
    unit = window.centre * atoms.get_volume() / len(atoms)  # of the volumes of the fit, so B0 has it below
    fitted = {"v0": curve.v0 * unit, "b0": curve.b0 / unit, "b1": curve.b1, "roughness": curve.residual / span}
    return {"fault": float(fault), "centre": window.centre} | fitted | values
