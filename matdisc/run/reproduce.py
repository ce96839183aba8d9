"""A row of the board run again: the same model, protocol and materials, into a record of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from matdisc import predictions
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.canonical import canonical_json
from matdisc.cards import DatasetCard, model_hash
from matdisc.datasets.truth import truth_of
from matdisc.errors import RunError, SubmissionError
from matdisc.leaderboard.compare import entry_file
from matdisc.leaderboard.reproduction import MetricPair, Moved, Verdict, metric_pairs, moved, overall
from matdisc.leaderboard.results import run_provenance, score_file, tables_of
from matdisc.leaderboard.schema.read import read_file
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.progress import Progress
from matdisc.run.conditions import Condition, conditions, lock_of, pinned_card
from matdisc.run.engine.record import FAILURES
from matdisc.run.engine.resumable import RunOptions, run_resumable
from matdisc.run.inputs import RunInputs, prepare
from matdisc.run.lock import run_lock
from matdisc.run.predict import used_columns, write_provenance
from matdisc.schema import Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import DEFAULT_BOOTSTRAP
from matdisc.scoring.record import plain
from matdisc.tasks import get_task

SCHEMA = "matdisc.reproduction/1"
ANSWERS = "predictions.csv.gz"


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What a rerun says of a row.

    Attributes:
        row, task, dataset: Which row.
        asked, materials: How many materials were asked again, and how many the dataset has.
        verdict: The whole in one phrase.
        moved: Materials whose answers differ by more than float noise.
        metrics: What rows are ranked by, on the materials that were asked again.
        conditions: Hashes, versions and hardware, of the row and here.
        path: Where all of this lies as JSON.
    """

    row: str
    task: str
    dataset: str
    asked: int
    materials: int
    verdict: Verdict
    moved: tuple[Moved, ...]
    metrics: tuple[MetricPair, ...]
    conditions: tuple[Condition, ...]
    path: Path

    def to_json(self) -> dict[str, Any]:
        """The same as JSON-ready data."""
        found: dict[str, Any] = plain({**asdict(self), "path": str(self.path), "schema": SCHEMA})
        return found


def table_of(board: Board, row: str, task: str | None, dataset: str | None) -> tuple[str, str]:
    """Return task and dataset of the one table that has this row.

    Raises:
        CardError: If there is no such task, data set or row.
        SubmissionError: If several have.
    """
    found = [(t, d) for t, d, _ in tables_of(board, row, task, dataset)]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(f"-t {t} -d {d}" for t, d in found)
    raise SubmissionError(f"{row!r} is a row of {len(found)} tables; name one: {listed}")


