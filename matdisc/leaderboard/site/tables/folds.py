"""Tables of a task of beliefs: every protocol of one result, every result under one protocol, the elements left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.schema.folds import BeliefDetails, ByElement, BySize, FoldProtocol
from matdisc.leaderboard.site.tables.fold_text import Text, sentences, signed
from matdisc.leaderboard.site.tables.slices import Periodic, SliceTable, periodic_of
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.scoring.record import Number, Value
from matdisc.tasks import Task

MOST_BESIDE = 6
"""Entries whose numbers stand side by side in the table of elements."""


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of one protocol."""

    metric: Metric
    value: Text
    dummy: Text
    difference: Text


@dataclass(frozen=True, slots=True)
class ProtocolTable:
    """One protocol of one result; `rest` are the metrics that are shown on demand."""

    protocol: FoldProtocol
    headline: bool
    main: tuple[Line, ...]
    rest: tuple[Line, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table of one protocol on a dataset's page; a cell is a number and its difference to the null."""

    name: str
    key: str
    reference: bool
    abstained: str
    missing: str
    cells: tuple[tuple[Text, Text | None], ...]


@dataclass(frozen=True, slots=True)
class ProtocolBoard:
    """All results under one protocol; `compared` are the keys of metrics with a difference to the null."""

    protocol: FoldProtocol
    headline: bool
    columns: tuple[Metric, ...]
    compared: frozenset[str]
    rows: tuple[Entry, ...]
    dummy: tuple[Text, ...]
    null: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """Details with the printed name, the model's key and whether it is a reference."""

    name: str
    key: str
    reference: bool
    details: BeliefDetails


def protocol_tables(details: BeliefDetails, task: Task, null: str | None) -> list[ProtocolTable]:
    """Return one table a protocol, the headline first; `null` is the printed name of the row compared with."""
    return [
        ProtocolTable(
            found,
            found.name == details.headline,
            tuple(_line(metric, found) for metric in task.metrics if metric.main and metric.key in found.metrics),
            tuple(_line(metric, found) for metric in task.metrics if not metric.main and metric.key in found.metrics),
            tuple(sentences(found, task, null)),
        )
        for found in details.protocols
    ]


def protocol_boards(named: Sequence[Named], task: Task, null: str | None) -> list[ProtocolBoard]:
    """Return one table a protocol with every result in the order given; protocols in the order of the first details.

    `null` is the printed name of the row that differences are to.
    """
    order: dict[str, FoldProtocol] = {}
    for one in named:
        for protocol in one.details.protocols:
            order.setdefault(protocol.name, protocol)
    first = named[0].details.headline if named else None
    return [_board(name, found, named, task, null, headline=name == first) for name, found in order.items()]


def element_table(found: ByElement) -> SliceTable:
    """Return the elements left out, one row each."""
    columns: list[tuple[str, Sequence[Number], int]] = [
        ("Coverage, %", [None if value is None else 100 * value for value in found.coverage], 1),
        ("Brier", found.brier, 3),
        ("Macro F1", found.macro_f1, 3),
        ("F1 of High", found.f1_high, 3),
        ("AUC", found.roc_auc, 3),
    ]
    head = ("Element", "Alloys with it", "High, %", "High in training, %", *(label for label, _, _ in columns))
    rows = tuple(
        (
            name,
            f"{found.n[i]:,}",
            _fixed(found.prevalence[i], 1, 100),
            _fixed(found.prior[i], 1, 100),
            *(_fixed(values[i], digits) for _, values, digits in columns),
        )
        for i, name in enumerate(found.element)
    )
    return SliceTable("loeo", "Element left out", head, rows, 0)


def element_board(named: Sequence[Named]) -> SliceTable | None:
    """Return the Brier score of the first few results for each element left out; None where nobody has it."""
    some = [(one.name, one.details.loeo) for one in named if one.details.loeo]
    if not some:
        return None
    base = some[0][1]
    scores = [(name, dict(zip(loeo.element, loeo.brier, strict=True))) for name, loeo in some[:MOST_BESIDE]]
    head = ("Element", "Alloys with it", "High, %", "High in training, %", *(name for name, _ in scores))
    rows = tuple(
        (
            element,
            f"{base.n[i]:,}",
            _fixed(base.prevalence[i], 1, 100),
            _fixed(base.prior[i], 1, 100),
            *(_fixed(column.get(element), 3) for _, column in scores),
        )
        for i, element in enumerate(base.element)
    )
    return SliceTable("loeo", "Element left out", head, rows, 0)


def element_map(found: ByElement) -> Periodic | None:
    """Return the Brier score of each element left out in a periodic table."""
    return periodic_of(found.element, found.n, found.brier, "Brier score", "", "a", 2, "alloys")


def size_table(found: BySize) -> SliceTable | None:
    """Return metrics by number of elements; None for a set of alloys of one size."""
    if len(found.length) < 2:
        return None
    head = ("Elements", "Answers", "High", "Coverage, %", "Brier", "Accuracy", "F1 of High")
    rows = tuple(
        (
            str(length),
            f"{found.n[i]:,}",
            f"{found.n_high[i]:,}",
            _fixed(found.coverage[i], 1, 100),
            _fixed(found.brier[i], 3),
            _fixed(found.accuracy[i], 3),
            _fixed(found.f1_high[i], 3),
        )
        for i, length in enumerate(found.length)
    )
    return SliceTable("sizes", "Number of elements", head, rows, 0)


def _board(
    name: str, found: FoldProtocol, named: Sequence[Named], task: Task, null: str | None, *, headline: bool
) -> ProtocolBoard:
    mine = [(one, next((p for p in one.details.protocols if p.name == name), None)) for one in named]
    rows = [(one, protocol) for one, protocol in mine if protocol is not None]
    first = ("coverage", *task.ranked)
    order = [*map(task.metric, first), *(m for m in task.metrics if m.main and m.key not in first)]
    columns = tuple(m for m in order if any(_value(p, m).value is not None for _, p in rows))
    compared = frozenset(key for key in task.ranked if any(key in p.against_null for _, p in rows))
    entries = tuple(
        Entry(
            one.name,
            one.key,
            one.reference,
            f"{p.n_abstained:,}",
            f"{p.n_missing:,}",
            tuple(
                (
                    _text(metric, _value(p, metric)),
                    signed(metric, p.against_null.get(metric.key, Value())) if metric.key in compared else None,
                )
                for metric in columns
            ),
        )
        for one, p in rows
    )
    dummy = tuple(_plain(metric, found.dummy.get(metric.key)) for metric in columns)
    return ProtocolBoard(found, headline, columns, compared, entries, dummy, null if compared else None)


def _line(metric: Metric, found: FoldProtocol) -> Line:
    difference = signed(metric, found.against_null.get(metric.key, Value()))
    return Line(metric, _text(metric, _value(found, metric)), _plain(metric, found.dummy.get(metric.key)), difference)


def _value(found: FoldProtocol, metric: Metric) -> Value:
    return found.metrics.get(metric.key, Value())


def _text(metric: Metric, found: Value) -> Text:
    return Text(show(metric, found.value), show_interval(metric, found.low, found.high))


def _plain(metric: Metric, value: Number) -> Text:
    return Text("" if value is None else show(metric, value))


def _fixed(value: Number, digits: int, factor: float = 1.0) -> str:
    return "–" if value is None else f"{factor * value:.{digits}f}".replace("-", "−")
