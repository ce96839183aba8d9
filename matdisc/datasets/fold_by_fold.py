"""A dataset as it is asked about fold by fold: a material once in each fold that tests it.

Its id is `<material>@<protocol>/<fold>`, e.g. `Al|Co|Cr|Fe@loeo/Al`, and it is answered from the training part of that
fold alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from matdisc.cache import CacheKey
from matdisc.datasets.load import input_hash
from matdisc.datasets.splits import checked_folds, pool
from matdisc.schema import Dataset, Sample

if TYPE_CHECKING:
    from matdisc.cards import DatasetCard


def fold_by_fold(card: DatasetCard, dataset: Dataset) -> Dataset:
    """Return every material of every fold of the card's protocols, with what each fold learns from.

    `fold` numbers the folds of all protocols on, in the card's order; `training` has the labelled samples of each.

    Raises:
        DataError: If the folds of a protocol are not those whose hash is on the card.
    """
    if not dataset.sha256:  # not verified, so two of them cannot be told apart
        return _fold_by_fold(tuple(card.splits.items()), CacheKey("", dataset))
    return _kept(tuple(card.splits.items()), CacheKey(f"{dataset.key} {dataset.sha256}", dataset))


def _fold_by_fold(splits: tuple[tuple[str, str], ...], known: CacheKey[Dataset]) -> Dataset:
    dataset = known.value
    materials = pool(dataset)
    asked: list[Sample] = []
    training: dict[int, tuple[Sample, ...]] = {}
    for protocol, sha256 in splits:
        for fold in checked_folds(dataset, protocol, sha256):
            number = len(training)
            training[number] = tuple(materials[i] for i in fold.train)
            for sample in (materials[i] for i in fold.test):
                name = f"{sample.material_id}@{protocol}/{fold.name}"
                asked.append(Sample(name, sample.inputs, sample.target, sample.group, number, sample.flags))
    return replace(
        dataset, samples=tuple(asked), train=(), training=training, sha256=input_hash(dataset.sha256, dict(splits))
    )


_kept = lru_cache(maxsize=2)(_fold_by_fold)
