"""Reading the result files of a board, each checked against its place and its cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.errors import DataError
from matdisc.leaderboard.schema.details import Details, read_details
from matdisc.leaderboard.schema.evidence import EvidenceMap, read_evidence
from matdisc.leaderboard.schema.ranking import BoardRanking, read_rankings
from matdisc.leaderboard.schema.result import Result, read_result


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a site is made of: cards by key, results in file order, and what there is beside them.

    `details` go by task, dataset and entry, `rankings` by task and dataset, `evidence` by dataset and entry; `copies`
    maps a path on the site to the text of a data file that is passed on as it is.
    """

    models: Mapping[str, ModelCard]
    datasets: Mapping[str, DatasetCard]
    results: tuple[Result, ...]
    details: Mapping[tuple[str, str, str], Details] = field(default_factory=dict)
    rankings: Mapping[tuple[str, str], BoardRanking] = field(default_factory=dict)
    evidence: Mapping[tuple[str, str], EvidenceMap] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)


def read_content(board: Board) -> Content:
    """Return all cards and results of a board, with the details, rankings and evidence that belong to results.

    Raises:
        CardError: If a card is wrong.
        DataError: If a file of results, details, rankings or evidence is damaged or misplaced, or a result names a
            model or dataset without card.
    """
    models = {key: board.model(key) for key in board.model_keys()}
    datasets = {key: board.dataset(key) for key in board.dataset_keys()}
    paths = sorted(board.results_dir.glob("*/*/*.json"))
    results = tuple(_checked(path, models, datasets) for path in paths)
    entries = {(r.task, r.dataset, r.entry) for r in results}
    tables = {(r.task, r.dataset) for r in results}
    details: dict[tuple[str, str, str], Details] = {}
    rankings: dict[tuple[str, str], BoardRanking] = {}
    copies: dict[str, str] = {}
    for found, text in read_details(board):
        if (place := (found.task, found.dataset, found.entry)) in entries:
            details[place] = found
            copies["data/curves/" + "/".join(place) + ".json"] = text
    for ranking, text in read_rankings(board):
        if (about := (ranking.task, ranking.dataset)) in tables:
            rankings[about] = ranking
            copies["data/rankings/" + "/".join(about) + ".json"] = text
    evidence: dict[tuple[str, str], EvidenceMap] = {}
    shown = {(r.dataset, r.entry) for r in results}
    for known, text in read_evidence(board):
        if (key := (known.dataset, known.entry)) in shown:
            evidence[key] = known
            copies["data/evidence/" + "/".join(key) + ".json"] = text
    return Content(models, datasets, results, details, rankings, evidence, copies)


def _checked(path: Path, models: Mapping[str, ModelCard], datasets: Mapping[str, DatasetCard]) -> Result:
    result = read_result(path)
    told = (path.parent.parent.name, path.parent.name, path.stem)
    says = (result.task, result.dataset, result.entry)
    if told != says:
        raise DataError(f"{path}: holds the result of {'/'.join(says)}; move it there or score it anew")
    if result.model not in models:
        raise DataError(f"{path}: field 'model' is {result.model!r}, which has no card in models/; add it")
    if result.dataset not in datasets:
        raise DataError(f"{path}: field 'dataset' is {result.dataset!r}, which has no card in datasets/; add it")
    return result
