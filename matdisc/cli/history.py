"""`matdisc runs`: what runs there have been, what became of them, going on with them."""

from __future__ import annotations

from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption, print_table
from matdisc.cli.runs import AddressOption, WorkersOption
from matdisc.progress import news, progress_line

runs = typer.Typer(no_args_is_help=True)


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
    from matdisc.run.shards import parsed_shard

    root = open_board(board)
    chosen = [read_run(root, name) for name in names] if names else past_runs(root)
    stopped = [run for run in chosen if run.state == "stopped"]
    for run in chosen:
        if names and run.state != "stopped":
            typer.echo(f"{run.name}: {run.state}, nothing to go on with")
    if not stopped and not names:
        typer.echo("no run is stopped")
    troubled = False
    for run in stopped:
        call = run.call
        with progress_line(run.name) as progress:
            ended = run_predict(
                root, call["model"], call["task"], call["dataset"], protocol=call["protocol"], limit=call["limit"],
                workers=call["workers"] if workers is None else workers, address=address, timeout=call["timeout"],
                memory=call["memory"], env=call["env"], shard=parsed_shard(call["shard"]) if "shard" in call else None,
                progress=progress, say=news,
            )  # fmt: skip
        said = ", ".join(f"{n} {status}" for status, n in ended.counts.most_common())
        typer.echo(f"{run.name}: {said} ({ended.computed} asked now, {ended.reused} reused)")
        typer.echo(f"predictions: {ended.out}")
        if ended.trouble:
            troubled = True
            typer.echo(f"error: {run.name}: {ended.trouble}", err=True)
    raise typer.Exit(1 if troubled else 0)


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
