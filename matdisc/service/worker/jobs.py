"""What a task does for one submission: read and check the file, score it, and hand over the result."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard, read_card
from matdisc.errors import CardError, ServiceError, SubmissionError
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.leaderboard.submit import outside_card
from matdisc.physics.drivers import TimedOut
from matdisc.run.engine.limits import lift_memory_limit, limit_memory, time_limit
from matdisc.service.blobs import Blobs, open_blobs
from matdisc.service.guards import check_coverage, chosen
from matdisc.service.settings import Guards
from matdisc.service.store.results import Evaluated, result_key
from matdisc.tasks import get_task
from matdisc.version import __version__

DIGITS = 6
"""Significant digits of the answers in a fingerprint."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be evaluated: plain data, so that it can go to another process.

    Attributes:
        key: Of the result.
        board, blobs: Where the labels and the file are.
        task, dataset: What the file answers.
        model, card: Key and text (TOML) of the model's card.
        sha256, suffix: Of the predictions file.
        run: What our own run of the model wrote beside the file (JSON); empty for a file from outside.
        guards: What holds for private labels.
        seconds: Wall-clock time for all of it.
        memory_gib: Private memory for all of it; None for no limit.
    """

    key: str
    board: Path
    blobs: str
    task: str
    dataset: str
    model: str
    card: str
    sha256: str
    suffix: str
    run: str
    guards: Guards
    seconds: float
    memory_gib: float | None


@dataclass(frozen=True, slots=True)
class Valid:
    """The file can be scored."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The file cannot be scored, and why, in words for its team."""

    reason: str


@dataclass(frozen=True, slots=True)
class Overdue:
    """The time was not enough."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The evaluation ended with an error that is not the file's: its kind, and all of it for the log."""

    kind: str
    trace: str


Step = Valid | Refused | Overdue | Broken | Evaluated


def key_of(board: Board, task: str, dataset: str, sha256: str, card: str, run: str = "") -> str:
    """Return the key of a result: all that it is computed from.

    Raises:
        CardError: If there is no such task or dataset.
    """
    labels = get_task(task).scoring.truth_hash(board.dataset(dataset), task) or ""
    return result_key(sha256, task, dataset, labels, hashlib.sha256(card.encode()).hexdigest(), run, __version__)


def evaluate(order: Order) -> Iterator[Step]:
    """Yield Valid and then the result; or else why there is none. Runs in a process of Ray, or in this one."""
    started = time.monotonic()
    try:
        with _limited(order.memory_gib), _files(order) as (file, card_file):
            with time_limit(order.seconds):
                found = _checked(order, file, card_file)
            if isinstance(found, Refused):
                yield found
                return
            yield Valid()
            with time_limit(max(0.01, order.seconds - (time.monotonic() - started))):
                result = _scored(order, *found)
            yield result
    except TimedOut:
        yield Overdue()
    except Exception as err:
        yield Broken(type(err).__name__, traceback.format_exc())


@contextmanager
def _limited(memory_gib: float | None) -> Iterator[None]:
    """Limit the memory of this process for a while; it may evaluate others afterwards."""
    if memory_gib is None:
        yield
        return
    limit_memory(memory_gib, "the evaluator")
    try:
        yield
    finally:
        lift_memory_limit()


@contextmanager
def _files(order: Order) -> Iterator[tuple[Path, Path]]:
    """Have the predictions file, with what our run wrote beside it, and the card as files."""
    blobs = open_blobs(order.blobs)
    with blobs.local(order.sha256, order.suffix) as stored, tempfile.TemporaryDirectory(prefix="matdisc-") as name:
        folder = Path(name)
        card_file, file = folder / "model.toml", folder / f"predictions{order.suffix}"
        card_file.write_text(order.card, encoding="utf-8")
        file.symlink_to(stored)
        if order.run:
            (folder / "predictions.run.json").write_text(order.run, encoding="utf-8")
        yield file, card_file


def _checked(order: Order, file: Path, card_file: Path) -> tuple[ModelCard, AlignedSubmission] | Refused:
    board = Board(order.board)
    dataset = board.dataset(order.dataset)  # an error in here is ours
    try:
        card = read_card(card_file, ModelCard, any_folder=True) if order.run else outside_card(card_file, order.task)
        if card.key != order.model:
            raise CardError(f"{card_file}: field 'key' is {card.key!r} and was {order.model!r}; send it again")
        found = load(board, file, order.task, dataset, private=order.dataset in order.guards.private)
        check_coverage(found.answers.coverage, order.dataset, order.guards)
    except (CardError, SubmissionError) as err:
        return Refused(in_words(str(err), file, card_file))
    return card, found


def in_words(text: str, file: Path, card_file: Path) -> str:
    """Return what is wrong with a file, or its card, in words that name no path of ours."""
    for path, words in ((card_file, "your card"), (file, "your file")):
        text = text.replace(str(path), words).replace(path.name, words)
    return text


