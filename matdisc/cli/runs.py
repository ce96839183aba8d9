"""`matdisc predict`, `matdisc evaluate` and `matdisc runs`: everything that asks models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from matdisc.board import Board, open_board
from matdisc.cli.common import HERE, BoardOption, print_table, progress_line, with_interval

WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", "-w", min=0, max=4096,
        help="Worker processes; default: one on each core, here or on the cluster; 0: in this process, without Ray.",
    ),
]  # fmt: skip
AddressOption = Annotated[
    str | None, typer.Option("--address", help="A running Ray cluster, e.g. auto or ray://host:10001.")
]
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


runs = typer.Typer(no_args_is_help=True)


def predict(
    model: Annotated[str, typer.Argument(help="Key of a model on the board.")],
    task: Annotated[str, typer.Argument(help="discovery, polymorphs or relaxation.")],
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Key of a dataset.")] = None,
    board: BoardOption = HERE,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N materials.")] = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
    env: EnvOption = "inherit",
    protocol: ProtocolOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the predictions file.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Set the record aside and begin anew.")] = False,
) -> None:
    """Ask a model about a dataset; the same command goes on after a crash or Ctrl-C.

    Example: matdisc predict chgnet-0.3.0 polymorphs --dataset elements --limit 10
    """
    from matdisc.run import predict as run_predict

    root = open_board(board)
    key = dataset or _only_dataset(root, task)
    with progress_line(f"{model} {task} {key}") as progress:
        run = run_predict(
            root, model, task, key, protocol=_known_protocol(protocol), limit=limit, workers=workers, address=address,
            timeout=timeout, memory=memory, env=_known_env(env), out=out, restart=restart, progress=progress,
        )  # fmt: skip
    ended = ", ".join(f"{n} {status}" for status, n in run.counts.most_common())
    typer.echo(f"{run.entry}: {ended} ({run.asked} asked now, {run.reused} reused)")
    typer.echo(f"record: {run.record}")
    typer.echo(f"predictions: {run.out}")


def evaluate(
    models: Annotated[list[str] | None, typer.Argument(help="Keys of models; default: all that run here.")] = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="Default: every task.")] = None,
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
    build: Annotated[bool, typer.Option("--site/--no-site", help="Build the site at the end.")] = True,
) -> None:
    """Predict, score and publish in one go; what is done already is reused. Dummies are always added.

    Example: matdisc evaluate chgnet-0.3.0 emt --task polymorphs --dataset elements
    """
    from matdisc.leaderboard import site
    from matdisc.leaderboard.ranking import write_ranking
    from matdisc.leaderboard.results import publish
    from matdisc.run import evaluate as plan
    from matdisc.run import predict as run_predict
    from matdisc.run.cluster import ray_cluster

    root = open_board(board)
    steps, skipped = plan.steps(root, models, task, dataset, _known_protocol(protocol))
    for line in skipped:
        typer.echo(f"left out: {line}", err=True)
    rows = []
    with plan.shared_cluster(ray_cluster, root, steps, workers, address):
        for number, step in enumerate(steps, start=1):
            title = f"[{number}/{len(steps)}] {step.entry} {step.task} {step.dataset}"
            with progress_line(title) as progress:
                run = run_predict(
                    root, step.model, step.task, step.dataset, protocol=step.protocol, workers=workers, address=address,
                    timeout=timeout, memory=memory, env=_known_env(env), progress=progress,
                )  # fmt: skip
            result = publish(root, run.out, step.task, step.dataset, run.entry)
            metrics = result["metrics"]
            rows.append([
                step.task, step.dataset, run.entry, with_interval(metrics["f1"]), with_interval(metrics["daf"], 2),
                with_interval(metrics["mae"]), f"{100 * metrics['coverage']['value']:.1f}",
            ])  # fmt: skip
    for task_key, dataset_key in dict.fromkeys((step.task, step.dataset) for step in steps):
        write_ranking(root, task_key, dataset_key)
    print_table(["task", "dataset", "row", "F1 (95 %)", "DAF (95 %)", "MAE eV/atom (95 %)", "coverage %"], rows)
    if build:
        typer.echo(f"site: {site.build(root) / 'index.html'}")


@runs.command(name="list")
def list_runs(board: BoardOption = HERE) -> None:
    """List the runs of a board: how far each is and whether a process is at work on it.

    Example: matdisc runs list --board my-board
    """
    from matdisc.run.history import past_runs

    found = past_runs(open_board(board))
    if not found:
        typer.echo("no runs yet; start one with: matdisc predict MODEL TASK")
        return
    rows = []
    for run in found:
        troubles = ", ".join(f"{n} {status}" for status, n in sorted(run.statuses.items()) if status != "ok")
        hours = f"{run.cost['cpu_seconds'] / 3600:.3f}"
        done = f"{run.statuses.total()} of {run.call['materials']}"
        rows.append([run.name, run.state, done, troubles or "–", hours, f"{_ago(run.age)} ago"])
    print_table(["run", "state", "answers", "not ok", "CPU hours", "last answer"], rows)


@runs.command()
def show(
    name: Annotated[str, typer.Argument(help="A run, as `runs list` names it.")], board: BoardOption = HERE
) -> None:
    """Show one run: answers, troubles and how often each came, slowest materials, cost, where it ran.

    Example: matdisc runs show discovery/emt-alloys/emt
    """
    from matdisc.run.history import read_run

    run = read_run(open_board(board), name)
    cost = run.cost
    typer.echo(f"{run.name}: {run.state}, {run.statuses.total()} of {run.call['materials']} answered")
    typer.echo("answers: " + (", ".join(f"{n} {status}" for status, n in run.statuses.most_common()) or "none"))
    for text, n in run.troubles.most_common(10):
        typer.echo(f"  {n} x {text}")
    typer.echo("slowest: " + (", ".join(f"{key} {seconds:.2f} s" for seconds, key in run.slowest) or "–"))
    typer.echo(
        f"cost: {cost['cpu_seconds']:.1f} CPU s in {cost['workers']} worker processes, {cost['load_seconds']:.1f} s of "
        f"loading, largest {cost['peak_mib']:.0f} MiB"
    )
    for machine in cost["machines"]:
        packages = ", ".join(f"{package} {version}" for package, version in sorted(machine["packages"].items()))
        typer.echo(f"ran on: {machine['gpu'] or machine['cpu']}, Python {machine['python']}, {packages}")
    typer.echo("started with: " + ", ".join(f"{key} {value}" for key, value in sorted(run.call.items()) if value))
    typer.echo(f"record: {run.record}")


@runs.command()
def resume(
    names: Annotated[
        list[str] | None, typer.Argument(help="Runs, as `runs list` names them; default: all stopped.")
    ] = None,
    board: BoardOption = HERE,
    workers: WorkersOption = None,
    address: AddressOption = None,
) -> None:
    """Go on with runs that were stopped, as they were started; what has an answer is not asked again.

    Example: matdisc runs resume discovery/mp-abc3-cubic/chgnet-0.3.0 --workers 8
    """
    from matdisc.run import predict as run_predict
    from matdisc.run.history import past_runs, read_run

    root = open_board(board)
    chosen = [read_run(root, name) for name in names] if names else past_runs(root)
    stopped = [run for run in chosen if run.state == "stopped"]
    for run in chosen:
        if names and run.state != "stopped":
            typer.echo(f"{run.name}: {run.state}, nothing to go on with")
    if not stopped and not names:
        typer.echo("no run is stopped")
    for run in stopped:
        call = run.call
        with progress_line(run.name) as progress:
            ended = run_predict(
                root, call["model"], call["task"], call["dataset"], protocol=call["protocol"], limit=call["limit"],
                workers=call["workers"] if workers is None else workers, address=address, timeout=call["timeout"],
                memory=call["memory"], env=call["env"], progress=progress,
            )  # fmt: skip
        said = ", ".join(f"{n} {status}" for status, n in ended.counts.most_common())
        typer.echo(f"{run.name}: {said} ({ended.asked} asked now, {ended.reused} reused)")
        typer.echo(f"predictions: {ended.out}")


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _known_env(env: str) -> Literal["inherit", "isolated"]:
    if env == "inherit" or env == "isolated":
        return env
    raise typer.BadParameter(f"{env!r} is no environment; known: inherit, isolated")


def _only_dataset(board: Board, task: str) -> str:
    fitting = [key for key in board.dataset_keys() if task in board.dataset(key).tasks]
    if len(fitting) == 1:
        return fitting[0]
    raise typer.BadParameter(f"name one with --dataset: {', '.join(fitting) or 'no dataset has this task'}")


def _known_protocol(protocol: str | None) -> str | None:
    from matdisc.physics.relax import PROTOCOLS

    if protocol is not None and protocol not in PROTOCOLS:
        raise typer.BadParameter(f"{protocol!r} is no protocol; known: {', '.join(PROTOCOLS)}")
    return protocol
