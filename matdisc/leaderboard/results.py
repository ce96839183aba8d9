"""Results on disk: scored from predictions files, written by machines, read by the site."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.canonical import canonical_json
from matdisc.cards import ModelCard
from matdisc.datasets.published import published_values
from matdisc.errors import CardError, DataError, SubmissionError
from matdisc.leaderboard.cost import cost_of
from matdisc.leaderboard.leakage import leakage_report, leaky_inputs
from matdisc.leaderboard.names import row_name
from matdisc.leaderboard.schema.details import Details
from matdisc.leaderboard.schema.read import read_file
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.schema.run import RunRecord
from matdisc.leaderboard.submission import AlignedSubmission, load_submission
from matdisc.predictions import SUFFIXES
from matdisc.protocols import PROTOCOLS
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import DEFAULT_BOOTSTRAP, Bootstrap, headline_mask
from matdisc.scoring.flags import flags
from matdisc.tasks import get_task
from matdisc.version import __version__

RUN_KEYS = ("matdisc", "commit", "protocol", "model_sha256", "lock")
"""What a result tells of the run that made its predictions; its hardware and main packages stand with its cost."""


def score_file(board: Board, path: Path, task_key: str, dataset_key: str, **options: Any) -> dict[str, Any]:
    """Return the result of a predictions file as JSON-ready data (schema `matdisc.result/2`).

    Options: as `result_of`.
    """
    return result_of(board, load_submission(board, path, task_key, dataset_key), **options)


def result_of(
    board: Board,
    checked: AlignedSubmission,
    *,
    entry: str | None = None,
    model: ModelCard | None = None,
    training: Path | None = None,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> dict[str, Any]:
    """Return the result of a checked predictions file.

    Args:
        board: Where dataset and cards are.
        checked: The file.
        entry: Row on the board; default: as the run says that made the file, else the model's key.
        model: The model's card; default: the one the board has for this entry. Without one, no flags are given.
        training: A declaration of training data, to score with and without what it shares with the dataset.
        bootstrap: How intervals are taken.
    """
    card, submission = checked.card, checked.submission
    run = run_provenance(submission.path, submission.sha256)
    entry = entry or (str(run["entry"]) if run else (model.key if model else None))
    if model is None and entry and entry.split("+")[0] in board.model_keys():
        model = board.model(entry.split("+")[0])
    answers = checked.answers
    if run and model is not None and _energies_on_another_scale(model, checked):
        answers = replace(answers, reported={k: v for k, v in answers.reported.items() if k != "energy_per_atom"})
    scoring = checked.task.scoring
    bootstrap = replace(bootstrap, replicates=min(bootstrap.replicates, scoring.replicates))
    protocol = PROTOCOLS.get(str(run["protocol"])) if run and checked.task.relaxes else None
    scored = scoring.score(card, checked.truth, answers, bootstrap)
    published = published_values(board, card).get(model.key) if model else None
    scored["cost"] = cost_of(scored["cost"], run.get("cost") if run else None, hits(scored))
    found = {
        "entry": entry or "",
        "model": model.key if model else "",
        "task": checked.task.key,
        "dataset": card.key,
        "protocol": {"key": protocol.key, "help": protocol.help} if protocol else None,
        "origin": "run" if run else "submission",
        **scored,
        "flags": [
            *flags(model, card, scoring),
            *answers.notes,
            *leaky_inputs(checked, model),
            *scoring.suspicions(checked.truth, answers, scored),
        ],
        "leakage": leakage_report(board, checked, model, training, bootstrap),
        **({"published": published} if published else {}),
        **({"ignored_columns": list(submission.ignored)} if submission.ignored else {}),
        "provenance": {
            "predictions_sha256": submission.sha256,
            "dataset_sha256": checked.truth.sha256,
            "matdisc": __version__,
            "bootstrap": {
                "replicates": bootstrap.replicates,
                "seed": bootstrap.seed,
                "unit": scoring.unit or card.split.by,
            },
            "run": {key: run[key] for key in RUN_KEYS if key in run} if run else None,
        },
    }
    return Result.model_validate(found).to_json()


def _energies_on_another_scale(model: ModelCard, checked: AlignedSubmission) -> bool:
    """Whether the energies of relaxed structures of our own run cannot be compared with the dataset's."""
    scales = (model.energy_scale, checked.card.energy_scale)
    uncorrected = scales == ("pbe_raw", "mp2020_corrected") and checked.truth.corrections is None
    return uncorrected or ("own" in scales and scales != ("own", "own"))


