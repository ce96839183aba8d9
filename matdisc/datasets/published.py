"""What others have published for the whole population of which a dataset is a draw."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import read_rows, unique
from matdisc.datasets.fetch import dataset_files

Published = Mapping[str, Mapping[str, float]]
"""Model's key to metric to value."""


def published_values(board: Board, card: DatasetCard) -> Published:
    """Return the published values of each model that the card's table names; empty where the card names no table.

    Raises:
        DataError: If the table is damaged, or names a model twice.
    """
    if card.population is None or card.population.published is None:
        return {}
    name = card.population.published
    only = card.model_copy(update={"files": tuple(file for file in card.files if file.name == name)})
    return read_published(dataset_files(board, only)[name])


def read_published(path: Path) -> dict[str, dict[str, float]]:
    """Return the content of a table with a column `model` and one for each metric; an empty cell is no value."""
    rows = read_rows(path, ("model",))
    unique(rows, "model")
    values = {row.text("model"): {key: row.optional(key) for key in row.values if key != "model"} for row in rows}
    return {model: {key: x for key, x in found.items() if x is not None} for model, found in values.items()}
