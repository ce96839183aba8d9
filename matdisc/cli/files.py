"""`matdisc check`, `score`, `submit` and `rescore`: everything that starts from a predictions file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption, DatasetOption, JsonOption, TaskOption, print_table, with_interval

FileArgument = Annotated[Path, typer.Argument(help="Predictions file: .csv, .csv.gz, .jsonl or .jsonl.gz.")]


def check(
    file: FileArgument, task: TaskOption, dataset: DatasetOption, board: BoardOption = HERE, as_json: JsonOption = False
) -> None:
    """Say whether a predictions file can be scored, and what is missing in it.

    Example: matdisc check my.csv --task discovery --dataset emt-alloys
    """
    from matdisc.leaderboard.results import check_file
    from matdisc.tasks.check import coverage_lines

    checked = check_file(open_board(board), file, task, dataset)
    coverage = checked.answers.coverage
    if as_json:
        report = {"file": str(file), "column": checked.answers.column, "sha256": checked.submission.sha256}
        typer.echo(json.dumps(report | {"coverage": coverage}, indent=1))
        return
    typer.echo(f"{file}: column {checked.answers.column}, sha256 {checked.submission.sha256}")
    typer.echo(f"answered: {coverage['answered']:,} of {coverage['expected']:,}")
    for line in coverage_lines(coverage):
        typer.echo(f"  {line}")
    typer.echo("can be scored" if coverage["answered"] else "can be scored, but answers nothing")


def score(
    file: FileArgument,
    task: TaskOption,
    dataset: DatasetOption,
    board: BoardOption = HERE,
    write: Annotated[bool, typer.Option("--write", help="Also write the result to the board.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Score a predictions file: every metric with its 95 % interval.

    Example: matdisc score my.csv --task discovery --dataset emt-alloys --json
    """
    from matdisc.leaderboard.results import score_file, write_result

    root = open_board(board)
    result = score_file(root, file, task, dataset)
    if write:
        if result["model"] is None:
            raise typer.BadParameter("the file belongs to no model of this board; use `matdisc submit` with a card")
        typer.echo(f"written: {write_result(root, result)}", err=True)
    if as_json:
        typer.echo(json.dumps(result, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))
    else:
        print_result(result)


def submit(
    file: FileArgument,
    card: Annotated[Path, typer.Option("--card", "-c", help="The model's card (model.toml).")],
    task: TaskOption,
    dataset: DatasetOption,
    board: BoardOption = HERE,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing row of this model.")] = False,
) -> None:
    """Check and score an outside model's predictions and add card, file and result to the board.

    Example: matdisc submit my.csv --card model.toml --task discovery --dataset mp-abc3-cubic
    """
    from matdisc.leaderboard.submit import submit as add

    root = open_board(board)
    accepted = add(root, file, card, task, dataset, replace=replace)
    print_result(accepted.result)
    for path in (accepted.card, accepted.predictions, accepted.result_file):
        typer.echo(f"added: {path}")
    typer.echo("next: `matdisc site build`, or commit these three files for a pull request (`git add -f`)")


def accept(
    proposed: Annotated[Path, typer.Argument(help="Checkout of a pull request: a board whose data is taken.")],
    board: BoardOption = HERE,
) -> None:
    """Score the new data of a pull request with this board's code and add it; nothing of it is executed.

    Example: matdisc accept ../pull-request --board .
    """
    from matdisc.leaderboard.accept import accept as take

    lines = take(open_board(board), open_board(proposed))
    typer.echo("\n".join(lines) if lines else "no new predictions")


def rescore(
    board: BoardOption = HERE,
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if a result on disk is stale.")
    ] = False,
) -> None:
    """Score every predictions file on the board again.

    Example: matdisc rescore --check
    """
    from matdisc.leaderboard.results import rescore as again

    stale = 0
    for path, happened in again(open_board(board), write=not check_only):
        typer.echo(f"{path}: {happened}")
        stale += happened != "same"
    raise typer.Exit(1 if check_only and stale else 0)


def print_result(result: dict[str, Any]) -> None:
    """Print a result's headline metrics, dummies, coverage and flags."""
    from matdisc.tasks.check import coverage_lines

    metrics, dummy = result["metrics"], result["dummy"]
    typer.echo(
        f"{result['entry'] or 'this file'} on {result['dataset']} ({result['task']}): {result['n']:,} materials, "
        f"{result['n_stable']:,} stable, {result['n_groups']:,} groups"
    )
    names = ("f1", "daf", "precision", "recall", "accuracy", "mae", "rmse", "r2")
    rows = [[name, with_interval(metrics[name]), with_interval({"value": dummy.get(name)})] for name in names]
    print_table(["metric", "value (95 % interval)", "dummy"], rows)
    coverage = result["coverage"]
    rest = ", ".join(coverage_lines(coverage))
    typer.echo(f"answered: {coverage['answered']:,} of {coverage['expected']:,}{': ' + rest if rest else ''}")
    for flag in result["flags"]:
        typer.echo(f"note: {flag}")