def reproduce(
    board: Board,
    row: str,
    task: str,
    dataset: str,
    *,
    sample: int | None = None,
    seed: int = 0,
    options: RunOptions,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Reproduction:
    """Run a row again and say whether it gives the same.

    Its answers go to `runs/reproduced/TASK/DATASET/ROW/`, where the same call goes on after a stop; the board stays as
    it is.

    Args:
        board: Where the row is.
        row, task, dataset: Which row of which table.
        sample: About how many materials are asked again: whole groups are drawn until there are so many, for tasks
            over folds from as few folds as will do. None for all.
        seed: Seed of the draw.
        options: Workers, limits and environment; an `isolated` environment gets the versions that the row names.
        progress, say: As for `predict`.

    Raises:
        SubmissionError: If there is no such row, or its file is damaged.
        MatdiscError: If the model cannot be run here: as `predict`.
    """
    path = entry_file(board, row, task, dataset)
    card = board.model(row.partition("+")[0])
    scoring = get_task(task).scoring
    before = scoring.read(path)
    run = run_provenance(path, before.sha256) or {}
    if card.loader is None or not (run or row == card.key):
        why = (
            "was submitted as a file"
            if not run
            else f"is of a model whose card has no `loader` ({card.key}/model.toml)"
        )
        raise RunError(
            f"{row!r} {why}, and nothing here can make it again; rows that can be run are those whose cards have a "
            "`loader` (matdisc models list)"
        )
    lock = lock_of(run)
    if options.env == "isolated" and not lock:
        say(f"the record of {row} names no packages: its environment has those of the model's card")
    pinned = pinned_card(card, lock) if options.env == "isolated" else card
    asked = prepare(board, pinned, task, dataset, options, protocol=run.get("protocol"))
    samples = drawn(asked.dataset.samples, sample, seed, by_fold=card.kind == "predictor")
    if not {s.material_id for s in samples} & {p.material_id for p in before.rows}:
        raise SubmissionError(
            f"{path}: has none of the {len(samples):,} materials drawn from {dataset!r}; take a larger --sample, or "
            "another --seed"
        )
    known = _metrics(board, path, before.sha256, task, dataset, row)
    folder = board.runs_dir / "reproduced" / task / dataset / row
    again = _run(asked, samples, folder, options, row, progress, say)
    after = scoring.read(folder / ANSWERS)
    first, second = _sides(board.dataset(dataset), asked, samples, before, after)
    pairs = metric_pairs(first, second, known, DEFAULT_BOOTSTRAP)
    costs = [column.name for column in scoring.columns if column.unit == "s"]
    apart = moved(before.rows, after.rows, costs)
    found = Reproduction(
        row=row, task=task, dataset=dataset, asked=len(samples), materials=len(asked.dataset.samples),
        verdict=overall(apart, pairs), moved=tuple(apart), metrics=tuple(pairs),
        conditions=tuple(conditions(run, {**again, "model_sha256": model_hash(card)})),
        path=folder / "reproduction.json",
    )  # fmt: skip
    write_atomic(found.path, canonical_json(found.to_json()).encode())
    return found


def drawn(samples: Sequence[Sample], n: int | None, seed: int, *, by_fold: bool = False) -> tuple[Sample, ...]:
    """Return whole groups at random until there are n materials, in the order of the dataset; all for None.

    Candidates of one compound belong to one group. `by_fold` takes fold after fold: to learn a fold's model costs the
    same for one material as for all of the fold.
    """
    if n is None or n >= len(samples):
        return tuple(samples)
    units = Counter((s.fold if by_fold else None, s.group) for s in samples)
    order = sorted(units, key=str)
    random.Random(seed).shuffle(order)
    if by_fold:
        folds = list(dict.fromkeys(fold for fold, _ in order))
        order.sort(key=lambda unit: folds.index(unit[0]))
    before = accumulate((units[unit] for unit in order), initial=0)
    chosen = {unit for unit, so_far in zip(order, before, strict=False) if so_far < n}
    return tuple(s for s in samples if (s.fold if by_fold else None, s.group) in chosen)


def _run(
    asked: RunInputs,
    samples: Sequence[Sample],
    folder: Path,
    options: RunOptions,
    row: str,
    progress: Progress | None,
    say: Callable[[str], None],
) -> Mapping[str, Any]:
    """Ask about these materials, write the answers as a predictions file, and return its provenance."""
    result = run_resumable(
        folder, asked.settings, asked.job, samples, asked.plan, options, {"sample": len(samples)}, progress, say
    )
    out = folder / ANSWERS
    digest = predictions.write(out, result.answers, used_columns(asked.task, result.answers))
    lock = run_lock(folder, asked.job.model, options.env, computed=result.reused < len(result.answers))
    cost = result.cost | {"materials": len(samples), "failed": sum(p.status in FAILURES for p in result.answers)}
    write_provenance(out, digest, asked.settings, row, cost, lock)
    return run_provenance(out, digest) or {}


def _sides(
    card: DatasetCard, asked: RunInputs, samples: Sequence[Sample], *files: predictions.Submission
) -> tuple[AlignedSubmission, ...]:
    """Align files with the labels of these materials alone."""
    folds = {s.fold for s in samples}
    training = {fold: part for fold, part in asked.dataset.training.items() if fold in folds}
    truth = truth_of(replace(asked.dataset, samples=tuple(samples), training=training))
    scoring = asked.task.scoring
    return tuple(
        AlignedSubmission(file, asked.task, card, truth, align(file, truth, scoring, surplus="report"))
        for file in files
    )


def _metrics(board: Board, path: Path, sha256: str, task: str, dataset: str, row: str) -> Mapping[str, Any]:
    """The metrics of the row as the board has them, or scored now where it has no result of this very file."""
    result = board.results_dir / task / dataset / f"{row}.json"
    if result.is_file():
        known, _ = read_file(result, Result)
        if known.provenance.predictions_sha256 == sha256:
            return {key: value.model_dump() for key, value in known.metrics.items()}
    scored: Mapping[str, Any] = score_file(board, path, task, dataset)["metrics"]
    return scored
