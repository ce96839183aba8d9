"""`matdisc cite`."""

from __future__ import annotations

from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, TASK_HELP, BoardOption


def cite(
    row: Annotated[str, typer.Argument(help="Row on the board.")],
    task: Annotated[
        str | None, typer.Option("--task", "-t", help=f"Default: all that the row answers. {TASK_HELP}")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Key of a dataset; default: all that the row answers.")
    ] = None,
    board: BoardOption = HERE,
) -> None:
    """Print BibTeX of everything that a row rests on: model, training data, data sets, metrics and software.

    Example: matdisc cite chgnet-0.3.0 --task discovery --dataset wbm-sample > references.bib
    """
    from matdisc.leaderboard.cite import citations, rows_of

    place = open_board(board)
    typer.echo(citations(place, rows_of(place, row, task, dataset)), nl=False)
