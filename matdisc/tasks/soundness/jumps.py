"""How far a potential jumps while atoms come nearer: a scan, and a closer look where it is least smooth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.physics.evaluation import Evaluation, Steps, evaluations
from matdisc.tasks.soundness.structures import normal, with_pair

if TYPE_CHECKING:
    from ase import Atoms

NEAREST, FARTHEST, INTERVALS = 3.0, 9.0, 40
"""Å above a slab between which a pair of atoms is scanned, and the number of steps."""
PARTS, LOOKS = 8, 2
"""A closer look divides a step into so many; so many times."""


def jumps(layer: Atoms) -> Steps[tuple[float, float]]:
    """Return the largest jump of the energy, eV, and of a force, eV/Å, while a pair of atoms sinks onto a slab.

    Between two places the energy changes by the mean force times the way, up to the third power of the way; what is
    left, and the change of the force, is held to that of the steps before and after. The step that sticks out is
    divided, and again: what is smooth then vanishes and a jump does not.
    """
    heights = np.linspace(NEAREST, FARTHEST, INTERVALS + 1)
    found = yield from evaluations([with_pair(layer, height) for height in heights])
    scans = [(heights, found), (heights, found)]
    for _ in range(LOOKS):
        closer = [_divided(grid, kinks(layer, grid, seen)[kind]) for kind, (grid, seen) in enumerate(scans)]
        found = yield from evaluations([with_pair(layer, height) for grid in closer for height in grid])
        half = len(closer[0])
        scans = [(closer[0], found[:half]), (closer[1], found[half:])]
    energy, force = (float(kinks(layer, grid, seen)[kind].max()) for kind, (grid, seen) in enumerate(scans))
    return energy, force


def kinks(layer: Atoms, heights: Floats, found: list[Evaluation]) -> tuple[Floats, Floats]:
    """Return how much each step but the first and the last differs from its neighbours, in energy and in force.

    Args:
        layer: The slab.
        heights: Heights of the pair, Å, evenly spaced, shape (n,).
        found: What the potential says at each.
    """
    energies = np.array([one.energy for one in found])
    forces = np.stack([one.forces for one in found])
    lift = forces[:, len(layer) :].sum(axis=1) @ normal(layer)
    left = np.diff(energies) + (lift[1:] + lift[:-1]) / 2 * np.diff(heights)
    return np.abs(_beside(left)), np.linalg.norm(_beside(np.diff(forces, axis=0)), axis=-1).max(axis=-1)


def _beside(steps: Floats) -> Floats:
    return np.asarray(steps[1:-1] - (steps[:-2] + steps[2:]) / 2)


def _divided(heights: Floats, scores: Floats) -> Floats:
    """Return the places in the step that sticks out most above the second ones from it, and one place on either side.

    A jump is one step wide, with half of it in the neighbours; curvature that grows towards short distances is not.
    """
    padded = np.pad(scores, 2, mode="edge")
    step = 1 + int((scores - np.maximum(padded[:-4], padded[4:])).argmax())
    width = (heights[1] - heights[0]) / PARTS
    return np.asarray(heights[step] + width * np.arange(-1, PARTS + 2))
