"""A submission as a terminal or a log shows it: how far it is, where it ended, its result."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from matdisc.cli.common import print_parts
from matdisc.errors import ServiceError
from matdisc.progress import news, progress_line

if TYPE_CHECKING:
    from matdisc.client.service import Service
    from matdisc.client.status import Status

LARGE = 4 * 2**20
"""Bytes from which an upload is spoken of."""
SELDOM = 10.0
"""Seconds between two lines of a log that differ in progress alone."""


def send(to: str, file: Path | None, task: str, dataset: str, watching: bool, **options: Any) -> None:
    """Submit to a service and print what becomes of it; exit code 1 if it was watched and ended without a result.

    Args:
        to, file, task, dataset: Where, and what.
        watching: Whether to wait for the result.
        options: The others of `matdisc.api.remote.request_of`.
    """
    from matdisc.api.remote import fetch_result, request_of
    from matdisc.client.service import service

    fields, path = request_of(file, task, dataset, **options)
    at = service(to, say=news)
    with upload_progress(path) as progress:
        status = at.submit(fields, path, progress)
    if not watching:
        typer.echo(f"{status.id}: {status.line}")
        typer.echo(f"next: {_watching(at, status.id)}")
        return
    status = watch(at, status.id)
    print_ended(at.address, status, fetch_result(at, status.id) if status.evaluated else None)
    raise typer.Exit(0 if status.evaluated else 1)


def watch(service: Service, submission: str) -> Status:
    """Show where a submission is until it is decided, on standard error, and return where it ended.

    Ctrl-C ends the watching alone, and says how to go on with it.
    """
    from matdisc.client.follow import follow

    try:
        with _status_line() as show:
            for status in follow(service, submission):
                show(status)
    except KeyboardInterrupt:
        print(f"\n{submission} goes on at the service; see it with: {_watching(service, submission)}", file=sys.stderr)
        raise
    return status


@contextmanager
def upload_progress(file: Path | None) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far a large upload is; yield what is called with the bytes, None for a small one."""
    if file is None or file.stat().st_size < LARGE:
        yield None
        return
    with progress_line(f"sending {file.name}, MiB") as report:
        yield lambda sent, size: report(sent >> 20, size >> 20, Counter())


def print_ended(address: str, status: Status, result: Mapping[str, Any] | None) -> None:
    """Print what a service says of a submission, and its result as `matdisc score` prints one.

    Raises:
        ServiceError: If the result is of a task that is not known here.
    """
    said = status.content
    times = ", ".join(f"{name} {said[name]}" for name in ("created", "finished") if said.get(name))
    typer.echo(f"{status.id}: {status.line}")
    typer.echo(f"{said.get('model') or '–'} on {said.get('dataset') or '–'} ({said.get('task') or '–'}), {times}")
    if said.get("private"):
        typer.echo("private: it is not published")
    elif said.get("embargo_until"):
        typer.echo(f"published not before {said['embargo_until']}")
    if said.get("review") not in (None, "none"):
        typer.echo(f"review: {said['review']}")
    if status.page:
        typer.echo(f"page: {address}{status.page}")
    if result is not None:
        _print_result(result)


def _watching(service: Service, submission: str) -> str:
    return f"matdisc submissions show {submission} --to {service.address} --watch"


def _print_result(result: Mapping[str, Any]) -> None:
    from matdisc.leaderboard.text import result_parts
    from matdisc.tasks import TASKS

    if result["task"] not in TASKS:
        raise ServiceError(f"the result is of the task {result['task']!r}, which is not known here; --json prints it")
    print_parts(result_parts(result))


@contextmanager
def _status_line() -> Iterator[Callable[[Status], None]]:
    """Show states in place of one another on a terminal; else those that are new, and progress now and then."""
    on_terminal, last, shown = sys.stderr.isatty(), ("", ""), -SELDOM

    def show(status: Status) -> None:
        nonlocal last, shown
        if on_terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{status.line[:width]}", end="", file=sys.stderr, flush=True)
        elif status.line != last[1] and (status.state != last[0] or time.monotonic() - shown > SELDOM):
            print(status.line, file=sys.stderr, flush=True)
            shown = time.monotonic()
        else:
            return
        last = status.state, status.line

    yield show
    if on_terminal:
        print(file=sys.stderr)
