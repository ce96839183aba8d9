"""What a potential is asked about a probe: the same structure in many guises, all at once; and what is amiss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.formats.atoms import to_atoms
from matdisc.physics.evaluation import Evaluation, Steps, evaluations
from matdisc.schema import Sample
from matdisc.tasks.seeds import seed_of
from matdisc.tasks.soundness.jumps import jumps
from matdisc.tasks.soundness.structures import (
    FAR,
    doubled,
    moved,
    reordered,
    slab,
    strained,
    turned,
    with_copy,
    with_pair,
)
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.protocols import Protocol

DIRECTIONS = 3
MOVES, STRAINS = (0.005, 0.0015), (0.0025, 0.001)
"""Steps of the finite differences: Å (root mean square over atoms), and norms of the strain. A long step sees the
curvature of a bumpy energy, a short one its rounding; what both see is a gap."""
STENCIL = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))
"""Places, in steps, and weights of the central difference of fourth order."""
NOISES = 10.0
"""What asking again changes, so many times, is no gap."""
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Take all gaps of a probe; protocol, reference energies and correction are not used."""
    values = yield from gaps(to_atoms(sample.crystal), seed_of(0, sample.material_id))
    return Outcome(values)


def gaps(atoms: Atoms, seed: int) -> Steps[dict[str, float]]:
    """Return how far a potential is from each law, by the names of `checks`; those of the stress only if it has one.

    The probe itself is asked again before each kind of question: some calculators remember their last structure. Gaps
    are what goes beyond ten times the noise that this shows, which most potentials have none of.
    """
    rng = np.random.default_rng(seed)
    n, volume, layer = len(atoms), atoms.get_volume(), slab(atoms)
    directions = [_unit(rng.normal(size=(n, 3))) for _ in range(DIRECTIONS)]
    strains = [_unit(a + a.T) for a in rng.normal(size=(DIRECTIONS, 3, 3))]
    order, rotation = np.roll(np.arange(n), 1), _rotation(rng)
    moves = [move * float(np.sqrt(n)) for move in MOVES]
    asked = {
        "forces": [moved(atoms, k * step * u) for u in directions for step in moves for k, _ in STENCIL],
        "stress": [strained(atoms, k * step * u) for u in strains for step in STRAINS for k, _ in STENCIL],
        "translation": [moved(atoms, rng.uniform(0.2, 2.8, 3) @ np.array(atoms.cell))],
        "rotation": [turned(atoms, rotation), turned(atoms, rotation, -1)],
        "permutation": [reordered(atoms, order)],
        "supercell": [doubled(atoms)],
        "layer": [layer],
        "far": [with_pair(layer, FAR), with_pair(moved(layer, np.array([0.7, 0.4, 0.0])), FAR + 5)],
        "fragments": [with_copy(layer)],
    }
    rest = iter((yield from evaluations([one for many in asked.values() for one in (atoms, *many)])))
    same, found = [], {}
    for name, many in asked.items():
        same.append(next(rest))
        found[name] = [next(rest) for _ in many]
    base = same[0]
    jump_energy, jump_force = yield from jumps(layer)

    noise = Noise(base, same[1:])
    alone, (near, farther), both = found["layer"][0], found["far"], found["fragments"][0]
    back = [_back(one, mirror * rotation.T) for one, mirror in zip(found["rotation"], (1, -1), strict=True)]
    falls = [-_along(base.forces, u) for u in directions]
    values = {
        "reproducibility_energy": noise.energy / n,
        "reproducibility_forces": noise.force,
        "force_gap": noise.of_gradient(falls, noise.force, found["forces"], moves),
        "net_force": noise.beyond([base.forces.sum(axis=0) / n], noise.force),
        **noise.same("translation", n, base.energy, base.forces, found["translation"]),
        **noise.same("rotation", n, base.energy, base.forces, back),
        **noise.same("permutation", n, base.energy, base.forces[order], found["permutation"]),
        **noise.same("supercell", 2 * n, 2 * base.energy, np.tile(base.forces, (2, 1)), found["supercell"]),
        **noise.same("far_atoms", n + 2, near.energy, alone.forces, [_of_first(n, near), _of_first(n, farther)]),
        **noise.same("fragments", 2 * n, 2 * alone.energy, np.tile(alone.forces, (2, 1)), [both]),
        "jump_energy": noise.beyond([jump_energy], noise.energy + noise.force),
        "jump_force": noise.beyond([jump_force], noise.force),
    }
    if base.stress is not None:
        stress = _matrix(base.stress)
        rises = [volume * _along(stress, u) for u in strains]
        values["stress_gap"] = noise.of_gradient(rises, noise.stress * volume, found["stress"], STRAINS) / volume
        turned_back = [_matrix(one.stress) - stress for one in back if one.stress is not None]
        values["rotation_stress"] = noise.beyond(turned_back, noise.stress)
    return values


