"""Small structures of several kinds of bonding, whose only label is what physics says of any potential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from matdisc.cards import DatasetCard
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.formats.crystal_json import of_object
from matdisc.schema import Dataset, Sample

PROBES = "probes.jsonl"


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return one sample for each probe; its kind of bonding stands where other sets have a prototype.

    Raises:
        DataError: If the file is damaged.
    """
    path = files[PROBES]
    samples = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            content = json.loads(line)
            name, crystal = content["material_id"], of_object(content["structure"])
            inputs = {"crystal": crystal, "prototype": str(content["kind"])}
        except (ValueError, KeyError, TypeError) as err:
            raise DataError(f"{path}, line {number}: no probe ({type(err).__name__}: {err}); restore the file") from err
        samples.append(Sample(name, inputs, {}, name, fold_of(name, card.split.n_folds)))
    if len({s.material_id for s in samples}) < len(samples):
        raise DataError(f"{path}: its ids repeat; restore the file")
    return Dataset(key=card.key, samples=tuple(samples))
