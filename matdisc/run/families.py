"""Training a family by itself: folds and members of the ensemble as Ray tasks, what was learnt kept in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets import load
from matdisc.datasets.splits import Fold, checked_folds, folds, pool
from matdisc.errors import CardError, DataError, RunError
from matdisc.models.families.family import FEWEST, TARGET, Family, labelled_rows
from matdisc.models.families.saved import keep
from matdisc.models.load import Question, load_predictor
from matdisc.progress import Progress
from matdisc.run.engine.cluster import ray_cluster
from matdisc.run.engine.pool import TaskPool
from matdisc.run.engine.resumable import worker_count
from matdisc.run.environments.layers import Mode, runtime_env
from matdisc.schema import Dataset, Sample

HOME = "matdisc.models.families."
WHOLE, HELD_OUT = "all", "held-out"
"""Everything is learnt from and nothing tested; the train part is learnt from and the scored rows are tested."""
BY_NAME = ("grouped-5", "grouped-5-tenth", "grouped-5-third", "random-5")
"""Protocols that every dataset has, for they need names only."""
ASKED = Question("learning", 0.0)
DEATHS_ALLOWED = 1
Item = TypeVar("Item")
Result = TypeVar("Result")


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
class _About:
    members: int
    seed: int
    made_of: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Where:
    card: ModelCard
    n_workers: int | None
    environment: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Piece:
    card: ModelCard
    part: _Part
    seed: int
    folder: Path | None


_Said = tuple[list[float], float]
"""What one member says of each tested crystal, eV/atom, nan for no answer; and its processor seconds."""


def is_family(card: ModelCard) -> bool:
    """Whether a card is of a family of this package."""
    return card.loader is not None and card.loader.startswith(HOME)


def learns_from_the_asked(card: ModelCard) -> bool:
    """Whether a card is of a family that learns wherever it is asked, and not elsewhere."""
    return is_family(card) and not {"trained_on", "folder"} & card.options.keys()


def family_keys(board: Board) -> list[str]:
    """Return the keys of the families on a board."""
    return [key for key in board.model_keys() if is_family(board.model(key))]


def train(
    board: Board, key: str, dataset_key: str, *, fold: str = WHOLE, members: int | None = None, seed: int | None = None,
    out: Path | None = None, workers: int | None = None, address: str | None = None, env: Mode = "inherit",
    progress: Progress | None = None, say: Callable[[str], None] = lambda line: None,
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
        workers, address, env: As for `predict`.
        progress: Told about finished trainings.
        say: Told in words what takes long before the first of them.

    Raises:
        MatdiscError: If model, dataset and fold do not fit, there is too little to learn from, or a training fails.
    """
    if env == "isolated" and workers == 0:
        raise RunError("an isolated environment needs a worker process; use at least `--workers 1`")
    card, dataset = _card(board, key), load(board, dataset_key)
    parts, n_workers = _parts(board.dataset(dataset_key), dataset, fold), worker_count(workers, address)
    with ray_cluster(n_workers, address):
        where = _Where(card, n_workers, runtime_env(card, env, address=address, say=say) if n_workers != 0 else {})
        ((_, about),) = _asked(where, _about, [card])
        first = about.seed if seed is None else seed
        seeds = range(first, first + (members or about.members))
        pieces = [
            _Piece(card, part, s, out / part.fold / f"seed-{s}" if out else None) for part in parts for s in seeds
        ]
        said: dict[tuple[str, int], _Said] = {}
        for piece, answer in _asked(where, _train, pieces):
            said[piece.part.fold, piece.seed] = answer
            if progress:
                progress(len(said), len(pieces), Counter(ok=len(said)))
    found = [_result(part, [said[part.fold, s] for s in seeds], out) for part in parts]
    for part, one in zip(parts, found, strict=True):
        if one.folder is not None:
            keep(one.folder, card, about.made_of, seeds, part.learnt, dataset=dataset_key, fold=part.fold, mae=one.mae)
    return found


def _member_folder(out: Path | None, part: _Part, seed: int) -> Path | None:
    return None if out is None else out.absolute() / part.fold / f"seed-{seed}"


def _card(board: Board, key: str) -> ModelCard:
    if key not in board.model_keys():
        raise CardError(f"{key!r} is no family; known: {', '.join(family_keys(board)) or 'none on this board'}")
    card = board.model(key)
    if card.kind != "predictor":
        raise _no_family(card)
    return card


def _family(card: ModelCard) -> Family:
    """Return a card's family as it answers in this process."""
    found = load_predictor(card)
    if not isinstance(found, Family):
        raise _no_family(card)
    return found


def _no_family(card: ModelCard) -> CardError:
    return CardError(f"model {card.key!r} is no family that can be trained here; its loader returns none")


def _parts(card: DatasetCard, dataset: Dataset, fold: str) -> list[_Part]:
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
            f"dataset {dataset.key!r}: a family needs {FEWEST} crystals with a label {TARGET!r} to learn from, "
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


def _about(card: ModelCard) -> Iterator[_About]:
    """Yield once what a family is where it answers: its packages may be missing where this is asked."""
    family = _family(card)
    yield _About(family.members, family.seed, family.made_of())


def _train(piece: _Piece) -> Iterator[_Said]:
    """Train one member on one fold, or find it trained; yield once what it says of the tested crystals."""
    family = _family(piece.card)
    learnt = family.learn(piece.part.learnt, piece.seed, piece.folder)
    answers = family.answers([learnt], piece.part.learnt, piece.part.tested, ASKED)
    said = [float(answer[TARGET]) if isinstance(answer, dict) else np.nan for answer in answers]
    yield said, learnt.seconds * len(piece.part.learnt)


def _asked(where: _Where, function: Callable[[Item], Iterator[Result]], items: Sequence[Item]
           ) -> Iterator[tuple[Item, Result]]:  # fmt: skip
    """Yield what a function gives for each item, in any order; a worker that dies is replaced once."""
    if where.n_workers == 0:
        yield from ((item, next(function(item))) for item in items)
        return
    waiting, deaths = list(reversed(items)), Counter[int]()
    tasks: TaskPool[Item, Result] = TaskPool(
        function, lambda item: (item,), where.n_workers, what=f"training {where.card.key!r}", model=where.card,
        environment=where.environment, here=True,
    )  # fmt: skip
    for arrival in chain.from_iterable(tasks.arrivals(lambda: waiting.pop() if waiting else None)):
        if arrival.error:
            raise arrival.error
        if arrival.result:
            yield arrival.item, arrival.result
        elif arrival.death:
            deaths[id(arrival.item)] += 1
            if deaths[id(arrival.item)] > DEATHS_ALLOWED:
                raise RunError(
                    f"training {where.card.key!r}: its worker died twice, often out of memory; the same command with "
                    "fewer --workers goes on from the checkpoints"
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
