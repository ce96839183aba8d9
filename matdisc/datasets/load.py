"""From a card to a dataset: find the files, build it, compare the hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from matdisc.board import Board
from matdisc.cache import CacheKey
from matdisc.cards import DatasetCard
from matdisc.datasets.fetch import cache_dir, dataset_files
from matdisc.datasets.truth import Truth, read_prepared, truth_hash, truth_of, write_prepared
from matdisc.errors import CardError, DataError
from matdisc.schema import Crystal, Dataset, Sample

KEPT_SAMPLES = 20_000
"""Samples of the largest sets that a process keeps when it has read them; the others are read each time."""

Built = TypeVar("Built", Dataset, Truth)
Builder = Callable[[DatasetCard, Mapping[str, Path]], Dataset | Truth]
"""A dataset's builder: its card and the verified path of each of its files, to a Dataset; or to a Truth where the
files hold labels and no structures, so that predictions can be scored and models cannot be run."""


def load(board: Board, key: str, *, verify: bool = True) -> Dataset:
    """Return the dataset `key` of `board`, fetching its public files if they are not cached.

    Raises:
        CardError: If the card is wrong or names a builder that does not exist.
        DataError: If a file is missing or damaged, if (with `verify`) the content differs from the card's hash, or
            if the dataset holds labels only.
    """
    built = load_any(board, key, verify=verify)
    if isinstance(built, Truth):
        raise DataError(
            f"dataset {key!r} holds labels without structures: models cannot be run on it here; "
            "score a predictions file instead (`matdisc score`)"
        )
    return built


def load_any(board: Board, key: str, *, verify: bool = True) -> Dataset | Truth:
    """Return what the builder of dataset `key` makes: a dataset, or the labels of one without structures.

    Raises: As `load`.
    """
    card = board.dataset(key)
    files = dataset_files(board, card)
    if not verify:
        return builder(card)(card, files)
    if card.n_samples > KEPT_SAMPLES:
        return _whole(board, card, files)
    written = [[name, str(path), path.stat().st_mtime_ns, path.stat().st_size] for name, path in files.items()]
    known = json.dumps([str(board.root), card.model_dump_json(), written])
    return _kept(CacheKey(known, (board, card, files)))


def _whole(board: Board, card: DatasetCard, files: Mapping[str, Path]) -> Dataset | Truth:
    built = builder(card)(card, files)
    if isinstance(built, Truth):
        return built
    return _verified(replace(built, sha256=content_hash(built)), board, card)


@lru_cache(maxsize=8)  # whoever evaluates a board comes back to the same sets, and a hash takes as long as reading
def _kept(known: CacheKey[tuple[Board, DatasetCard, Mapping[str, Path]]]) -> Dataset | Truth:
    return _whole(*known.value)


def load_truth(board: Board, key: str) -> Truth:
    """Return the labels of dataset `key` as columns; of large sets a prepared copy is kept in the cache.

    Rows that are scored one after the other share the labels that were read from such a copy.

    Raises: As `load`.
    """
    card = board.dataset(key)
    made_of = json.dumps([card.builder, card.n_samples, [[f.name, f.sha256 or f.md5] for f in card.files]])
    prepared = cache_dir() / "prepared" / f"{key}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.arrow"
    found = _prepared(prepared, prepared.stat().st_mtime_ns) if prepared.is_file() else None
    if found is not None:
        return found
    built = load_any(board, key)
    if isinstance(built, Dataset):
        return truth_of(built)
    truth = _verified(replace(built, sha256=truth_hash(built)), board, card)
    write_prepared(prepared, truth)
    return truth


@lru_cache(maxsize=2)
def _prepared(path: Path, _written: int) -> Truth | None:
    return read_prepared(path)


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

    Of the train part all; of the scored rows only those of other folds (none where the split is a hold-out). Where
    folds have training parts of their own, those.
    """
    if dataset.training:
        return [] if fold is None else list(dataset.training[fold])
    others = [s for s in dataset.samples if fold is not None and s.fold is not None and s.fold != fold]
    return [*dataset.train, *others]


