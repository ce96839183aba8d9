"""`matdisc alloys`: what an evidence model knows, for the site to draw."""

from __future__ import annotations

from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption

alloys = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@alloys.callback()
def _group() -> None:
    """What evidence models know of alloys."""


@alloys.command(name="map")
def draw(
    model: Annotated[str, typer.Argument(help="Key of an evidence model on the board.")],
    dataset: Annotated[str, typer.Argument(help="Key of a dataset of alloys.")],
    board: BoardOption = HERE,
    limit: Annotated[int, typer.Option("--limit", min=0, max=20, help="Alloys to explain.")] = 4,
) -> None:
    """Write which elements replace each other in the eyes of a model, and why it says what of a few alloys.

    The site draws it on the model's page.  Example: matdisc alloys map evidence-data synthetic-miedema
    """
    from matdisc.leaderboard.evidence_map import write_evidence_map

    path = write_evidence_map(open_board(board), model, dataset, limit=limit)
    typer.echo(f"written: {path}")
    typer.echo("next: matdisc site build")
