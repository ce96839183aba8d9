"""`matdisc check`, `score`, `submit` and `rescore`: everything that starts from a predictions file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from matdisc.board import open_board
from matdisc.canonical import canonical_json
from matdisc.cli.common import HERE, BoardOption, DatasetOption, JsonOption, TaskOption, print_parts
from matdisc.cli.compare import print_compat
from matdisc.cli.tracking import TrackerOption, known_trackers, track
from matdisc.cli.watching import send
from matdisc.leaderboard.text import result_parts

FileArgument = Annotated[
    Path,
    typer.Argument(
        help="Predictions file: .csv, .csv.gz, .jsonl, .jsonl.gz or .parquet; to check and score also .tsv or .json."
    ),
]


def check(
    file: FileArgument,
    task: TaskOption,
    dataset: DatasetOption,
    board: BoardOption = HERE,
    features: Annotated[
        Path | None, typer.Option("--features", help="Table of the input features, to look for labels in it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a predictions file can be scored, and what is missing in it.

    Example: matdisc check my.csv --task discovery --dataset emt-alloys
    """
    from matdisc.columns import some
    from matdisc.leaderboard.leakage import forbidden_inputs
    from matdisc.leaderboard.submission import load_submission
    from matdisc.scoring.answers import coverage_lines

    checked = load_submission(open_board(board), file, task, dataset)
    column, name, ignored = checked.answers.column, checked.submission.column_name, checked.submission.ignored
    found = forbidden_inputs(features, checked.card) if features else []
    coverage, notes = checked.answers.coverage, [*checked.submission.notes, *checked.answers.notes]
    if as_json:
        report = {"file": str(file), "column": column, "column_name": name, "ignored_columns": ignored}
        report |= {"sha256": checked.submission.sha256, "notes": notes}
        typer.echo(json.dumps(report | {"coverage": coverage, "forbidden_inputs": found}, indent=1))
        raise typer.Exit(1 if found else 0)
    read_as = "" if name.strip() == column else f", read as {column}"
    typer.echo(f"{file}: column {some([name])}{read_as}, sha256 {checked.submission.sha256}")
    if ignored:
        typer.echo(f"ignored columns: {some(ignored, 40)}")
    typer.echo(f"answered: {coverage['answered']:,} of {coverage['expected']:,}")
    for line in coverage_lines(coverage):
        typer.echo(f"  {line}")
    if checked.answers.surplus:
        typer.echo(f"  surplus ids are left out, e.g. {', '.join(checked.answers.surplus[:3])}")
    for line in notes:
        typer.echo(f"note: {line}")
    typer.echo("can be scored" if coverage["answered"] else "can be scored, but answers nothing")
    for line in found:
        typer.echo(f"forbidden input: {line}")
    raise typer.Exit(1 if found else 0)


def score(
    file: FileArgument,
    task: TaskOption,
    dataset: DatasetOption,
    board: BoardOption = HERE,
    training: Annotated[
        Path | None, typer.Option("--training", help="Declared training data (ids, formulas, hashes or structures).")
    ] = None,
    compat: Annotated[
        str | None,
        typer.Option("--compat", help="matbench-discovery: repeat its published procedure."),
    ] = None,
    tracker: TrackerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a predictions file: every metric with its 95 % interval. A tracker that fails costs a warning only.

    Example: matdisc score my.csv --task discovery --dataset emt-alloys --json
    """
    from matdisc.leaderboard.results import compat_file, score_file

    root = open_board(board)
    if compat is not None:
        if compat != "matbench-discovery":
            raise typer.BadParameter(f"{compat!r} is no known procedure; known: matbench-discovery")
        _refuse({"--tracker": tracker}, "takes results of our own procedure; leave it out with --compat")
        print_compat(compat_file(root, file, task, dataset), as_json)
        return
    trackers = known_trackers(tracker)
    result = score_file(root, file, task, dataset, training=training)
    if as_json:
        typer.echo(canonical_json(result), nl=False)
    else:
        print_parts(result_parts(result))
    track(result, file, trackers)


def submit(
    task: TaskOption,
    dataset: DatasetOption,
    file: Annotated[
        Path | None, typer.Argument(help="Predictions file: .csv, .csv.gz, .jsonl, .jsonl.gz or .parquet.")
    ] = None,
    card: Annotated[Path | None, typer.Option("--card", "-c", help="The model's card (model.toml).")] = None,
    board: BoardOption = HERE,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing row of this model.")] = False,
    training: Annotated[
        Path | None, typer.Option("--training", help="Declared training data (ids, formulas, hashes or structures).")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Address of a submission service, in place of a board of your own.")
    ] = None,
    watching: Annotated[bool, typer.Option("--watch", help="With --to: until there is a result.")] = False,
    private: Annotated[bool, typer.Option("--private", help="With --to: never publish the result.")] = False,
    embargo: Annotated[
        str | None, typer.Option("--embargo", help="With --to: date before which the result is not published.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", help="With --to: address that is told when it is decided.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="With --to, in place of FILE: model that the service runs itself.")
    ] = None,
) -> None:
    """Check and score an outside model's predictions and add card, file and result to the board, or to that of a
    submission service.

    Example: matdisc submit my.csv --card model.toml --task discovery --dataset mp-abc3-cubic

    Example: matdisc submit my.csv -c model.toml -t discovery -d wbm --to https://board.example.org --watch
    """
    if to is not None:
        own = {"--board": board != HERE, "--replace": replace, "--training": training is not None}
        _refuse(own, "is for a board of your own; leave it out with --to")
        said = {"card": card, "model": model, "private": private, "embargo": embargo, "webhook": webhook}
        send(to, file, task, dataset, watching, **said)
        return
    service = {"--watch": watching, "--private": private, "--embargo": embargo, "--webhook": webhook, "--model": model}
    _refuse(service, "is for a submission service; give its address with --to")
    if file is None or card is None:
        raise typer.BadParameter("give a predictions file, and the model's card with --card")
    from matdisc.leaderboard.submit import submit as add

    root = open_board(board)
    accepted = add(root, file, card, task, dataset, replace=replace, training=training)
    print_parts(result_parts(accepted.result))
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
    from matdisc.leaderboard.ranking import write_ranking
    from matdisc.leaderboard.results import rescore as again

    stale = 0
    root = open_board(board)
    done = again(root, write=not check_only)
    for path, happened in done:
        typer.echo(f"{path}: {happened}")
        stale += happened != "same"
    if not check_only:
        for task, dataset in dict.fromkeys((path.parent.parent.name, path.parent.name) for path, _ in done):
            write_ranking(root, task, dataset)
    raise typer.Exit(1 if check_only and stale else 0)


def _refuse(given: Mapping[str, Any], why: str) -> None:
    """Raise BadParameter for the first option that was given."""
    for name in (name for name, value in given.items() if value):
        raise typer.BadParameter(f"{name} {why}")