def load(board: Board, file: Path, task_key: str, card: DatasetCard, *, private: bool) -> AlignedSubmission:
    """Read a predictions file and align it with its dataset, as `load_submission`.

    With private labels nothing is said of the numbers: an answer to "can these mean what they say?" would depend on
    the labels, and may be asked as often as one likes.

    Raises: As `load_submission`.
    """
    from matdisc.leaderboard.submission import load_submission
    from matdisc.scoring.align import align

    if not private:
        return load_submission(board, file, task_key, card.key)
    task = get_task(task_key)
    if task_key not in card.tasks:
        raise CardError(f"dataset {card.key!r} has no task {task_key!r}; its tasks: {', '.join(card.tasks)}")
    silent = copy.copy(task.scoring)
    object.__setattr__(silent, "plausible", lambda *arguments: ())
    submission, truth = task.scoring.read(file), task.scoring.truth(board, card)
    return AlignedSubmission(submission, task, card, truth, align(submission, truth, silent, surplus=card.surplus_ids))


def _scored(order: Order, card: ModelCard, checked: AlignedSubmission) -> Evaluated:
    from matdisc.leaderboard.results import details_of, result_of

    board, private = Board(order.board), order.dataset in order.guards.private
    _refuse_open_holdout(order.guards, checked)
    content = result_of(board, checked, entry=None if order.run else card.key, model=card)
    details = None if private else details_of(board, checked, content["entry"])
    blobs = open_blobs(order.blobs)
    return Evaluated(
        key=order.key,
        task=order.task,
        dataset=order.dataset,
        predictions_sha256=order.sha256,
        labels_sha256=checked.truth.sha256,
        evaluator=__version__,
        content=content,
        details_sha256=None if details is None else blobs.put(_json(details)),
        report_sha256=None if details is None else _report(board, blobs, card, checked, content, details),
        fingerprint=_noted(order, card, checked, content),
    )


def _report(
    board: Board,
    blobs: Blobs,
    card: ModelCard,
    checked: AlignedSubmission,
    content: dict[str, Any],
    details: dict[str, Any],
) -> str:
    """Keep the page that `matdisc report` writes of one row, and return its SHA-256."""
    from matdisc.leaderboard.ranking import Row
    from matdisc.leaderboard.report import render
    from matdisc.leaderboard.site.publish import build_time

    page = render(board, [Row(content["entry"], card, checked)], [content], [details], build_time())
    return blobs.put(page.encode())


def _refuse_open_holdout(guards: Guards, checked: AlignedSubmission) -> None:
    """Raise ServiceError if materials that are held out count for the headline."""
    from matdisc.scoring.base import headline_mask, subset_mask

    name = guards.holdout.get(checked.card.key)
    if name is None:
        return
    shared = headline_mask(checked.card, checked.truth) & subset_mask(checked.card, checked.truth, name)
    if shared.any():
        raise ServiceError(
            f"service.toml: field 'guards.holdout.{checked.card.key}' is {name!r}, and {int(shared.sum())} of its "
            "materials are in the card's 'headline_subset'; give the card subsets that do not overlap"
        )


def _noted(order: Order, card: ModelCard, checked: AlignedSubmission, content: dict[str, Any]) -> dict[str, Any]:
    """Return what guards and publication need beside the result."""
    from matdisc.scoring.flags import flags

    task = checked.task
    headline = task.headline_of(content["baseline"])
    private = order.dataset in order.guards.private
    return {
        "headline": {
            "metric": headline.key,
            "label": headline.label,
            "better": headline.better or "higher",
            "error": _standard_error(checked, headline.key) if private else None,
        },
        "counts": [metric.key for metric in task.metrics if metric.form == "count"],
        "flags": list(flags(card, checked.card, task.scoring)),
        "column": checked.answers.column,
        "answers": _fingerprint(checked),
        "run": order.run,
    }


def _standard_error(checked: AlignedSubmission, metric: str) -> float | None:
    """Return the bootstrap standard error of a metric; None if it is undefined."""
    import numpy as np

    from matdisc.scoring.base import DEFAULT_BOOTSTRAP

    scoring = checked.task.scoring
    bootstrap = replace(DEFAULT_BOOTSTRAP, replicates=min(DEFAULT_BOOTSTRAP.replicates, scoring.replicates))
    drawn = scoring.resample(checked.card, checked.truth, checked.answers, bootstrap)
    replicates = drawn[metric][1] if metric in drawn else np.empty(0)
    replicates = replicates[np.isfinite(replicates)]
    return float(replicates.std(ddof=1)) if len(replicates) > 1 else None


def _fingerprint(checked: AlignedSubmission) -> list[float | None]:
    values = checked.answers.values[chosen(checked.truth.material_ids.to_pylist())]
    return [float(f"{x:.{DIGITS}g}") if math.isfinite(x) else None for x in values.tolist()]


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, allow_nan=False).encode()
