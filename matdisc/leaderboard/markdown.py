"""Every row of the alloys task on every dataset and protocol, as Markdown: made from the details of a board.

Rows are sorted by the Brier score. A number in brackets is half of the width of its 95 % interval, a difference to the
null row is bold where its interval leaves out 0. Undefined is an en dash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matdisc.board import Board
from matdisc.errors import DataError
from matdisc.leaderboard.schema.details import read_details
from matdisc.leaderboard.schema.folds import FoldProtocol
from matdisc.scoring.record import Value

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
COMPARED = (("brier", "Brier − null"), ("macro_f1", "macro F1 − null"))
Protocols = Mapping[str, FoldProtocol]
"""One protocol of a dataset, by row."""


def alloy_tables(board: Board, datasets: Sequence[str] = ()) -> str:
    """Return an overview of Brier scores and one table a dataset and protocol.

    Args:
        board: Its `leaderboard/details/alloys/` is read.
        datasets: Which, in this order; default: all that have results.

    Raises:
        DataError: If there are no results of alloys on a dataset, or a file is damaged.
    """
    found: dict[str, dict[str, dict[str, FoldProtocol]]] = {}
    for details, _ in read_details(board):
        for protocol in details.protocols if details.task == "alloys" else ():
            tables = found.setdefault(details.dataset, {})
            tables.setdefault(protocol.name, {})[details.entry] = protocol
    missing = [key for key in datasets if key not in found]
    if missing or not found:
        where = f"dataset {missing[0]!r}" if missing else "any dataset"
        raise DataError(f"{board.details_dir / 'alloys'}: no results on {where}; run `matdisc evaluate --task alloys`")
    chosen = [(dataset, name) for dataset in datasets or sorted(found) for name in _in_order(board, dataset, found)]
    tables_of = {place: found[place[0]][place[1]] for place in chosen}
    parts = [_overview(tables_of), *(_table(*place, rows) for place, rows in tables_of.items())]
    return "\n\n".join(parts) + "\n"


def _in_order(board: Board, dataset: str, found: Mapping[str, Mapping[str, Protocols]]) -> list[str]:
    """Protocols in the order of the dataset's card; those that it no longer has are left out."""
    return [name for name in board.dataset(dataset).splits if name in found[dataset]]


def _overview(tables: Mapping[tuple[str, str], Protocols]) -> str:
    rows = sorted({row for protocols in tables.values() for row in protocols})
    head = ["row", *(f"{dataset} {name}" for dataset, name in tables)]
    lines = [[row, *(_brier(protocols.get(row)) for protocols in tables.values())] for row in rows]
    return "## Brier scores\n\n" + _markdown(head, lines)


def _brier(found: FoldProtocol | None) -> str:
    return _number(found.metrics["brier"].value, 3) if found else ""


def _table(dataset: str, name: str, rows: Protocols) -> str:
    one = next(iter(rows.values()))
    most = _number(one.metrics["daf_max"].value, 2)
    folds = f"{one.n_folds} fold{'s' if one.n_folds > 1 else ''}"
    title = (
        f"## {dataset}, {name}\n\n{one.title}: {folds}, {one.n:,} answers on {one.n_alloys:,} alloys, "
        f"{100 * (one.prevalence or 0):.1f} % High; DAF at most {most} (mean over folds). "
        f"Answering the class rate of the training part: Brier {_number(one.dummy.get('brier'), 3)}."
    )
    order = sorted(rows, key=lambda row: (rows[row].metrics["brier"].value or 9.0, row))
    head = ["row", *(label for _, label, _ in COLUMNS), *(label for _, label in COMPARED)]
    return title + "\n\n" + _markdown(head, [[row, *_cells(rows[row])] for row in order])


def _cells(found: FoldProtocol) -> list[str]:
    numbers = [
        _number(value.value, digits) + (_half(value) if key in WITH_INTERVAL else "")
        for key, _, digits in COLUMNS
        for value in (found.metrics.get(key, Value()),)
    ]
    return numbers + [_difference(found.against_null.get(key, Value())) for key, _ in COMPARED]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def _half(value: Value) -> str:
    if value.low is None or value.high is None:
        return ""
    return f" ({(value.high - value.low) / 2:.3f})"


def _difference(value: Value) -> str:
    if value.value is None:
        return ""
    text = f"{value.value:+.3f}".replace("-", "−")
    if value.low is None or value.high is None:
        return text
    told = f"{text} ({value.low:+.3f} to {value.high:+.3f})".replace("-", "−")
    return f"**{told}**" if value.low > 0 or value.high < 0 else told


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
