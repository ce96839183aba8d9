"""`matdisc prefetch`: what runs need from a network, for nodes that have none."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption
from matdisc.cli.runs import EnvOption, known_env
from matdisc.progress import news


def prefetch(
    models: Annotated[list[str] | None, typer.Argument(help="Keys of models: their weights.")] = None,
    dataset: Annotated[list[str] | None, typer.Option("--dataset", "-d", help="Keys of datasets: their files.")] = None,
    env: EnvOption = "inherit",
    board: BoardOption = HERE,
) -> None:
    """Fetch weights, data and, with --env isolated, environments into the cache, for nodes without a network.

    MATDISC_CACHE names the cache; let it lie where all nodes see it. Exit codes: 0 all is there, 2 something cannot be
    had (all else is).

    Example: matdisc prefetch chgnet-0.3.0 --dataset mp-abc3-cubic --env isolated
    """
    from matdisc.datasets.fetch import cache_dir
    from matdisc.run.prefetch import prefetch as fetch

    if not models and not dataset:
        raise typer.BadParameter("name models, or datasets with --dataset")
    counts: Counter[str] = Counter()
    for item in fetch(open_board(board), models or [], dataset or [], known_env(env), news):
        counts[item.state] += 1
        typer.echo(f"{item.name}: {item.state}: {item.said}", err=item.state == "missing")
    typer.echo(f"{counts['fetched']} fetched, {counts['there']} there already; cache: {cache_dir()}")
    if counts["missing"]:
        typer.echo(f"error: {counts['missing']} of {counts.total()} cannot be had, as said above", err=True)
        raise typer.Exit(2)