def hits(scored: dict[str, Any]) -> int | None:
    """Return the number of stable materials that were called stable; None where nothing is called so."""
    counted = scored["metrics"].get("tp")
    return None if counted is None else int(counted["value"])


def detail_file(board: Board, path: Path, task_key: str, dataset_key: str, entry: str) -> dict[str, Any]:
    """Return curves, slices and calibration of a predictions file (schema `matdisc.details/2`)."""
    return details_of(board, load_submission(board, path, task_key, dataset_key), entry)


def details_of(board: Board, checked: AlignedSubmission, entry: str) -> dict[str, Any]:
    """Return figures and tables of a checked file; where the task has a control row, also the difference to it."""
    scoring, card, truth = checked.task.scoring, checked.card, checked.truth
    bootstrap = replace(DEFAULT_BOOTSTRAP, replicates=min(DEFAULT_BOOTSTRAP.replicates, scoring.replicates))
    shown = scoring.artifacts(card, truth, checked.answers, _control(board, checked, entry), bootstrap)
    return Details(
        entry=entry,
        task=checked.task.key,
        dataset=card.key,
        subset=card.headline_subset,
        n=int(headline_mask(card, truth).sum()),
        figures=shown.figures,
        tables=shown.tables,
    ).to_json()


def _control(board: Board, checked: AlignedSubmission, entry: str) -> tuple[str, Answers] | None:
    """The row that others are compared with, if it has predictions on the board and is another one."""
    name, task, dataset = checked.task.scoring.control, checked.task.key, checked.card.key
    if name is None or name == entry:
        return None
    for suffix in SUFFIXES:
        path = board.predictions_dir / task / dataset / f"{name}{suffix}"
        if path.is_file():
            return row_name(board.model(name), name), load_submission(board, path, task, dataset).answers
    return None


