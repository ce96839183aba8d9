"""What an evidence model of the board knows: substitutability of element pairs, and a few alloys explained.

The model learns from the training part of the first fold of the dataset's headline protocol, and explains alloys of the
test part, so that no label of an explained alloy took part. The file is for reading; no score is made of it. It says
what it was made of (`basis`), so that one of another model card or other alloys is told from one that fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.load import load
from matdisc.datasets.splits import checked_folds, pool
from matdisc.errors import CardError
from matdisc.leaderboard.schema.evidence import SCHEMA, basis
from matdisc.models.evidence import EvidenceModel, Settings
from matdisc.models.evidence.groups import parse_alloy
from matdisc.schema import Sample

if TYPE_CHECKING:
    from matdisc.models.evidence.explain import Explanation

LOADER = "matdisc.models.evidence.predictors:evidence"
STEPS = 8
"""Pieces of evidence that are told of each alloy."""


def write_evidence_map(board: Board, model_key: str, dataset_key: str, *, limit: int = 4) -> Path:
    """Write `leaderboard/evidence/<dataset>/<model>.json` and return its path.

    Args:
        board: The board.
        model_key: A model whose card has the evidence loader.
        dataset_key: A dataset of alloys.
        limit: Alloys to explain: the surest High and Low ones of the test part, half and half.

    Raises:
        CardError: If the model is no evidence model, or the dataset none of alloys.
        DataError: If data or a table of the model is missing.
    """
    content = evidence_map(board, model_key, dataset_key, limit=limit)
    path = _path(board, model_key, dataset_key)
    write_atomic(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    return path


def refresh_evidence_maps(board: Board, rows: Iterable[tuple[str, str]]) -> list[Path]:
    """Write the files of those rows, as (model, dataset), that are evidence models and have none that fits.

    Raises:
        DataError: If data or a table of a model is missing.
    """
    written = []
    for model_key, dataset_key in rows:
        model, dataset = board.model(model_key), board.dataset(dataset_key)
        if model.loader == LOADER and dataset.splits:
            path = _path(board, model_key, dataset_key)
            if _said(path) != {"schema": SCHEMA} | basis(model, dataset):
                written.append(write_evidence_map(board, model_key, dataset_key))
    return written


def explain_alloy(board: Board, model_key: str, dataset_key: str, alloy: str, *, limit: int = STEPS) -> Explanation:
    """Return what a model that learnt from all labelled alloys of a dataset but this one says of any alloy, and why.

    Raises:
        CardError: If the model is no evidence model, or the dataset none of alloys.
        DataError: If data or a table is missing, or the alloy names no elements.
    """
    from matdisc.models.evidence.explain import explain

    settings, card = _settings(board.model(model_key)), board.dataset(dataset_key)
    _need_protocols(card)
    elements = parse_alloy(alloy)
    known = [sample for sample in pool(load(board, dataset_key)) if frozenset(sample.inputs["elements"]) != elements]
    model = EvidenceModel(settings).fit(_sets(known), np.array([_high(sample) for sample in known]))
    return explain(model, elements, limit)


def evidence_map(board: Board, model_key: str, dataset_key: str, *, limit: int = 4) -> dict[str, Any]:
    """Return the content of that file; arguments and errors as in `write_evidence_map`."""
    settings = _settings(board.model(model_key))
    card = board.dataset(dataset_key)
    _need_protocols(card)
    dataset = load(board, dataset_key)
    alloys = pool(dataset)
    protocol, sha256 = next(iter(card.splits.items()))
    fold = next(iter(checked_folds(dataset, protocol, sha256)))
    train, test = [alloys[i] for i in fold.train], [alloys[i] for i in fold.test]
    model = EvidenceModel(settings).fit(_sets(train), np.array([_high(sample) for sample in train]))
    view = model.view()
    elements = list(view.groups.elements)
    fused, inner = model.similarity(view), slice(1, len(elements) + 1)
    return {
        "schema": SCHEMA,
        "entry": model_key,
        "dataset": dataset_key,
        **basis(board.model(model_key), card),
        "protocol": protocol,
        "fold": fold.name,
        "n_train": len(train),
        "elements": elements,
        "similar": _rounded(fused.masses[inner, inner, 0]),
        "dissimilar": _rounded(fused.masses[inner, inner, 1]),
        "conflict": _rounded(fused.conflict[inner, inner]),
        "alloys": [_explained(model, sample) for sample in _surest(model, test, limit)],
    }


def _need_protocols(card: DatasetCard) -> None:
    if not card.splits:
        raise CardError(f"datasets/{card.key}/dataset.toml: has no table [splits]; name a dataset of alloys")


def _path(board: Board, model_key: str, dataset_key: str) -> Path:
    return board.evidence_dir / dataset_key / f"{model_key}.json"


def _said(path: Path) -> dict[str, Any]:
    """Schema and basis of a file; nothing of one that is missing or damaged, which is then written anew."""
    try:
        content = json.loads(path.read_bytes())
        return {key: content[key] for key in ("schema", "model_sha256", "asked_sha256")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _settings(card: ModelCard) -> Settings:
    from matdisc.models.evidence.predictors import evidence_settings

    options: dict[str, Any] = dict(card.options)
    if card.loader != LOADER:
        raise CardError(f"models/{card.key}/model.toml: field 'loader' is {card.loader!r}; name one with {LOADER!r}")
    return evidence_settings(**options)


def _surest(model: EvidenceModel, test: Sequence[Sample], limit: int) -> list[Sample]:
    """Alloys with the highest belief in High and in Low, in turns; those without evidence never."""
    beliefs = model.predict(_sets(test))
    orders = [sorted(range(len(test)), key=lambda i: (-mass[i], test[i].material_id)) for mass in beliefs.masses.T[:2]]
    turns = [i for both in zip(*orders, strict=True) for i in both if beliefs.n_pieces[i]]
    return [test[i] for i in dict.fromkeys(turns)][:limit]


def _explained(model: EvidenceModel, sample: Sample) -> dict[str, Any]:
    from matdisc.models.evidence.explain import explain

    found = explain(model, frozenset(sample.inputs["elements"]), STEPS)
    content = found.as_dict()
    steps = [{"exchange": step.exchange} | given for step, given in zip(found.steps, content["steps"], strict=True)]
    return content | {"high": _high(sample), "steps": steps, "graph": found.graph()}


def _sets(samples: Sequence[Sample]) -> list[frozenset[str]]:
    return [frozenset(sample.inputs["elements"]) for sample in samples]


def _high(sample: Sample) -> bool:
    return sample.target["high"] > 0.5


def _rounded(table: Any) -> list[list[float]]:
    return [[round(float(value), 6) for value in row] for row in table]
