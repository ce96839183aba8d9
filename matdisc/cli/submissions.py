"""`matdisc submissions`: what has been sent to a submission service, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.canonical import canonical_json
from matdisc.cli.common import JsonOption, print_table
from matdisc.cli.watching import print_ended, watch

if TYPE_CHECKING:
    from matdisc.client.service import Service
    from matdisc.client.status import Status

submissions = typer.Typer(no_args_is_help=True)
ToOption = Annotated[
    str,
    typer.Option("--to", envvar="MATDISC_SERVICE", help="Address of the service, such as https://board.example.org."),
]
IdArgument = Annotated[str, typer.Argument(help="A submission, as `submissions list` names it.")]
AT_ONCE = 10.0
"""Seconds for which a question that somebody waits for is asked again."""


@submissions.command(name="list")
def list_submissions(
    to: ToOption,
    state: Annotated[str | None, typer.Option("--state", help="Only those in this state, such as running.")] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only those of this task.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Only those on this dataset.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Of another team, or * for all (maintainers).")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List your team's submissions, newest first.

    Example: matdisc submissions list --to https://board.example.org --state running
    """
    found = _service(to).submissions(limit, state=state, task=task, dataset=dataset, team=team)
    if as_json:
        typer.echo(canonical_json([dict(status.content) for status in found]), nl=False)
        return
    if not found:
        typer.echo("no submissions")
        return
    names = ("id", "model", "task", "dataset")
    rows = [
        [str(status.content.get(name) or "–") for name in names] + [_minute(status), status.line] for status in found
    ]
    print_table([*names, "created (UTC)", "state"], rows)


@submissions.command()
def show(
    submission: IdArgument,
    to: ToOption,
    watching: Annotated[bool, typer.Option("--watch", help="Until it is decided.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show where a submission is, and its result once there is one; exit code 1 if it ended without.

    Example: matdisc submissions show 3f1c... --to https://board.example.org --watch
    """
    from matdisc.api.remote import fetch_result

    service = _service(to)
    status = watch(service, submission) if watching else service.status(submission)
    result = fetch_result(service, status.id) if status.evaluated else None
    if as_json:
        typer.echo(canonical_json({"submission": dict(status.content), "result": result}), nl=False)
    else:
        print_ended(service.address, status, result)
    raise typer.Exit(1 if status.final and not status.evaluated else 0)


@submissions.command()
def cancel(submission: IdArgument, to: ToOption) -> None:
    """Cancel a submission that has no result yet.

    Example: matdisc submissions cancel 3f1c... --to https://board.example.org
    """
    status = _service(to).cancel(submission)
    typer.echo(f"{status.id}: {status.line}{'' if status.final else '; it ends as soon as its worker hears of it'}")


@submissions.command()
def withdraw(submission: IdArgument, to: ToOption) -> None:
    """Take a result back; its row leaves the board. The evaluation stays counted.

    Example: matdisc submissions withdraw 3f1c... --to https://board.example.org
    """
    status = _service(to).withdraw(submission)
    typer.echo(f"{status.id}: {status.line}{'; its row is being taken off the board' if status.evaluated else ''}")


@submissions.command()
def embargo(
    submission: IdArgument,
    to: ToOption,
    until: Annotated[str | None, typer.Option("--until", help="Date or time (ISO 8601) of publication.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Publish as soon as it may be.")] = False,
) -> None:
    """Set or lift the time before which a result is not published.

    Example: matdisc submissions embargo 3f1c... --until 2027-03-01 --to https://board.example.org
    """
    if lift == (until is not None):
        raise typer.BadParameter("give either --until or --lift")
    status = _service(to).embargo(submission, until)
    typer.echo(f"{status.id}: published {'from ' + until if until else 'as soon as it may be'}, {status.line}")


def _service(to: str) -> Service:
    from matdisc.client.service import service
    from matdisc.progress import news

    return service(to, patience=AT_ONCE, say=news)


def _minute(status: Status) -> str:
    return str(status.content.get("created") or "–")[:16].replace("T", " ")
