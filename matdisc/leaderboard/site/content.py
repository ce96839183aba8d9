"""Reading the result files of a board, each checked against its place and its cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.errors import CardError, DataError
from matdisc.leaderboard.export.tables import Table, tables_beside
from matdisc.leaderboard.materials import materials_text
from matdisc.leaderboard.published.files import published_dir
from matdisc.leaderboard.schema.details import Details
from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.schema.materials import Materials
from matdisc.leaderboard.schema.published import Published
from matdisc.leaderboard.schema.ranking import BoardRanking
from matdisc.leaderboard.schema.read import BoardFile, read_files
from matdisc.leaderboard.schema.resolution import TableResolution
from matdisc.leaderboard.schema.result import Result
from matdisc.tasks import TASKS, task_keys

Kind = TypeVar("Kind", bound=BoardFile)


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a site is made of: cards by key, results in file order, and what there is beside them.

    `details` go by task, dataset and entry, `rankings` and `materials` by task and dataset, `evidence` by dataset and
    entry; `copies` maps a path on the site to the text of a data file that is passed on as it is. `materials` have the
    rows of which the results are; `resolutions` are of tables from elsewhere; `tables_beside` are what the files beside
    a dataset's card hold, by key and file name.
    """

    models: Mapping[str, ModelCard]
    datasets: Mapping[str, DatasetCard]
    results: tuple[Result, ...]
    details: Mapping[tuple[str, ...], Details] = field(default_factory=dict)
    rankings: Mapping[tuple[str, ...], BoardRanking] = field(default_factory=dict)
    evidence: Mapping[tuple[str, ...], EvidenceMap] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    materials: Mapping[tuple[str, ...], Materials] = field(default_factory=dict)
    published: Mapping[str, Published] = field(default_factory=dict)
    resolutions: tuple[TableResolution, ...] = ()
    tables_beside: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)

    def tells_more(self, result: Result) -> bool:
        """Return whether there is more to say of a result than its row in the table: such a result has a page."""
        place = (result.task, result.dataset)
        beside = (*place, result.entry) in self.details or (result.dataset, result.entry) in self.evidence
        return beside or place in self.materials or bool(result.flags or result.bounds or result.secondary)


def read_content(board: Board, *, withheld: Set[str] = frozenset()) -> Content:
    """Return all cards and results of a board, with the details, rankings, materials and evidence of results.

    Args:
        board: The board.
        withheld: Datasets of which nothing is told material by material, for their labels are private.

    Raises:
        CardError: If a card is wrong.
        DataError: If a file of results, details, rankings, materials or evidence is damaged or misplaced, or a result
            names a task that does not exist, or a model or dataset without card.
    """
    models = {key: board.model(key) for key in board.model_keys()}
    datasets = {key: board.dataset(key) for key in board.dataset_keys()}
    for dataset in datasets.values():
        _check_cited(dataset, board)
    results = []
    for result, _ in read_files(board.results_dir, Result):
        if result.task in task_keys() and result.task not in TASKS:
            continue  # its package is installed and broken, as `TASKS.problems` says; the rest of the board stands
        _check(result, board, models, datasets)
        results.append(result)
    tables = {(r.task, r.dataset) for r in results}
    entries = {(r.task, r.dataset, r.entry) for r in results}
    copies: dict[str, str] = {}

    def kept(folder: Path, kind: type[Kind], wanted: Set[tuple[str, ...]], to: str) -> dict[tuple[str, ...], Kind]:
        found = {}
        for content, text in read_files(folder, kind):
            if content.place in wanted:
                found[content.place] = content
                copies[f"data/{to}/{'/'.join(content.place)}.json"] = text
        return found

    details = kept(board.details_dir, Details, entries, "curves")
    rankings = kept(board.rankings_dir, BoardRanking, tables, "rankings")
    told = kept(board.materials_dir, Materials, {place for place in tables if place[1] not in withheld}, "materials")
    materials = {place: found.current(_hashes(results, place)) for place, found in told.items()}
    for place in materials:
        if materials[place] is not told[place]:  # a row that is gone is not passed on either
            copies[f"data/materials/{'/'.join(place)}.json"] = materials_text(materials[place])
    evidence = kept(board.evidence_dir, EvidenceMap, {(r.dataset, r.entry) for r in results}, "evidence")
    resolutions = []
    for resolution, text in read_files(board.resolution_dir, TableResolution):
        resolutions.append(resolution)
        copies[f"data/resolution/{resolution.key}.json"] = text
    sources = {(path.stem,) for path in published_dir(board).glob("*.json")}
    published = {key: found for (key,), found in kept(published_dir(board), Published, sources, "published").items()}
    beside = {key: tables_beside(board.datasets_dir / key, card) for key, card in datasets.items()}
    return Content(
        models, datasets, tuple(results), details, rankings, evidence, copies, materials, published, tuple(resolutions),
        beside,
    )  # fmt: skip


def _hashes(results: Sequence[Result], place: tuple[str, ...]) -> dict[str, str | None]:
    """Hashes of the predictions that the results of a table were made of, by entry."""
    return {r.entry: r.provenance.predictions_sha256 for r in results if (r.task, r.dataset) == place}


def _check_cited(dataset: DatasetCard, board: Board) -> None:
    """Raise CardError where a card cites a metric that the task does not have: nobody would miss the number."""
    for cited in dataset.cited:
        if cited.task not in TASKS:
            continue
        known = [metric.key for metric in TASKS[cited.task].metrics]
        if unknown := [key for key in cited.values if key not in known]:
            raise CardError(
                f"{board.datasets_dir / dataset.key / 'dataset.toml'}: field 'cited.values' names {unknown[0]!r}, "
                f"no metric of the task {cited.task}; its metrics: {', '.join(known)}"
            )


def _check(result: Result, board: Board, models: Mapping[str, ModelCard], datasets: Mapping[str, DatasetCard]) -> None:
    """Raise DataError unless task, model and dataset of a result exist."""
    path = board.results_dir / result.task / result.dataset / f"{result.entry}.json"
    if result.task not in TASKS:
        tasks = ", ".join(TASKS)
        raise DataError(
            f"{path}: field 'task' is {result.task!r}, which is no task here; tasks: {tasks}; "
            "install the package that brings it, or remove the file"
        )
    if result.model not in models:
        raise DataError(f"{path}: field 'model' is {result.model!r}, which has no card in models/; add it")
    if result.dataset not in datasets:
        raise DataError(f"{path}: field 'dataset' is {result.dataset!r}, which has no card in datasets/; add it")
