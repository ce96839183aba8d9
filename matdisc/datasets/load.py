"""From a card to a dataset: find the files, build the samples, compare the hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.errors import CardError, DataError
from matdisc.schema import Crystal, Dataset, Sample

Builder = Callable[[DatasetCard, Mapping[str, Path]], Dataset]
"""A dataset's builder: its card and the verified path of each of its files, to a Dataset without hash."""


def load(board: Board, key: str, *, verify: bool = True) -> Dataset:
    """Return the dataset `key` of `board`, fetching its public files if they are not cached.

    Raises:
        CardError: If the card is wrong or names a builder that does not exist.
        DataError: If a file is missing or damaged, or (with `verify`) the content differs from the card's hash.
    """
    from matdisc.datasets.fetch import dataset_files

    card = board.dataset(key)
    dataset = builder(card)(card, dataset_files(board, card))
    dataset = replace(dataset, sha256=content_hash(dataset))
    if verify and dataset.sha256 != card.sha256:
        raise DataError(
            f"{board.datasets_dir / key}: the samples hash to {dataset.sha256}, the card says {card.sha256}; "
            f"the files or the builder changed: restore them, or see `matdisc datasets verify {key}`"
        )
    if verify and len(dataset.samples) != card.n_samples:
        raise DataError(f"dataset {key!r}: {len(dataset.samples)} samples, the card says {card.n_samples}")
    return dataset


def builder(card: DatasetCard) -> Builder:
    """Return the function that `card.builder` names."""
    module, _, name = card.builder.partition(":")
    try:
        found: Builder = getattr(import_module(module), name)
    except (ImportError, AttributeError) as err:
        raise CardError(
            f"dataset {card.key!r}: field 'builder' is {card.builder!r}, which cannot be loaded: {err}"
        ) from err
    return found


def training_part(dataset: Dataset, fold: int | None) -> list[Sample]:
    """Labelled samples that a learned predictor may see before it answers for `fold`.

    Of the train part all; of the scored rows only those of other folds (none where the split is a hold-out).
    """
    others = [s for s in dataset.samples if fold is not None and s.fold is not None and s.fold != fold]
    return [*dataset.train, *others]


def content_hash(dataset: Dataset) -> str:
    """sha256 over a canonical JSON of samples, train part and references.

    Floats enter with 10 significant digits, so that the hash does not depend on the platform's last bit.
    """
    content = {
        "samples": [_plain(s) for s in dataset.samples],
        "train": [_plain(s) for s in dataset.train],
        "references": dataset.references,
        "reference_crystals": {el: _plain_crystal(c) for el, c in dataset.reference_crystals.items()},
        "corrections": dataset.corrections,
    }
    text = json.dumps(_rounded(content), sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def fold_of(group: str, n_folds: int) -> int:
    """Fold of a group: `int(sha256(group)) % n_folds`; needs no random generator and never changes."""
    return int(hashlib.sha256(group.encode("ascii")).hexdigest(), 16) % n_folds


def _plain(sample: Sample) -> dict[str, object]:
    inputs = {k: _plain_crystal(v) if isinstance(v, Crystal) else v for k, v in sample.inputs.items()}
    return {
        "id": sample.material_id,
        "inputs": inputs,
        "target": dict(sample.target),
        "group": sample.group,
        "fold": sample.fold,
        "flags": list(sample.flags),
    }


def _plain_crystal(crystal: Crystal) -> list[object]:
    return [list(crystal.symbols), [list(p) for p in crystal.positions], [list(v) for v in crystal.cell]]


def _rounded(value: object) -> object:
    if isinstance(value, float):
        text = f"{value:.9e}"
        return "0" if float(text) == 0 else text
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
