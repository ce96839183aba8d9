"""A family that was trained before, in a folder that predicts again without the dataset it learnt from.

The folder has `family.json` (model, settings, packages, fold, error), `rows.json.gz` (crystals and energies learnt
from, by which scales and known elements are found again), and a folder with weights for each member.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.atomic import write_atomic
from matdisc.canonical import canonical_json
from matdisc.cards import ModelCard
from matdisc.datasets.load import canonical_hash
from matdisc.errors import DataError
from matdisc.formats.crystal_json import of_object, to_json
from matdisc.models.families.family import TARGET, Family
from matdisc.models.load import Answer, Predictor, Question
from matdisc.schema import Sample

ABOUT, ROWS, FORMAT = "family.json", "rows.json.gz", "matdisc.family/1"


def keep(
    folder: Path, card: ModelCard, made_of: Mapping[str, Any], seeds: Sequence[int], learnt: Sequence[Sample], *,
    dataset: str, fold: str, mae: float,
) -> None:  # fmt: skip
    """Write beside the weights what predicting again needs; `made_of` as a family tells it, MAE in eV/atom or nan."""
    rows = [[json.loads(to_json(s.crystal)), s.target[TARGET]] for s in learnt]
    content = {
        "format": FORMAT, "model": card.key, "loader": card.loader, "options": dict(card.options),
        "seeds": list(seeds), **made_of, "dataset": dataset, "fold": fold, "n_learnt": len(rows),
        "rows_sha256": canonical_hash(rows), "mae_eV_atom": mae if np.isfinite(mae) else None,
    }  # fmt: skip
    write_atomic(folder / ROWS, gzip.compress(json.dumps(rows).encode(), mtime=0))
    write_atomic(folder / ABOUT, canonical_json(content).encode())


def load(folder: str) -> Predictor:
    """Return a predictor that answers from what lies in a folder, whatever training part it is given.

    The module that the folder names is imported, so open only folders of people you trust.

    Raises:
        DataError: If the folder is damaged, or is none of a family.
    """
    place = Path(folder)
    about, learnt = _read(place)
    module, _, name = about["loader"].partition(":")
    family: Family = getattr(import_module(module), name)(**about["options"])
    members = [family.learn(learnt, seed, place / f"seed-{seed}") for seed in about["seeds"]]

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Answer]:
        return family.answers(members, learnt, test, question)

    return answers


def _read(folder: Path) -> tuple[dict[str, Any], list[Sample]]:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        rows = json.loads(gzip.decompress((folder / ROWS).read_bytes()))
        sound = about["format"] == FORMAT and about["rows_sha256"] == canonical_hash(rows)
        samples = [
            Sample(str(i), {"crystal": (crystal := of_object(content))}, {TARGET: energy}, crystal.chemical_system)
            for i, (content, energy) in enumerate(rows)
        ]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as err:
        raise DataError(
            f"{folder}: is no trained family ({type(err).__name__}: {err}); write it with `matdisc train FAMILY --out`"
        ) from None
    if not sound:
        raise DataError(f"{folder / ROWS}: its rows are not those that were learnt from; train again")
    return about, samples
