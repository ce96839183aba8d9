"""Everything that runs need from a network, fetched beforehand: data, weights, environments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from matdisc.board import Board
from matdisc.cards import ModelCard
from matdisc.datasets.fetch import obtain
from matdisc.errors import MatdiscError
from matdisc.models.weights import checkpoint, checkpoint_files
from matdisc.run.environments.layers import Mode, ensure

State = Literal["there", "fetched", "missing", "nothing"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a run needs: its state, and where it lies, why it cannot be had, or why nothing is needed."""

    name: str
    state: State
    said: str


def prefetch(
    board: Board, models: Sequence[str], datasets: Sequence[str], env: Mode, say: Callable[[str], None]
) -> Iterator[Item]:
    """Fetch what runs of models on datasets need, and yield what became of each; what cannot be had stops nothing.

    Args:
        board: Where the cards are.
        models, datasets: Keys; what is not on the board is `missing`.
        env: With `isolated`, also the environments of the models, with what the datasets require.
        say: Told in words what takes long.
    """
    for key in datasets:
        yield from _data(board, key)
    cards: list[ModelCard] = []
    for key in models:
        try:
            cards.append(board.model(key))
        except MatdiscError as err:
            yield Item(f"model {key}", "missing", str(err))
    for card in cards:
        yield _weights(card)
    for card in cards if env == "isolated" else ():
        yield from _environments(board, card, datasets, say)


def _data(board: Board, key: str) -> Iterator[Item]:
    try:
        files = board.dataset(key).files
    except MatdiscError as err:
        yield Item(f"dataset {key}", "missing", str(err))
        return
    for file in files:
        name = f"dataset {key}: {file.name}"
        try:
            path, source = obtain(board, key, file)
        except MatdiscError as err:
            yield Item(name, "missing", str(err))
        else:
            yield Item(name, "there" if source in ("embedded", "cache") else "fetched", str(path))


def _weights(card: ModelCard) -> Item:
    name = f"weights of {card.key}"
    try:
        before = all(path.is_file() for path in checkpoint_files(card))
        path = checkpoint(card)
    except MatdiscError as err:
        return Item(name, "missing", str(err))
    if path is not None:
        return Item(name, "there" if before else "fetched", str(path))
    if card.loader is None:
        return Item(name, "nothing", "its predictions come as files")
    inside = card.weights is not None and card.weights.ships_in_package
    return Item(name, "nothing", "they are in its package" if inside else "its card names none")


def _environments(board: Board, card: ModelCard, datasets: Sequence[str], say: Callable[[str], None]) -> Iterator[Item]:
    """Make the environment of a model, with each set of packages that a dataset adds."""
    added = {board.dataset(key).requirements for key in datasets if key in board.dataset_keys()} or {()}
    for more in sorted(added):
        requirements = (*card.requirements, *more)
        name = f"environment of {card.key}"
        if not requirements:
            yield Item(name, "nothing", "its card requires no packages")
            continue
        try:
            made = ensure(sorted(set(requirements)), model=card.key, say=say)
        except MatdiscError as err:
            yield Item(name, "missing", " ".join(str(err).split()))
        else:
            yield Item(name, "fetched" if made.built else "there", str(made.python.parent.parent))
