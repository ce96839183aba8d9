"""The result of an evaluation, as Python code and notebooks use it."""

from __future__ import annotations

import difflib
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from matdisc.board import Board
from matdisc.cards import ModelCard
from matdisc.errors import CardError, ServiceError, UnknownName
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.leaderboard.text import joined, metric_rows, result_notes, result_parts, result_title
from matdisc.scoring.figures import Artifacts
from matdisc.tasks import get_task

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from matdisc.api.workplace import BoardLike


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One metric of a result.

    Attributes:
        key: Its name.
        value: None where it is undefined.
        low, high: Ends of the 95 % interval; None where it makes no sense.
        baseline: The value of the trivial answer; None where there is none.
        unit: None for a pure number; shares are numbers from 0 to 1.
        help: What it is, in a sentence.
    """

    key: str
    value: float | None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    unit: str | None = None
    help: str = ""


class Metrics(Mapping[str, MetricValue]):
    """Metrics of a result by key, in the order of its table."""

    def __init__(self, values: Mapping[str, MetricValue]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> MetricValue:
        if key in self._values:
            return self._values[key]
        near = difflib.get_close_matches(str(key), self._values, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self._values)}"
        raise UnknownName(f"metric {key!r} is not in this result; {hint}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Metrics({', '.join(self._values)})"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a model does on a data set: metrics with intervals, and every material behind them.

    Attributes:
        content: The result as it lies on a board (schema `matdisc.result/2`).
        checked: The predictions, aligned with the labels; None if a service scored them, which keeps the labels.
        board: Where the data set was read; None if a service scored.
        model: The model's card; None for predictions of nobody in particular.
        fetch: Gets figures and tables from the service that scored.
    """

    content: Mapping[str, Any]
    checked: AlignedSubmission | None
    board: Board | None
    model: ModelCard | None = None
    fetch: Callable[[], Artifacts] | None = None

    @property
    def entry(self) -> str:
        """Name of the row that it is, or would be, on a board; empty for predictions of nobody in particular."""
        return str(self.content["entry"])

    @property
    def task(self) -> str:
        return str(self.content["task"])

    @property
    def dataset(self) -> str:
        return str(self.content["dataset"])

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader has to know before trusting the numbers, in sentences."""
        return tuple(self.content["flags"])

    @property
    def coverage(self) -> Mapping[str, int]:
        """How the materials ended: `expected`, `answered`, and a count for each way to have no answer."""
        return dict(self.content["coverage"])

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics over the headline materials."""
        found, baseline = self.content["metrics"], self.content["baseline"]
        known = [metric for metric in get_task(self.task).metrics if metric.key in found]
        units = {m.key: None if m.form == "percent" else m.unit for m in known}
        values = {
            m.key: MetricValue(m.key, **found[m.key], baseline=baseline.get(m.key), unit=units[m.key], help=m.help)
            for m in known
        }
        rest = {key: MetricValue(key, **value) for key, value in found.items() if key not in values}
        return Metrics(values | rest)

    @cached_property
    def artifacts(self) -> Artifacts:
        """Figures and tables that stand beside the metrics."""
        from matdisc.leaderboard.results import details_of

        if self.fetch is not None:
            return self.fetch()
        return Artifacts.model_validate(details_of(*self.with_labels(), self.entry))

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row a material, in the data set's order; see `matdisc.api.frames.predictions_frame`."""
        from matdisc.api.frames import predictions_frame

        return predictions_frame(self.with_labels()[1])

    def with_labels(self) -> tuple[Board, AlignedSubmission]:
        """Return the board of the data set, and the predictions aligned with its labels.

        Raises:
            ServiceError: If a service scored them.
        """
        if self.board is None or self.checked is None:
            raise ServiceError(
                f"this result comes from a service, where the labels of {self.dataset!r} stay; what needs them, or "
                "single materials, is there for predictions that matdisc.score scored here"
            )
        return self.board, self.checked

    def to_frame(self) -> pd.DataFrame:
        """Return the metrics, one a row: value, low, high, baseline, unit; nan where undefined."""
        import pandas as pd

        rows = [(m.value, m.low, m.high, m.baseline, m.unit or "") for m in self.metrics.values()]
        index = pd.Index(list(self.metrics), name="metric")
        frame = pd.DataFrame(rows, index=index, columns=["value", "low", "high", "baseline", "unit"])
        numbers = ["value", "low", "high", "baseline"]
        return frame.astype(dict.fromkeys(numbers, float))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready data, as it lies on a board."""
        return dict(self.content)

    def cite(self) -> str:
        """Return BibTeX of everything that the result rests on, as `matdisc cite` prints it of a row.

        Raises:
            ServiceError: If a service scored, whose board has the cards.
        """
        from matdisc.leaderboard.cite import Row, citations

        board, checked = self.with_labels()
        run = {"matdisc": self.content["provenance"]["matdisc"], "cost": self.content.get("cost")}
        return citations(board, [Row(self.model, checked.task, checked.card, run)])

    def plot(self, *keys: str) -> Figure:
        """Return the result's own figures, drawn with matplotlib.

        Args:
            keys: Names of figures (`figures` lists them); default: all.

        Raises:
            UnknownName: If there is no such figure.
            ExtraError: If matplotlib is not installed.
        """
        from matdisc.api.plot import draw

        return draw(self._figures(keys), title=result_title(self.content))

    @property
    def figures(self) -> tuple[str, ...]:
        """Keys of the figures that can be drawn."""
        return tuple(dict.fromkeys(figure.key for figure in self.artifacts.figures))

    def save(self, board: BoardLike, *, name: str | None = None, replace: bool = False) -> Path:
        """Put predictions and result on a board, where `matdisc site build` shows them, and return the result's path.

        A card of the model and the data set are added where the board lacks them.

        Args:
            board: The board or its folder (`matdisc init DIR` makes one).
            name: Of the model; needed for predictions that came without one.
            replace: Whether another row of this name may be replaced.

        Raises:
            CardError: If there is no board, no name, or another model, data set or row of that name.
            SubmissionError: If the predictions file has changed since it was scored.
            ServiceError: If a service scored: its own board has the row.
        """
        from matdisc.api.save import save

        place, checked = self.with_labels()
        return save(checked, place, self.model, self.entry, board, name=name, replace=replace)

    def __str__(self) -> str:
        return joined(result_parts(self.content))

    def __repr__(self) -> str:
        headline = get_task(self.task).headline.key
        value = self.metrics[headline].value if headline in self.metrics else None
        shown = "undefined" if value is None else f"{value:.4g}"
        return f"<Evaluation of {self.entry or 'predictions'} on {self.dataset} ({self.task}): {headline} {shown}>"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(line)}</li>" for line in result_notes(self.content))
        return (
            f"<p>{html.escape(result_title(self.content))}</p>{table_html(*metric_rows(self.content))}<ul>{notes}</ul>"
        )

    def _figures(self, keys: Sequence[str]) -> list[Any]:
        drawn = [figure for figure in self.artifacts.figures if not keys or figure.key in keys]
        unknown = [key for key in keys if key not in self.figures]
        if unknown:
            raise UnknownName(
                f"figure {unknown[0]!r} is not in this result; known: {', '.join(self.figures) or 'none'}"
            )
        if not drawn:
            raise CardError(f"the task {self.task!r} has no figure of a single result on {self.dataset!r}")
        return drawn


def table_html(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts as HTML; the first column names the rows."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr><th>{html.escape(row[0])}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
