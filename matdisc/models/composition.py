"""Random forest on elemental features: what composition alone can tell (Breiman, Mach. Learn. 45, 5 (2001))."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from matdisc.arrays import Floats
from matdisc.models.load import Predictor, Question
from matdisc.schema import Sample, Unsupported, Values

PROPERTIES = (
    "Z", "X", "group", "row", "mendeleev_no", "atomic_mass", "atomic_radius", "average_ionic_radius",
    "van_der_waals_radius", "molar_volume", "melting_point", "ionization_energy", "electron_affinity",
)  # fmt: skip
"""Elemental properties in pymatgen's names; one that an element lacks is nan, which the forest handles."""


def random_forest(trees: int = 300, seed: int = 0) -> Predictor:
    """Return a forest that sees nothing but the composition.

    Discovery: it regresses the formation energy. Polymorphs: it learns which prototype a composition adopts,
    and answers with each candidate's probability. Without training data it declares the material unsupported.
    """

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values | Unsupported]:
        if not train:
            return [Unsupported("no training data in this dataset") for _ in test]
        if question.task == "polymorphs":
            return _structure_map(train, test, trees, seed)
        return _formation_energies(train, test, trees, seed)

    return answers


def features(composition: Mapping[str, int]) -> Floats:
    """Return composition-weighted mean, deviation, minimum, maximum of each property, shape (4 * n_properties,)."""
    table = np.array([element_properties(el) for el in composition])
    weights = np.array(list(composition.values()), float) / sum(composition.values())
    mean = weights @ table
    spread = np.sqrt(np.maximum(weights @ (table - mean) ** 2, 0.0))
    return np.concatenate([mean, spread, table.min(axis=0), table.max(axis=0)])


@lru_cache(maxsize=256)
def element_properties(symbol: str) -> Floats:
    """Return the PROPERTIES of an element, shape (n_properties,); nan where pymatgen knows none."""
    from pymatgen.core import Element

    def value(name: str) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen warns where a property is unknown; nan says so
            try:
                found = getattr(Element(symbol), name)
            except (AttributeError, KeyError, TypeError, ValueError):
                return float("nan")
        return float("nan") if found is None else float(found)

    return np.array([value(name) for name in PROPERTIES])


def _formation_energies(
    train: Sequence[Sample], test: Sequence[Sample], trees: int, seed: int
) -> list[Values | Unsupported]:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(trees, random_state=seed, n_jobs=1)
    forest.fit(_matrix(train), [s.target["e_form_per_atom"] for s in train])
    return [{"e_form_per_atom": float(e)} for e in forest.predict(_matrix(test))]


def _structure_map(
    train: Sequence[Sample], test: Sequence[Sample], trees: int, seed: int
) -> list[Values | Unsupported]:
    from sklearn.ensemble import RandomForestClassifier

    observed = [s for s in train if s.target["stable"] > 0.5]
    forest = RandomForestClassifier(trees, random_state=seed, n_jobs=1)
    forest.fit(_matrix(observed), [str(s.inputs["prototype"]) for s in observed])
    place = {name: i for i, name in enumerate(forest.classes_)}
    probabilities = forest.predict_proba(_matrix(test))
    return [
        {"p_stable": float(row[place[s.inputs["prototype"]]]) if s.inputs["prototype"] in place else 0.0}
        for s, row in zip(test, probabilities, strict=True)
    ]


def _matrix(samples: Sequence[Sample]) -> Floats:
    return np.array([features(s.crystal.composition) for s in samples])
