"""`matdisc predict` and `matdisc evaluate`: everything that asks models."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.board import Board, open_board
from matdisc.cli.common import HERE, TASK_HELP, BoardOption
from matdisc.cli.forecasts import print_dry_run, print_plan
from matdisc.cli.tracking import TrackerOption, known_trackers, track_row
from matdisc.errors import BudgetSpent, MatdiscError
from matdisc.progress import news, progress_line

if TYPE_CHECKING:
    from matdisc.cards import ModelCard
    from matdisc.run.environments.layers import Mode

WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", "-w", min=0, max=4096,
        help="Worker processes; default: one on each core, here or on the cluster; 0: in this process, without Ray.",
    ),
]  # fmt: skip
AddressOption = Annotated[str | None, typer.Option("--address", help="A running Ray cluster, e.g. auto or host:6379.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds that one material may take.")]
MemoryOption = Annotated[
    float | None,
    typer.Option("--memory", min=0.1, help="GiB that one worker may hold; default: a fair share of this machine."),
]
ProtocolOption = Annotated[
    str | None,
    typer.Option("--protocol", help="relax, relax-fast or single-point; default: what the model's card says."),
]
EnvOption = Annotated[
    str,
    typer.Option("--env", help="inherit: this Python environment; isolated: one of its own, with the card's packages."),
]

DeviceOption = Annotated[
    str | None, typer.Option("--device", help="auto, cpu or cuda; default: what the model's card says, else auto.")
]


def predict(
    model: Annotated[str, typer.Argument(help="Key of a model on the board.")],
    task: Annotated[str, typer.Argument(help=TASK_HELP)],
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Key of a dataset.")] = None,
    board: BoardOption = HERE,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N materials.")] = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
    env: EnvOption = "inherit",
    device: DeviceOption = None,
    protocol: ProtocolOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the predictions file.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Set the record aside and begin anew.")] = False,
    shard: Annotated[
        str | None, typer.Option("--shard", help="Only part I of N, e.g. 3/8; `matdisc merge` joins the parts.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0.0, help="CPU hours of the whole run, after which it stops with exit code 3."),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Time some materials for half a minute; say what the run will take.")
    ] = False,
    price: Annotated[
        float | None, typer.Option("--price-per-core-hour", min=0.0, help="For the cost that --dry-run says.")
    ] = None,
) -> None:
    """Ask a model about a dataset; the same command goes on after a crash or Ctrl-C.

    What failed is asked again if it may now take more time or memory. Exit codes: 0 done, 1 every material failed,
    2 an error to mend, 3 the budget is spent, 130 stopped.

    Example: matdisc predict chgnet-0.3.0 polymorphs --dataset elements --limit 10
    """
    from matdisc.run import predict as run_predict
    from matdisc.run.engine.resumable import RunOptions
    from matdisc.run.shards import parsed_shard

    root = open_board(board)
    part = None if shard is None else parsed_shard(shard)
    key = dataset or _only_dataset(root, task)
    card = on_device(root.model(model), device)
    if dry:
        options = RunOptions(workers, address, timeout, memory, known_env(env), restart)
        print_dry_run(
            root, (card, task, key), options, price, protocol=known_protocol(protocol), limit=limit, shard=part
        )
        return
    with progress_line(f"{model} {task} {key}") as progress:
        try:
            run = run_predict(
                root, card, task, key, protocol=known_protocol(protocol), limit=limit, workers=workers,
                address=address, timeout=timeout, memory=memory, env=known_env(env), out=out, restart=restart,
                shard=part, budget=budget, progress=progress, say=news,
            )  # fmt: skip
        except BudgetSpent as err:
            typer.echo(f"stopped: {err}", err=True)
            raise typer.Exit(3) from None
    ended = ", ".join(f"{n} {status}" for status, n in run.counts.most_common())
    typer.echo(f"{run.entry}: {ended} ({run.computed} asked now, {run.reused} reused)")
    typer.echo(f"record: {run.record}")
    typer.echo(f"predictions: {run.out}")
    if run.trouble:
        typer.echo(f"error: {run.trouble}; nothing on the board was replaced", err=True)
        raise typer.Exit(1)


def evaluate(
    models: Annotated[list[str] | None, typer.Argument(help="Keys of models; default: all that run here.")] = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help=f"Default: every task: {TASK_HELP}")] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", "-d", help="Default: every dataset whose data is embedded.")
    ] = None,
    board: BoardOption = HERE,
    workers: WorkersOption = None,
    address: AddressOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
    env: EnvOption = "inherit",
    protocol: ProtocolOption = None,
    build: Annotated[bool, typer.Option("--site/--no-site", help="Build the site as rows arrive.")] = True,
    full: Annotated[bool, typer.Option("--full", help="Also the models that are not quick on a dataset.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only list the runs, with a rough time of each.")] = False,
    tracker: TrackerOption = None,
) -> None:
    """Predict, score and publish in one go; what is done already is reused. Dummies are always added.

    Predictions files that lie on the board are scored first, cheap runs come before costly ones, and the site grows
    with the rows, while the next model runs. Exit codes: 0 done, 1 a model failed on every material, 2 a model could
    not be run (the others were), 130 stopped. A tracker that fails costs a warning and changes none of them.

    Example: matdisc evaluate chgnet-0.3.0 emt --task polymorphs --dataset elements
    """
    from matdisc.cli.growing import GrowingSite, leaders, one_after_the_other
    from matdisc.run import evaluate as plan
    from matdisc.run import predict as run_predict
    from matdisc.run.engine.cluster import ray_cluster
    from matdisc.run.evidence_map import refresh_evidence_maps

    root = open_board(board)
    trackers = known_trackers(tracker)
    steps, skipped = plan.steps(root, models, task, dataset, known_protocol(protocol), known_env(env), full=full)
    for line in skipped:
        typer.echo(f"left out: {line}", err=True)
    if dry:
        print_plan(root, steps)
        return
    grown = GrowingSite(root, build=build)
    answered: list[tuple[str, str]] = []
    started = time.monotonic()
    troubles: list[str] = []
    without_answers: list[str] = []
    with one_after_the_other() as beside, plan.shared_cluster(ray_cluster, root, steps, workers, address):
        for table in plan.file_tables(root, task, dataset):
            beside(grown.score, *table, news)
        if len(steps) > 1:
            beside(grown.begin, news)
        for number, step in enumerate(steps):
            left = plan.time_left(steps, number, time.monotonic() - started)
            title = f"[{number + 1}/{len(steps)}{left}] {step.entry} {step.task} {step.dataset}"
            try:
                with progress_line(title) as progress:
                    run = run_predict(
                        root, step.model, step.task, step.dataset, protocol=step.protocol, workers=workers,
                        address=address, timeout=timeout, memory=memory, env=known_env(env), progress=progress,
                        say=news,
                    )  # fmt: skip
            except MatdiscError as err:  # one model that cannot be run does not stop the others
                troubles.append(f"{step.entry} on {step.dataset} ({step.task}): {err}")
                typer.echo(f"left out: {troubles[-1]}", err=True)
                continue
            if run.trouble:
                without_answers.append(f"{step.entry} on {step.dataset} ({step.task}): {run.trouble}")
                typer.echo(f"not published: {without_answers[-1]}", err=True)
                continue
            answered.append((step.model, step.dataset))
            beside(grown.score, step.task, step.dataset)
            beside(track_row, root, step.task, step.dataset, run.entry, run.out, trackers)
    for path in refresh_evidence_maps(root, answered):
        typer.echo(f"evidence: {path}", err=True)
    built = grown.refresh()
    for line in leaders(root, grown.tables):
        typer.echo(line)
    if built:
        typer.echo(f"site: {built}, with a page for each task: tasks/TASK.html")
    if without_answers:
        said = "; ".join(without_answers)
        typer.echo(f"error: {len(without_answers)} of {len(steps)} runs gave no answer at all: {said}", err=True)
    if troubles:
        raise MatdiscError(f"{len(troubles)} of {len(steps)} runs could not be done: " + "; ".join(troubles))
    if without_answers:
        raise typer.Exit(1)


def on_device(model: ModelCard, device: str | None) -> ModelCard:
    """Return a card that asks for a device, or as it is if None is named."""
    if device is None:
        return model
    if device not in ("auto", "cpu", "cuda"):
        raise typer.BadParameter(f"{device!r} is no device; known: auto, cpu, cuda")
    if "device" in model.options:
        raise typer.BadParameter(
            f"the card of {model.key!r} names its device in 'options'; name it in the field 'device'"
        )
    return model.model_copy(update={"device": device})


def known_env(env: str) -> Mode:
    """Return the environment of that name, or say which there are."""
    from matdisc.run.environments.layers import MODES

    for mode in MODES:
        if env == mode:
            return mode
    raise typer.BadParameter(f"{env!r} is no environment; known: {', '.join(MODES)}")


def _only_dataset(board: Board, task: str) -> str:
    fitting = [key for key in board.dataset_keys() if task in board.dataset(key).tasks]
    if len(fitting) == 1:
        return fitting[0]
    raise typer.BadParameter(f"name one with --dataset: {', '.join(fitting) or 'no dataset has this task'}")


def known_protocol(protocol: str | None) -> str | None:
    """Return the protocol of that name, or say which there are; None stays None."""
    from matdisc.protocols import PROTOCOLS

    if protocol is not None and protocol not in PROTOCOLS:
        raise typer.BadParameter(f"{protocol!r} is no protocol; known: {', '.join(PROTOCOLS)}")
    return protocol
