"""`matdisc report`: results of one table in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption, DatasetOption, TaskOption


def report(
    task: TaskOption,
    dataset: DatasetOption,
    rows: Annotated[
        list[str] | None, typer.Argument(help="Rows of the board or predictions files; none for all rows there.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; default: TASK-DATASET.html.")] = None,
    board: BoardOption = HERE,
) -> None:
    """Write one HTML file with figures, tables and provenance, to be opened from disk or mailed.

    Example: matdisc report chgnet-0.3.0 my.csv --task discovery --dataset emt-alloys -o report.html
    """
    from matdisc.leaderboard.report import report as write

    path = write(open_board(board), task, dataset, rows or [], out or Path(f"{task}-{dataset}.html"))
    typer.echo(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB)")
