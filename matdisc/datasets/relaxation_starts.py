"""Start structures of the relaxation task: a dataset's crystals, scaled and rattled, the same on every machine."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard, Relaxation
from matdisc.datasets.load import canonical_hash
from matdisc.errors import CardError, DataError
from matdisc.schema import Crystal, Dataset, Sample

NOISE = 1e-9
"""eV/atom added to a limit, against float noise."""


def relaxation_starts(card: DatasetCard, dataset: Dataset, *, verify: bool = True) -> Dataset:
    """Return what the relaxation task asks: materials with a reference structure (and near the hull, if the card asks
    for that), each at its start.

    `samples` hold the perturbed crystals and as target `energy_per_atom`, the total energy in eV/atom that follows
    from formation energy and elemental references where the dataset has both; `relaxed` holds the reference structures,
    which no model may see; `sha256` covers both and is compared with the card's.

    Raises:
        CardError: If the card has no table `relaxation`.
        DataError: If the structures are not those of the card (unless `verify` is off).
    """
    rule = card.relaxation
    if rule is None:
        raise CardError(f"dataset {card.key!r}: no table 'relaxation' on its card; add it, or leave out this task")
    relaxed = dataset.relaxed or {s.material_id: s.crystal for s in dataset.samples}
    asked = [s for s in dataset.samples if s.material_id in relaxed and _low_enough(s, rule)]
    samples = tuple(_start(s, relaxed[s.material_id], rule, dataset) for s in asked)
    found = replace(dataset, samples=samples, train=(), relaxed={s.material_id: relaxed[s.material_id] for s in asked})
    found = replace(found, sha256=_hash(found))
    if verify and (found.sha256 != rule.sha256 or len(found) != rule.n_samples):
        raise DataError(
            f"dataset {card.key!r}: the {len(found)} start and reference structures hash to {found.sha256}, the card "
            f"says {rule.n_samples} and {rule.sha256} in its table 'relaxation'; restore card and files, or see "
            f"`matdisc datasets describe {card.key}`"
        )
    return found


def references_as_samples(card: DatasetCard, dataset: Dataset) -> Dataset:
    """Return the materials of the relaxation task with their reference structures as crystals."""
    found = relaxation_starts(card, dataset)
    samples = [replace(s, inputs={**s.inputs, "crystal": found.relaxed[s.material_id]}) for s in found.samples]
    return replace(found, samples=tuple(samples))


def perturbed(crystal: Crystal, *, scale: float, rattle: float, seed: int, name: str) -> Crystal:
    """Return a crystal with its lattice vectors scaled and every atom displaced at random.

    Displacements are Gaussian in each Cartesian direction and depend on seed and name only: they come from sha256
    and not from a random generator whose stream may change between versions.

    Args:
        crystal: What to perturb.
        scale: Factor of the lattice vectors.
        rattle: Standard deviation of each component of a displacement, Å.
        seed: Recorded seed.
        name: Dataset and material.
    """
    cell = scale * np.array(crystal.cell)
    n = len(crystal.symbols)
    shifts = rattle * np.array([[gaussian(seed, name, 3 * i + k) for k in range(3)] for i in range(n)])
    positions = np.array(crystal.positions) + shifts @ np.linalg.inv(cell)
    return Crystal(crystal.symbols, _vectors(positions), _vectors(cell))


def gaussian(seed: int, name: str, index: int) -> float:
    """Return a standard normal number that depends on its arguments only."""
    digest = hashlib.sha256(f"{seed}:{name}:{index}".encode()).digest()
    share = (int.from_bytes(digest[:6], "big") + 0.5) / 2**48
    return NormalDist().inv_cdf(share)


def _start(sample: Sample, relaxed: Crystal, rule: Relaxation, dataset: Dataset) -> Sample:
    name = f"{dataset.key}/{sample.material_id}"
    crystal = perturbed(relaxed, scale=rule.scale, rattle=rule.rattle, seed=rule.seed, name=name)
    target = _energy(sample, dataset.references)
    return replace(sample, inputs={**sample.inputs, "crystal": crystal}, target=target, arrays={})


def _low_enough(sample: Sample, rule: Relaxation) -> bool:
    """Whether a material is asked about; not where the rule asks for a hull distance that nobody knows."""
    if rule.max_e_above_hull is None:
        return True
    return sample.target.get("e_above_hull", math.inf) <= rule.max_e_above_hull + NOISE


def _energy(sample: Sample, references: Mapping[str, float]) -> dict[str, float]:
    """Total energy, eV/atom, on the scale of the references; nothing without formation energy or references."""
    counts = sample.crystal.composition
    if "e_form_per_atom" not in sample.target or any(el not in references for el in counts):
        return {}
    elements = sum(n * references[el] for el, n in counts.items()) / sum(counts.values())
    return {"energy_per_atom": sample.target["e_form_per_atom"] + elements}


def _hash(dataset: Dataset) -> str:
    content = [[s.material_id, s.crystal, dataset.relaxed[s.material_id], dict(s.target)] for s in dataset.samples]
    return canonical_hash(content)


def _vectors(rows: Floats) -> Any:
    return tuple(tuple(row) for row in rows.tolist())
