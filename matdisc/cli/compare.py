"""`matdisc compare`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from matdisc.board import open_board
from matdisc.canonical import canonical_json
from matdisc.cli.common import HERE, BoardOption, JsonOption, TaskOption, print_parts, print_table
from matdisc.leaderboard.text import comparison_parts, shown


def compare(
    first: Annotated[str, typer.Argument(help="Row on the board, or a predictions file.")],
    second: Annotated[str, typer.Argument(help="Row on the board, or a predictions file.")],
    task: TaskOption = "discovery",
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", "-d", help="Default: all that both answered.")
    ] = None,
    board: BoardOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say whether two models differ on the same materials, and which materials flipped.

    Example: matdisc compare chgnet-0.3.0 chgnet-0.2.0 --dataset mp-abc3-cubic
    """
    from matdisc.leaderboard.compare import common_datasets
    from matdisc.leaderboard.compare import compare as compared

    root = open_board(board)
    found = [compared(root, first, second, task, key) for key in dataset or common_datasets(root, first, second, task)]
    if as_json:
        typer.echo(canonical_json(found), nl=False)
        return
    for comparison in found:
        print_parts(comparison_parts(comparison))


def print_compat(found: dict[str, dict[str, Any]], as_json: bool) -> None:
    """Print the metrics of another board's procedure, subset by subset."""
    if as_json:
        typer.echo(json.dumps(found, indent=1, allow_nan=False))
        return
    keys = list(next(iter(found.values())))
    print_table(["metric", *found], [[key, *(shown(part[key], "g") for part in found.values())] for key in keys])
