"""Measures of a curve of energy and force against the distance of two atoms.

Distances r (Å) ascend. Energies are eV of the pair. The force (eV/Å) is that along the axis on each atom, positive
where the atoms push each other apart, so it is -dE/dr. Where Matbench Discovery has a measure of the same name
(tortuosity, energy jump, force flips, wall, well depth, bond length, energy and force MAE), the formula is its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from matdisc.arrays import Bools, Floats

FLAT = 1e-3
"""eV; a smaller step of the energy has no sign."""
NO_FORCE = 0.01
"""eV/Å; a smaller force has no sign."""
BOUND = 0.05
"""eV; a reference well that is shallower has no bond length."""
WALL = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""eV above the minimum at which walls are compared."""
COMMON = 200
"""Points of the common grid, evenly spaced, on which two curves are compared."""


class Well(NamedTuple):
    """Bond length, Å, and depth against the largest distance, eV."""

    length: float
    depth: float


def tortuosity(energy: Floats) -> float:
    """Return the way up and down over the shortest way from end to minimum to end; nan for a flat curve.

    It is 1 for one well, and for a curve that only repels.
    """
    direct = energy[0] + energy[-1] - 2 * energy.min()
    return float(np.abs(np.diff(energy)).sum() / direct) if direct > 0 else math.nan


def energy_turns(energy: Floats) -> tuple[int, float]:
    """Return how often the energy turns, and the sum of the steps on both sides of all turns, eV; flat steps are left
    out."""
    steps = np.diff(energy)
    steps = steps[np.abs(steps) >= FLAT]
    turns = np.flatnonzero(np.diff(np.sign(steps)))
    return len(turns), float(np.abs(steps[turns]).sum() + np.abs(steps[turns + 1]).sum())


def force_flips(force: Floats) -> int:
    """Return how often the force changes its sign; weak forces are left out. One well has one flip."""
    return int((np.diff(np.sign(force[np.abs(force) >= NO_FORCE])) != 0).sum())


def repels(energy: Floats) -> bool:
    """Whether the energy rises with every step inwards."""
    return bool((np.diff(energy) < 0).all())


def force_gap(r: Floats, energy: Floats, force: Floats) -> float:
    """Return the mean distance of the force from the fall of the energy, eV/Å.

    Over each interval the mean force, by a cubic spline over the logarithm of the distance, is compared with the fall
    of the energy over its length. What is left for a smooth conservative potential is the error of the spline.
    """
    from scipy.interpolate import CubicSpline

    work = np.diff(CubicSpline(np.log(r), force * r).antiderivative()(np.log(r)))
    return float(np.abs((work + np.diff(energy)) / np.diff(r)).mean())


def well(r: Floats, energy: Floats) -> Well:
    """Return bond length and depth of a curve: a parabola through the five points around the minimum gives the length.

    The lowest point itself is taken where it is the first or the last, or where the parabola has its minimum outside;
    of equal ones the farthest, so that atoms that do not interact stand at the largest distance.
    """
    lowest = int(np.flatnonzero(energy == energy.min())[-1])
    depth = float(energy[-1] - energy[lowest])
    if lowest in (0, len(r) - 1):
        return Well(float(r[lowest]), depth)
    around = slice(max(0, lowest - 2), lowest + 3)
    curvature, slope, _ = np.polyfit(r[around], energy[around], 2)
    length = -slope / (2 * curvature) if curvature > 0 else math.nan
    inside = r[around][0] <= length <= r[around][-1]
    return Well(float(length) if inside else float(r[lowest]), depth)


def wall(r: Floats, energy: Floats) -> Floats:
    """Return the distances, Å, at which the curve inside its minimum first reaches each height of WALL; nan where it
    never does."""
    above = energy - energy.min()
    lowest = int(energy.argmin())
    found = []
    for height in WALL:
        inside = np.flatnonzero(above[:lowest] >= height)
        if not len(inside):
            found.append(math.nan)
            continue
        i = inside[-1]
        share = (above[i] - height) / (above[i] - above[i + 1])
        found.append(float(r[i] + share * (r[i + 1] - r[i])))
    return np.array(found)


def wall_error(true_r: Floats, true_energy: Floats, r: Floats, energy: Floats) -> float:
    """Return the mean error of where the wall stands, Å, over the heights that the reference reaches; nan if none.

    A wall that is not there stands at 0.
    """
    true, found = wall(true_r, true_energy), np.nan_to_num(wall(r, energy))
    there = np.isfinite(true)
    return float(np.abs(true - found)[there].mean()) if there.any() else math.nan


def common(true_r: Floats, true: Floats, r: Floats, values: Floats) -> Floats:
    """Return reference and values on evenly spaced distances that both curves have, shape (2, COMMON)."""
    grid = np.linspace(max(true_r[0], r[0]), min(true_r[-1], r[-1]), COMMON)
    return np.stack([np.interp(grid, true_r, true), np.interp(grid, r, values)])


def bonding(true_energy: Floats) -> Bools:
    """Return which points lie at most 1 eV above the energy at the largest distance."""
    return true_energy - true_energy[-1] <= 1.0
