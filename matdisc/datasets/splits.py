"""Splits of a dataset into training and test parts, made anew from names wherever they are needed.

| protocol | training part | tested | folds |
|---|---|---|---|
| `interpolation-10` | a random tenth | the rest | 10 seeds |
| `kfold-5x3` | four fifths, labels stratified | one fifth | 5 folds, 3 times |
| `kfold-5x1` | the same | the same | the first of the three times |
| `loeo` | all alloys without an element | those with it | every element |
| `loeo-8` | the same | the same | 8 elements, where all would take too long |
| `pair-out` | all alloys with neither of two elements | those with both | 30 pairs |
| `pair-out-6` | the same | the same | the first 6 of them |
| `experimental` | the train part of the dataset | all samples | 1 |
| `grouped-5` | the other groups (chemical systems) | the groups of one fold | 5, by the hash of the group |
| `grouped-5-tenth` | a tenth of those groups, by their hash | the same | 5 |
| `grouped-5-third` | a third of them, the tenth among it | the same | 5 |
| `prototypes-5` | the other prototypes | the prototypes of one fold | 5, by the hash of the prototype |
| `elements-5` | all materials with none of some elements | those with any of them | 5 parts of the elements, by hash |
| `anion-out` | all materials with another X of ABX3 | those with it | the 10 most frequent X |
| `random-5` | the other rows, polymorphs of the tested ones among them | one fifth | 5, by the hash of the id |
| `given-NAME` | the other numbers of the column `fold_NAME` | one number | every number but those below 0 |

Of the label High both classes are needed to learn from; other labels may be anything.
Chance is the sha256 of seed and name: no random generator, so neither row order nor a library's version moves an alloy.
That is why cards record one hash per protocol and no lists: `checked_folds` compares it. For other programs,
`write_folds` saves the lists.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matdisc.atomic import write_atomic
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.schema import Dataset, Sample

Ints = NDArray[np.intp]

SEEDS = 10
TRAINED_SHARE = 0.1
PARTS, REPEATS = 5, 3
SOME = 8
"""Elements of `loeo-8`."""
PAIRS = {"pair-out": 30, "pair-out-6": 6}
"""Most pairs of elements that are held out."""
ANIONS = 10
"""Most X of ABX3 that are held out: rarer ones have a handful of rows each."""
SHARES = 30
"""Parts of the groups, of which 3 make a tenth and 10 a third."""
GIVEN = "given-"
FORMAT = "matdisc.folds/1"


class Fold(NamedTuple):
    """One training and one test part as places in `pool(dataset)`, ascending; named by what is held out."""

    name: str
    train: Ints
    test: Ints


class Counts(NamedTuple):
    """Alloys in a fold, and how many of them are High."""

    train: int
    train_high: int
    test: int
    test_high: int


def pool(dataset: Dataset) -> tuple[Sample, ...]:
    """Return the samples that folds point into: the scored ones, then the train part."""
    return (*dataset.samples, *dataset.train)


def folds(dataset: Dataset, protocol: str) -> Iterator[Fold]:
    """Yield the folds of a protocol; those whose training part lacks a class are left out.

    Raises:
        DataError: If there is no such protocol, or the dataset has no fold for it.
    """
    make = _maker(protocol)
    high = {i: sample.target["high"] == 1.0 for i, sample in enumerate(pool(dataset)) if "high" in sample.target}
    n_yielded = 0
    for fold in make(dataset):
        if len(fold.test) and len(fold.train) and (not high or len({high[i] for i in fold.train}) == 2):
            n_yielded += 1
            yield fold
        if n_yielded == PAIRS.get(protocol):
            return
    if not n_yielded:
        of = " with High and Low alloys" if high else ""
        raise DataError(
            f"dataset {dataset.key!r}: protocol {protocol!r} finds no training part{of}; choose another protocol"
        )


def class_counts(dataset: Dataset, fold: Fold) -> Counts:
    """Return how many alloys a fold trains on and tests, and how many of each are High."""
    samples = pool(dataset)
    n_high = [sum(samples[i].target["high"] == 1.0 for i in part) for part in (fold.train, fold.test)]
    return Counts(len(fold.train), n_high[0], len(fold.test), n_high[1])


def split_hash(dataset: Dataset, protocol: str) -> str:
    """Return the sha256 over the folds of a protocol: their names and the ids of both parts, in any row order."""
    names = [sample.material_id for sample in pool(dataset)]
    digest = hashlib.sha256()
    for fold in folds(dataset, protocol):
        parts = (sorted(names[i] for i in part) for part in (fold.train, fold.test))
        digest.update("\n".join([fold.name, *("\t".join(part) for part in parts), ""]).encode())
    return digest.hexdigest()


def checked_folds(dataset: Dataset, protocol: str, sha256: str) -> tuple[Fold, ...]:
    """Return the folds of a protocol, if they are those that were recorded.

    Raises:
        DataError: If their hash is not `sha256`, or as `folds`.
    """
    found = split_hash(dataset, protocol)
    if found != sha256:
        raise DataError(
            f"dataset {dataset.key!r}: the folds of {protocol!r} hash to {found}, recorded is {sha256}; "
            "restore the dataset, or correct the card if the change is meant"
        )
    return tuple(folds(dataset, protocol))


def write_folds(path: Path, dataset: Dataset, protocol: str) -> None:
    """Save the folds of a protocol as compressed JSON; equal folds give equal bytes.

    `ids` lists the alloys, `folds` one text for each fold with a letter for each alloy: `l` learned from, `t` tested,
    `-` neither.
    """
    samples = pool(dataset)
    texts = {}
    for fold in folds(dataset, protocol):
        letters = np.full(len(samples), "-")
        letters[fold.train], letters[fold.test] = "l", "t"
        texts[fold.name] = "".join(letters)
    content = {
        "format": FORMAT,
        "dataset": dataset.key,
        "protocol": protocol,
        "sha256": split_hash(dataset, protocol),
        "ids": [sample.material_id for sample in samples],
        "folds": texts,
    }
    write_atomic(path, gzip.compress(json.dumps(content).encode(), mtime=0))


def read_folds(path: Path, dataset: Dataset) -> tuple[Fold, ...]:
    """Return saved folds as places in `pool(dataset)`, whatever the order of its rows.

    Raises:
        DataError: If the file is no such file, or holds other alloys than the dataset.
    """
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
        ids, texts, said = list(content["ids"]), dict(content["folds"]), content["format"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as err:
        raise DataError(f"{path}: no file of folds ({type(err).__name__}: {err}); save it again") from None
    place = {sample.material_id: i for i, sample in enumerate(pool(dataset))}
    if said != FORMAT or sorted(ids) != sorted(place) or any(len(text) != len(ids) for text in texts.values()):
        raise DataError(f"{path}: its alloys are not those of dataset {dataset.key!r}; save it again")
    order = np.array([place[name] for name in ids], np.intp)

    def part(text: str, letter: str) -> Ints:
        return np.sort(order[np.array(list(text)) == letter])

    return tuple(Fold(name, part(text, "l"), part(text, "t")) for name, text in texts.items())


def _maker(protocol: str) -> Callable[[Dataset], Iterator[Fold]]:
    if protocol.startswith(GIVEN) and len(protocol) > len(GIVEN):
        return lambda dataset: _given(dataset, protocol.removeprefix(GIVEN))
    if protocol not in PROTOCOLS:
        raise DataError(f"there is no protocol {protocol!r}; known: {', '.join(PROTOCOLS)}, {GIVEN}NAME")
    return PROTOCOLS[protocol]


def _interpolation(dataset: Dataset) -> Iterator[Fold]:
    names, high = _names(dataset), _high(dataset)
    n_train = max(2, round(TRAINED_SHARE * len(names)))
    for seed in range(SEEDS):
        for attempt in range(100):  # a tenth of a small set can miss a class
            order = shuffled(names, f"interpolation-10|{seed}|{attempt}")
            if 0 < np.count_nonzero(high[order[:n_train]]) < n_train:
                break
        yield Fold(f"seed-{seed}", np.sort(order[:n_train]), np.sort(order[n_train:]))


def _stratified(dataset: Dataset, repeats: int = REPEATS) -> Iterator[Fold]:
    names, high = _names(dataset), _high(dataset)
    for repeat in range(repeats):
        order = shuffled(names, f"kfold-5x3|{repeat}")
        order = np.concatenate([order[high[order]], order[~high[order]]])
        for part in range(PARTS):
            tested = np.sort(order[part::PARTS])
            yield Fold(f"{repeat}-{part}", _others(len(names), tested), tested)


def _element_out(dataset: Dataset) -> Iterator[Fold]:
    for element, has in _holders(dataset).items():
        yield Fold(element, np.flatnonzero(~has), np.flatnonzero(has))


def _some_elements_out(dataset: Dataset) -> Iterator[Fold]:
    found = list(_element_out(dataset))
    yield from (found[i] for i in np.sort(shuffled([fold.name for fold in found], "loeo-8")[:SOME]))


def _pair_out(dataset: Dataset) -> Iterator[Fold]:
    holders = _holders(dataset)
    pairs = list(combinations(holders, 2))
    for place in shuffled(["|".join(pair) for pair in pairs], "pair-out"):
        first, second = pairs[place]
        both, either = holders[first] & holders[second], holders[first] | holders[second]
        yield Fold(f"{first}-{second}", np.flatnonzero(~either), np.flatnonzero(both))


def _experimental(dataset: Dataset) -> Iterator[Fold]:
    tested = {sample.material_id for sample in dataset.samples}
    n = len(dataset.samples)
    train = [n + i for i, sample in enumerate(dataset.train) if sample.material_id not in tested]
    yield Fold("experimental", np.array(train, np.intp), np.arange(n))


def _by_number(numbers: Sequence[int]) -> Iterator[Fold]:
    given = np.array(numbers)
    for number in np.unique(given[given >= 0]):
        yield Fold(str(number), np.flatnonzero(given != number), np.flatnonzero(given == number))


def _grouped(dataset: Dataset) -> Iterator[Fold]:
    yield from _by_number([fold_of(sample.group, PARTS) for sample in dataset.samples])


def _grouped_from(dataset: Dataset, shares: int) -> Iterator[Fold]:
    learnt = np.array([fold_of(f"learnt|{sample.group}", SHARES) < shares for sample in dataset.samples], bool)
    for fold in _grouped(dataset):
        yield fold._replace(train=fold.train[learnt[fold.train]])


def _anion_out(dataset: Dataset) -> Iterator[Fold]:
    if any("sites" not in sample.inputs for sample in dataset.samples):
        raise DataError(f"dataset {dataset.key!r}: 'anion-out' needs the sites of ABX3; choose another protocol")
    anions = np.array([sample.inputs["sites"]["X"] for sample in dataset.samples])
    names, counts = np.unique(anions, return_counts=True)
    for anion in sorted(names[np.argsort(-counts, kind="stable")[:ANIONS]].tolist()):
        yield Fold(anion, np.flatnonzero(anions != anion), np.flatnonzero(anions == anion))


def _prototypes(dataset: Dataset) -> Iterator[Fold]:
    yield from _by_number([fold_of(f"prototype|{sample.inputs['prototype']}", PARTS) for sample in dataset.samples])


def _elements(dataset: Dataset) -> Iterator[Fold]:
    holders = _holders(dataset)
    parts = {element: fold_of(f"element|{element}", PARTS) for element in holders}
    for part in range(PARTS):
        chosen = [has for element, has in holders.items() if parts[element] == part]
        any_of = np.any(chosen, axis=0) if chosen else np.zeros(len(dataset.samples), bool)
        yield Fold(str(part), np.flatnonzero(~any_of), np.flatnonzero(any_of))


def _given(dataset: Dataset, name: str) -> Iterator[Fold]:
    numbers = [sample.inputs.get("folds", {}).get(name) for sample in dataset.samples]
    if any(number is None for number in numbers):
        raise DataError(f"dataset {dataset.key!r}: its table has no column 'fold_{name}'; add it or name another split")
    yield from _by_number(numbers)


PROTOCOLS: dict[str, Callable[[Dataset], Iterator[Fold]]] = {
    "interpolation-10": _interpolation,
    "kfold-5x3": _stratified,
    "kfold-5x1": lambda dataset: _stratified(dataset, repeats=1),
    "loeo": _element_out,
    "loeo-8": _some_elements_out,
    "pair-out": _pair_out,
    "pair-out-6": _pair_out,
    "experimental": _experimental,
    "grouped-5": _grouped,
    "grouped-5-tenth": lambda dataset: _grouped_from(dataset, SHARES // 10),
    "grouped-5-third": lambda dataset: _grouped_from(dataset, SHARES // 3),
    "prototypes-5": _prototypes,
    "elements-5": _elements,
    "anion-out": _anion_out,
    "random-5": lambda dataset: _by_number([fold_of(sample.material_id, PARTS) for sample in dataset.samples]),
}


def _names(dataset: Dataset) -> list[str]:
    return [sample.material_id for sample in dataset.samples]


def _high(dataset: Dataset) -> NDArray[np.bool_]:
    return np.array([sample.target["high"] == 1.0 for sample in dataset.samples], bool)


def _holders(dataset: Dataset) -> dict[str, NDArray[np.bool_]]:
    """Which scored alloys hold each element, elements in alphabetical order."""
    elements = sorted({el for sample in dataset.samples for el in sample.inputs["elements"]})
    return {el: np.array([el in sample.inputs["elements"] for sample in dataset.samples], bool) for el in elements}


def shuffled(names: Sequence[str], seed: str) -> Ints:
    """Return the places of names in an order that seed and name alone decide."""
    keys = [hashlib.sha256(f"{seed}|{name}".encode()).digest() for name in names]
    return np.array(sorted(range(len(names)), key=lambda i: (keys[i], names[i])), np.intp)


def _others(n: int, part: Ints) -> Ints:
    rest = np.ones(n, bool)
    rest[part] = False
    return np.flatnonzero(rest)
