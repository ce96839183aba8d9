"""Training a family by itself: folds and members of the ensemble as Ray tasks, what was learnt kept in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets import load
from matdisc.datasets.splits import Fold, checked_folds, folds, pool
from matdisc.errors import CardError, DataError, RunError
from matdisc.models.families.family import FEWEST, TARGET, Family, labelled_rows
from matdisc.models.families.saved import keep
from matdisc.models.load import Question, load_predictor
from matdisc.run.engine.cluster import ray_cluster
from matdisc.run.engine.pool import TaskPool
from matdisc.run.engine.resumable import Progress, worker_count
from matdisc.schema import Dataset, Sample

HOME = "matdisc.models.families."
WHOLE, HELD_OUT = "all", "held-out"
"""Everything is learnt from and nothing tested; the train part is learnt from and the scored rows are tested."""
BY_NAME = ("grouped-5", "grouped-5-tenth", "grouped-5-third", "random-5")
"""Protocols that every dataset has, for they need names only."""
ASKED = Question("learning", 0.0)
DEATHS_ALLOWED = 1


@dataclass(frozen=True, slots=True)
class Trained:
    """What became of one fold.

    Attributes:
        fold: Its name, e.g. `grouped-5/0`.
        n_learnt, n_tested, n_answered: Labelled crystals of both parts, and how many of the tested have an answer.
        mae: Mean absolute error of the ensemble over the answered, eV/atom; nan without any.
        cpu_seconds: Of all members.
        folder: Where what was learnt lies; None if in the cache.
    """

    fold: str
    n_learnt: int
    n_tested: int
    n_answered: int
    mae: float
    cpu_seconds: float
    folder: Path | None


@dataclass(frozen=True, slots=True)
class _Part:
    fold: str
    learnt: tuple[Sample, ...]
    tested: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    part: _Part
    seed: int
    folder: Path | None


_Said = tuple[list[float], float]
"""What one member says of each tested crystal, eV/atom, nan for no answer; and its processor seconds."""


def family_keys(board: Board) -> list[str]:
    """Return the keys of the models that `train` can train."""
    return [key for key in board.model_keys() if (board.model(key).loader or "").startswith(HOME)]


def train(
    board: Board, key: str, dataset_key: str, *, fold: str = WHOLE, members: int | None = None, seed: int | None = None,
    out: Path | None = None, workers: int | None = None, address: str | None = None, progress: Progress | None = None,
) -> list[Trained]:  # fmt: skip
    """Train a family on a fold, on all folds of a protocol, or on a whole dataset; one result a fold.

    A stopped training goes on from its checkpoints with the same call.

    Args:
        board: Where model and dataset are.
        key, dataset_key: What learns from what.
        fold: `PROTOCOL/NAME`, `PROTOCOL`, `held-out` (learn from the train part), or `all` (no test).
        members: Trainings from different seeds; default: as the card says.
        seed: Of the first member; default: as the card says.
        out: Folder that predicts again; default: the cache, where `matdisc evaluate` finds what was learnt.
        workers, address: As for `predict`.
        progress: Told about finished trainings.

    Raises:
        MatdiscError: If model, dataset and fold do not fit, there is too little to learn from, or a training fails.
    """
    card, dataset = _card(board, key), load(board, dataset_key)
    family = _family(card)
    family = replace(family, members=members or family.members, seed=family.seed if seed is None else seed)
    parts = _parts(board.dataset(dataset_key), dataset, fold, family)
    seeds = range(family.seed, family.seed + family.members)
    pieces = [_Piece(part, s, out / part.fold / f"seed-{s}" if out else None) for part in parts for s in seeds]
    said: dict[tuple[str, int], _Said] = {}
    n_workers = worker_count(workers, address)
    with ray_cluster(n_workers, address):
        for piece, answer in _answers(card, pieces, n_workers):
            said[piece.part.fold, piece.seed] = answer
            if progress:
                progress(len(said), len(pieces), Counter(ok=len(said)))
    found = [_result(part, [said[part.fold, s] for s in seeds], out) for part in parts]
    for part, one in zip(parts, found, strict=True):
        if one.folder is not None:
            keep(one.folder, card, family, part.learnt, dataset=dataset_key, fold=part.fold, mae=one.mae)
    return found


def _card(board: Board, key: str) -> ModelCard:
    if key not in board.model_keys():
        raise CardError(f"{key!r} is no family; known: {', '.join(family_keys(board)) or 'none on this board'}")
    return board.model(key)


def _family(card: ModelCard) -> Family:
    """Return a card's family as it answers in this process."""
    found = load_predictor(card) if card.kind == "predictor" else None
    if not isinstance(found, Family):
        raise CardError(f"model {card.key!r} is no family that can be trained here; its loader returns none")
    return found


