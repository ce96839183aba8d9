"""What a family is, and how one answers for materials: train, repeat with other seeds, predict, say how sure it is.

A family is one function that learns formation energies per atom from crystals. Everything else is the same for all:
elements that were never seen are declared, an ensemble of seeds gives the spread, and what was learnt is kept, so that
a killed training goes on to the same weights and no training part is learnt from twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.datasets.fetch import cache_dir
from matdisc.datasets.load import canonical_hash
from matdisc.models.load import Answer, Question
from matdisc.schema import Crystal, Sample, Unsupported

TARGET = "e_form_per_atom"
FEWEST = 10
"""Crystals; from fewer no family learns."""
Z_90 = 1.6448536269514722
"""Half width of a normal distribution's central 90 % in standard deviations."""
Model = Callable[[Sequence[Crystal]], Floats]
"""Crystals to formation energies, eV/atom, shape (n_crystals,); nan where the family cannot say.

A family that states a spread by itself returns draws, shape (n_draws, n_crystals), whose mean is the answer.
"""


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
COST = "cost.json"
"""Beside the weights: the processor seconds that they took, in the process that finished them."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family as the predictor of a card; attributes as the arguments of `predictor`."""

    name: str
    fit: Fit = field(repr=False)
    packages: tuple[str, ...]
    members: int
    seed: int
    trained_on: str | None
    reads_properties: bool
    settings: Mapping[str, Any]

    def __call__(self, train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Answer]:
        labelled = labelled_rows(train if self.trained_on is None else _elsewhere(self.trained_on))
        if len(labelled) < FEWEST:
            return [Unsupported(f"{len(labelled)} labelled crystals in the training part, and {self.name} needs "
                                f"{FEWEST}") for _ in test]  # fmt: skip
        learnt = [self.learn(labelled, self.seed + i) for i in range(self.members)]
        return self.answers(learnt, labelled, test, question)

    def learn(self, labelled: Sequence[Sample], seed: int, folder: Path | None = None) -> Learnt:
        """Return what the family learns from these crystals; it is kept in `folder`.

        Default: one in the cache, named after all that the weights follow from.
        """
        crystals = tuple(s.crystal for s in labelled)
        energies = np.array([s.target[TARGET] for s in labelled])
        if folder is None:
            rows = [[c, float(e)] for c, e in zip(crystals, energies, strict=True)]
            said = {**self.made_of(), "seed": seed, "rows": rows}
            folder = cache_dir() / "trained" / self.name / canonical_hash(said)[:16]
        if folder in _ELSEWHERE:
            return _ELSEWHERE[folder]
        started = time.process_time()
        model = self.fit(Training(crystals, energies, seed, folder))
        learnt = Learnt(model, _cost(folder / COST, time.process_time() - started) / len(labelled))
        if self.trained_on is not None:
            _ELSEWHERE[folder] = learnt
        return learnt

    def made_of(self) -> dict[str, Any]:
        """Return what weights follow from beside seed and rows."""
        packages = {name: version(name) for name in self.packages}
        return {"family": self.name, "packages": packages, "settings": dict(self.settings)}

    def answers(
        self, learnt: Sequence[Learnt], labelled: Sequence[Sample], test: Sequence[Sample], question: Question
    ) -> list[Answer]:
        """Return what the members say together of each crystal, or why nothing."""
        known = {element for s in labelled for element in s.crystal.symbols}
        asked = [s for s in test if self.reads_properties or set(s.crystal.symbols) <= known]
        crystals = [s.crystal for s in asked]
        drawn = np.vstack([one.model(crystals) for one in learnt]) if asked else np.empty((len(learnt), 0))
        found = dict(zip((s.material_id for s in asked), drawn.T, strict=True))
        seconds = sum(one.seconds for one in learnt)
        return [_answer(self.name, s, found.get(s.material_id), known, question, seconds) for s in test]


@dataclass(frozen=True, slots=True)
class Learnt:
    """A trained model, and the processor seconds that its training took for each crystal learnt from."""

    model: Model
    seconds: float


_ELSEWHERE: dict[Path, Learnt] = {}
"""What was learnt from another dataset in this process: it is the same for all folds of the asked one."""


def predictor(name: str, fit: Fit, *, packages: Sequence[str] = (), members: int = 1, seed: int = 0,
              trained_on: str | None = None, reads_properties: bool = False, **settings: Any) -> Family:  # fmt: skip
    """Return a predictor that trains a family on the training part of each fold.

    Args:
        name: Of the family; what was learnt is kept under it.
        fit: Learns from a training part.
        packages: Distributions whose versions the weights depend on.
        members: Trainings from different seeds, whose mean is the answer; from two answers on their spread makes the
            90 % interval `e_form_low` to `e_form_high` where a task asks for one.
        seed: Of the first member.
        trained_on: Dataset to learn from, whole, instead of the training parts of the asked one.
        reads_properties: Whether the family knows elements by their properties, so that it may answer for one that was
            never seen; families that know them by learnt vectors declare it.
        settings: What `fit` was made with: other settings are other weights.
    """
    return Family(name, fit, tuple(packages), members, seed, trained_on, reads_properties, settings)


def labelled_rows(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples that a family can learn from."""
    return [s for s in samples if TARGET in s.target]


def _answer(
    name: str, sample: Sample, drawn: Floats | None, known: set[str], question: Question, seconds: float
) -> Answer:
    if drawn is None:
        unseen = ", ".join(sorted(set(sample.crystal.symbols) - known))
        return Unsupported(f"not in the training part: {unseen}")
    if not np.isfinite(drawn).all():
        return Unsupported(f"{name} has no answer for this crystal")
    mean = float(drawn.mean())
    if question.task != "learning":
        return {TARGET: mean}
    half = Z_90 * float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0
    interval = {"e_form_low": mean - half, "e_form_high": mean + half} if len(drawn) > 1 else {}
    return {TARGET: mean, **interval, "training_seconds": seconds}


def _cost(path: Path, seconds: float) -> float:
    """Return what a training took: as it was noted, else `seconds`, which are noted now."""
    try:
        return float(json.loads(path.read_text())["cpu_seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        took = round(seconds, 3)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps({"cpu_seconds": took}).encode())
        return took


@lru_cache(maxsize=1)
def _elsewhere(key: str) -> tuple[Sample, ...]:
    from matdisc.board import Board, shipped_board
    from matdisc.datasets import load
    from matdisc.datasets.splits import pool

    return pool(load(Board(shipped_board()), key))
