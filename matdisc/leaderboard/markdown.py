"""Every row of the alloys task on every dataset and protocol, as Markdown: made from the results of a board.

Rows are sorted by the Brier score. A number in brackets is half of the width of its 95 % interval, a difference to the
control row is bold where its interval leaves out 0. Undefined is an en dash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matdisc.board import Board
from matdisc.errors import DataError
from matdisc.leaderboard.schema.details import Details
from matdisc.leaderboard.schema.read import read_files
from matdisc.leaderboard.schema.result import Result, Scores
from matdisc.scoring.fold_details import TITLES
from matdisc.scoring.record import Value
from matdisc.tasks.describe import table

COLUMNS = (
    ("coverage", "coverage", 3),
    ("brier", "Brier", 3),
    ("macro_f1", "macro F1", 3),
    ("f1_high", "F1 High", 3),
    ("mcc", "MCC", 3),
    ("roc_auc", "AUC", 3),
    ("daf", "DAF", 2),
    ("daf_at_5", "DAF@5%", 2),
    ("accuracy_at_50_by_u", "acc. of half, by u", 3),
    ("accuracy_at_50_by_p", "by p", 3),
    ("risk_area_by_u", "AURC by u", 3),
    ("risk_area_by_p", "by p", 3),
    ("interval_hit_rate", "hits", 2),
    ("interval_width", "width", 2),
    ("conflict_share", "conflict > 0.5", 2),
)
WITH_INTERVAL = ("brier", "macro_f1", "roc_auc")
COMPARED = (("Brier", "Brier − control"), ("Macro F1", "macro F1 − control"))
Rows = Mapping[str, Scores]
"""One protocol of a dataset, by row."""
Differences = Mapping[tuple[str, str, str, str], str]
"""Differences to the control row, by dataset, row, title of the protocol and name of the metric."""


def alloy_tables(board: Board, datasets: Sequence[str] = ()) -> str:
    """Return an overview of Brier scores and one table a dataset and protocol.

    Args:
        board: Its results and details of the alloys task are read.
        datasets: Which, in this order; default: all that have results.

    Raises:
        DataError: If there are no results of alloys on a dataset, or a file is damaged.
    """
    found: dict[str, dict[str, dict[str, Scores]]] = {}
    for result, _ in read_files(board.results_dir, Result):
        for name, scores in _protocols(board, result) if result.task == "alloys" else ():
            found.setdefault(result.dataset, {}).setdefault(name, {})[result.entry] = scores
    missing = [key for key in datasets if key not in found]
    if missing or not found:
        where = f"dataset {missing[0]!r}" if missing else "any dataset"
        raise DataError(f"{board.results_dir / 'alloys'}: no results on {where}; run `matdisc evaluate --task alloys`")
    chosen = [(key, name) for key in datasets or sorted(found) for name in board.dataset(key).splits]
    tables = {(key, name): found[key][name] for key, name in chosen if name in found[key]}
    differences = _differences(board)
    parts = [_overview(tables), *(_table(*place, rows, differences) for place, rows in tables.items())]
    return "\n\n".join(parts) + "\n"


def _protocols(board: Board, result: Result) -> Iterator[tuple[str, Scores]]:
    """Name and scores of each protocol, the headline first."""
    yield next(iter(board.dataset(result.dataset).splits)), result
    yield from ((part.name, part) for part in result.secondary)


def _differences(board: Board) -> Differences:
    return {
        (details.dataset, details.entry, part.section, str(row[0])): str(row[3])
        for details, _ in read_files(board.details_dir, Details)
        for part in details.tables
        if details.task == "alloys" and part.key == "metrics" and part.head[3].startswith("Difference")
        for row in part.rows
    }


def _overview(tables: Mapping[tuple[str, str], Rows]) -> str:
    rows = sorted({row for scores in tables.values() for row in scores})
    head = ["row", *(f"{dataset} {name}" for dataset, name in tables)]
    lines = [[row, *(_brier(scores.get(row)) for scores in tables.values())] for row in rows]
    return "## Brier scores\n\n" + table(head, lines)


def _brier(found: Scores | None) -> str:
    return _number(found.metrics["brier"].value, 3) if found else ""


def _table(dataset: str, name: str, rows: Rows, differences: Differences) -> str:
    one, title = next(iter(rows.values())), TITLES.get(name, name)
    heading = (
        f"## {dataset}, {name}\n\n{title}: {one.n or 0:,} answers on {one.n_groups or 0:,} alloys, "
        f"{100 * (one.prevalence or 0):.1f} % High; DAF at most {_number(one.daf_max, 2)} (mean over folds)."
    )
    order = sorted(rows, key=lambda row: (rows[row].metrics["brier"].value or 9.0, row))
    head = ["row", *(label for _, label, _ in COLUMNS), *(label for _, label in COMPARED)]
    lines = [
        [row, *_cells(rows[row]), *(_bold(differences.get((dataset, row, title, key), "")) for key, _ in COMPARED)]
        for row in order
    ]
    return heading + "\n\n" + table(head, lines)


def _cells(found: Scores) -> list[str]:
    return [
        _number(value.value, digits) + (_half(value) if key in WITH_INTERVAL else "")
        for key, _, digits in COLUMNS
        for value in (found.metrics.get(key, Value()),)
    ]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def _half(value: Value) -> str:
    if value.low is None or value.high is None:
        return ""
    return f" ({(value.high - value.low) / 2:.3f})"


def _bold(difference: str) -> str:
    """A star marks an interval that leaves out 0."""
    return f"**{difference.replace('*', '')}**" if "*" in difference else difference
