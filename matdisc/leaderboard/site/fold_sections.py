"""What the pages of models and datasets show of a task of beliefs, ready for the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.schema.folds import BeliefDetails
from matdisc.leaderboard.schema.result import Result, Secondary
from matdisc.leaderboard.site.charts.evidence_graph import Drawing, evidence_graph
from matdisc.leaderboard.site.charts.folds import belief_plots, risk_overlay
from matdisc.leaderboard.site.charts.pair_map import pair_map
from matdisc.leaderboard.site.charts.svg import Plot
from matdisc.leaderboard.site.tables.folds import (
    Named,
    ProtocolBoard,
    ProtocolTable,
    element_board,
    element_map,
    element_table,
    protocol_boards,
    protocol_tables,
    size_table,
)
from matdisc.leaderboard.site.tables.slices import Periodic, SliceTable
from matdisc.tasks import Task


@dataclass(frozen=True, slots=True)
class BeliefSection:
    """One result: a table and charts for each protocol, parts of the headline protocol, the elements left out."""

    protocols: tuple[tuple[ProtocolTable, tuple[Plot, ...], SliceTable | None], ...]
    parts: tuple[Secondary, ...]
    elements: SliceTable | None
    periodic: Periodic | None
    null: str | None


@dataclass(frozen=True, slots=True)
class EvidenceSection:
    """What an evidence model learnt in one fold: a heat map of pairs, and graphs of explained alloys.

    Nothing is drawn of a file that was made of another model card or of other alloys.
    """

    found: EvidenceMap
    stale: bool
    heat: Plot | None
    graphs: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class BeliefBoard:
    """All results of a dataset: a table and charts of the best for each protocol, the elements left out."""

    protocols: tuple[tuple[ProtocolBoard, tuple[Plot, ...]], ...]
    elements: SliceTable | None


def belief_section(
    details: BeliefDetails, result: Result, task: Task, names: Mapping[str, str]
) -> BeliefSection | None:
    """Return what a model's page shows of one result; None if the details hold no protocols.

    Args:
        details: Of that result.
        result: The result, whose parts that are no protocols are shown too.
        task: Its task.
        names: Entry to printed name.
    """
    if not details.protocols:
        return None
    null = names.get(details.null, details.null) if details.null else None
    known = {protocol.name for protocol in details.protocols}
    shown = tuple(
        (table, tuple(belief_plots(details, name)), size_table(details.sizes[name]) if name in details.sizes else None)
        for table in protocol_tables(details, task, null)
        for name in (table.protocol.name,)
    )
    return BeliefSection(
        shown,
        tuple(part for part in result.secondary if part.name not in known),
        element_table(details.loeo) if details.loeo else None,
        element_map(details.loeo) if details.loeo else None,
        null,
    )


def evidence_section(found: EvidenceMap, *, stale: bool) -> EvidenceSection:
    """Return the drawings of an evidence file."""
    if stale:
        return EvidenceSection(found, True, None, ())
    graphs = tuple(evidence_graph(explained, i) for i, explained in enumerate(found.alloys) if explained.steps)
    return EvidenceSection(found, False, pair_map(found), graphs)


def belief_board(named: Sequence[Named], task: Task, names: Mapping[str, str]) -> BeliefBoard | None:
    """Return what a dataset's page shows of all results; None if no details hold protocols.

    Args:
        named: The details, best first.
        task: Their task.
        names: Entry to printed name.
    """
    named = [one for one in named if one.details.protocols]
    if not named:
        return None
    null = next((one.details.null for one in named if one.details.null), None)
    best = [(one.name, one.details) for one in named if not one.reference]
    boards = protocol_boards(named, task, names.get(null, null) if null else None)
    shown = tuple((board, tuple(risk_overlay(best, board.protocol.name))) for board in boards)
    ranked = [one for one in named if not one.reference]
    return BeliefBoard(shown, element_board(ranked or named))
