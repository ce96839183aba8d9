"""Predictors that know nothing of chemistry: every other row is read against them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from matdisc.models.load import Answer, Predictor, Question
from matdisc.schema import Sample, Values


def all_stable() -> Predictor:
    """Return a predictor that calls every material stable."""

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        return [{"p_stable": 1.0} for _ in test]

    return answers


def prevalence_random(seed: int = 0) -> Predictor:
    """Return a predictor that draws lots at the rate of stable materials among those of known label in the train part.

    For polymorphs it picks one candidate of each compound at random. A draw depends on the seed and the
    material id alone, so neither order nor subset matters.
    """

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        lots = [_uniform(seed, s.material_id) for s in test]
        if question.task == "polymorphs":
            return [{"p_stable": lot} for lot in lots]
        e_hull = np.array([s.target["e_above_hull"] for s in train if "e_above_hull" in s.target])
        rate = float((e_hull <= question.threshold).mean()) if len(e_hull) else 0.5
        return [{"p_stable": float(lot < rate)} for lot in lots]

    return answers


def mean_energy() -> Predictor:
    """Return a predictor that answers with the mean formation energy of the train part (polymorphs: always 0)."""

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        if question.task == "polymorphs":
            return [{"energy_per_atom": 0.0} for _ in test]
        mean = float(np.mean([s.target["e_form_per_atom"] for s in train])) if train else 0.0
        return [{"e_form_per_atom": mean} for _ in test]

    return answers


def unrelaxed() -> Predictor:
    """Return a predictor that answers with every start structure as it is."""

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Answer]:
        return [{"structure": s.crystal} for s in test]

    return answers


def _uniform(seed: int, material_id: str) -> float:
    digest = hashlib.sha256(f"{seed}:{material_id}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
