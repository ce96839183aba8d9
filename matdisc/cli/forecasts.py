"""`--dry-run`: what a run or an evaluation will take, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from matdisc.board import Board
from matdisc.cli.common import print_table
from matdisc.progress import duration, news, progress_line

if TYPE_CHECKING:
    from matdisc.cards import ModelCard
    from matdisc.run.engine.resumable import RunOptions
    from matdisc.run.evaluate import Step


def print_dry_run(
    board: Board, question: tuple[ModelCard, str, str], options: RunOptions, price: float | None, **chosen: Any
) -> None:
    """Time a few materials and print what the run will take."""
    from matdisc.run.dry_run import dry_run
    from matdisc.run.forecast import forecast_lines

    with progress_line(f"forecast of {' '.join((question[0].key, *question[1:]))}") as progress:
        found = dry_run(board, *question, options, **chosen, progress=progress, say=news)
    ended = ", ".join(f"{n} {status}" for status, n in found.counts.most_common())
    n = found.forecast.open if found.forecast else 0
    typer.echo(f"{found.entry}: {ended} ({found.computed} asked now), {n} open")
    if found.trouble:
        typer.echo(f"error: {found.trouble}", err=True)
        raise typer.Exit(1)
    if found.by_unit:
        typer.echo("a predictor learns and answers unit by unit: one was timed, so that there is no interval")
    for line in forecast_lines(found.forecast, found.workers, price) if found.forecast else ():
        typer.echo(line)
    typer.echo(f"record: {found.record}; the same command without --dry-run goes on from these answers")


def print_plan(board: Board, steps: Sequence[Step]) -> None:
    """Print the runs of an evaluation with the time that each will take, reckoned from cards."""
    from matdisc.run.evaluate import complete

    done = [complete(board, step) for step in steps]
    rows = [
        [step.entry, step.task, step.dataset, "done" if one else duration(step.seconds)]
        for step, one in zip(steps, done, strict=True)
    ]
    print_table(["run", "task", "dataset", "CPU time, roughly"], rows)
    left = sum(step.seconds for step, one in zip(steps, done, strict=True) if not one)
    typer.echo(f"{len(steps)} runs, {sum(done)} of them done; the others take roughly {duration(left)} of CPU time")
    typer.echo("reckoned from cards alone; `matdisc predict MODEL TASK -d SET --dry-run` times one of them")
