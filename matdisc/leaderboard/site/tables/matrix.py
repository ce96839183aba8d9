"""All models by all tables: the headline value of each with its places, nothing left for a template to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from matdisc.cards import ModelCard
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.site.tables.board import LONG, Row, Table
from matdisc.leaderboard.site.tables.first import defined, may_be_first
from matdisc.leaderboard.site.tables.ranks import Rank


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A headline value: `text` as printed, `places` that fit, `heat` 0 to 10.

    `exact` is the number for sorting where the text would not do; `first` says that the value cannot be told apart from
    the best one, `variant` that the model's own run is not there and this is another entry of it.
    """

    text: str
    places: str
    exact: str | None
    heat: int | None
    first: bool
    variant: bool


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A model with one cell a table, None where it has no value; `points` is its Borda count."""

    card: ModelCard
    name: str
    cells: tuple[MatrixCell | None, ...]
    points: float

    @property
    def search(self) -> str:
        """Text the search box looks at, beyond what the row and the facts about its model show."""
        people = (person.name for person in self.card.authors)
        return " ".join([self.card.key, *people]).lower()


@dataclass(frozen=True, slots=True)
class Matrix:
    """Models by tables: `groups` are tasks with the number of their tables; `rows` end with the references."""

    tables: tuple[Table, ...]
    groups: tuple[tuple[str, int], ...]
    rows: tuple[MatrixRow, ...]

    @property
    def is_long(self) -> bool:
        return len(self.rows) > LONG

    @property
    def n_models(self) -> int:
        return sum(not row.card.reference_row for row in self.rows)

    @property
    def has_variants(self) -> bool:
        return any(cell is not None and cell.variant for row in self.rows for cell in row.cells)


def make_matrix(tables: Sequence[Table]) -> Matrix:
    """Return the matrix of a board's tables, in their order; models by Borda count, then by name."""
    columns = [_column(table) for table in tables]
    cards = {row.card.key: row.card for table in tables for row in table.rows}
    rows = []
    for key, card in cards.items():
        found = [column.get(key) for column in columns]
        points = sum(share for _, share in filter(None, found))
        rows.append(MatrixRow(card, display_name(card), tuple(one and one[0] for one in found), points))
    rows.sort(key=lambda row: (row.card.reference_row, -row.points, row.name.casefold(), row.card.key))
    groups = tuple((task, len(list(some))) for task, some in groupby(table.task for table in tables))
    return Matrix(tuple(tables), groups, tuple(rows))


def _column(table: Table) -> dict[str, tuple[MatrixCell, float]]:
    """The cell of each model with a headline value, and the share of the others that it beats.

    A model is shown by its own run where there is one, else by its best variant. Nobody wins anything on a data set
    that it helped to make.
    """
    chosen: dict[str, Row] = {}
    for row in table.rows:  # best first
        if row.variant is None or row.card.key not in chosen:
            chosen[row.card.key] = row
    place, n, placed = table.columns.index(table.headline), table.n_placed, defined(table)
    found = {}
    for key, row in chosen.items():
        cell = row.cells[place]
        if cell.sort is not None:
            first = not row.reference and may_be_first(row, placed[0])
            exact = None if _is_number(cell.text) else cell.sort
            places = row.rank.text if row.rank else ""
            shown = MatrixCell(cell.text, places, exact, cell.heat, first, row.variant is not None)
            takes_part = not row.reference and table.dataset.key not in row.card.used_in_construction_of
            found[key] = shown, beaten(row.rank, n) if takes_part else 0.0
    return found


def beaten(rank: Rank | None, n: int) -> float:
    """Return the share of the other rows that one beats, by the middle of its places among `n`.

    0 for a row without a rank or without others.
    """
    return 0.0 if rank is None or n < 2 else (n - (rank.best + rank.worst) / 2) / (n - 1)


def _is_number(text: str) -> bool:
    """Whether a script reads the printed number as it is."""
    return text.replace(".", "", 1).isdecimal()
