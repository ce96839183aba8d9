"""`matdisc compare`, and how comparisons are printed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption, JsonOption, TaskOption, print_table, with_interval

FLIP_TABLES = {"element": "element", "anion": "anion class", "e_above_hull": "hull distance, eV/atom"}


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
        typer.echo(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))
        return
    for comparison in found:
        print_comparison(comparison)


def print_comparison(found: dict[str, Any]) -> None:
    """Print differences, McNemar's test, flips and a verdict."""
    typer.echo(
        f"{found['first']} against {found['second']} on {found['dataset']} ({found['task']}): "
        f"{found['n']:,} materials, {found['n_groups']:,} groups by {found['unit']}"
    )
    header = ["metric", "first", "second", "difference (95 %)", "p", "detectable"]
    print_table(header, [_difference_row(key, d) for key, d in found["differences"].items()])
    test = found["mcnemar"]
    typer.echo(
        f"labels: only the first is right on {test['only_first']:,}, only the second on {test['only_second']:,}; "
        f"McNemar p = {_shown(test['p_value'], '.3g')}"
    )
    for kind, title in FLIP_TABLES.items():
        table = found["flips"].get(kind, {"name": []})
        columns = [[str(cell) for cell in table[key]] for key in ("name", "gained", "lost") if table["name"]]
        if columns:
            print_table([title, "second gains", "second loses"], list(zip(*columns, strict=True))[:12])
    typer.echo(f"verdict: {verdict(found)}")
    typer.echo("p-values are for this pair alone; a whole board is corrected for all pairs (Holm) in its ranking")


def verdict(found: dict[str, Any]) -> str:
    """Return whether the difference in the headline metric is real, in a sentence."""
    from matdisc.tasks import TASKS

    metric = TASKS[found["task"]].headline
    name, difference = metric.label, found["differences"][metric.key]
    if difference["p_value"] is None:
        return f"{name} is undefined for one of them; nothing can be said"
    if difference["p_value"] <= 0.05:
        first = (difference["value"] > 0) == (metric.better == "higher")
        better = found["first"] if first else found["second"]
        return f"the difference in {name} is real at the 5 % level; {better} is ahead by {abs(difference['value']):.4f}"
    least = _shown(difference["detectable"], ".3g")
    return f"{name} cannot tell them apart here; a difference below {least} would mostly go unseen"


def _difference_row(key: str, d: dict[str, Any]) -> list[str]:
    sides = [with_interval({"value": d[side]}) for side in ("first", "second")]
    return [key, *sides, with_interval(d, 4), _shown(d["p_value"], ".3f"), _shown(d["detectable"], ".4f")]


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def print_compat(found: dict[str, dict[str, Any]], as_json: bool) -> None:
    """Print the metrics of another board's procedure, subset by subset."""
    if as_json:
        typer.echo(json.dumps(found, indent=1, allow_nan=False))
        return
    keys = list(next(iter(found.values())))
    print_table(["metric", *found], [[key, *(_shown(part[key], "g") for part in found.values())] for key in keys])