def _parts(card: DatasetCard, dataset: Dataset, fold: str, family: Family) -> list[_Part]:
    samples = pool(dataset)
    if not all("crystal" in s.inputs for s in samples):
        raise DataError(f"dataset {dataset.key!r} has rows without structures; families learn from crystals")
    parts = [
        _Part(name, tuple(labelled_rows([samples[i] for i in one.train])), tuple(samples[i] for i in one.test))
        for name, one in _folds(card, dataset, fold)
    ]
    small = [f"{part.fold} ({len(part.learnt)})" for part in parts if len(part.learnt) < FEWEST]
    if small:
        raise DataError(
            f"dataset {dataset.key!r}: {family.name} needs {FEWEST} crystals with a label {TARGET!r} to learn from, "
            f"and fewer are in the training part of {', '.join(small)}; choose another fold"
        )
    return parts


def _folds(card: DatasetCard, dataset: Dataset, fold: str) -> list[tuple[str, Fold]]:
    n_scored, n = len(dataset.samples), len(pool(dataset))
    if fold == WHOLE:
        return [(WHOLE, Fold(WHOLE, np.arange(n), np.arange(0)))]
    if fold == HELD_OUT and dataset.train:
        return [(HELD_OUT, Fold(HELD_OUT, np.arange(n_scored, n), np.arange(n_scored)))]
    protocol, _, name = fold.partition("/")
    known = dict.fromkeys([*card.splits, *BY_NAME])
    if protocol not in known:
        others = (WHOLE, HELD_OUT) if dataset.train else (WHOLE,)
        raise DataError(f"dataset {dataset.key!r} has no protocol {protocol!r}; known: {', '.join([*known, *others])}")
    sha256 = card.splits.get(protocol)
    made = checked_folds(dataset, protocol, sha256) if sha256 else tuple(folds(dataset, protocol))
    chosen = [(f"{protocol}/{one.name}", one) for one in made if name in ("", one.name)]
    if not chosen:
        raise DataError(
            f"dataset {dataset.key!r}: {protocol!r} has no fold {name!r}; known: {', '.join(one.name for one in made)}"
        )
    return chosen


def _train(card: ModelCard, piece: _Piece) -> Iterator[_Said]:
    """Train one member on one fold, or find it trained; yield once what it says of the tested crystals."""
    family = _family(card)
    learnt = family.learn(piece.part.learnt, piece.seed, piece.folder)
    answers = family.answers([learnt], piece.part.learnt, piece.part.tested, ASKED)
    said = [float(answer[TARGET]) if isinstance(answer, dict) else np.nan for answer in answers]
    yield said, learnt.seconds * len(piece.part.learnt)


def _answers(card: ModelCard, pieces: Sequence[_Piece], n_workers: int | None) -> Iterator[tuple[_Piece, _Said]]:
    if n_workers == 0:
        yield from ((piece, next(_train(card, piece))) for piece in pieces)
        return
    waiting, deaths = list(reversed(pieces)), Counter[int]()
    tasks: TaskPool[_Piece, _Said] = TaskPool(
        _train, lambda piece: (card, piece), n_workers, what=f"training {card.key!r}", model=card, here=True
    )
    for arrival in chain.from_iterable(tasks.arrivals(lambda: waiting.pop() if waiting else None)):
        if arrival.error:
            raise arrival.error
        if arrival.result:
            yield arrival.item, arrival.result
        elif arrival.death:
            deaths[id(arrival.item)] += 1
            if deaths[id(arrival.item)] > DEATHS_ALLOWED:
                raise RunError(
                    f"training {card.key!r} on {arrival.item.part.fold}: its worker died twice, often out of memory; "
                    "the same command with fewer --workers goes on from the checkpoint"
                )
            waiting.append(arrival.item)


def _result(part: _Part, said: Sequence[_Said], out: Path | None) -> Trained:
    mean = np.mean([values for values, _ in said], axis=0)
    errors = np.abs(mean - np.array([s.target.get(TARGET, np.nan) for s in part.tested]))
    errors = errors[np.isfinite(errors)]
    mae = float(errors.mean()) if len(errors) else np.nan
    n_tested, seconds = len(labelled_rows(part.tested)), sum(cost for _, cost in said)
    folder = out / part.fold if out else None
    return Trained(part.fold, len(part.learnt), n_tested, len(errors), mae, seconds, folder)
