"""`matdisc predict` and `matdisc evaluate`: everything that asks models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matdisc.board import Board, open_board
from matdisc.cli.common import HERE, BoardOption, print_table, progress_line, with_interval

WorkersOption = Annotated[
    int, typer.Option("--workers", "-w", min=0, max=4096, help="Worker processes; 0 runs in this process, without Ray.")
]
AddressOption = Annotated[
    str | None, typer.Option("--address", help="A running Ray cluster, e.g. auto or ray://host:10001.")
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds that one material may take.")]
ProtocolOption = Annotated[
    str | None, typer.Option("--protocol", help="relax or single-point; default: what the model's card says.")
]


def predict(
    model: Annotated[str, typer.Argument(help="Key of a model on the board.")],
    task: Annotated[str, typer.Argument(help="discovery or polymorphs.")],
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Key of a dataset.")] = None,
    board: BoardOption = HERE,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N materials.")] = None,
    workers: WorkersOption = 2,
    address: AddressOption = None,
    timeout: TimeoutOption = 600.0,
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
            timeout=timeout, out=out, restart=restart, progress=progress,
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
    workers: WorkersOption = 2,
    address: AddressOption = None,
    timeout: TimeoutOption = 600.0,
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
    from matdisc.run.engine import ray_cluster

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
                    timeout=timeout, progress=progress,
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
