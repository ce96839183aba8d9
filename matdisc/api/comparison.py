"""Two models on the same materials, from Python."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matdisc.api.datasets import DatasetLike, locate
from matdisc.api.evaluation import Evaluation, table_html
from matdisc.api.score import aligned
from matdisc.api.workplace import BoardLike, board_of, python_words
from matdisc.errors import CardError
from matdisc.leaderboard.compare import compare_aligned
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.leaderboard.text import comparison_parts, comparison_title, difference_rows, joined, verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two models differ on the same materials.

    Attributes:
        content: As `matdisc compare --json` prints it (schema `matdisc.comparison/1`).
    """

    content: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """Whether the difference in the headline metric is real, in a sentence."""
        return verdict(self.content)

    def to_frame(self) -> pd.DataFrame:
        """Return the differences, a metric a row: first, second, value (first minus second), low, high, p_value."""
        import pandas as pd

        columns = ["first", "second", "value", "low", "high", "p_value", "detectable"]
        rows = [[difference[name] for name in columns] for difference in self.content["differences"].values()]
        index = pd.Index(list(self.content["differences"]), name="metric")
        return pd.DataFrame(rows, index=index, columns=columns).astype(float)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return dict(self.content)

    def __str__(self) -> str:
        return joined(comparison_parts(self.content))

    def __repr__(self) -> str:
        return f"<Comparison of {self.content['first']} and {self.content['second']}: {self.verdict}>"

    def _repr_html_(self) -> str:
        title, said = html.escape(comparison_title(self.content)), html.escape(self.verdict)
        return f"<p>{title}</p>{table_html(*difference_rows(self.content))}<p>verdict: {said}</p>"


def compare(
    first: Any, second: Any, task: str | None = None, dataset: DatasetLike | None = None, *, board: BoardLike = None
) -> Comparison:
    """Say whether two models differ on the same materials, and which materials flipped, as `matdisc compare` does.

    Args:
        first, second: Results of `evaluate` or `score`, or predictions of any kind that `score` takes.
        task, dataset, board: What both answer, as for `score`; not needed beside a result.

    Raises:
        CardError: If they are about different things.
        SubmissionError: If predictions cannot be scored as they are.
    """
    with python_words():
        sides = [side.with_labels()[1] if isinstance(side, Evaluation) else None for side in (first, second)]
        known = next((side for side in (first, second) if isinstance(side, Evaluation)), None)
        if None in sides:
            place, key, task = _asked(known, task, dataset, board)
            given = (first, second)
            sides = [side or aligned(given[i], task, key, place) for i, side in enumerate(sides)]
        one, other = (side for side in sides if side is not None)
        _refuse_different(one, other)
        names = [_name(side, place) for side, place in ((first, "first"), (second, "second"))]
        if names[0] == names[1]:
            names = [f"{name} ({place})" for name, place in zip(names, ("first", "second"), strict=True)]
        return Comparison(compare_aligned(one, other, (names[0], names[1])))


def _asked(known: Evaluation | None, task: str | None, dataset: DatasetLike | None, board: BoardLike) -> Any:
    """Return where the data set is, its key, and the task."""
    if known is not None and dataset is None:
        return known.board, known.dataset, task or known.task
    if dataset is None:
        raise CardError("the data set is not said; give dataset=, or a result of evaluate or score")
    place, key = locate(dataset, board_of(board))
    return place, key, task or place.dataset(key).tasks[0]


def _refuse_different(one: AlignedSubmission, other: AlignedSubmission) -> None:
    for what, sides in (
        ("tasks", (one.task.key, other.task.key)),
        ("data sets", (one.card.key, other.card.key)),
        ("versions of the data set", (one.truth.sha256[:12], other.truth.sha256[:12])),
    ):
        if sides[0] != sides[1]:
            raise CardError(f"the two are of different {what}, {sides[0]!r} and {sides[1]!r}; compare like with like")


def _name(side: Any, place: str) -> str:
    if isinstance(side, Evaluation):
        return side.entry or place
    return Path(side).name if isinstance(side, str | os.PathLike) else place
