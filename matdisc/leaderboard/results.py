"""Results on disk: scored from predictions files, written by machines, read by the site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matdisc
from matdisc import predictions
from matdisc.atomic import write_whole
from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets import load_truth
from matdisc.datasets.truth import Truth
from matdisc.errors import CardError, DataError, SubmissionError
from matdisc.physics.relax import PROTOCOLS
from matdisc.predictions import SUFFIXES
from matdisc.tasks import TASKS, Task
from matdisc.tasks.check import Answers, align
from matdisc.tasks.score import DEFAULT_BOOTSTRAP, Bootstrap, flags, score

SCHEMA = "matdisc.result/1"


@dataclass(frozen=True, slots=True)
class Checked:
    """A predictions file that fits its task and dataset."""

    submission: predictions.Submission
    task: Task
    card: DatasetCard
    truth: Truth
    answers: Answers


def check_file(board: Board, path: Path, task_key: str, dataset_key: str) -> Checked:
    """Read a predictions file and align it with its dataset.

    Raises:
        MatdiscError: Whatever is wrong with file, task or dataset, in words.
    """
    task = known_task(task_key)
    card = board.dataset(dataset_key)
    if task_key not in card.tasks:
        raise CardError(f"dataset {dataset_key!r} has no task {task_key!r}; its tasks: {', '.join(card.tasks)}")
    submission = predictions.read(path, task.value_columns)
    truth = load_truth(board, dataset_key)
    return Checked(submission, task, card, truth, align(submission, truth, task, surplus=card.surplus_ids))


def score_file(
    board: Board,
    path: Path,
    task_key: str,
    dataset_key: str,
    *,
    entry: str | None = None,
    model: ModelCard | None = None,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> dict[str, Any]:
    """Return the result of a predictions file as JSON-ready data (schema `matdisc.result/1`).

    Args:
        board: Where dataset and cards are.
        path: The predictions file.
        task_key, dataset_key: What it answers.
        entry: Row on the board; default: as the run says that made the file, else the model's key.
        model: The model's card; default: the one the board has for this entry. Without one, no flags are given.
        bootstrap: How intervals are taken.
    """
    checked = check_file(board, path, task_key, dataset_key)
    run = run_provenance(path, checked.submission.sha256)
    entry = entry or (str(run["entry"]) if run else (model.key if model else None))
    if model is None and entry and entry.split("+")[0] in board.model_keys():
        model = board.model(entry.split("+")[0])
    card = checked.card
    protocol = PROTOCOLS.get(str(run["protocol"])) if run else None
    scored = score(checked.task, card, checked.truth, checked.answers, bootstrap)
    return {
        "schema": SCHEMA,
        "entry": entry,
        "model": model.key if model else None,
        "task": task_key,
        "dataset": dataset_key,
        "protocol": {"key": protocol.key, "help": protocol.help} if protocol else None,
        "origin": "run" if run else "submission",
        **scored,
        "flags": flags(model, card, checked.task),
        "provenance": {
            "predictions_sha256": checked.submission.sha256,
            "dataset_sha256": checked.truth.sha256,
            "matdisc": matdisc.__version__,
            "bootstrap": {
                "replicates": bootstrap.replicates,
                "seed": bootstrap.seed,
                "unit": card.split.by,
            },
            "run": {key: run[key] for key in ("python", "platform", "packages", "matdisc")} if run else None,
        },
    }


def write_result(board: Board, result: dict[str, Any]) -> Path:
    """Write a result to its place on the board, whole or not at all, and return the path."""
    path = board.results_dir / result["task"] / result["dataset"] / f"{result['entry']}.json"
    text = json.dumps(result, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, text.encode())
    return path


def predictions_on_board(board: Board) -> Iterator[tuple[str, str, str, Path]]:
    """Yield task, dataset, entry and path of every predictions file on the board, sorted."""
    for path in sorted(board.predictions_dir.glob("*/*/*")):
        if path.name.endswith(SUFFIXES) and not path.name.startswith("."):
            entry = path.name
            for suffix in sorted(SUFFIXES, key=len, reverse=True):
                entry = entry.removesuffix(suffix)
            yield path.parent.parent.name, path.parent.name, entry, path


def rescore(board: Board, *, write: bool = True) -> list[tuple[Path, str]]:
    """Score every predictions file on the board again and return (path, what happened) for each.

    `what happened` is "same", "changed", "new" or the reason why it cannot be scored here. With `write` off the
    board stays as it is, which is how a pull request is checked.
    """
    outcome = []
    for task, dataset, entry, path in predictions_on_board(board):
        try:
            result = score_file(board, path, task, dataset, entry=entry)
        except (CardError, DataError, SubmissionError) as err:
            outcome.append((path, f"cannot be scored: {err}"))
            continue
        old = board.results_dir / task / dataset / f"{entry}.json"
        said = "new" if not old.exists() else "same" if same_numbers(json.loads(old.read_text()), result) else "changed"
        if write:
            write_result(board, result)
        outcome.append((path, said))
    return outcome


def same_numbers(old: Any, new: Any, tolerance: float = 1e-9) -> bool:
    """Whether two results say the same: equal text, numbers within a relative tolerance of float noise."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same_numbers(old[k], new[k], tolerance) for k in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(same_numbers(a, b, tolerance) for a, b in zip(old, new, strict=True))
    if isinstance(old, float | int) and isinstance(new, float | int):
        return abs(old - new) <= tolerance * max(1.0, abs(old), abs(new))
    return bool(old == new)


def known_task(key: str) -> Task:
    """Return a task by its key.

    Raises:
        CardError: If there is none.
    """
    if key not in TASKS:
        raise CardError(f"task {key!r} does not exist; tasks: {', '.join(TASKS)}")
    return TASKS[key]


def run_provenance(path: Path, sha256: str) -> dict[str, Any] | None:
    """Return what our own run wrote beside a predictions file, if it is about these very bytes."""
    beside = path.with_name(path.name.split(".csv")[0] + ".run.json")
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    needed = ("predictions_sha256", "entry", "protocol", "python", "platform", "packages", "matdisc")
    if not isinstance(content, dict) or any(key not in content for key in needed):
        return None
    return content if content["predictions_sha256"] == sha256 else None
