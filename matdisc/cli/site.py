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
    since: Annotated[
        str | None,
        typer.Option(
            help="History to go on with: a file, a site's folder or none; default: that of the site replaced."
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Where it is published, as in https://lab.github.io/board/; default: site.toml.")
    ] = None,
) -> None:
    """Build the static site from results and cards.  Example: matdisc site build --out public

    The page of changes tells what differs from the build before.
    """
    from matdisc.leaderboard import site as builder

    previous = None if since is None else builder.History() if since == "none" else builder.read_history(Path(since))
    folder = builder.build(open_board(board), out, since=previous, base_url=base_url)
    typer.echo(f"site: {folder / 'index.html'}")


@site.command("serve")
def serve(
    board: BoardOption = HERE,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535)] = 8000,
) -> None:
    """Build the site and serve it on this machine only.  Example: matdisc site serve --port 8080"""
    from matdisc.leaderboard import site as builder

    builder.serve(builder.build(open_board(board)), port)