def write_details(board: Board, found: dict[str, Any]) -> Path:
    """Write details beside the results, on one line each key: they are for the site and for programs."""
    path = board.details_dir / found["task"] / found["dataset"] / f"{found['entry']}.json"
    lines = [f" {json.dumps(key)}: {json.dumps(found[key], sort_keys=True, allow_nan=False)}" for key in sorted(found)]
    write_atomic(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    return path


def compat_file(board: Board, path: Path, task_key: str, dataset_key: str) -> dict[str, dict[str, Any]]:
    """Return the metrics of a predictions file by Matbench Discovery's own order of operations, part by part.

    Parts are subsets of materials (discovery; without the flag `unique_prototype` the full set alone) or the two
    tolerances at which symmetry is looked for (relaxation). Undefined is None.

    Raises:
        CardError: If the task is another, or the dataset is none of WBM.
        SubmissionError: If the file gives no formation energies.
    """
    checked = load_submission(board, path, task_key, dataset_key)
    procedure = checked.task.scoring.published_procedure
    return procedure(checked.truth, checked.submission, checked.answers, checked.card.surplus_ids)


def publish(board: Board, path: Path, task_key: str, dataset_key: str, entry: str) -> dict[str, Any]:
    """Score a predictions file that lies on the board, write result and details, and return the result."""
    checked = load_submission(board, path, task_key, dataset_key)
    result = result_of(board, checked, entry=entry)
    write_result(board, result)
    write_details(board, details_of(board, checked, entry))
    return result


def publish_new(board: Board, task: str, dataset: str) -> list[str]:
    """Score the predictions files of a dataset that have no result of these very bytes and labels; return their rows.

    Raises:
        MatdiscError: If a file cannot be scored.
    """
    digest = get_task(task).scoring.truth_hash(board.dataset(dataset), task)
    new = []
    for known_task, known_set, entry, path in predictions_on_board(board):
        if (known_task, known_set) == (task, dataset) and not _is_current(board, path, digest):
            publish(board, path, task, dataset, entry)
            new.append(entry)
    return new


def _is_current(board: Board, path: Path, dataset_sha256: str | None) -> bool:
    """Whether the result on the board is of this predictions file and these labels."""
    task, dataset, entry = path.parent.parent.name, path.parent.name, entry_of(path)
    try:
        said = json.loads((board.results_dir / task / dataset / f"{entry}.json").read_text(encoding="utf-8"))
        known = [said["provenance"][key] for key in ("predictions_sha256", "dataset_sha256", "matdisc")]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return known == [hashlib.sha256(path.read_bytes()).hexdigest(), dataset_sha256, __version__]


def write_result(board: Board, result: dict[str, Any]) -> Path:
    """Write a result to its place on the board, whole or not at all, and return the path."""
    path = board.results_dir / result["task"] / result["dataset"] / f"{result['entry']}.json"
    write_atomic(path, canonical_json(result).encode())
    return path


def predictions_on_board(board: Board) -> Iterator[tuple[str, str, str, Path]]:
    """Yield task, dataset, entry and path of every predictions file on the board, sorted.

    Raises:
        SubmissionError: If two files are of one row.
    """
    known: dict[tuple[str, str, str], Path] = {}
    for path in sorted(board.predictions_dir.glob("*/*/*")):
        if path.name.endswith(SUFFIXES) and not path.name.startswith("."):
            row = path.parent.parent.name, path.parent.name, entry_of(path)
            if row in known:
                raise SubmissionError(f"{known[row]} and {path} are both of the row {row[2]!r}; remove one of them")
            known[row] = path
            yield *row, path


def tables_of(board: Board, row: str, task: str | None, dataset: str | None) -> list[tuple[str, str, Path]]:
    """Return task, dataset and predictions file of a row in all of its tables, or in those of one task or dataset.

    Raises:
        CardError: If there is no such task, dataset or row.
    """
    if task:
        get_task(task)
    if dataset:
        board.dataset(dataset)
    every = [one for one in predictions_on_board(board) if task in (None, one[0]) and dataset in (None, one[1])]
    found = [(t, d, path) for t, d, name, path in every if name == row]
    if found:
        return found
    where = "".join([f" of {task}" if task else "", f" on {dataset}" if dataset else ""])
    known = sorted({name for _, _, name, _ in every})
    near = difflib.get_close_matches(row, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"rows: {', '.join(known) or 'none'}"
    raise CardError(f"{row!r} is no row{where} of the board at {board.root}; {hint}")


def entry_of(path: Path) -> str:
    """Return the row that a predictions file is called after."""
    suffix = next(s for s in sorted(SUFFIXES, key=len, reverse=True) if path.name.endswith(s))
    return path.name.removesuffix(suffix)


def rescore(board: Board, *, write: bool = True) -> list[tuple[Path, str]]:
    """Score every predictions file on the board again and return (path, what happened) for each.

    `what happened` is "same", "changed", "new" or the reason why it cannot be scored here. With `write` off the
    board stays as it is, which is how a pull request is checked.
    """
    outcome = []
    for task, dataset, entry, path in predictions_on_board(board):
        try:
            checked = load_submission(board, path, task, dataset)
            result = result_of(board, checked, entry=entry)
        except (CardError, DataError, SubmissionError) as err:
            outcome.append((path, f"cannot be scored: {err}"))
            continue
        old = board.results_dir / task / dataset / f"{entry}.json"
        said = "new" if not old.exists() else "same" if same_numbers(json.loads(old.read_text()), result) else "changed"
        if write:
            write_result(board, result)
            write_details(board, details_of(board, checked, entry))
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


def run_provenance(path: Path, sha256: str) -> dict[str, Any] | None:
    """Return what our own run wrote beside a predictions file, if it is about these very bytes.

    Raises:
        DataError: If it is damaged.
    """
    beside = path.with_name(path.name.split(".csv")[0] + ".run.json")
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:
        raise DataError(f"{beside}: cannot be read ({err}); {RunRecord.ADVICE}") from err
    if not isinstance(content, dict) or content.get("predictions_sha256") != sha256:
        return None
    read_file(beside, RunRecord)
    return content
