"""`matdisc site build` and `matdisc site serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption

site = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@site.command("build")
def build(
    board: BoardOption = HERE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder; default: leaderboard/_site.")] = None,
) -> None:
    """Build the static site from results and cards.  Example: matdisc site build --out public"""
    from matdisc.leaderboard import site as builder

    typer.echo(f"site: {builder.build(open_board(board), out) / 'index.html'}")


@site.command("serve")
def serve(
    board: BoardOption = HERE,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535)] = 8000,
) -> None:
    """Build the site and serve it on this machine only.  Example: matdisc site serve --port 8080"""
    from matdisc.leaderboard import site as builder

    builder.serve(builder.build(open_board(board)), port)
