"""One run: a model asked about every material of a dataset, resumable, ending in a predictions file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matdisc import predictions
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.canonical import canonical_json
from matdisc.cards import ModelCard
from matdisc.errors import BudgetSpent, RunError
from matdisc.models.load import Factory
from matdisc.progress import Progress
from matdisc.run.engine.record import FAILURES
from matdisc.run.engine.resumable import RunOptions, run_resumable
from matdisc.run.environments.layers import Mode
from matdisc.run.forecast import Forecast
from matdisc.run.inputs import preloading, prepare
from matdisc.run.lock import run_lock
from matdisc.run.shards import Shard
from matdisc.schema import Prediction
from matdisc.tasks.task import Task
from matdisc.version import __version__, commit


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind: its predictions file, its record, and how the materials ended.

    `trouble` says in words that there is no answer at all; then the predictions file lies beside the record, and
    nothing was replaced by it.
    """

    entry: str
    out: Path
    record: Path
    counts: Counter[str]
    reused: int
    computed: int
    trouble: str = ""


def predict(
    board: Board,
    model: str | ModelCard,
    task_key: str,
    dataset_key: str,
    *,
    factory: Factory | None = None,
    protocol: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    address: str | None = None,
    timeout: float | None = 600.0,
    memory: float | None = None,
    env: Mode = "inherit",
    out: Path | None = None,
    restart: bool = False,
    shard: Shard | None = None,
    budget: float | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """Ask a model about every material of a dataset and write the predictions file.

    Answers go to a record under `runs/` as they come. The same call after a crash or Ctrl-C goes on where it
    stopped; what failed is asked again if it may take more time or memory than then. With `workers` 0 everything
    happens in this process, with the same values.

    Args:
        board: Where model and dataset are.
        model, task_key, dataset_key: What is asked about what; a model by its key on the board, or by its card.
        factory: Makes the calculator, where the model's card has no loader.
        protocol: How energies are taken; default: as the model's card says.
        limit: Only the first so many materials.
        workers: Processes at a time; None for one on each core, here or on the cluster.
        address: A Ray cluster that runs already; default: one on this machine for as long as the call takes.
        timeout: Seconds that one material may take.
        memory: GiB that one worker may hold; default: as the card says, else a fair share of this machine.
        env: Whether workers get an environment of their own with the card's requirements.
        out: Where the predictions file goes; if every material fails it lies beside the record instead.
        restart: Set the record aside and begin anew.
        shard: Only this part of the materials, with a record and a file of its own; `merge` joins the parts.
        budget: CPU hours of all workers, of earlier parts of the run as well, after which no more is asked.
        progress: Told about answers as they come.
        say: Told in words what takes long before the first answer comes.

    Raises:
        BudgetSpent: If the budget is spent and materials are open.
        MatdiscError: If model, task and dataset do not fit, the model cannot be loaded, the machine is in the way
            (memory, threads, files, disk), or another process is at work on the same run.
    """
    if out is not None and not out.name.endswith((".csv", ".csv.gz")):
        raise RunError(f"{out}: a predictions file is written as .csv or .csv.gz; change the name")
    options = RunOptions(workers, address, timeout, memory, env, restart)
    with preloading(board, model, task_key, dataset_key, options, factory=factory, protocol=protocol):
        asked = prepare(
            board, model, task_key, dataset_key, options, factory=factory, protocol=protocol, limit=limit, shard=shard
        )
        entry, folder = asked.entry, asked.folder
        result = run_resumable(
            folder, asked.settings, asked.job, asked.samples, asked.plan, options, {"limit": limit}, progress, say,
            lambda outlook: budget is not None and outlook.cpu_seconds >= 3600 * budget,
        )  # fmt: skip
    if result.forecast and budget is not None:
        raise BudgetSpent(_spent(entry, budget, result.forecast))
    counts = Counter(str(p.status) for p in result.answers)
    trouble = "" if shard else no_answer(result.answers)  # a part may fail as a whole; merge looks at all
    whole = limit is None or limit >= len(asked.dataset.samples)
    if shard:
        out = out or folder / f"{shard.of(entry)}.csv.gz"
    elif trouble or (out is None and not whole):
        out = folder / "partial.csv.gz"
    elif out is None:
        out = board.predictions_dir / task_key / dataset_key / f"{entry}.csv.gz"
    digest = predictions.write(out, result.answers, used_columns(asked.task, result.answers))
    cost = result.cost | {"materials": len(result.answers), "failed": _failed(counts)}
    computed = len(result.answers) - result.reused
    lock = run_lock(folder, asked.job.model, env, computed=computed > 0)
    write_provenance(out, digest, asked.settings, entry, cost, lock)
    return Run(entry, out, result.record, counts, result.reused, computed, trouble)


def _spent(entry: str, budget: float, found: Forecast) -> str:
    more = f"; they need about {found.work.value * found.cpu_share / 3600:.2g} CPU hours more" if found.timed else ""
    return (
        f"{entry}: {found.spent / 3600:.3g} CPU hours are spent, the budget is {budget:g}; {found.open} of "
        f"{found.materials} materials are open{more}. What is done is kept, and the same command goes on with a larger "
        "--budget, or without one"
    )


def no_answer(answers: Sequence[Prediction]) -> str:
    """Say so if every material that the model supports has failed; no such thing is an answer to a benchmark."""
    errors = Counter(p.error for p in answers if p.status in FAILURES)
    if not errors or any(p.status not in (*FAILURES, "unsupported") for p in answers):
        return ""
    (error, n), total = errors.most_common(1)[0], errors.total()
    how_often = "each" if n == total else f"{n} of them"
    return f"all {total} materials failed, {how_often} with: {error}" if total > 1 else f"the material failed: {error}"


def provenance_path(predictions_file: Path) -> Path:
    """Where the provenance of a predictions file lies, if we made it ourselves."""
    return predictions_file.with_name(predictions_file.name.split(".csv")[0] + ".run.json")


def _failed(counts: Counter[str]) -> int:
    return counts["failed"] + counts["timed_out"]


def used_columns(task: Task, answers: Sequence[Prediction]) -> list[str]:
    """Return the columns of a task that any of these answers has; its first where none has one."""
    used = {column for p in answers for column in (*p.values, *p.arrays)}
    names = [column.name for column in task.columns]
    return [name for name in names if name in used] or names[:1]


def write_provenance(
    out: Path,
    digest: str,
    settings: Mapping[str, Any],
    entry: str,
    cost: Mapping[str, Any],
    lock: Mapping[str, str],
) -> None:
    """Write beside a predictions file, whose sha256 is `digest`, how it was made, with what, and what that cost."""
    content = {
        "schema": "matdisc.run/2",
        "entry": entry,
        **settings,
        "predictions_sha256": digest,
        "matdisc": __version__,
        "commit": commit(),
        "lock": lock,
        "cost": cost,
    }
    write_atomic(provenance_path(out), canonical_json(content).encode())
