"""What each dimer says of each metric: from labels and answers to numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.dimers import FUNCTIONALS
from matdisc.datasets.truth import Truth
from matdisc.tasks.dimers.curves import (
    BOUND,
    bonding,
    common,
    energy_turns,
    force_flips,
    force_gap,
    repels,
    tortuosity,
    wall_error,
    well,
)

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

JUMP, TURNS = 1.5, 3
"""A reference curve with jumps of so many eV and so many turns of the energy is no reference."""
INSIDE = 1.1
"""Covalent radii; atoms that are closer have to repel each other."""
DEEPEST, NEAREST, FARTHEST = 0.8, 0.9, 3.1
"""Covalent radii where the wall, and all else, is looked at; and van der Waals radii up to which."""
SHAPE = ("extra_flips", "force_flips", "tortuosity", "energy_jump", "repulsive", "force_gap")
AGAINST = ("rmse", "length", "depth", "wall", "energy", "force")


class Curve(NamedTuple):
    """Distances, Å, ascending, with energies, eV, and forces, eV/Å."""

    r: Floats
    energy: Floats
    force: Floats

    def between(self, low: float, high: float) -> Curve:
        """Return the part between two distances, both with 10^-6 Å of grace."""
        there = (self.r >= low - 1e-6) & (self.r <= high + 1e-6)
        return Curve(self.r[there], self.energy[there], self.force[there])


class Radii(NamedTuple):
    """Covalent and van der Waals radius (Alvarez; infinite where unknown) of an element, Å."""

    covalent: float
    van_der_waals: float

    @property
    def window(self) -> tuple[float, float]:
        """Distances between which all but the wall is measured, as Matbench Discovery has them."""
        return NEAREST * self.covalent, FARTHEST * self.van_der_waals


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each element says of each metric, shape (n_elements,); nan where it says nothing."""
    pairs = list(zip(answers.array("energy"), answers.array("axial_force"), strict=True))
    return _terms(truth, pairs)


def baseline(card: DatasetCard, truth: Truth) -> Mapping[str, Floats]:
    """Return the terms of two atoms that do not interact, as far as they are against references."""
    found = _terms(truth, [(None, None)] * len(truth))
    return {key: values for key, values in found.items() if key not in SHAPE}


def _terms(truth: Truth, pairs: list[tuple[Floats | None, Floats | None]]) -> dict[str, Floats]:
    rows = [_row(truth, i, energy, force) for i, (energy, force) in enumerate(pairs)]
    keys = (*SHAPE, *(f"{name}_{key}" for name in FUNCTIONALS for key in AGAINST))
    return {key: np.array([row.get(key, math.nan) for row in rows], float) for key in keys}


def _row(truth: Truth, i: int, energy: Floats | None, force: Floats | None) -> dict[str, float]:
    r, radii = distances(truth, i), radii_of(str(truth.material_ids[i].as_py()))
    found: dict[str, float] = {"repulsive": 0.0}
    if energy is None or force is None:
        curve = Curve(r, np.zeros(len(r)), np.zeros(len(r)))
    else:
        curve = Curve(r, energy, force)
        found = of_shape(curve.between(*radii.window))
        found["repulsive"] = float(repels(curve.between(0, INSIDE * radii.covalent).energy))
    for name in FUNCTIONALS:
        true = reference(truth, i, name)
        if not jumps(true.between(*radii.window)):
            found |= {f"{name}_{key}": value for key, value in against(true, curve, radii).items()}
    return found


def distances(truth: Truth, i: int) -> Floats:
    """Return the distances of an element's curve, Å."""
    found = truth.array("distances")[i]
    assert found is not None, "the builder gives distances of every dimer"
    return found


def reference(truth: Truth, i: int, name: str) -> Curve:
    """Return the reference curve of an element without its gaps."""
    energy, force = truth.array(f"{name}_energy")[i], truth.array(f"{name}_force")[i]
    assert energy is not None
    assert force is not None
    there = np.isfinite(energy)
    return Curve(distances(truth, i)[there], energy[there], force[there])


def radii_of(element: str) -> Radii:
    """Return the radii of an element as ASE tabulates them."""
    from ase.data import atomic_numbers, covalent_radii
    from ase.data.vdw_alvarez import vdw_radii

    number = atomic_numbers[element]
    far = float(vdw_radii[number]) if number < len(vdw_radii) else math.nan
    return Radii(float(covalent_radii[number]), far if math.isfinite(far) else math.inf)


def jumps(true: Curve) -> bool:
    """Whether a reference curve jumps between spin states, so that nobody can be compared with it."""
    turns, jump = energy_turns(true.energy)
    return jump >= JUMP and turns >= TURNS


def of_shape(curve: Curve) -> dict[str, float]:
    """Return the measures of a curve that need no reference."""
    flips = force_flips(curve.force)
    return {
        "extra_flips": max(0.0, flips - 1.0),
        "force_flips": float(flips),
        "tortuosity": tortuosity(curve.energy),
        "energy_jump": energy_turns(curve.energy)[1],
        "force_gap": force_gap(*curve),
    }


def against(reference: Curve, answer: Curve, radii: Radii) -> dict[str, float]:
    """Return the errors of a curve against a reference curve of the same dimer."""
    deep = DEEPEST * radii.covalent, radii.window[1]
    walls = [curve.between(*deep) for curve in (reference, answer)]
    true, found = reference.between(*radii.window), answer.between(*radii.window)
    energies = common(true.r, true.energy, found.r, found.energy)
    forces = common(true.r, true.force, found.r, found.force)
    apart = np.interp(true.r, found.r, found.energy) - energies[1][-1] - (true.energy - energies[0][-1])
    errors = {
        "rmse": math.sqrt(np.mean(apart[bonding(true.energy)] ** 2)),
        "wall": wall_error(walls[0].r, walls[0].energy, walls[1].r, walls[1].energy),
        "energy": float(np.abs(np.diff(energies - energies[:, -1:], axis=0)).mean()),
        "force": float(np.abs(np.diff(forces, axis=0)).mean()) / 3,
    }
    true_well, own = well(true.r, true.energy), well(found.r, found.energy)
    if true_well.depth >= BOUND:
        errors |= {"length": abs(own.length - true_well.length), "depth": abs(own.depth - true_well.depth)}
    return errors