class Noise:
    """By how much answers differ when the same is asked again: energy in eV, a force in eV/Å, a stress in eV/Å^3."""

    def __init__(self, base: Evaluation, again: list[Evaluation]) -> None:
        self.energy = max(abs(one.energy - base.energy) for one in again)
        self.force = max(float(np.linalg.norm(one.forces - base.forces, axis=1).max()) for one in again)
        known = [one.stress - base.stress for one in again if one.stress is not None and base.stress is not None]
        self.stress = max((float(np.abs(one).max()) for one in known), default=0.0)

    def beyond(self, differences: Iterable[Floats | float], noise: float) -> float:
        """Return the largest of some differences (numbers, or vectors in rows), less what noise may do to it."""
        sizes = [np.linalg.norm(np.atleast_2d(one), axis=1).max() for one in differences]
        return max(0.0, float(max(sizes)) - NOISES * noise)

    def of_gradient(self, given: list[float], noise: float, found: list[Evaluation], steps: Sequence[float]) -> float:
        """Return the largest distance of given derivatives from those of the energy: at the step that suits each best.

        Args:
            given: Derivative of the energy in each direction, with its `noise`.
            found: Evaluations by one stencil after the other, those of one direction together.
            steps: Of the differences in each direction.
        """
        energies = np.array([one.energy for one in found]).reshape(len(given), len(steps), len(STENCIL))
        slopes = energies @ np.array([weight for _, weight in STENCIL]) / np.array(steps)
        gaps = np.abs(slopes - np.array(given)[:, None]) - NOISES * (noise + self.energy / np.array(steps))
        return float(np.maximum(gaps, 0).min(axis=1).max())

    def same(self, name: str, n: int, energy: float, forces: Floats, found: list[Evaluation]) -> dict[str, float]:
        """Return the gaps of energies, eV/atom of `n` atoms, and of forces, eV/Å, to what they should be."""
        return {
            f"{name}_energy": self.beyond([(one.energy - energy) / n for one in found], self.energy / n),
            f"{name}_forces": self.beyond([one.forces - forces for one in found], self.force),
        }


def _unit(array: Floats) -> Floats:
    return np.asarray(array / np.linalg.norm(array))


def _along(array: Floats, direction: Floats) -> float:
    return float((array * direction).sum())


def _rotation(rng: np.random.Generator) -> Floats:
    """Return a random proper rotation."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return np.asarray(q * np.linalg.det(q))


def _back(found: Evaluation, rotation: Floats) -> Evaluation:
    """Return an evaluation with its forces and stress turned by an orthogonal matrix, rows of vectors times it."""
    stress = None if found.stress is None else _voigt(rotation.T @ _matrix(found.stress) @ rotation)
    return Evaluation(found.energy, found.forces @ rotation, stress)


def _of_first(n: int, found: Evaluation) -> Evaluation:
    return Evaluation(found.energy, found.forces[:n], None)


def _matrix(voigt: Floats) -> Floats:
    matrix = np.zeros((3, 3))
    for value, (i, j) in zip(voigt, VOIGT, strict=True):
        matrix[i, j] = matrix[j, i] = value
    return matrix


def _voigt(matrix: Floats) -> Floats:
    return np.array([matrix[i, j] for i, j in VOIGT])
