"""What a potential is asked about a structure: energy, forces and stress, and of some whether they belong together."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.formats.atoms import to_atoms
from matdisc.physics.evaluation import Evaluation, Steps
from matdisc.schema import Dataset, Sample
from matdisc.tasks.seeds import seed_of
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.protocols import Protocol

SAMPLED = 20
"""Frames whose forces are held to their energy."""
MOVE = 0.005
"""Å; root mean square displacement of an atom to either side, in the finite difference."""
GAP = "force_gap"


def sampled(card: DatasetCard, dataset: Dataset) -> Dataset:
    """Return the dataset with 20 frames of the headline marked, by hash, whose forces are held to their energy."""
    subset = next((one for one in card.subsets if one.name == card.headline_subset), None)
    kept = [s for s in dataset.samples if subset is None or (subset.flag in s.flags) == (subset.keep == "with")]
    chosen = {s.material_id for s in sorted(kept, key=lambda s: _digest(s.material_id))[:SAMPLED]}
    samples = [replace(s, inputs={**s.inputs, GAP: True}) if s.material_id in chosen else s for s in dataset.samples]
    return replace(dataset, samples=tuple(samples))


def _digest(material_id: str) -> str:
    return hashlib.sha256(material_id.encode()).hexdigest()


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Evaluate a structure once, and twice more where its forces are held to its energy; nothing is relaxed."""
    atoms = to_atoms(sample.crystal)
    found: Evaluation = yield atoms.copy()
    values = {"energy": found.energy + correction}
    if sample.inputs.get(GAP):
        values[GAP] = yield from force_gap(atoms, found, seed_of(0, sample.material_id))
    arrays = {"forces": found.forces} | ({} if found.stress is None else {"stress": found.stress})
    flat = {name: tuple(np.asarray(numbers, float).ravel().tolist()) for name, numbers in arrays.items()}
    return Outcome(values, arrays=flat)


def force_gap(atoms: Atoms, found: Evaluation, seed: int) -> Steps[float]:
    """Return the force along a random direction less the fall of the energy along it, eV/Å.

    The direction is a unit vector of all coordinates; the fall is a central difference. Zero, up to float noise and the
    third derivative, where forces are the gradient of the energy.
    """
    direction = np.random.default_rng(seed).normal(size=(len(atoms), 3))
    direction /= np.linalg.norm(direction)
    step = MOVE * np.sqrt(len(atoms))
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions += sign * step * direction
        evaluation: Evaluation = yield moved
        energies.append(evaluation.energy)
    return float((found.forces * direction).sum() + (energies[0] - energies[1]) / (2 * step))
