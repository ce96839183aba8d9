"""`matdisc merge`: parts of a run joined."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, TASK_HELP, BoardOption
from matdisc.cli.runs import known_protocol


def merge(
    files: Annotated[list[Path] | None, typer.Argument(help="Predictions files of all parts.")] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help=f"Instead of files: {TASK_HELP}")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Likewise: key of the dataset.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Likewise: key of the model.")] = None,
    protocol: Annotated[str | None, typer.Option("--protocol", help="Likewise: as the parts were asked.")] = None,
    board: BoardOption = HERE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the predictions file.")] = None,
) -> None:
    """Join the parts of a run, asked with `predict --shard`, to the file that one run would have written.

    Nothing is written if a part or a material is missing or doubled, or if parts differ in model, dataset, protocol or
    version. Exit codes: 0 done, 1 every material failed, 2 an error to mend.

    Example: matdisc merge --task discovery --dataset emt-alloys --model emt
    """
    from matdisc.run import entry_key
    from matdisc.run.merge import merge as join
    from matdisc.run.merge import parts_on_board

    root = open_board(board)
    if bool(files) == bool(task and dataset and model):
        raise typer.BadParameter("name either the files of all parts, or --task, --dataset and --model")
    if not files:
        entry = entry_key(root.model(str(model)), known_protocol(protocol))
        files = parts_on_board(root, str(task), str(dataset), entry)
    merged = join(root, files, out=out)
    typer.echo(f"{merged.entry}: {', '.join(f'{n} {status}' for status, n in merged.counts.most_common())}")
    typer.echo("run with: " + ", ".join(f"{name} {' and '.join(found)}" for name, found in merged.versions.items()))
    if merged.trouble:
        typer.echo(f"error: {merged.trouble}; nothing was written", err=True)
        raise typer.Exit(1)
    typer.echo(f"predictions: {merged.out}")
