"""A pull request's data, scored with this board's code: cards and predictions are read, nothing is executed."""

from __future__ import annotations

import json
from pathlib import Path

from matdisc.board import Board
from matdisc.cards import ModelCard, read_card
from matdisc.errors import SubmissionError
from matdisc.leaderboard.ranking import write_ranking
from matdisc.leaderboard.results import (
    details_of,
    predictions_on_board,
    result_of,
    same_numbers,
    write_details,
    write_result,
)
from matdisc.leaderboard.submission import load_submission
from matdisc.leaderboard.submit import submit
from matdisc.protocols import PROTOCOLS
from matdisc.tasks import get_task


def accept(board: Board, proposed: Board) -> list[str]:
    """Add every new or changed predictions file of `proposed` to `board` and return one line for each.

    A card that `board` has already, unchanged, may name a loader; a new one may not. The results that `proposed`
    carries have to be those that scoring gives.

    Raises:
        MatdiscError: If a file, card or result is not what it should be.
    """
    _refuse_links(proposed.root)
    lines = []
    entries = list(predictions_on_board(proposed))
    for task, dataset, entry, path in entries:
        known = board.root / path.relative_to(proposed.root)
        if known.exists() and known.read_bytes() == path.read_bytes():
            continue
        key, plus, protocol = entry.partition("+")
        if plus and protocol not in PROTOCOLS:
            raise SubmissionError(f"{path}: {protocol!r} is no protocol; known: {', '.join(PROTOCOLS)}")
        card_file = proposed.models_dir / key / "model.toml"
        own = board.models_dir / key / "model.toml"
        if own.exists() and read_card(own, ModelCard) == read_card(card_file, ModelCard):
            known.parent.mkdir(parents=True, exist_ok=True)
            checked = load_submission(board, path, task, dataset)
            result = result_of(board, checked, entry=entry)
            known.write_bytes(path.read_bytes())
            write_result(board, result)
            write_details(board, details_of(board, checked, entry))
            write_ranking(board, task, dataset)
        else:
            result = submit(board, path, card_file, task, dataset, replace=True).result
        _compare(proposed, task, dataset, entry, result["metrics"])
        headline = get_task(task).headline_of(result["baseline"])
        lines.append(f"{task} {dataset} {entry}: {headline.label} {result['metrics'][headline.key]['value']}")
    _refuse_results_without_predictions(proposed, {(t, d, e) for t, d, e, _ in entries})
    return lines


def _compare(proposed: Board, task: str, dataset: str, entry: str, metrics: object) -> None:
    path = proposed.results_dir / task / dataset / f"{entry}.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise SubmissionError(
            f"{path}: not a result file ({err}); leave it out, or make it with `matdisc submit`"
        ) from err
    if not same_numbers(said, metrics):
        raise SubmissionError(f"{path}: says other numbers than scoring gives; make it anew with `matdisc submit`")


def _refuse_results_without_predictions(proposed: Board, entries: set[tuple[str, str, str]]) -> None:
    for path in sorted(proposed.results_dir.glob("*/*/*.json")):
        place = (path.parent.parent.name, path.parent.name, path.name.removesuffix(".json"))
        if place not in entries:
            raise SubmissionError(f"{path}: a result without its predictions file; results are never written by hand")


def _refuse_links(root: Path) -> None:
    for folder in ("models", "leaderboard"):
        for path in [root / folder, *sorted((root / folder).rglob("*"))]:
            if path.is_symlink():
                raise SubmissionError(f"{path}: is a link; a submission holds plain files only")
