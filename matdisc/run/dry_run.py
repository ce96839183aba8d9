"""A run in small, before the run: a few materials are timed, and their answers kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from matdisc.board import Board
from matdisc.cards import ModelCard
from matdisc.progress import Progress
from matdisc.run.engine.resumable import RunOptions, run_resumable, worker_count
from matdisc.run.forecast import DRY_SECONDS, LEAST_TIMED, MOST_TIMED, Forecast, Outlook, one_unit, to_time
from matdisc.run.inputs import prepare
from matdisc.run.predict import no_answer
from matdisc.run.shards import Shard


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a dry run found.

    Attributes:
        entry: The row that the run is to give.
        record: Where the answers lie.
        counts: Answers by status, of this dry run and from before.
        computed: How many were asked now.
        workers: How many the run itself would have; None if the cluster decides.
        by_unit: Whether the model is a predictor, of which one unit was timed.
        forecast: What is open and what that will take; None if nothing is.
        trouble: Says in words that there is no answer at all.
    """

    entry: str
    record: Path
    counts: Counter[str]
    computed: int
    workers: int | None
    by_unit: bool
    forecast: Forecast | None
    trouble: str


def dry_run(
    board: Board,
    model: str | ModelCard,
    task_key: str,
    dataset_key: str,
    options: RunOptions,
    *,
    protocol: str | None = None,
    limit: int | None = None,
    shard: Shard | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> DryRun:
    """Time a few materials of all sizes, always the same ones, and say what the run will take.

    One worker asks for DRY_SECONDS, but for LEAST_TIMED materials at least; of a predictor it is one unit, the first
    fold. Answers go to the record of the run, which goes on from them; no predictions file is written.

    Args and errors are those of `predict`.
    """
    asked = prepare(board, model, task_key, dataset_key, options, protocol=protocol, limit=limit, shard=shard)
    by_unit = asked.model.kind == "predictor"
    result = run_resumable(
        asked.folder,
        asked.settings,
        asked.job,
        asked.samples,
        partial(asked.plan, largest_first=False),
        replace(options, workers=0 if options.workers == 0 else 1),
        {"limit": limit, "workers": options.workers},
        progress,
        say,
        until=_never if by_unit else _long_enough,
        first=one_unit(asked.samples) if by_unit else to_time(asked.samples, MOST_TIMED),
    )
    counts = Counter(str(p.status) for p in result.answers)
    found = result.forecast
    if found and by_unit:  # its materials share the time of the unit: their spread says nothing
        parts = len({s.fold for s in asked.samples} - {s.fold for s in one_unit(asked.samples)})
        alone = found.work._replace(low=None, high=None)
        found = replace(found, work=alone, parts=parts, longest=alone.value / max(1, parts))
    return DryRun(
        asked.entry,
        result.record,
        counts,
        len(result.answers) - result.reused,
        worker_count(options.workers, options.address),
        by_unit,
        found,
        no_answer(result.answers),
    )


def _long_enough(outlook: Outlook) -> bool:
    return outlook.asking > DRY_SECONDS and outlook.answered >= LEAST_TIMED


def _never(outlook: Outlook) -> bool:
    return False