def built_hash(built: Dataset | Truth) -> str:
    """Content hash of whatever a builder returned."""
    return truth_hash(built) if isinstance(built, Truth) else content_hash(built)


def content_hash(dataset: Dataset) -> str:
    """sha256 over samples, train part and references. Structures that the relaxation task alone uses have their own."""
    content = {
        "samples": (_plain(s) for s in dataset.samples),
        "train": (_plain(s) for s in dataset.train),
        "references": dataset.references,
        "reference_crystals": dataset.reference_crystals,
        "corrections": dataset.corrections,
    }
    return canonical_hash(content)


def canonical_hash(content: object) -> str:
    """sha256 over a canonical JSON of mappings, lists, crystals, text and numbers; floats with 10 digits.

    So the hash does not depend on the platform's last bit.
    """
    digest = hashlib.sha256()
    for piece in _canonical(content):
        digest.update(piece.encode())
    return digest.hexdigest()


def input_hash(sha256: str, splits: Mapping[str, str]) -> str:
    """Return the hash of what is asked of a dataset of that hash under protocols in this order, each with its hash."""
    return canonical_hash({"dataset": sha256, "splits": [list(split) for split in splits.items()]})


def _canonical(content: object) -> Iterator[str]:
    """Yield the JSON in pieces, one for each item of a mapping's lists: large sets would fill the memory in one."""
    if not isinstance(content, Mapping):
        yield _JSON.encode(_rounded(content))
        return
    for i, key in enumerate(sorted(content)):
        yield f"{', ' if i else '{'}{_JSON.encode(key)}: "
        value = content[key]
        if isinstance(value, list | tuple | Iterator):
            yield "["
            yield from ((", " if j else "") + _JSON.encode(_rounded(item)) for j, item in enumerate(value))
            yield "]"
        else:
            yield _JSON.encode(_rounded(value))
    yield "}" if content else "{}"


SMALLEST = 1e-9
"""Coordinates nearer to zero, in Å or fractions of a cell edge, enter a hash as zero."""
_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=True, allow_nan=False)


def fold_of(group: str, n_folds: int) -> int:
    """Fold of a group: `int(sha256(group)) % n_folds`; needs no random generator and never changes."""
    return int(hashlib.sha256(group.encode("ascii")).hexdigest(), 16) % n_folds


def _verified(built: Built, board: Board, card: DatasetCard) -> Built:
    if card.sha256 is not None and built.sha256 != card.sha256:
        raise DataError(
            f"{board.datasets_dir / card.key}: the samples hash to {built.sha256}, the card says {card.sha256}; "
            f"the files or the builder changed: restore them, or see `matdisc datasets verify {card.key}`"
        )
    if len(built) != card.n_samples:
        raise DataError(f"dataset {card.key!r}: {len(built)} samples, the card says {card.n_samples}")
    return built


def _plain(sample: Sample) -> dict[str, object]:
    return {
        "id": sample.material_id,
        "inputs": dict(sample.inputs),
        "target": dict(sample.target),
        "group": sample.group,
        "fold": sample.fold,
        "flags": list(sample.flags),
        **({"arrays": dict(sample.arrays)} if sample.arrays else {}),
    }


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return "0" if value == 0 else f"{value:.9e}"
    if isinstance(value, str):  # most values are numbers or text; to ask for Mapping takes longer
        return value
    if isinstance(value, Crystal):
        return [list(value.symbols), _coordinates(value.positions), _coordinates(value.cell)]
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _coordinates(rows: Sequence[Sequence[float]]) -> list[object]:
    """Rows as text. What trigonometry leaves of a zero, 1e-16 or so, differs between processors and is zero here."""
    return [[_rounded(0.0 if abs(x) < SMALLEST else x) for x in row] for row in rows]
