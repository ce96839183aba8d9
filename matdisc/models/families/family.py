"""What a family is, and how one answers for materials: train, repeat with other seeds, predict, say how sure it is.

A family is one function that learns formation energies per atom from crystals. Everything else is the same for all:
elements that were never seen are declared, an ensemble of seeds gives the spread, and what was learnt is kept, so that
a killed training goes on to the same weights and no training part is learnt from twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.datasets.fetch import cache_dir
from matdisc.datasets.load import canonical_hash
from matdisc.models.load import Answer, Predictor, Question
from matdisc.schema import Crystal, Sample, Unsupported

TARGET = "e_form_per_atom"
FEWEST = 10
"""Crystals; from fewer no family learns."""
Z_90 = 1.6448536269514722
"""Half width of a normal distribution's central 90 % in standard deviations."""
Model = Callable[[Sequence[Crystal]], Floats]
"""Crystals to formation energies, eV/atom, shape (n_crystals,); nan where the family cannot say."""


@dataclass(frozen=True, slots=True)
class Training:
    """What a family learns from.

    Attributes:
        crystals: The training part.
        energies: Formation energies, eV/atom, shape (n_crystals,).
        seed: The same seed gives the same model.
        folder: Where checkpoints lie, and lay if an earlier training was killed.
    """

    crystals: tuple[Crystal, ...]
    energies: Floats
    seed: int
    folder: Path


Fit = Callable[[Training], Model]


def predictor(name: str, fit: Fit, *, packages: Sequence[str] = (), members: int = 1, seed: int = 0,
              trained_on: str | None = None, reads_properties: bool = False, **settings: Any) -> Predictor:  # fmt: skip
    """Return a predictor that trains a family on the training part of each fold.

    Args:
        name: Of the family; what was learnt is kept under it.
        fit: Learns from a training part.
        packages: Distributions whose versions the weights depend on.
        members: Trainings from different seeds, whose mean is the answer; from two on their spread makes the 90 %
            interval `e_form_low` to `e_form_high` where a task asks for one.
        seed: Of the first member.
        reads_properties: Whether the family knows elements by their properties, so that it may answer for one that was
            never seen; families that know them by learnt vectors declare it.
        trained_on: Dataset to learn from where the asked one has no training part.
        settings: What `fit` was made with: other settings are other weights.
    """

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Answer]:
        labelled = [s for s in train or _elsewhere(trained_on) if TARGET in s.target]
        if len(labelled) < FEWEST:
            return [Unsupported(f"{len(labelled)} labelled crystals in the training part, and {name} needs {FEWEST}")
                    for _ in test]  # fmt: skip
        known = {element for s in labelled for element in s.crystal.symbols}
        asked = [s for s in test if reads_properties or set(s.crystal.symbols) <= known]
        made_of = {"family": name, "packages": {p: version(p) for p in packages}, "settings": settings}
        models = [_trained(made_of, fit, labelled, seed + i) for i in range(members)]
        drawn = np.array([model([s.crystal for s in asked]) for model in models]) if asked else np.empty((members, 0))
        found = dict(zip((s.material_id for s in asked), drawn.T, strict=True))
        return [_answer(name, s, found.get(s.material_id), known, question) for s in test]

    return answers


def _answer(name: str, sample: Sample, drawn: Floats | None, known: set[str], question: Question) -> Answer:
    if drawn is None:
        unseen = ", ".join(sorted(set(sample.crystal.symbols) - known))
        return Unsupported(f"not in the training part: {unseen}")
    if not np.isfinite(drawn).all():
        return Unsupported(f"{name} has no answer for this crystal")
    mean, half = float(drawn.mean()), Z_90 * float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0
    if len(drawn) < 2 or question.task != "learning":
        return {TARGET: mean}
    return {TARGET: mean, "e_form_low": mean - half, "e_form_high": mean + half}


def _trained(made_of: dict[str, Any], fit: Fit, labelled: Sequence[Sample], seed: int) -> Model:
    """Return what a family learns from these crystals; its folder is named after all that the weights follow from."""
    crystals = tuple(s.crystal for s in labelled)
    energies = np.array([s.target[TARGET] for s in labelled])
    said = {**made_of, "seed": seed, "rows": [[c, float(e)] for c, e in zip(crystals, energies, strict=True)]}
    folder = cache_dir() / "trained" / made_of["family"] / canonical_hash(said)[:16]
    return fit(Training(crystals, energies, seed, folder))


def _elsewhere(key: str | None) -> Sequence[Sample]:
    if key is None:
        return ()
    from matdisc.board import Board, shipped_board
    from matdisc.datasets import load

    dataset = load(Board(shipped_board()), key)
    return (*dataset.train, *dataset.samples)
